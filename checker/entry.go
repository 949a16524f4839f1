package main

import (
	"encoding/binary"
)

// Entries: protocol, section 1.

type header struct{ name, value []byte } // value nil: none

// entry is a record as it was stored, or (batch) one offset of a batch that did not parse.
type entry struct {
	partition, offset uint64
	timestamp         int64
	key, value        []byte // nil: none
	headers           []header
	batch             []byte // SHA-256 of the batch, where it did not parse
}

func parseEntry(b []byte) *entry {
	need(len(b) >= 22 && b[1]&^0x38 == 0 && binary.BigEndian.Uint64(b[6:]) <= maxNumber, malformed, "not the first 22 bytes of an entry")
	e := &entry{partition: uint64(binary.BigEndian.Uint32(b[2:])), offset: binary.BigEndian.Uint64(b[6:]), timestamp: int64(binary.BigEndian.Uint64(b[14:]))}
	if b[0] == 2 {
		e.batch = b[22:]
		need(len(e.batch) == 32, malformed, "not the hash of a batch")
		return e
	}
	need(b[0] == 1, malformed, "an entry of another version")
	e.record(&reader{b[22:]})
	return e
}

// record reads from the key's length to the record's end.
func (e *entry) record(r *reader) {
	e.key, e.value = r.bytes(-1), r.bytes(-1)
	count := r.varint(32)
	need(count >= 0 && count <= int64(len(r.rest)/2), malformed, "more headers than there are bytes")
	for ; count > 0; count-- {
		e.headers = append(e.headers, header{r.bytes(0), r.bytes(-1)})
	}
	r.end()
}

// reader reads from the front and fails where there is no more.
type reader struct{ rest []byte }

func (r *reader) take(n int64) []byte {
	need(n >= 0 && n <= int64(len(r.rest)), malformed, "a length that does not fit")
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) end() { need(len(r.rest) == 0, malformed, "bytes after the end") }

func (r *reader) byte() byte { return r.take(1)[0] }

// little reads an unsigned number, lowest byte first.
func (r *reader) little(bytes int64) (n uint64) {
	for i, b := range r.take(bytes) {
		n |= uint64(b) << (8 * i)
	}
	return n
}

// uvarint reads a varint in its shortest form.
func (r *reader) uvarint(bits int) uint64 {
	v, n := binary.Uvarint(r.rest)
	need(n > 0 && (bits == 64 || v>>bits == 0) && (n == 1 || r.rest[n-1] != 0), malformed, "a varint in another form")
	r.rest = r.rest[n:]
	return v
}

// varint is a zigzag one.
func (r *reader) varint(bits int) int64 {
	v := r.uvarint(bits)
	return int64(v>>1) ^ -int64(v&1)
}

// bytes reads a length, which is at least this, and the bytes; nil for -1.
func (r *reader) bytes(least int64) []byte {
	n := r.varint(32)
	if n == -1 && least == -1 {
		return nil
	}
	return r.take(n)
}
