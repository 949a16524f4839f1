package main

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// C2SP tlog-checkpoint and tlog-cosignature.

type checkpoint struct {
	origin     string
	size       uint64
	root       hash
	extensions []string
}

func parseCheckpoint(text string) *checkpoint {
	lines := strings.Split(text, "\n")
	end := len(lines) - 1
	need(end >= 3 && lines[end] == "", malformed, "a checkpoint of fewer than three lines")
	for _, line := range lines[:end] {
		need(line != "" && !strings.ContainsFunc(line, control), malformed, "a checkpoint with an empty line or a control character")
	}
	return &checkpoint{lines[0], number(lines[1]), hash64(lines[2]), lines[3:end]}
}

// openCheckpoint gives what the log signed: by one held key of its name at least, and no line of one that does not verify.
func openCheckpoint(b []byte, origin string, keys []*vkey) (c *checkpoint, n *note, signer *vkey) {
	n = parseNote(b)
	c = parseCheckpoint(n.text)
	need(c.origin == origin, "ORIGIN", "a checkpoint of %q, not of %q", c.origin, origin)
	for _, k := range keys {
		if k.name == origin && n.signedBy(k) && signer == nil {
			signer = k
		}
	}
	need(signer != nil, "UNSIGNED", "a checkpoint that no log key held has signed")
	return c, n, signer
}

type cosigned struct {
	key  *vkey
	time uint64 // unix seconds
}

// cosignatures gives the newest time of each of these witnesses that cosigned; a line of one that does not verify is a failure.
func (n *note) cosignatures(witnesses []*vkey) (out []cosigned) {
	for _, k := range witnesses {
		newest := uint64(0)
		for _, s := range n.sigs {
			if !k.claimedBy(s) {
				continue
			}
			need(len(s.data) == 72, "COSIGNATURE", "a cosignature of %s of another length", k.name)
			time := binary.BigEndian.Uint64(s.data)
			good := time > 0 && time <= maxNumber && k.verify(cosignedMessage(n.text, time), s.data[8:])
			need(good, "COSIGNATURE", "a cosignature of %s that does not verify", k.name)
			newest = max(newest, time)
		}
		if newest > 0 {
			out = append(out, cosigned{k, newest})
		}
	}
	return out
}

func cosignedMessage(text string, time uint64) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", time, text)
}
