package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tiles is what tlog reads a log through. Its tiles are C2SP's but for the height, which tlog writes into the path.
type tiles struct{ where string }

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range wanted {
		path := strings.Replace(strings.TrimPrefix(tile.Path(), "tile/8/"), "data/", "entries/", 1)
		b, err := t.read("tile/" + path)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (t tiles) read(path string) ([]byte, error) {
	root := urlOf(t.where)
	if root == nil {
		return os.ReadFile(filepath.Join(t.where, path))
	}
	answer, err := http.Get(root.JoinPath(path).String())
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

func checkWithTlog(where, logKey string, old []string) error {
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	source := tiles{where}
	open := func(raw []byte, err error) (tlog.Tree, error) {
		if err != nil {
			return tlog.Tree{}, err
		}
		c, _, _, err := log.ParseCheckpoint(raw, verifier.Name(), verifier)
		if err != nil {
			return tlog.Tree{}, err
		}
		return tlog.Tree{N: int64(c.Size), Hash: tlog.Hash(c.Hash)}, nil
	}
	tree, err := open(source.read("checkpoint"))
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, source)
	if root, err := tlog.TreeHash(tree.N, hashes); err != nil || root != tree.Hash {
		return fmt.Errorf("the tiles give root %v: %v", root, err)
	}
	if err := checkRecords(source, tree, hashes); err != nil {
		return err
	}
	for _, n := range samples(tree.N) {
		record, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, n, hashes)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, n, record[0])
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", n, err)
		}
		before, err := tlog.TreeHash(n+1, hashes)
		if err == nil {
			err = checkOlder(tree, tlog.Tree{N: n + 1, Hash: before}, hashes)
		}
		if err != nil {
			return err
		}
	}
	for _, file := range old {
		before, err := open(os.ReadFile(file))
		if err == nil {
			err = checkOlder(tree, before, hashes)
		}
		if err != nil {
			return err
		}
	}
	fmt.Printf("tlog: %d records, root %v\n", tree.N, tree.Hash)
	return nil
}

func checkOlder(tree, older tlog.Tree, hashes tlog.HashReader) error {
	proof, err := tlog.ProveTree(tree.N, older.N, hashes)
	if err == nil {
		err = tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash)
	}
	if err != nil {
		return fmt.Errorf("the tree of %d: %w", older.N, err)
	}
	return nil
}

// checkRecords compares every entry with the hash that the tree's own tiles prove.
func checkRecords(source tiles, tree tlog.Tree, hashes tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += 256 {
		width := min(256, tree.N-first)
		bundle, err := source.ReadTiles([]tlog.Tile{{H: 8, L: -1, N: first / 256, W: int(width)}})
		if err != nil {
			return err
		}
		var indexes []int64
		for i := range width {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+i))
		}
		proven, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		rest := bundle[0]
		for i := range width {
			if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
				return fmt.Errorf("record %d is cut off", first+i)
			}
			end := 2 + int(binary.BigEndian.Uint16(rest))
			if tlog.RecordHash(rest[2:end]) != proven[i] {
				return fmt.Errorf("record %d has another hash than the tree says", first+i)
			}
			rest = rest[end:]
		}
		if len(rest) > 0 {
			return fmt.Errorf("there is more behind record %d", first+width-1)
		}
	}
	return nil
}
