package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
)

// The whole log, once through, from its entries: every hash is computed and then compared with what the tiles say.
// Memory: one bundle, one tile of each level, and what the judge remembers.

const maxReported = 20

type logOptions struct {
	logKeys []*vkey
	rootKey *vkey       // nil: entries are not judged
	policy  *policy     // nil: no quorum is asked for
	old     *checkpoint // nil: none
	events  string      // the folder of a broker's partitions; "": events are not checked
}

type logCheck struct {
	logOptions
	get                    source
	out                    io.Writer
	tampered, inconclusive int
	tree                   frontier
	levels                 [][]hash // of each level, the hashes of the tile that is being filled
	counts                 []uint64 // and how many tiles of it are full
	judge                  *judge
	partitions             map[string]*eventCheck
	places                 []string // of them, in the log's order
	sealed                 uint64
}

// eventCheck is of one partition's current generation: what a later one closes is not there to be checked any more.
type eventCheck struct {
	segments *segments // nil: there are none
	fault    string    // the first
	gone     bool
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

// say reports a failure as tampering.
func (c *logCheck) say(what string, err error) bool {
	if err != nil {
		c.tampering("%s%s", what, err.(*failure).text)
	}
	return err == nil
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
	c := &logCheck{logOptions: options, get: get, out: out, partitions: map[string]*eventCheck{}}
	origin := options.logKeys[0].name
	if options.rootKey != nil {
		c.judge = newJudge(origin, options.rootKey)
	}
	b, err := get("checkpoint", 1<<20)
	if err != nil {
		c.unchecked("the checkpoint: %v", err)
		return c.exit()
	}
	var (
		head   *checkpoint
		n      *note
		signer *vkey
	)
	if !c.say("checkpoint: ", try(func() { head, n, signer = openCheckpoint(b, origin, options.logKeys) })) {
		return c.exit()
	}
	fmt.Fprintf(out, "checkpoint of %s: %d entries, root %s, signed by %s\n", origin, head.size, encode64(head.root[:]), signer.text)
	c.quorum(n)
	if c.old != nil && c.old.size > head.size {
		c.tampering("the log is smaller than the older checkpoint, which has %d entries", c.old.size)
	}
	if head.size == 0 {
		c.unchecked("there is nothing to check")
	}
	whole := c.entries(head.size)
	c.reportEvents()
	if !whole {
		return c.exit()
	}
	if root := c.tree.root(); root != head.root {
		c.tampering("the entries give root %s", encode64(root[:]))
	}
	c.report(head)
	return c.exit()
}

func (c *logCheck) quorum(n *note) {
	if c.policy == nil {
		fmt.Fprintln(c.out, "anchored to the log's key only: no policy was given")
		return
	}
	c.say("", try(func() {
		done := n.cosignatures(c.policy.witnesses)
		for _, w := range done {
			fmt.Fprintf(c.out, "cosigned by %s at %d s\n", w.key.text, w.time)
		}
		reached, _ := c.policy.reached(done)
		need(reached, "QUORUM", "the policy's quorum has not cosigned")
	}))
}

// entries goes through all bundles; false where it could not go on.
func (c *logCheck) entries(size uint64) bool {
	c.atSize()
	for c.tree.size < size {
		t := tile{levelEntries, c.tree.size / tileWidth, int(min(tileWidth, size-c.tree.size))}
		b, width, err := c.get.fetch(t)
		if err != nil {
			c.unchecked("%s and all that follows: %v", t.path(), err)
			return false
		}
		var entries [][]byte
		if !c.say(t.path()+" is no bundle: ", try(func() { entries = parseBundle(b, width) })) {
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
	var s *statement
	err := try(func() { s = c.judge.offer(entry) })
	if err == nil {
		if c.events != "" && s.kind != "key" {
			c.checkEvents(s)
		}
		return
	}
	switch f := err.(*failure); {
	case f.code == unknown, f.code == afterUnknown, f.code == noise && c.judge.keysBlind:
		c.unchecked("entry %d: %s", index, f.text)
	default:
		c.tampering("entry %d is not accepted (%s): %s", index, f.code, f.text)
	}
}

// checkEvents reads on in the partition of an accepted statement.
func (c *logCheck) checkEvents(s *statement) {
	p := c.partitions[s.place()]
	if s.kind == "genesis" {
		if p == nil {
			c.places = append(c.places, s.place())
		} else {
			c.unchecked("%s: events of generation %d, which is closed", s.place(), s.num["generation"]-1)
		}
		segments := openSegments(filepath.Join(c.events, fmt.Sprintf("%s-%d", s.word["topic"], s.num["partition"])))
		p = &eventCheck{segments: segments, gone: segments == nil}
		c.partitions[s.place()] = p
	}
	if s.kind != "seal" || p.fault != "" || p.segments == nil {
		return
	}
	var stored error
	offsets := s.span["offsets"]
	err := try(func() { stored = p.segments.checkEvents(s) })
	switch f, _ := err.(*failure); {
	case f != nil && f.code == notCovered:
		c.unchecked("%s, offsets %d-%d and all that follows: %s", s.place(), offsets.first, offsets.last, f.text)
		p.segments = nil
	case f != nil:
		p.fault = fmt.Sprintf("offsets %d-%d: %v", offsets.first, offsets.last, f)
	case stored != nil:
		p.gone = true
	default:
		c.sealed += offsets.count()
	}
}

func (c *logCheck) reportEvents() {
	for _, place := range c.places {
		p := c.partitions[place]
		if p.fault != "" {
			c.tampering("%s, %s", place, p.fault)
		}
		if p.gone {
			c.unchecked("%s: records of sealed events are not there any more, or cannot be read", place)
		}
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
	root := treeRoot(c.levels[level])
	c.compare(level)
	c.levels[level] = c.levels[level][:0]
	c.counts[level]++
	c.push(level+1, root)
}

func (c *logCheck) compare(level int) {
	want := tileBytes(c.levels[level])
	if len(want) == 0 {
		return
	}
	t := tile{level, c.counts[level], len(c.levels[level])}
	got, width, err := c.get.fetch(t)
	if err != nil {
		c.unchecked("%s: %v", t.path(), err)
		return
	}
	if len(got) != width*32 || !bytes.HasPrefix(got, want) {
		c.tampering("%s is not what the entries give", t.path())
	}
}

func tileBytes(hashes []hash) (b []byte) {
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
	if c.events != "" {
		fmt.Fprintf(c.out, "all %d sealed events are what was sealed\n", c.sealed)
	}
}
