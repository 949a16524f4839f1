package main

import (
	"encoding/binary"
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

func parseTlogProof(text string) (*tlogProof, error) {
	bad := fmt.Errorf("a malformed tlog-proof")
	rest, ok := strings.CutPrefix(text, "c2sp.org/tlog-proof@v1\n")
	head, checkpoint, ok2 := strings.Cut(rest, "\n\n")
	if !ok || !ok2 || checkpoint == "" {
		return nil, bad
	}
	p, lines := &tlogProof{checkpoint: checkpoint}, strings.Split(head, "\n")
	if extra, ok := strings.CutPrefix(lines[0], "extra "); ok {
		if p.extra, ok = decode64(extra); !ok || extra == "" || len(lines) < 2 {
			return nil, bad
		}
		lines = lines[1:]
	}
	index, ok := strings.CutPrefix(lines[0], "index ")
	if p.index, ok2 = decimal(index); !ok || !ok2 || len(lines) > 64 {
		return nil, bad
	}
	for _, line := range lines[1:] {
		h, ok := decodeHash(line)
		if !ok {
			return nil, bad
		}
		p.path = append(p.path, h)
	}
	return p, nil
}

type header struct {
	name  []byte
	value []byte // nil: none
}

// entry is section 1: a record as it was stored, or (batch) one offset of a batch that did not parse.
type entry struct {
	partition, offset uint64
	timestamp         int64
	key, value        []byte // nil: none
	headers           []header
	batch             []byte // SHA-256 of the batch, where it did not parse
}

func parseEntry(b []byte) (*entry, bool) {
	if len(b) < 22 || b[1]&^0x38 != 0 || binary.BigEndian.Uint64(b[6:]) > maxNumber {
		return nil, false
	}
	e := &entry{uint64(binary.BigEndian.Uint32(b[2:])), binary.BigEndian.Uint64(b[6:]), int64(binary.BigEndian.Uint64(b[14:])), nil, nil, nil, nil}
	if b[0] == 2 {
		e.batch = b[22:]
		return e, len(e.batch) == 32
	}
	r := &recordReader{rest: b[22:]}
	e.key, e.value = r.bytes(-1), r.bytes(-1)
	count := r.varint()
	if count < 0 || int(count) > len(r.rest)/2 {
		return nil, false
	}
	for ; count > 0; count-- {
		e.headers = append(e.headers, header{r.bytes(0), r.bytes(-1)})
	}
	return e, b[0] == 1 && !r.bad && len(r.rest) == 0
}

type recordReader struct {
	rest []byte
	bad  bool
}

// varint reads a zigzag varint of 32 bits in its shortest form.
func (r *recordReader) varint() int32 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > 1<<32-1 || n > 1 && r.rest[n-1] == 0 {
		r.bad, r.rest = true, nil
		return -1
	}
	r.rest = r.rest[n:]
	return int32(v>>1) ^ -int32(v&1)
}

func (r *recordReader) bytes(least int32) []byte {
	n := r.varint()
	if n < least || int(n) > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	if n < 0 {
		return nil
	}
	out := append([]byte{}, r.rest[:n]...) // empty is not nil
	r.rest = r.rest[n:]
	return out
}

// ruleError names the rule that a proof breaks.
type ruleError struct{ code, text string }

func (e *ruleError) Error() string { return e.code + ": " + e.text }

type document struct {
	entry     *entry // nil: redacted
	leaf      hash
	before    hash
	offset    uint64
	path      []hash
	statement string
	keys      []string
	log       *tlogProof
}

func parseProof(b []byte) (*document, []byte, error) {
	bad := func(text string) (*document, []byte, error) { return nil, nil, &ruleError{"MALFORMED", text} }
	v, err := parseJSON(b)
	if err != nil {
		return bad(err.Error())
	}
	redacted := v.has("version", "leaf", "offset", "path", "statement", "keys", "log")
	if !redacted && !v.has("version", "entry", "previousLeaf", "path", "statement", "keys", "log") {
		return bad("not exactly the members of a proof")
	}
	d, entryBytes, ok := &document{}, []byte(nil), v.get("version").kind == '0' && v.get("version").text == "1"
	text := func(v *jsonValue) string {
		ok = ok && v.kind == '"'
		return v.text
	}
	hashOf := func(v *jsonValue) hash {
		h, good := decodeHash(text(v))
		ok = ok && good
		return h
	}
	if redacted {
		var good bool
		d.offset, good = decimal(v.get("offset").text)
		ok = ok && good && v.get("offset").kind == '0'
		d.leaf = hashOf(v.get("leaf"))
	} else {
		var good bool
		entryBytes, good = decode64(text(v.get("entry")))
		ok = ok && good
		d.before = hashOf(v.get("previousLeaf"))
	}
	path, keys := v.get("path"), v.get("keys")
	if path.kind != '[' || len(path.items) > 14 || keys.kind != '[' || len(keys.items) > 256 {
		return bad("a path of over 14 hashes, over 256 key statements, or not lists")
	}
	for i := range path.items {
		d.path = append(d.path, hashOf(&path.items[i]))
	}
	for i := range keys.items {
		d.keys = append(d.keys, text(&keys.items[i]))
	}
	d.statement = text(v.get("statement"))
	d.log, err = parseTlogProof(text(v.get("log")))
	if !ok || err != nil || len(d.statement) > maxStatement {
		return bad("a member of another type, or a value in another form")
	}
	if !redacted && entryBytes == nil {
		entryBytes = []byte{}
	}
	return d, entryBytes, nil
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

func checkProof(b []byte, rootKey *vkey, held *policy) (*proven, error) {
	d, entryBytes, err := parseProof(b)
	if err != nil {
		return nil, err
	}
	fail := func(code, text string) (*proven, error) { return nil, &ruleError{code, text} }
	seal, _, err := openStatement([]byte(d.statement))
	if err != nil || seal.kind != "seal" {
		return fail("STATEMENT", "`statement` is not the note of a seal")
	}
	var keys []*statement
	for _, text := range d.keys {
		k, _, err := openStatement([]byte(text))
		if err != nil || k.kind != "key" {
			return fail("KEYS", "`keys` holds what is no key statement")
		}
		if k.origin != seal.origin {
			return fail("ORIGIN", "a key statement of another log")
		}
		keys = append(keys, k)
	}
	named := func(k *vkey) bool { return k.name == seal.origin }
	if rootKey.name != seal.origin+"/root" || !slices.ContainsFunc(held.logs, named) {
		return fail("ORIGIN", "no root key or no log key is held for "+seal.origin)
	}
	p := &proven{seal: seal, logIndex: d.log.index, offset: d.offset}
	if entryBytes != nil {
		e, ok := parseEntry(entryBytes)
		if !ok {
			return fail("ENTRY", "`entry` is not the canonical bytes of a record")
		}
		p.entry, p.offset, p.timestamp = e, e.offset, &e.timestamp
		if e.partition != seal.partition {
			return fail("PLACE", "the entry is of another partition")
		}
		d.entry = e
	}
	if p.offset < seal.offsets.first || p.offset > seal.offsets.last {
		return fail("PLACE", "the offset lies outside the batch")
	}
	position := p.offset - seal.offsets.first
	p.index = seal.events.first + position
	if p.leaf = d.leaf; d.entry != nil {
		p.leaf = leafHash(append(d.before[:], entryBytes...))
		if position == 0 && d.before != seal.after {
			return fail("LEAF", "`previousLeaf` of the first event is not the seal's `after`")
		}
	}
	if p.offset == seal.offsets.last {
		if p.leaf != seal.head {
			return fail("LEAF", "the leaf of the last event is not the seal's `head`")
		}
		if d.entry == nil && seal.time != nil {
			t := int64(*seal.time)
			p.timestamp = &t
		}
		if d.entry != nil && !sameTime(d.entry.timestamp, seal.time) {
			return fail("TIME", "the time of the last event is not the seal's")
		}
	}
	if root, ok := inclusionRoot(position, seal.events.count(), p.leaf, d.path); !ok || root != seal.root {
		return fail("ROOT", "leaf and path do not give the batch root")
	}
	for _, k := range keys {
		if !k.signedBy(rootKey) {
			return fail("KEYS", "a key statement that the root key did not sign")
		}
		if k.action == "add" && k.role == "seal" && k.fits() && string(k.key.public) != string(rootKey.public) && p.sealKey == nil && seal.signedBy(k.key) {
			p.sealKey = k.key
		}
	}
	if p.sealKey == nil {
		return fail("SEAL_KEY", "the seal is signed by no seal key that a key statement adds")
	}
	return p.checkLog(d, held)
}

func sameTime(t int64, want *uint64) bool {
	if want == nil {
		return t < 0 || t > maxNumber
	}
	return t >= 0 && uint64(t) == *want
}

// checkLog: the seal is an entry of the log, in a tree that the log signed and the witnesses saw.
func (p *proven) checkLog(d *document, held *policy) (*proven, error) {
	fail := func(code, text string) (*proven, error) { return nil, &ruleError{code, text} }
	n, err := parseNote([]byte(d.log.checkpoint))
	if err != nil {
		return fail("CHECKPOINT", err.Error())
	}
	tree, err := parseCheckpoint(n.text)
	if err != nil {
		return fail("CHECKPOINT", err.Error())
	}
	if tree.origin != p.seal.origin {
		return fail("ORIGIN", "the checkpoint is of another log")
	}
	root, ok := inclusionRoot(d.log.index, tree.size, leafHash([]byte(d.statement)), d.log.path)
	if !ok || root != tree.root {
		return fail("INCLUSION", "the seal is not in the checkpoint's tree at that index")
	}
	if p.tree, _, p.logKey, err = openCheckpoint([]byte(d.log.checkpoint), p.seal.origin, held.logs); err != nil {
		return fail("CHECKPOINT", err.Error())
	}
	if p.cosigned, err = cosignatures(n, held.witnesses); err != nil {
		return fail("COSIGNATURE", err.Error())
	}
	reached, time := held.reached(p.cosigned)
	if !reached {
		return fail("QUORUM", "the policy's quorum has not cosigned")
	}
	p.quorumTime = time
	return p, nil
}

func (p *proven) String() string {
	s := p.seal
	var b strings.Builder
	fmt.Fprintf(&b, "proven: topic %s, partition %d, offset %d (event %d of generation %d, seal %d)\n", s.topic, s.partition, p.offset, p.index, s.generation, s.seal)
	fmt.Fprintf(&b, "leaf %s\n", encode64(p.leaf[:]))
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
