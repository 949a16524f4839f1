package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Proofs of one event: protocol, section 7; C2SP tlog-proof.

type tlogProof struct {
	index      uint64
	path       []hash
	extra      []byte // nil: none
	checkpoint string
}

func parseTlogProof(text string) *tlogProof {
	head, checkpoint, _ := strings.Cut(after("c2sp.org/tlog-proof@v1\n", text), "\n\n")
	need(checkpoint != "", malformed, "a tlog-proof without a checkpoint")
	p, lines := &tlogProof{checkpoint: checkpoint}, strings.Split(head, "\n")
	if extra, ok := strings.CutPrefix(lines[0], "extra "); ok {
		p.extra = bytes64(extra)
		need(extra != "" && len(lines) > 1, malformed, "an empty extra, or no index")
		lines = lines[1:]
	}
	p.index, p.path = number(after("index ", lines[0])), hashes64(lines[1:])
	need(len(p.path) <= 63, malformed, "a path of over 63 hashes")
	return p
}

func hashes64(list []string) (out []hash) {
	for _, s := range list {
		out = append(out, hash64(s))
	}
	return out
}

type document struct {
	entry        []byte // nil: redacted
	leaf, before hash
	offset       uint64
	path         []hash
	statement    string
	keys         []string
	log          *tlogProof
}

func parseProof(b []byte) *document {
	o, _ := parseJSON(b).(*object)
	need(o != nil, malformed, "not an object")
	text := func(name string) string { return member[string](o, name) }
	list := func(name string, most int) (out []string) {
		for _, v := range member[[]any](o, name) {
			s, ok := v.(string)
			need(ok && len(out) < most, malformed, "a value of another type, or too many, in %s", name)
			out = append(out, s)
		}
		return out
	}
	d, own := &document{}, []string{"entry", "previousLeaf"}
	if _, redacted := o.values["leaf"]; redacted {
		own = []string{"leaf", "offset"}
		d.leaf, d.offset = hash64(text("leaf")), number(string(member[json.Number](o, "offset")))
	} else {
		d.entry, d.before = bytes64(text("entry")), hash64(text("previousLeaf"))
	}
	for _, name := range o.names {
		need(slices.Contains(append(own, "version", "path", "statement", "keys", "log"), name), malformed, "an unknown member")
	}
	need(member[json.Number](o, "version") == "1", malformed, "another version")
	d.path, d.keys, d.statement = hashes64(list("path", 14)), list("keys", 256), text("statement")
	d.log = parseTlogProof(text("log"))
	need(len(d.statement) <= maxStatement, malformed, "too long for a statement")
	return d
}

// proven is what a proof shows.
type proven struct {
	seal          *statement
	entry         *entry // nil: redacted
	leaf          hash
	offset, index uint64
	timestamp     *int64 // nil: not known
	sealKey       *vkey
	logKey        *vkey
	logIndex      uint64
	tree          *checkpoint
	cosigned      []cosigned
	quorumTime    uint64
}

// checkProof fails with the code of the rule that the proof breaks.
func checkProof(b []byte, rootKey *vkey, held *policy) *proven {
	d := parseProof(b)
	p := &proven{logIndex: d.log.index, offset: d.offset, leaf: d.leaf}
	as("STATEMENT", func() {
		p.seal = openStatement([]byte(d.statement))
		need(p.seal.kind == "seal", malformed, "not a seal")
	})
	origin := p.seal.word["origin"]
	var keys []*statement
	for _, text := range d.keys {
		var k *statement
		as("KEYS", func() {
			k = openStatement([]byte(text))
			need(k.kind == "key", malformed, "not a key statement")
		})
		need(k.word["origin"] == origin, "ORIGIN", "a key statement of another log")
		keys = append(keys, k)
	}
	logHeld := slices.ContainsFunc(held.logs, func(k *vkey) bool { return k.name == origin })
	need(rootKey.name == origin+"/root" && logHeld, "ORIGIN", "no root key or no log key is held for %s", origin)
	p.checkEvent(d)
	for _, k := range keys {
		need(k.signedBy(rootKey), "KEYS", "a key statement that the root key did not sign")
		adds := k.word["action"] == "add" && k.word["role"] == "seal" && k.fits() && !k.key.same(rootKey)
		if adds && p.sealKey == nil && p.seal.signedBy(k.key) {
			p.sealKey = k.key
		}
	}
	need(p.sealKey != nil, "SEAL_KEY", "the seal is signed by no seal key that a key statement adds")
	p.checkLog(d, held)
	return p
}

// checkEvent: the event is in the batch that was sealed, at its place.
func (p *proven) checkEvent(d *document) {
	seal, offsets := p.seal, p.seal.span["offsets"]
	if d.entry != nil {
		as("ENTRY", func() { p.entry = parseEntry(d.entry) })
		p.offset, p.timestamp = p.entry.offset, &p.entry.timestamp
		need(p.entry.partition == seal.num["partition"], "PLACE", "the entry is of another partition")
		p.leaf = leafHash(append(d.before[:], d.entry...))
	}
	need(p.offset >= offsets.first && p.offset <= offsets.last, "PLACE", "the offset lies outside the batch")
	position := p.offset - offsets.first
	p.index = seal.span["events"].first + position
	need(d.entry == nil || position > 0 || d.before == seal.hash["after"], "LEAF", "`previousLeaf` of the first event is not the seal's `after`")
	if p.offset == offsets.last {
		need(p.leaf == seal.hash["head"], "LEAF", "the leaf of the last event is not the seal's `head`")
		time, known := seal.num["time"]
		if d.entry != nil {
			need(seal.timeIs(*p.timestamp), "TIME", "the time of the last event is not the seal's")
		} else if t := int64(time); known {
			p.timestamp = &t
		}
	}
	root, ok := inclusionRoot(position, offsets.count(), p.leaf, d.path)
	need(ok && root == seal.hash["root"], "ROOT", "leaf and path do not give the batch root")
}

// timeIs: the seal says this of its last event; "-" outside 0 to 2^53-1.
func (s *statement) timeIs(t int64) bool {
	time, known := s.num["time"]
	return known && uint64(t) == time || !known && (t < 0 || t > maxNumber)
}

// checkLog: the seal is an entry of the log, in a tree that the log signed and the witnesses saw.
func (p *proven) checkLog(d *document, held *policy) {
	var n *note
	as("CHECKPOINT", func() {
		n = parseNote([]byte(d.log.checkpoint))
		p.tree = parseCheckpoint(n.text)
	})
	origin := p.seal.word["origin"]
	need(p.tree.origin == origin, "ORIGIN", "the checkpoint is of another log")
	root, ok := inclusionRoot(d.log.index, p.tree.size, leafHash([]byte(d.statement)), d.log.path)
	need(ok && root == p.tree.root, "INCLUSION", "the seal is not in the checkpoint's tree at that index")
	as("CHECKPOINT", func() { _, _, p.logKey = openCheckpoint([]byte(d.log.checkpoint), origin, held.logs) })
	p.cosigned = n.cosignatures(held.witnesses)
	reached, time := held.reached(p.cosigned)
	need(reached, "QUORUM", "the policy's quorum has not cosigned")
	p.quorumTime = time
}

func (p *proven) String() string {
	s := p.seal
	var b strings.Builder
	fmt.Fprintf(&b, "proven: topic %s, partition %d, offset %d (event %d of generation %d, seal %d)\nleaf %s\n",
		s.word["topic"], s.num["partition"], p.offset, p.index, s.num["generation"], s.num["seal"], encode64(p.leaf[:]))
	if p.timestamp != nil {
		fmt.Fprintf(&b, "time %d ms\n", *p.timestamp)
	}
	fmt.Fprintf(&b, "seal signed by %s, entry %d of the log of %d that %s signed\n", p.sealKey.text, p.logIndex, p.tree.size, p.logKey.text)
	if len(p.cosigned) == 0 {
		b.WriteString("anchored to the log's key only: no known witness cosigned\n")
	}
	for _, c := range p.cosigned {
		fmt.Fprintf(&b, "cosigned by %s at %d s\n", c.key.text, c.time)
	}
	return b.String()
}
