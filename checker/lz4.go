package main

import "math/bits"

// lz4 takes one frame as protocol.md, section 1, has it: version 01, independent blocks, no dictionary, every checksum and size right.
func lz4(r *reader) (out []byte) {
	field := r.rest
	need(r.little(4) == 0x184d2204, malformed, "not an LZ4 frame")
	flags, size := r.byte(), r.byte()
	need(flags&0xe3 == 0x60 && size&0x8f == 0 && size >= 0x40, malformed, "an LZ4 frame of another kind")
	most, wanted := 1<<(8+2*(size>>4)), uint64(0)
	if flags&8 != 0 {
		wanted = r.little(8)
	}
	header := field[4 : len(field)-len(r.rest)]
	need(r.byte() == byte(xxh32(header)>>8), malformed, "a wrong header checksum")
	for {
		n := r.little(4)
		if n == 0 {
			break
		}
		length := int64(n &^ (1 << 31))
		need(length > 0 && length <= int64(most), malformed, "a block of another size")
		block, start := r.take(length), len(out)
		need(flags&16 == 0 || r.little(4) == uint64(xxh32(block)), malformed, "a wrong block checksum")
		if n>>31 == 1 {
			out = append(out, block...)
		} else {
			out = lz4Block(&reader{block}, out, most)
		}
		need(len(out)-start <= most, malformed, "a block that decodes to too much")
		if len(out) > maxRecords {
			return out
		}
	}
	need(flags&4 == 0 || r.little(4) == uint64(xxh32(out)), malformed, "a wrong content checksum")
	need(flags&8 == 0 || wanted == uint64(len(out)), malformed, "another content size")
	r.end()
	return out
}

func lz4Block(r *reader, out []byte, most int) []byte {
	start := len(out)
	length := func(nibble byte) int64 {
		n := int64(nibble)
		for more := nibble == 15; more; {
			b := r.byte()
			n, more = n+int64(b), b == 255
		}
		return n
	}
	for {
		token := r.byte()
		out = append(out, r.take(length(token>>4))...)
		if len(r.rest) == 0 {
			need(token&15 == 0, malformed, "a last sequence with a copy")
			return out
		}
		offset := r.little(2)
		n := length(token&15) + 4
		need(len(out)-start+int(n) <= most, malformed, "a block that decodes to too much")
		out = copyBack(out, start, offset, n)
	}
}

// xxh32 with seed 0.
func xxh32(b []byte) uint32 {
	const p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
	r, sum := &reader{b}, uint32(p5)
	if len(b) >= 16 {
		lanes := [4]uint32{p1&(1<<32-1) + p2&(1<<32-1) - 1<<32, p2, 0, 1<<32 - p1}
		for len(r.rest) >= 16 {
			for i := range lanes {
				lanes[i] = bits.RotateLeft32(lanes[i]+uint32(r.little(4))*p2, 13) * p1
			}
		}
		sum = bits.RotateLeft32(lanes[0], 1) + bits.RotateLeft32(lanes[1], 7) + bits.RotateLeft32(lanes[2], 12) + bits.RotateLeft32(lanes[3], 18)
	}
	sum += uint32(len(b))
	for len(r.rest) >= 4 {
		sum = bits.RotateLeft32(sum+uint32(r.little(4))*p3, 17) * p4
	}
	for _, c := range r.rest {
		sum = bits.RotateLeft32(sum+uint32(c)*p5, 11) * p1
	}
	sum = (sum ^ sum>>15) * p2
	sum = (sum ^ sum>>13) * p3
	return sum ^ sum>>16
}
