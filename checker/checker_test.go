package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVectorsSkipNothing(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob("../core/testdata/*/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, name := range names {
		write(strings.TrimPrefix(name, "../core/testdata/"), "[]")
	}
	if lines, bad := runVectors(dir); bad > 0 {
		t.Fatal(strings.Join(lines, "\n"))
	}
	expect := func(want string) {
		t.Helper()
		lines, bad := runVectors(dir)
		if out := strings.Join(lines, "\n"); bad == 0 || !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	write("novelties/x.json", "[]")
	expect("novelties: a folder")
	os.RemoveAll(filepath.Join(dir, "novelties"))
	write("notes/more.json", "[]")
	expect("more.json: a file")
	os.Remove(filepath.Join(dir, "notes/more.json"))
	os.RemoveAll(filepath.Join(dir, "notes"))
	expect("15 folders of vectors, not 16")
}

// signer is a key with which a log is made here.
type signer struct {
	key     *vkey
	private ed25519.PrivateKey
}

func newSigner(t *testing.T, name string) signer {
	seed := textHash(t.Name() + name)
	private := ed25519.NewKeyFromSeed(seed[:])
	public := private.Public().(ed25519.PublicKey)
	id := keyID(name, typeEd25519, public)
	return signer{keyOf(fmt.Sprintf("%s+%08x+%s", name, id, encode64(append([]byte{typeEd25519}, public...))), typeEd25519), private}
}

func (s signer) sign(text string) []byte {
	b := append(binary.BigEndian.AppendUint32(nil, s.key.id), ed25519.Sign(s.private, []byte(text))...)
	return []byte(text + "\n— " + s.key.name + " " + encode64(b) + "\n")
}

// exampleLog is a log of one partition with this many seals of one event each, a gap, a prune and a second generation.
func exampleLog(t *testing.T, seals int) (files map[string][]byte, entries [][]byte, log, root, seal signer) {
	const origin = "log.example/go"
	log, root, seal = newSigner(t, origin), newSigner(t, origin+"/root"), newSigner(t, origin+"/seal")
	previous := "-"
	add := func(s signer, text string) hash {
		entries = append(entries, s.sign(text))
		h := textHash(text)
		previous = encode64(h[:])
		return h
	}
	add(root, "tallystick/key/v1\norigin "+origin+"\nnumber 0\naction add\nrole seal\nkey "+seal.key.text+"\nprevious -\ntime 1\n")
	where := "origin " + origin + "\ntopic events\n"
	generation := func(s signer, n int, reason, previous string) hash {
		return add(s, fmt.Sprintf("tallystick/genesis/v1\n%stopic-id AAAAAAAAAAAAAAAAAAAAAA\npartition 0\ngeneration %d\nreason %s\nfirst-offset 0\nprevious %s\ntime 1\n", where, n, reason, previous))
	}
	head := generation(seal, 0, "new", "-")
	for i := range seals {
		leaf := leafHash([]byte{byte(i)})
		add(seal, fmt.Sprintf("tallystick/seal/v1\n%spartition 0\ngeneration 0\nseal %d\nevents %d-%d\noffsets %d-%d\nepoch -\nroot %s\nafter %s\nhead %s\nprevious %s\ntime 1\n",
			where, i, i, i, i, i, encode64(leaf[:]), encode64(head[:]), encode64(leaf[:]), previous))
		head = leaf
	}
	add(seal, fmt.Sprintf("tallystick/gap/v1\n%spartition 0\ngeneration 0\noffsets %d-%d\nreason deleted\nprevious %s\ntime 1\n", where, seals, seals+3, previous))
	generation(root, 1, "recreated", previous)
	add(seal, fmt.Sprintf("tallystick/prune/v1\n%spartition 0\ngeneration 0\nthrough 1\noffset 1\nrule r\narchive a\nsha256 %s\nprevious %s\ntime 1\n", where, encode64(head[:]), previous))
	return publish(log, entries), entries, log, root, seal
}

// publish makes the files of a log of these entries.
func publish(log signer, entries [][]byte) map[string][]byte {
	files, tree := tilesOf(entries)
	root := tree.root()
	files["checkpoint"] = log.sign(fmt.Sprintf("%s\n%d\n%s\n", log.key.name, tree.size, encode64(root[:])))
	return files
}

// tilesOf makes every tile and bundle of a tree, by path.
func tilesOf(entries [][]byte) (files map[string][]byte, tree frontier) {
	files = map[string][]byte{}
	var level []hash
	for _, e := range entries {
		level = append(level, leafHash(e))
		tree.add(leafHash(e))
	}
	for i := 0; i < len(entries); i += tileWidth {
		var bundle []byte
		part := entries[i:min(i+tileWidth, len(entries))]
		for _, e := range part {
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e))), e...)
		}
		files[tile{levelEntries, uint64(i / tileWidth), len(part)}.path()] = bundle
	}
	for l := 0; len(level) > 0; l++ {
		var above []hash
		for i := 0; i < len(level); i += tileWidth {
			part := level[i:min(i+tileWidth, len(level))]
			files[tile{l, uint64(i / tileWidth), len(part)}.path()] = tileBytes(part)
			if len(part) == tileWidth {
				above = append(above, treeRoot(part))
			}
		}
		level = above
	}
	return files, tree
}

func memory(files map[string][]byte) source {
	return func(path string, _ int64) ([]byte, error) {
		if b, ok := files[path]; ok {
			return b, nil
		}
		return nil, errMissing
	}
}

func TestLog(t *testing.T) {
	files, entries, log, root, seal := exampleLog(t, 600)
	options := logOptions{logKeys: []*vkey{log.key}, rootKey: root.key}
	check := func(files map[string][]byte, options logOptions, want int) {
		t.Helper()
		var out bytes.Buffer
		if got := checkLog(memory(files), options, &out); got != want {
			t.Errorf("exit %d, want %d\n%s", got, want, out.String())
		}
	}
	check(files, options, 0)
	for name := range files { // a byte of each file, and each file gone
		changed := maps.Clone(files)
		changed[name] = bytes.Clone(files[name])
		changed[name][len(changed[name])/2] ^= 1
		check(changed, options, 1)
		changed = maps.Clone(files)
		delete(changed, name)
		check(changed, options, 3)
	}
	old := func(n int, e [][]byte) *checkpoint {
		c, _, _ := openCheckpoint(publish(log, e[:n])["checkpoint"], log.key.name, options.logKeys)
		return c
	}
	other := slices.Clone(entries)
	other[3] = []byte("another history")
	for _, n := range []int{0, 1, 255, 256, 300, len(entries)} {
		options.old = old(n, entries)
		check(files, options, 0)
		if n > 3 {
			options.old = old(n, other)
			check(files, options, 1)
		}
	}
	options.old = old(len(entries), entries)
	check(publish(log, entries[:300]), options, 1) // rolled back
	options.old = nil
	check(publish(log, nil), options, 3) // nothing to check
	for what, log2 := range map[string][][]byte{
		"left out":      append(slices.Clone(entries[:20]), entries[21:]...),
		"twice":         append(slices.Clone(entries[:20]), entries[19:]...),
		"changed":       other,
		"another order": append(slices.Clone(entries[:20]), append([][]byte{entries[21], entries[20]}, entries[22:]...)...),
	} {
		var out bytes.Buffer
		if checkLog(memory(publish(log, log2)), options, &out) != 1 || checkLog(memory(publish(log, log2)), logOptions{logKeys: options.logKeys}, io.Discard) != 0 {
			t.Errorf("%s: a log whose tree is right and whose entries are not\n%s", what, out.String())
		}
	}
	check(publish(log, append(slices.Clone(entries), seal.sign("tallystick/seal/v2\nnobody knows\n"))), options, 3)
	check(publish(log, append(slices.Clone(entries), log.sign("tallystick/seal/v2\nnobody knows\n"))), options, 1)
}

// TestGrownLog: partial tiles of a size that was published are gone, and the full ones are there.
func TestGrownLog(t *testing.T) {
	files, entries, log, root, _ := exampleLog(t, 600)
	before := publish(log, entries[:300])
	maps.Copy(files, before)
	for path := range before {
		if t, ok := parseTilePath(path); ok && files[tile{t.level, t.index, tileWidth}.path()] != nil && t.width < tileWidth {
			delete(files, path)
		}
	}
	var out bytes.Buffer
	if got := checkLog(memory(files), logOptions{logKeys: []*vkey{log.key}, rootKey: root.key}, &out); got != 0 || files["tile/0/001.p/44"] != nil {
		t.Errorf("exit %d\n%s", got, out.String())
	}
}

// storedBatch is one as the broker stores it, of records without keys and headers; flags are its attributes.
func storedBatch(base uint64, flags uint16, values ...string) []byte {
	b := binary.BigEndian.AppendUint64(nil, base)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)-1))
	b = append(append(b, make([]byte, 15)...), 7)   // base time 0, max time 7
	b = append(b, bytes.Repeat([]byte{255}, 14)...) // no producer
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	for i, value := range values {
		record := append(binary.AppendVarint(binary.AppendVarint([]byte{0, 0}, int64(i)), -1), byte(len(value)*2))
		record = append(append(record, value...), 0)
		b = append(binary.AppendVarint(b, int64(len(record))), record...)
	}
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func TestEvents(t *testing.T) {
	first, second, third := storedBatch(3, 8, "a", "b", "c"), storedBatch(6, 8, "d"), storedBatch(7, 8, "e", "f")
	var leaves []hash
	before := textHash("genesis")
	for _, raw := range [][]byte{first, second, third} {
		b := parseBatch(raw)
		for i := range int(b.count) {
			before = leafHash(append(before[:], b.entry(i, 1)...))
			leaves = append(leaves, before)
		}
	}
	seal := func(first, last uint64) *statement {
		s := &statement{kind: "seal", word: map[string]string{"topic": "t"}, num: map[string]uint64{"partition": 1, "time": 7, "epoch": 5}}
		s.span = map[string]span{"offsets": {first, last}}
		s.hash = map[string]hash{"after": textHash("genesis"), "root": treeRoot(leaves[first-3 : last-2]), "head": leaves[last-3]}
		if first > 3 {
			s.hash["after"] = leaves[first-4]
		}
		return s
	}
	flipped := bytes.Clone(second)
	flipped[67] ^= 1
	mended := bytes.Clone(flipped)
	binary.BigEndian.PutUint32(mended[17:], crc32.Checksum(mended[21:], castagnoli))
	later := storedBatch(6, 0, "d")
	later[7]++ // its offset is not under the CRC
	zstd := storedBatch(6, 8|4, "d")
	check := func(want int, what string, change func(*statement), segments ...[]byte) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "t-1")
		_ = os.MkdirAll(dir, 0o755)
		for i, b := range segments {
			_ = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.log", i)), b, 0o644)
		}
		var out bytes.Buffer
		c := &logCheck{logOptions: logOptions{events: filepath.Dir(dir)}, out: &out, partitions: map[string]*eventCheck{}}
		seals := []*statement{seal(3, 4), seal(5, 6), seal(7, 8)} // seals do not keep to the broker's batches
		change(seals[2])
		c.checkEvents(&statement{kind: "genesis", word: seals[0].word, num: seals[0].num})
		for _, s := range seals {
			c.checkEvents(s)
		}
		c.reportEvents()
		if got := c.exit(); got != want || !strings.Contains(out.String(), what) || want == 0 && c.sealed != 6 {
			t.Errorf("exit %d, want %d and %q\n%s", got, want, what, out.String())
		}
	}
	as := func(*statement) {}
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	check(0, "", as, first, second, third)
	check(0, "", as, join(first, second), nil, join(third, make([]byte, 40)))
	check(1, neverSealed, as, join(first, flipped, third))
	check(1, "root-mismatch", as, join(first, mended, third))
	check(1, "missing-offsets", as, join(first, third))
	check(1, "missing-offsets", as, join(first, later, third))
	check(1, "truncated", as, join(first, second))
	check(1, "truncated", as, join(first, second, third[:70]))
	check(1, "head-mismatch", func(s *statement) { s.hash["head"] = hash{} }, join(first, second, third))
	check(1, "time-mismatch", func(s *statement) { s.num["time"]++ }, join(first, second, third))
	check(1, "epoch-mismatch", func(s *statement) { delete(s.num, "epoch") }, join(first, second, third))
	check(3, "any more", as, second, third)
	check(3, "any more", as)
	check(3, "zstd", as, join(first, zstd, third))
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"log"}, {"nothing", "x"}, {"log", "."}, {"proof", "x"}, {"log", ".", "--log-key", "x"}, {"log", ".", "more", "--log-key", "x"}} {
		if got := run(args, io.Discard, io.Discard); got != 2 {
			t.Errorf("%v: exit %d", args, got)
		}
	}
}
