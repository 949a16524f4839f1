package main

import "crypto/sha256"

type hash = [32]byte

func textHash(text string) hash { return sha256.Sum256([]byte(text)) }

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

func treeRoot(leaves []hash) hash {
	var f frontier
	for _, leaf := range leaves {
		f.add(leaf)
	}
	return f.root()
}
