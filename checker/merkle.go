package main

import (
	"crypto/sha256"
	"math/bits"
)

type hash = [32]byte

func leafHash(data []byte) hash { return sha256.Sum256(append([]byte{0}, data...)) }

func nodeHash(left, right hash) hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// inclusionRoot gives the root that follows from a leaf and its path (RFC 9162, 2.1.3.2), false where the path has
// another length than an entry at this place has.
func inclusionRoot(index, size uint64, leaf hash, path []hash) (hash, bool) {
	if index >= size {
		return hash{}, false
	}
	fn, sn, r := index, size-1, leaf
	for _, p := range path {
		if sn == 0 {
			return hash{}, false
		}
		if fn&1 == 1 || fn == sn {
			r = nodeHash(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = nodeHash(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	return r, sn == 0
}

// consistent checks a consistency proof (RFC 9162, 2.1.4.2; equal sizes have an empty path and equal roots).
func consistent(size1, size2 uint64, root1, root2 hash, path []hash) bool {
	switch {
	case size1 == 0 || size1 > size2: // everything goes on from nothing: no proof of it has a meaning
		return false
	case size1 == size2:
		return len(path) == 0 && root1 == root2
	case len(path) == 0:
		return false
	}
	if size1&(size1-1) == 0 {
		path = append([]hash{root1}, path...)
	}
	fn, sn := size1-1, size2-1
	shift := bits.TrailingZeros64(^fn)
	fn, sn = fn>>shift, sn>>shift
	fr, sr := path[0], path[0]
	for _, c := range path[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = nodeHash(c, fr), nodeHash(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = nodeHash(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && fr == root1 && sr == root2
}

// frontier is the right edge of a tree that grows: the roots of its complete subtrees, from left to right.
type frontier struct {
	size  uint64
	peaks []hash
}

func (f *frontier) add(leaf hash) {
	f.size++
	for n := f.size; n&1 == 0; n >>= 1 {
		last := len(f.peaks) - 1
		leaf, f.peaks = nodeHash(f.peaks[last], leaf), f.peaks[:last]
	}
	f.peaks = append(f.peaks, leaf)
}

func (f *frontier) root() hash {
	if len(f.peaks) == 0 {
		return sha256.Sum256(nil)
	}
	r := f.peaks[len(f.peaks)-1]
	for i := len(f.peaks) - 2; i >= 0; i-- {
		r = nodeHash(f.peaks[i], r)
	}
	return r
}

func toHash(b []byte) (h hash, ok bool) {
	if len(b) != 32 {
		return h, false
	}
	copy(h[:], b)
	return h, true
}
