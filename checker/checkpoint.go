package main

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// C2SP tlog-checkpoint and tlog-cosignature.

const maxNumber = 1<<53 - 1

type checkpoint struct {
	origin     string
	size       uint64
	root       hash
	extensions []string
}

// decimal: no sign, no leading zero, at most 2^53-1.
func decimal(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n <= maxNumber && strconv.FormatUint(n, 10) == s
}

func parseCheckpoint(text string) (*checkpoint, error) {
	body, ok := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) < 3 {
		return nil, fmt.Errorf("a checkpoint of fewer than three lines")
	}
	for _, line := range lines {
		if line == "" || strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 }) {
			return nil, fmt.Errorf("a checkpoint with an empty line or a control character")
		}
	}
	size, sizeOk := decimal(lines[1])
	root, rootOk := decodeHash(lines[2])
	if !sizeOk || !rootOk {
		return nil, fmt.Errorf("a checkpoint with a malformed size or root")
	}
	return &checkpoint{lines[0], size, root, lines[3:]}, nil
}

type checkpointError struct{ code, text string }

func (e *checkpointError) Error() string { return e.text }

// openCheckpoint gives what the log signed: by one held key of its name at least, and no line of one that does not verify.
func openCheckpoint(b []byte, origin string, keys []*vkey) (*checkpoint, *note, *vkey, error) {
	n, err := parseNote(b)
	if err != nil {
		return nil, nil, nil, &checkpointError{"MALFORMED", err.Error()}
	}
	c, err := parseCheckpoint(n.text)
	if err != nil {
		return nil, n, nil, &checkpointError{"MALFORMED", err.Error()}
	}
	if c.origin != origin {
		return nil, n, nil, &checkpointError{"ORIGIN", fmt.Sprintf("a checkpoint of %q, not of %q", c.origin, origin)}
	}
	var signer *vkey
	for _, k := range keys {
		if k.name != origin {
			continue
		}
		switch n.signedBy(k) {
		case -1:
			return nil, n, nil, &checkpointError{"UNSIGNED", "a signature of the log that does not verify"}
		case 1:
			if signer == nil {
				signer = k
			}
		}
	}
	if signer == nil {
		return nil, n, nil, &checkpointError{"UNSIGNED", "a checkpoint that no log key held has signed"}
	}
	return c, n, signer, nil
}

type cosigned struct {
	key  *vkey
	time uint64 // unix seconds
}

// cosignatures gives the newest time of each of these witnesses that cosigned; a line of one that does not verify is an error.
func cosignatures(n *note, witnesses []*vkey) ([]cosigned, error) {
	var out []cosigned
	for _, k := range witnesses {
		newest := uint64(0)
		for _, s := range n.sigs {
			if s.name != k.name || s.id != k.id {
				continue
			}
			if len(s.data) != 72 {
				return nil, fmt.Errorf("a cosignature of %s of another length", k.name)
			}
			time := binary.BigEndian.Uint64(s.data)
			if time == 0 || time > maxNumber || !k.verify(cosignedMessage(n.text, time), s.data[8:]) {
				return nil, fmt.Errorf("a cosignature of %s that does not verify", k.name)
			}
			newest = max(newest, time)
		}
		if newest > 0 {
			out = append(out, cosigned{k, newest})
		}
	}
	return out, nil
}

func cosignedMessage(text string, time uint64) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(time, 10) + "\n" + text)
}
