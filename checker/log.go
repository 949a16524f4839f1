package main

import (
	"bytes"
	"fmt"
	"io"
)

// The whole log, once through, from its entries: every hash is computed and then compared with what the tiles say.
// Memory: one bundle, one tile of each level, and what the judge remembers.

const maxReported = 20

type logCheck struct {
	get          source
	out          io.Writer
	tampered     int
	inconclusive int
	tree         frontier
	levels       [][]hash // of each level, the hashes of the tile that is being filled
	counts       []uint64 // and how many tiles of it are full
	judge        *judge   // nil: no root key is held
	old          *checkpoint
}

func (c *logCheck) tampering(format string, args ...any) {
	if c.tampered++; c.tampered <= maxReported {
		fmt.Fprintf(c.out, "tampering: "+format+"\n", args...)
	}
}

func (c *logCheck) unchecked(format string, args ...any) {
	if c.inconclusive++; c.inconclusive <= maxReported {
		fmt.Fprintf(c.out, "not checked: "+format+"\n", args...)
	}
}

type logOptions struct {
	logKeys []*vkey
	rootKey *vkey
	policy  *policy
	old     *checkpoint
}

func (c *logCheck) exit() int {
	switch {
	case c.tampered > 0:
		return 1
	case c.inconclusive > 0:
		return 3
	}
	return 0
}

func checkLog(get source, options logOptions, out io.Writer) int {
	c := &logCheck{get: get, out: out, old: options.old}
	origin := options.logKeys[0].name
	if options.rootKey != nil {
		c.judge = newJudge(origin, options.rootKey)
	}
	b, err := get("checkpoint", 1<<20)
	if err != nil {
		c.unchecked("the checkpoint: %v", err)
		return c.exit()
	}
	head, n, signer, err := openCheckpoint(b, origin, options.logKeys)
	if err != nil {
		c.tampering("checkpoint: %v", err)
		return c.exit()
	}
	fmt.Fprintf(out, "checkpoint of %s: %d entries, root %s, signed by %s\n", origin, head.size, encode64(head.root[:]), signer.text)
	c.quorum(n, options.policy)
	if c.old != nil && c.old.size > head.size {
		c.tampering("the log is smaller than the older checkpoint, which has %d entries", c.old.size)
	}
	if head.size == 0 {
		c.unchecked("there is nothing to check")
	}
	if !c.entries(head.size) {
		return c.exit()
	}
	if root := c.tree.root(); root != head.root {
		c.tampering("the entries give root %s", encode64(root[:]))
	}
	c.report(head)
	return c.exit()
}

func (c *logCheck) quorum(n *note, p *policy) {
	if p == nil {
		fmt.Fprintln(c.out, "anchored to the log's key only: no policy was given")
		return
	}
	done, err := cosignatures(n, p.witnesses)
	if err != nil {
		c.tampering("%v", err)
		return
	}
	for _, w := range done {
		fmt.Fprintf(c.out, "cosigned by %s at %d s\n", w.key.text, w.time)
	}
	if reached, _ := p.reached(done); !reached {
		c.tampering("the policy's quorum has not cosigned")
	}
}

// entries goes through all bundles; false where it could not go on.
func (c *logCheck) entries(size uint64) bool {
	c.atSize()
	for c.tree.size < size {
		t := tile{levelEntries, c.tree.size / tileWidth, int(min(tileWidth, size-c.tree.size))}
		b, full, err := c.get.fetch(t)
		if err != nil {
			c.unchecked("%s and all that follows: %v", t.path(), err)
			return false
		}
		width := t.width
		if full {
			width = tileWidth
		}
		entries, ok := parseBundle(b, width)
		if !ok {
			c.tampering("%s is no bundle of %d entries", t.path(), width)
			return false
		}
		for _, entry := range entries[:t.width] {
			c.entry(entry)
		}
	}
	for level := range c.levels {
		c.compare(level)
	}
	return true
}

func (c *logCheck) entry(entry []byte) {
	index, leaf := c.tree.size, leafHash(entry)
	c.tree.add(leaf)
	c.push(0, leaf)
	c.atSize()
	if c.judge == nil {
		return
	}
	switch what, why := c.judge.offer(entry); {
	case what == accepted:
	case what == unknown, what == afterUnknown, what == noise && c.judge.keysBlind:
		c.unchecked("entry %d: %s", index, why)
	default:
		c.tampering("entry %d is not accepted (%s): %s", index, what, why)
	}
}

// atSize compares with the older checkpoint where the tree has its size.
func (c *logCheck) atSize() {
	if c.old == nil || c.old.size != c.tree.size {
		return
	}
	if root := c.tree.root(); root != c.old.root {
		c.tampering("the first %d entries give root %s, the older checkpoint says %s", c.old.size, encode64(root[:]), encode64(c.old.root[:]))
	} else {
		fmt.Fprintf(c.out, "the older checkpoint of %d entries is a part of this log\n", c.old.size)
	}
}

// push adds a hash to a level; a tile that is full is compared, and its root goes to the level above.
func (c *logCheck) push(level int, h hash) {
	if level == len(c.levels) {
		c.levels, c.counts = append(c.levels, nil), append(c.counts, 0)
	}
	if c.levels[level] = append(c.levels[level], h); len(c.levels[level]) < tileWidth {
		return
	}
	var tree frontier
	for _, h := range c.levels[level] {
		tree.add(h)
	}
	c.compare(level)
	c.levels[level] = c.levels[level][:0]
	c.counts[level]++
	c.push(level+1, tree.root())
}

func (c *logCheck) compare(level int) {
	want := tileBytes(c.levels[level])
	if len(want) == 0 {
		return
	}
	t := tile{level, c.counts[level], len(c.levels[level])}
	got, full, err := c.get.fetch(t)
	if err != nil {
		c.unchecked("%s: %v", t.path(), err)
		return
	}
	if full && len(got) == tileWidth*32 {
		got = got[:len(want)]
	}
	if !bytes.Equal(got, want) {
		c.tampering("%s is not what the entries give", t.path())
	}
}

func tileBytes(hashes []hash) []byte {
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func (c *logCheck) report(head *checkpoint) {
	if c.exit() != 0 {
		return
	}
	fmt.Fprintf(c.out, "all %d entries and every tile above them agree with the checkpoint\n", head.size)
	if c.judge == nil {
		fmt.Fprintln(c.out, "no root key was given: what the entries say was not judged")
		return
	}
	fmt.Fprintf(c.out, "all entries are accepted statements: %d partitions, %d valid seal keys\n", len(c.judge.partitions), len(c.judge.sealKeys()))
}
