package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Vectors of the log: tiles, snapshots, acceptance.

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
