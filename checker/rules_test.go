package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Rules of the protocol that no command of this checker asks for, but that have vectors.

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

// parseTilePath: the one path of a tile, nothing else.
func parseTilePath(s string) (t tile, ok bool) {
	err := try(func() {
		level, rest, _ := strings.Cut(after("tile/", s), "/")
		digits, width, partial := strings.Cut(rest, ".p/")
		if t = (tile{levelEntries, 0, tileWidth}); level != "entries" {
			t.level = int(number(level))
		}
		if partial {
			t.width = int(number(width))
		}
		index, err := strconv.ParseUint(strings.NewReplacer("/", "", "x", "").Replace(digits), 10, 64)
		t.index = index
		need(err == nil && index <= maxNumber && t.level <= 63 && t.width >= 1 && (!partial || t.width < tileWidth) && t.path() == s, malformed, "another path")
	})
	return t, err == nil
}

var (
	jsonText  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	oneEscape = regexp.MustCompile(`^\\(?:["\\bfnrt]|u00(?:0[0-7be-f]|1[0-9a-f]))$`)
)

// openSnapshot: protocol, section 6. What `judge` holds besides its size and offset is the ledger's own.
func openSnapshot(b []byte, origin string, keys []*vkey) {
	n := parseNote(b)
	signed := false
	for _, k := range keys {
		signed = n.signedBy(k) || signed
	}
	need(signed, "UNSIGNED", "no log key held has signed it")
	lines := strings.Split(n.text, "\n")
	need(len(lines) == 6 && lines[0] == "tallystick/snapshot/v1" && lines[1] == "origin "+origin && lines[5] == "", malformed, "other lines")
	sizeText, stateText := after("size ", lines[2]), after("state ", lines[4])
	size, root := number(sizeText), hash64(after("root ", lines[3]))
	// The one form of JSON.stringify: no white space, no escape that is not needed.
	state := parseJSON([]byte(stateText))
	need(!strings.ContainsAny(jsonText.ReplaceAllString(stateText, ""), " \t\r"), malformed, "white space")
	for _, e := range escape.FindAllString(stateText, -1) {
		need(oneEscape.MatchString(e), malformed, "an escape that is not needed")
	}
	decimalNumbers(state)
	members := func(v any, names ...string) *object {
		o, ok := v.(*object)
		need(ok && slices.Equal(o.names, names), malformed, "other members, or in another order")
		return o
	}
	s := members(state, "frontier", "position", "judge")
	position, judged := members(s.values["position"], "topicId", "offset"), members(s.values["judge"], "size", "offset", "keys", "partitions")
	offset := func(o *object) uint64 { return number(string(member[json.Number](o, "offset"))) }
	need(offset(position) >= offset(judged) && string(member[json.Number](judged, "size")) == sizeText, malformed, "a position before what was judged, or another size")
	(&statement{word: map[string]string{}}).line("topic-id", member[string](position, "topicId"))
	f := frontier{size: size}
	for _, item := range member[[]any](s, "frontier") {
		text, _ := item.(string)
		f.peaks = append(f.peaks, hash64(text))
	}
	need(len(f.peaks) == bits.OnesCount64(size) && f.root() == root, malformed, "a frontier that does not give its root")
}

func decimalNumbers(v any) {
	switch v := v.(type) {
	case json.Number:
		number(string(v))
	case []any:
		for _, item := range v {
			decimalNumbers(item)
		}
	case *object:
		for _, item := range v.values {
			decimalNumbers(item)
		}
	}
}

// eventMessage is what the header `sig` signs: section 8. nil: none.
func eventMessage(origin, topic string, key, value []byte) []byte {
	out := []byte("tallystick/event/v1\n")
	for _, part := range [][]byte{[]byte(origin), []byte(topic), key, value} {
		length := uint32(len(part))
		if part == nil {
			length = 1<<32 - 1
		}
		out = append(binary.BigEndian.AppendUint32(out, length), part...)
	}
	return out
}

// checkEventSignature fails with what is wrong.
func checkEventSignature(message, sig []byte, keys []*vkey) {
	need(len(sig) == 68, "length", "not 68 bytes")
	held := slices.DeleteFunc(slices.Clone(keys), func(k *vkey) bool { return k.id != binary.BigEndian.Uint32(sig) })
	need(len(held) > 0, "key", "no key held has this id")
	need(slices.ContainsFunc(held, func(k *vkey) bool { return k.verify(message, sig[4:]) }), "signature", "it does not verify")
}

// leavesCount: is this record of audit.leaves that of a seal with this root and so many events: section 6.
func leavesCount(topic string, generation, seal uint64, events int, root hash, key, value []byte) bool {
	if !bytes.Equal(key, fmt.Appendf(nil, "%s/%d/%d", topic, generation, seal)) || len(value) != events*32 {
		return false
	}
	var f frontier
	for ; len(value) > 0; value = value[32:] {
		f.add(hash(value[:32]))
	}
	return f.root() == root
}

// finding is section 9: nil is none.
type finding struct {
	Code                  string
	Topic                 *string
	Partition, Generation *uint64
	Place                 string
	Expected, Found       *string
}

func (f *finding) hash() string {
	text := ""
	word := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	digits := func(n *uint64) string {
		if n == nil {
			return "-"
		}
		return strconv.FormatUint(*n, 10)
	}
	for _, line := range []string{f.Code, word(f.Topic), digits(f.Partition), digits(f.Generation), f.Place, word(f.Expected), word(f.Found)} {
		need(!strings.Contains(line, "\n"), "ENCODING_INVALID", "a newline in a line")
		text += line + "\n"
	}
	h := textHash(text)
	return encode64(h[:])
}

// Codes by their exit code; all others are 1.
var (
	harmless     = strings.Fields("control-batch transactional-batch create-time unparsed-batch time-outside key-refused leaves-missing leaves-wrong leaves-unreadable unjudged unpinned-schema race resend prune")
	inconclusive = strings.Fields("no-genesis nothing-to-check unreadable unknown-statement archive-unchecked tail-old checkpoint-old unavailable")
)

// verdict: 1 wins over 3; an acknowledgement lifts a 1, never a 3.
func verdict(findings []finding, acknowledged []string) (exit int) {
	for _, f := range findings {
		switch {
		case slices.Contains(harmless, f.Code):
		case slices.Contains(inconclusive, f.Code):
			if exit == 0 {
				exit = 3
			}
		case !slices.Contains(acknowledged, f.hash()):
			exit = 1
		}
	}
	return exit
}
