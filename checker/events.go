package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Events against their seals: the broker's own segment files of a partition, batch by batch.

const maxBatch = 1 << 28

// segments reads the batches of one partition in order.
type segments struct {
	names []string
	file  *os.File
	in    *bufio.Reader
	now   *batch
	start uint64 // offset of the first batch
}

// openSegments takes a folder as Kafka has it, <topic>-<partition> with files *.log; nil where there are none.
func openSegments(dir string) *segments {
	names, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names) // the names are the first offsets, twenty digits each
	return &segments{names: names}
}

// next reads a batch; it fails where there is none, or bytes that are none. The error is that a file cannot be read.
func (s *segments) next() error {
	for s.in == nil {
		need(len(s.names) > 0, "truncated", "there are no more records")
		file, err := os.Open(s.names[0])
		if err != nil {
			return err
		}
		s.file, s.in, s.names = file, bufio.NewReaderSize(file, 1<<20), s.names[1:]
	}
	head, err := s.in.Peek(12)
	if len(head) < 12 || binary.BigEndian.Uint32(head[8:]) == 0 { // room that the broker took beforehand
		s.file.Close()
		s.in = nil
		if err != nil && err != io.EOF {
			return err
		}
		return s.next()
	}
	size := uint64(binary.BigEndian.Uint32(head[8:])) + 12
	need(size <= maxBatch, malformed, "a batch of %d bytes", size)
	raw := make([]byte, size)
	_, err = io.ReadFull(s.in, raw)
	need(err != io.ErrUnexpectedEOF, "truncated", "a batch that is cut off")
	if err != nil {
		return err
	}
	if s.now == nil {
		s.start = binary.BigEndian.Uint64(raw)
	}
	s.now = parseBatch(raw)
	return nil
}

// leaves computes the leaves of a sealed batch and gives them with the last event's time and leader epoch. Records in front of it are passed over;
// it is an error, no failure, that the first segment begins behind them: they may be pruned.
func (s *segments) leaves(seal *statement) (leaves []hash, time int64, epoch int32, err error) {
	offsets, before := seal.span["offsets"], seal.hash["after"]
	for at := offsets.first; at <= offsets.last; at++ {
		for s.now == nil || s.now.base+s.now.count <= at {
			if err := s.next(); err != nil {
				return nil, 0, 0, err
			}
		}
		if at < s.start {
			return nil, 0, 0, errMissing
		}
		need(s.now.base <= at, "missing-offsets", "there is no record %d", at)
		i := int(at - s.now.base)
		before = leafHash(append(before[:], s.now.entry(i, uint32(seal.num["partition"]))...))
		leaves, time, epoch = append(leaves, before), s.now.timestamp(i), s.now.epoch
	}
	return leaves, time, epoch, nil
}

// checkEvents holds the records of a seal against it: root, head, time and epoch.
func (s *segments) checkEvents(seal *statement) error {
	leaves, time, epoch, err := s.leaves(seal)
	if err != nil {
		return err
	}
	sealed, known := seal.num["epoch"]
	need(treeRoot(leaves) == seal.hash["root"], "root-mismatch", "the records give another root")
	need(leaves[len(leaves)-1] == seal.hash["head"], "head-mismatch", "the last record gives another leaf")
	need(seal.timeIs(time), "time-mismatch", "the last record has another time")
	need(known && int64(epoch) == int64(sealed) || !known && epoch < 0, "epoch-mismatch", "the last record has another leader epoch")
	return nil
}
