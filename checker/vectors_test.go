package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The checker against core/testdata, or the folder that CHECKER_VECTORS names. A folder or file that is not named here is an
// error: nothing is skipped in silence.

// vectorFile says of each vector of a file "" where the checker agrees, notCovered, or in what it does not.
type vectorFile func(data []byte) ([]string, error)

func each[T any](check func(v T) string) vectorFile {
	return func(data []byte) (out []string, err error) {
		var vectors []T
		err = json.Unmarshal(data, &vectors)
		for _, v := range vectors {
			result := ""
			if err := try(func() { result = check(v) }); err != nil {
				result = err.Error()
			}
			out = append(out, result)
		}
		return out, err
	}
}

var vectorFiles = map[string]map[string]vectorFile{
	"merkle":       {"inclusion": each(inclusionVector), "consistency": each(consistencyVector)},
	"ed25519":      {"cctv": each(cctvVector), "speccheck": speccheckVectors, "rfc8032": each(rfc8032Vector)},
	"notes":        {"notes": each(noteVector)},
	"statements":   files(each(statementVector), "key genesis seal gap prune first-line"),
	"checkpoints":  {"texts": each(checkpointTextVector), "notes": each(checkpointNoteVector)},
	"cosignatures": {"cosignatures": each(cosignatureVector), "messages": each(messageVector), "keys": each(witnessKeyVector)},
	"policies":     {"policies": each(policyVector)},
	"tlog-proofs":  {"tlog-proofs": each(tlogProofVector)},
	"proofs":       {"proofs": each(proofVector)},
	"tiles":        {"paths": each(tilePathVector), "bundles": each(bundleVector), "trees": each(treeVector), "inclusion": each(tileInclusionVector), "consistency": each(tileConsistencyVector)},
	"snapshots":    {"snapshots": each(snapshotVector)},
	"acceptance":   {"acceptance": acceptanceVectors},
	"batches":      files(each(batchVector), "records gzip snappy lz4 zstd"),
	"leaves":       {"leaves": each(leavesVector)},
	"events":       {"signatures": each(signatureVector), "schemas": each(avroVector), "values": each(avroVector), "duplicates": each(avroVector)},
	"findings":     {"findings": each(findingVector), "verdicts": each(verdictVector)},
}

func files(check vectorFile, names string) map[string]vectorFile {
	out := map[string]vectorFile{}
	for _, name := range strings.Fields(names) {
		out[name] = check
	}
	return out
}

func TestVectors(t *testing.T) {
	dir := os.Getenv("CHECKER_VECTORS")
	if dir == "" {
		dir = "../core/testdata"
	}
	lines, bad := runVectors(dir)
	fmt.Println(strings.Join(lines, "\n"))
	if bad > 0 {
		t.Errorf("%d disagreements", bad)
	}
}

func runVectors(dir string) (lines []string, bad int) {
	complain := func(format string, args ...any) {
		bad++
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		complain("%v", err)
	}
	seen := 0
	for _, folder := range entries {
		known := vectorFiles[folder.Name()]
		if !folder.IsDir() {
			continue
		}
		if known == nil {
			complain("%s: a folder of vectors that this checker does not know", folder.Name())
			continue
		}
		seen++
		passed, uncovered, count := 0, 0, 0
		names, _ := filepath.Glob(filepath.Join(dir, folder.Name(), "*.json"))
		for _, name := range names {
			check := known[strings.TrimSuffix(filepath.Base(name), ".json")]
			if check == nil {
				complain("%s: a file of vectors that this checker does not know", name)
				continue
			}
			count++
			data, err := os.ReadFile(name)
			var results []string
			if err == nil {
				results, err = check(data)
			}
			if err != nil {
				complain("%s: %v", name, err)
			}
			for i, result := range results {
				switch result {
				case "":
					passed++
				case notCovered:
					uncovered++
				default:
					complain("%s %d (%s): %s", name, i, describeVector(data, i), result)
				}
			}
		}
		if count != len(known) {
			complain("%s: %d files of vectors, not %d", folder.Name(), count, len(known))
		}
		line := fmt.Sprintf("%-13s %5d passed", folder.Name(), passed)
		if uncovered > 0 {
			line += fmt.Sprintf(", %d not covered", uncovered)
		}
		lines = append(lines, line)
	}
	if seen != len(vectorFiles) {
		complain("%d folders of vectors, not %d", seen, len(vectorFiles))
	}
	return lines, bad
}

func describeVector(data []byte, i int) string {
	var all []map[string]any
	if json.Unmarshal(data, &all) == nil && i < len(all) {
		for _, name := range []string{"desc", "description", "name", "path", "file", "number"} {
			if v, ok := all[i][name]; ok {
				return fmt.Sprint(v)
			}
		}
	}
	return "no name"
}

// same compares what json makes of both; it shows them where they differ.
func same(got, want any) string {
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) == string(b) {
		return ""
	}
	return fmt.Sprintf("got %s, want %s", a, b)
}

// held compares the code of a failure, with this before it, with the one that is wanted, and the facts where none is.
func held(prefix string, want *string, check func(), facts func() string) string {
	err := try(check)
	if f, ok := err.(*failure); ok {
		if want == nil || !strings.HasPrefix(*want, prefix) && prefix != "" {
			return same(f.Error(), want)
		}
		if prefix == "" {
			return ""
		}
		return same(prefix+f.code, *want)
	}
	if want != nil {
		return "taken, want " + *want
	}
	return facts()
}

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

type vectorTile struct {
	Level  any // a number or "entries"
	Index  uint64
	Width  int
	Path   string
	SHA256 string
}

func (v *vectorTile) tile() tile {
	if level, ok := v.Level.(float64); ok {
		return tile{int(level), v.Index, v.Width}
	}
	return tile{levelEntries, v.Index, v.Width}
}

func tilePathVector(v struct {
	Path string
	Tile *vectorTile
}) string {
	t, ok := parseTilePath(v.Path)
	if !ok || v.Tile == nil {
		return same(ok, v.Tile != nil)
	}
	return same(fmt.Sprint(t), fmt.Sprint(v.Tile.tile()))
}

func bundleVector(v struct {
	Bundle  string
	Width   int
	Entries []string
}) string {
	var texts []string
	_ = try(func() {
		need(v.Width >= 1 && v.Width <= tileWidth, malformed, "another width")
		for _, e := range parseBundle(bytes64(v.Bundle), v.Width) {
			texts = append(texts, encode64(e))
		}
	})
	return same(texts, v.Entries)
}

// exampleEntry is the entry of the vectors' trees.
func exampleEntry(i uint64) []byte { return fmt.Appendf(nil, "entry %d", i) }

func exampleTree(size uint64) (files map[string][]byte, tree frontier) {
	var entries [][]byte
	for i := range size {
		entries = append(entries, exampleEntry(i))
	}
	return tilesOf(entries)
}

func treeVector(v struct {
	Size     uint64
	Root     string
	Frontier []string
	Tiles    []vectorTile
}) string {
	tiles, tree := exampleTree(v.Size)
	root := tree.root()
	if s := same([]any{encode64(root[:]), textsOf(tree.peaks)}, []any{v.Root, v.Frontier}); s != "" {
		return s
	}
	for _, t := range v.Tiles {
		sum := sha256.Sum256(tiles[t.Path])
		if s := same([]string{t.tile().path(), hex.EncodeToString(sum[:])}, []string{t.Path, t.SHA256}); s != "" {
			return s
		}
	}
	return same(walk(tiles, v.Size, root), 0)
}

// walk runs the log command's check of the tiles, without signatures.
func walk(tiles map[string][]byte, size uint64, root hash) int {
	c := &logCheck{out: nowhere{}, get: memory(tiles)}
	if c.entries(size) && c.tree.root() != root {
		return 1
	}
	return c.exit()
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// tileInclusionVector: this checker has no reader of single entries; where a tile is another, the walk over the whole log finds it.
func tileInclusionVector(v struct {
	Size, Index uint64
	Leaf, Root  string
	Path        []string
	Tiles       map[string]string
	WantErr     *string
}) string {
	root, leaf := hash64(v.Root), hash64(v.Leaf)
	got, length := inclusionRoot(v.Index, v.Size, leaf, hashes64(v.Path))
	if !length || got != root || leaf != leafHash(exampleEntry(v.Index)) {
		return "the path does not lead to the root"
	}
	if len(v.Tiles) == 0 {
		return same(nil, v.WantErr)
	}
	tiles, _ := exampleTree(v.Size)
	for path, b := range v.Tiles {
		if tiles[path] == nil {
			return "no tile of that tree: " + path
		}
		tiles[path] = bytes64(b)
	}
	return same(walk(tiles, v.Size, root), 1)
}

func tileConsistencyVector(v struct {
	Size, OldSize uint64
	Root, OldRoot string
	Path          []string
}) string {
	return same(consistent(v.OldSize, v.Size, hash64(v.OldRoot), hash64(v.Root), hashes64(v.Path)), true)
}

// snapshotVector: what the state says of partitions is not judged here, so a state that does not hold together opens.
func snapshotVector(v struct {
	Note, Origin string
	Keys         []string
	WantErr      *string
}) string {
	keys := keysOf(v.Keys, typeEd25519)
	if v.WantErr != nil && *v.WantErr == "JUDGE_STATE_INVALID" {
		openSnapshot([]byte(v.Note), v.Origin, keys)
		return notCovered
	}
	return held("SNAPSHOT_", v.WantErr, func() { openSnapshot([]byte(v.Note), v.Origin, keys) }, func() string { return "" })
}

type acceptanceVector struct {
	Origin, RootKey string
	Steps           []struct {
		Place   struct{ In string }
		Note    *string
		Bytes   *string
		Outcome string
	}
	End struct {
		Keys     []string
		Accepted uint64
		Last     map[string]string
	}
}

// acceptanceVectors gives one result a step, and one an end. The checker reads logs: of a log and the topic it came from it judges
// the log; a topic alone, read in its order, is judged in the same way.
func acceptanceVectors(data []byte) (out []string, err error) {
	var vectors []acceptanceVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		return nil, err
	}
	// What is the same for an entry of a log.
	one := map[string]string{"repeated": refused, "race": refused, "contested": refused, "keyRefused": refused}
	for i, v := range vectors {
		j, in, topicToo := newJudge(v.Origin, keyOf(v.RootKey, typeEd25519)), v.Steps[0].Place.In, false
		for n, step := range v.Steps {
			if step.Place.In != in {
				out, topicToo = append(out, notCovered), true
				continue
			}
			var b []byte
			if step.Note != nil {
				b = []byte(*step.Note)
			} else if step.Bytes != nil {
				b = bytes64(*step.Bytes)
			}
			err := try(func() { j.offer(b) })
			f, _ := err.(*failure)
			want := step.Outcome
			if one[want] != "" {
				want = one[want]
			}
			result := same(f.codeOr("accepted"), want)
			if result != "" {
				result = fmt.Sprintf("vector %d, step %d: %s (%s; %v)", i, n, result, step.Outcome, err)
			}
			out = append(out, result)
		}
		if topicToo {
			out = append(out, notCovered)
			continue
		}
		keys := []string{}
		for _, k := range j.sealKeys() {
			keys = append(keys, k.text)
		}
		last := map[string]string{}
		for name, p := range j.partitions {
			last[name] = encode64(p.last[:])
		}
		result := same([]any{keys, j.accepted, last}, []any{v.End.Keys, v.End.Accepted, v.End.Last})
		if result != "" {
			result = fmt.Sprintf("vector %d, end: %s", i, result)
		}
		out = append(out, result)
	}
	return out, nil
}

func batchVector(v struct {
	Partition     uint32
	Batch, Expect string
	Entries       []string
	Head          string
}) string {
	var b *batch
	err := try(func() { b = parseBatch(bytes64(v.Batch)) })
	if f, ok := err.(*failure); ok {
		if f.code == notCovered {
			return notCovered
		}
		return same(f.code == neverSealed, v.Expect == "never-sealed")
	}
	if got := map[bool]string{true: "parsed", false: "unparsed"}[b.records != nil]; got != v.Expect {
		return same(got, v.Expect)
	}
	var leaf hash
	for i := range int(b.count) {
		e := b.entry(i, v.Partition)
		leaf = leafHash(append(leaf[:], e...))
		if v.Entries != nil && encode64(e) != v.Entries[i] {
			return same(encode64(e), v.Entries[i])
		}
		parseEntry(e)
	}
	return same(encode64(leaf[:]), v.Head)
}

func leavesVector(v struct {
	Topic            string
	Generation, Seal uint64
	After, Root      string
	Entries, Leaves  []string
	Key, Value       *string
	Counts           bool
}) string {
	var leaves []hash
	before := hash64(v.After)
	for _, e := range v.Entries {
		before = leafHash(append(before[:], bytes64(e)...))
		leaves = append(leaves, before)
	}
	root := treeRoot(leaves)
	if s := same([]any{textsOf(leaves), encode64(root[:])}, []any{v.Leaves, v.Root}); s != "" {
		return s
	}
	counts := v.Key != nil && v.Value != nil &&
		leavesCount(v.Topic, v.Generation, v.Seal, len(leaves), root, bytes64(*v.Key), bytes64(*v.Value))
	return same(counts, v.Counts)
}

func bytesOrNil(s *string) []byte {
	if s == nil {
		return nil
	}
	return bytes64(*s)
}

func signatureVector(v struct {
	Origin, Topic, Message string
	Key, Value, Header     *string
	Keys                   []string
	WantErr                *string
}) string {
	message, keys := eventMessage(v.Origin, v.Topic, bytesOrNil(v.Key), bytesOrNil(v.Value)), keysOf(v.Keys, typeEd25519)
	if s := same(encode64(message), v.Message); s != "" {
		return s
	}
	err := try(func() { checkEventSignature(message, bytesOrNil(v.Header), keys) })
	f, _ := err.(*failure)
	if v.WantErr == nil {
		return same(f.codeOr("valid"), "valid")
	}
	return same(f.codeOr("valid"), *v.WantErr)
}

// avroVector: this checker has no Avro.
func avroVector(struct{}) string { return notCovered }

func findingVector(v struct {
	finding
	WantErr *string
	Hash    string
	Not     []string
}) string {
	got := ""
	return held("", v.WantErr, func() { got = v.finding.hash() }, func() string {
		return same([]any{got, slices.Contains(v.Not, got)}, []any{v.Hash, false})
	})
}

func verdictVector(v struct {
	Findings     []finding
	Acknowledged []string
	Exit         int
}) string {
	return same(verdict(v.Findings, v.Acknowledged), v.Exit)
}
