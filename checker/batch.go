package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Stored record batches (Kafka, magic 2) and what protocol.md, section 1, makes of them.

const (
	batchHeader = 61
	maxRecords  = 64 << 20
	neverSealed = "NEVER_SEALED"
	notCovered  = "NOT_COVERED" // Go's standard library has no zstd
)

type batch struct {
	raw               []byte
	base, count       uint64 // offsets
	epoch             int32
	flags             byte
	baseTime, maxTime int64
	records           [][]byte // of a batch that parses: each from its key's length on
	deltas            []int64
	sum               hash // of a batch that does not: from its attributes to its end
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parseBatch takes one batch as the broker stored it, all of it.
func parseBatch(raw []byte) *batch {
	be := binary.BigEndian
	need(len(raw) >= batchHeader && uint64(be.Uint32(raw[8:]))+12 == uint64(len(raw)), malformed, "not one whole batch")
	last := int32(be.Uint32(raw[23:]))
	need(raw[16] == 2 && crc32.Checksum(raw[21:], castagnoli) == be.Uint32(raw[17:]) && last >= 0 && last < 1<<24, neverSealed, "a bad CRC, another magic or offset delta")
	b := &batch{raw: raw, base: be.Uint64(raw), count: uint64(last) + 1, epoch: int32(be.Uint32(raw[12:])), flags: raw[22] & 0x38,
		baseTime: int64(be.Uint64(raw[27:])), maxTime: int64(be.Uint64(raw[35:]))}
	err := try(func() {
		need(be.Uint32(raw[57:]) == uint32(b.count), malformed, "another count than its last offset delta says")
		r := &reader{decompress(raw[22]&7, raw[batchHeader:])}
		need(len(r.rest) <= maxRecords, malformed, "over 64 MiB of records")
		for i := range int64(b.count) {
			one := &reader{r.take(r.varint(32))}
			one.take(1)
			b.deltas = append(b.deltas, one.varint(64))
			need(one.varint(32) == i, malformed, "another offset delta than the record's place")
			b.records = append(b.records, one.rest)
			new(entry).record(&reader{one.rest})
		}
		r.end()
	})
	if f, ok := err.(*failure); ok {
		need(f.code != notCovered, notCovered, "%s", f.text)
		b.records, b.sum = nil, sha256.Sum256(raw[21:])
	}
	return b
}

// timestamp of the i-th offset.
func (b *batch) timestamp(i int) int64 {
	switch {
	case b.flags&8 != 0:
		return b.maxTime
	case b.records == nil:
		return b.baseTime
	}
	return b.baseTime + b.deltas[i]
}

// entry gives the canonical bytes of the i-th offset.
func (b *batch) entry(i int, partition uint32) []byte {
	version, rest := byte(1), b.sum[:]
	if b.records == nil {
		version = 2
	} else {
		rest = b.records[i]
	}
	out := binary.BigEndian.AppendUint32([]byte{version, b.flags}, partition)
	out = binary.BigEndian.AppendUint64(out, b.base+uint64(i))
	return append(binary.BigEndian.AppendUint64(out, uint64(b.timestamp(i))), rest...)
}

// decompress gives the records field, or a byte more than the limit.
func decompress(codec byte, field []byte) []byte {
	r := &reader{field}
	switch codec {
	case 0:
		return field
	case 1:
		return gunzip(field)
	case 2:
		return snappy(r)
	case 3:
		return lz4(r)
	}
	need(codec != 4, notCovered, "a batch compressed with zstd")
	need(false, malformed, "an unknown codec")
	return nil
}

// gunzip takes exactly one RFC 1952 member.
func gunzip(field []byte) []byte {
	rest := bytes.NewReader(field)
	z, err := gzip.NewReader(rest)
	need(err == nil && field[3]&0xe0 == 0, malformed, "not the header of a gzip member")
	z.Multistream(false)
	out, err := io.ReadAll(io.LimitReader(z, maxRecords+1))
	need(err == nil && (rest.Len() == 0 || len(out) > maxRecords), malformed, "not one gzip member")
	return out
}

var xerial = []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")

// snappy takes one raw block, or the framing of the Java library: blocks with their lengths behind a header.
func snappy(r *reader) (out []byte) {
	if !bytes.HasPrefix(r.rest, xerial) {
		return snappyBlock(r, nil)
	}
	r.take(int64(len(xerial)))
	for first := true; first || len(r.rest) > 0; first = false {
		before := len(out)
		out = snappyBlock(&reader{r.take(int64(int32(binary.BigEndian.Uint32(r.take(4)))))}, out)
		need(len(out) > before, malformed, "an empty snappy block")
		if len(out) > maxRecords {
			return out
		}
	}
	return out
}

func snappyBlock(r *reader, out []byte) []byte {
	start, size := len(out), int(r.uvarint(32))
	if size > maxRecords {
		return make([]byte, maxRecords+1)
	}
	for len(r.rest) > 0 {
		tag := r.byte()
		length := int64(tag>>2) + 1
		var offset uint64
		switch tag & 3 {
		case 0:
			if length > 60 {
				length = int64(r.little(length-60)) + 1
			}
			need(len(out)-start+int(length) <= size, malformed, "more than the block says")
			out = append(out, r.take(length)...)
			continue
		case 1:
			length, offset = int64(tag>>2&7)+4, uint64(tag>>5)<<8|r.little(1)
		case 2:
			offset = r.little(2)
		case 3:
			offset = r.little(4)
		}
		need(len(out)-start+int(length) <= size, malformed, "more than the block says")
		out = copyBack(out, start, offset, length)
	}
	need(len(out)-start == size, malformed, "less than the block says")
	return out
}

// copyBack repeats what lies this far back, which may overlap with what it makes, and not before the start.
func copyBack(out []byte, start int, offset uint64, length int64) []byte {
	need(offset > 0 && offset <= uint64(len(out)-start), malformed, "a copy from nowhere")
	for from := len(out) - int(offset); length > 0; length-- {
		out = append(out, out[from])
		from++
	}
	return out
}
