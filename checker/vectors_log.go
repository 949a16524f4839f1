package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	return same(t, v.Tile.tile())
}

func bundleVector(v struct {
	Bundle  string
	Width   int
	Entries []string
}) string {
	b, _ := decode64(v.Bundle)
	entries, ok := parseBundle(b, v.Width)
	var texts []string
	for _, e := range entries {
		texts = append(texts, encode64(e))
	}
	if !ok {
		texts = nil
	}
	return same(texts, v.Entries)
}

// exampleEntry is the entry of the vectors' trees.
func exampleEntry(i uint64) []byte { return fmt.Appendf(nil, "entry %d", i) }

// exampleTiles makes every tile and bundle of such a tree, by path.
func exampleTiles(size uint64) (tree frontier, tiles map[string][]byte) {
	tiles = map[string][]byte{}
	var level, bundle []byte
	for i := uint64(0); i < size; i++ {
		e := exampleEntry(i)
		h := leafHash(e)
		tree.add(h)
		level = append(level, h[:]...)
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e))), e...)
		if n := i%tileWidth + 1; n == tileWidth || i+1 == size {
			tiles[tile{levelEntries, i / tileWidth, int(n)}.path()] = bundle
			bundle = nil
		}
	}
	for l := 0; len(level) > 0; l++ {
		var above []byte
		for i := 0; i < len(level); i += tileWidth * 32 {
			t := level[i:min(i+tileWidth*32, len(level))]
			tiles[tile{l, uint64(i / (tileWidth * 32)), len(t) / 32}.path()] = t
			if len(t) == tileWidth*32 {
				var f frontier
				for j := 0; j < len(t); j += 32 {
					f.add(hash(t[j : j+32]))
				}
				root := f.root()
				above = append(above, root[:]...)
			}
		}
		level = above
	}
	return tree, tiles
}

func treeVector(v struct {
	Size     uint64
	Root     string
	Frontier []string
	Tiles    []vectorTile
}) string {
	tree, tiles := exampleTiles(v.Size)
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
	c := &logCheck{out: io.Discard, get: func(path string, _ int64) ([]byte, error) {
		if b, ok := tiles[path]; ok {
			return b, nil
		}
		return nil, errMissing
	}}
	if c.entries(size) && c.tree.root() != root {
		return 1
	}
	return c.exit()
}

// tileInclusionVector: this checker has no reader of single entries; where a tile is another, the walk over the whole log finds it.
func tileInclusionVector(v struct {
	Size, Index uint64
	Leaf, Root  string
	Path        []string
	Tiles       map[string]string
	WantErr     *string
}) string {
	root, _ := decodeHash(v.Root)
	leaf, _ := decodeHash(v.Leaf)
	path, ok := hashesOf(v.Path)
	got, length := inclusionRoot(v.Index, v.Size, leaf, path)
	if !ok || !length || got != root || leaf != leafHash(exampleEntry(v.Index)) {
		return "the path does not lead to the root"
	}
	if len(v.Tiles) == 0 {
		return same("null", orNull(v.WantErr))
	}
	_, tiles := exampleTiles(v.Size)
	for path, b := range v.Tiles {
		if tiles[path] == nil {
			return "no tile of that tree: " + path
		}
		tiles[path], _ = decode64(b)
	}
	return same(walk(tiles, v.Size, root), 1)
}

func tileConsistencyVector(v struct {
	Size, OldSize uint64
	Root, OldRoot string
	Path          []string
}) string {
	root, _ := decodeHash(v.Root)
	old, _ := decodeHash(v.OldRoot)
	path, ok := hashesOf(v.Path)
	return same(ok && consistent(v.OldSize, v.Size, old, root, path), true)
}

// snapshotVector: what the state says of partitions is not judged here, so a state that does not hold together opens.
func snapshotVector(v struct {
	Note, Origin string
	Keys         []string
	WantErr      *string
}) string {
	_, err := openSnapshot([]byte(v.Note), v.Origin, mustKeys(v.Keys, typeEd25519))
	var failed *snapshotError
	switch {
	case errors.As(err, &failed):
		return same("SNAPSHOT_"+failed.code, orNull(v.WantErr))
	case v.WantErr != nil && *v.WantErr == "JUDGE_STATE_INVALID":
		return notCovered
	}
	return same("null", orNull(v.WantErr))
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
func acceptanceVectors(data []byte) ([]string, error) {
	var vectors []acceptanceVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		return nil, err
	}
	var out []string
	for i, v := range vectors {
		rootKey, err := keyOf(v.RootKey, typeEd25519)
		if err != nil {
			return nil, err
		}
		j, in := newJudge(v.Origin, rootKey), v.Steps[0].Place.In
		for n, step := range v.Steps {
			if step.Place.In != in {
				out = append(out, notCovered)
				continue
			}
			var b []byte
			if step.Note != nil {
				b = []byte(*step.Note)
			} else if step.Bytes != nil {
				b, _ = decode64(*step.Bytes)
			}
			got, why := j.offer(b)
			result := same(got, inTheLog(step.Outcome))
			if result != "" {
				result = fmt.Sprintf("vector %d, step %d: %s (%s; %s)", i, n, result, step.Outcome, why)
			}
			out = append(out, result)
		}
		if v.Steps[len(v.Steps)-1].Place.In != in {
			out = append(out, notCovered)
			continue
		}
		var keys []string
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

// inTheLog: what is the same for an entry of a log has one name here.
func inTheLog(want string) outcome {
	switch want {
	case "repeated", "race", "contested", "keyRefused":
		return refused
	case "unknownVersion":
		return unknown
	}
	return outcome(want)
}

// batchVector: record batches and their compression are not read by this checker.
func batchVector(struct{}) string { return notCovered }
