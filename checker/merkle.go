package main

import (
	"crypto/sha256"
	"math/bits"
)

type hash = [32]byte

func textHash(text string) hash { return sha256.Sum256([]byte(text)) }

func leafHash(data []byte) hash { return sha256.Sum256(append([]byte{0}, data...)) }

func nodeHash(left, right hash) hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// inclusionRoot gives the root that follows from a leaf and its path (PATH of RFC 6962, 2.1.1), false where the path has another length
// than an entry at this place has.
func inclusionRoot(index, size uint64, leaf hash, path []hash) (hash, bool) {
	last := len(path) - 1
	if index >= size || size == 1 || last < 0 {
		return leaf, index == 0 && size == 1 && last < 0
	}
	k := uint64(1) << (bits.Len64(size-1) - 1) // the largest power of two below
	if index < k {
		left, ok := inclusionRoot(index, k, leaf, path[:last])
		return nodeHash(left, path[last]), ok
	}
	right, ok := inclusionRoot(index-k, size-k, leaf, path[:last])
	return nodeHash(path[last], right), ok
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
