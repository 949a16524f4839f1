package main

import (
	"math/bits"
	"strings"
)

// Snapshots: protocol, section 6. What `judge` holds besides its size and offset is not judged here.

type snapshotError struct{ code, text string }

func (e *snapshotError) Error() string { return e.code + ": " + e.text }

func openSnapshot(b []byte, origin string, keys []*vkey) (*frontier, error) {
	bad := func(text string) (*frontier, error) { return nil, &snapshotError{"MALFORMED", text} }
	n, err := parseNote(b)
	if err != nil {
		return bad(err.Error())
	}
	signed := false
	for _, k := range keys {
		by := n.signedBy(k)
		if by < 0 {
			return nil, &snapshotError{"UNSIGNED", "a signature that does not verify"}
		}
		signed = signed || by > 0
	}
	if !signed {
		return nil, &snapshotError{"UNSIGNED", "no log key held has signed it"}
	}
	lines := strings.Split(n.text, "\n")
	if len(lines) != 6 || lines[0] != "tallystick/snapshot/v1" || lines[1] != "origin "+origin || lines[5] != "" {
		return bad("not the lines of a snapshot of this log")
	}
	sizeText, ok1 := strings.CutPrefix(lines[2], "size ")
	rootText, ok2 := strings.CutPrefix(lines[3], "root ")
	stateText, ok3 := strings.CutPrefix(lines[4], "state ")
	size, ok4 := decimal(sizeText)
	root, ok5 := decodeHash(rootText)
	state, err := parseJSON([]byte(stateText))
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || err != nil {
		return bad("a line in another form")
	}
	var again strings.Builder
	state.compact(&again)
	if again.String() != stateText || !state.numbersAreDecimal() || !state.inOrder("frontier", "position", "judge") {
		return bad("its state is not in its one form")
	}
	position, judged := state.get("position"), state.get("judge")
	if !position.inOrder("topicId", "offset") || !judged.inOrder("size", "offset", "keys", "partitions") {
		return bad("its state lacks a member or has another")
	}
	topicID, offset, judgedOffset := position.get("topicId").text, position.get("offset"), judged.get("offset")
	at, _ := decimal(offset.text)
	judgedAt, _ := decimal(judgedOffset.text)
	id := &statement{}
	if offset.kind != '0' || judgedOffset.kind != '0' || at < judgedAt || judged.get("size").text != sizeText || !id.line("topic-id", topicID) {
		return bad("its position is not behind what was judged, or its sizes differ")
	}
	f := &frontier{size: size}
	for _, item := range state.get("frontier").items {
		h, ok := decodeHash(item.text)
		if !ok {
			return bad("a malformed frontier")
		}
		f.peaks = append(f.peaks, h)
	}
	if len(f.peaks) != bits.OnesCount64(size) || f.root() != root {
		return bad("its frontier does not give its root")
	}
	return f, nil
}

func (v *jsonValue) inOrder(names ...string) bool {
	if !v.has(names...) {
		return false
	}
	for i, name := range names {
		if v.members[i].name != name {
			return false
		}
	}
	return true
}

func (v *jsonValue) numbersAreDecimal() bool {
	ok := true
	if v.kind == '0' {
		_, ok = decimal(v.text)
	}
	for i := range v.items {
		ok = ok && v.items[i].numbersAreDecimal()
	}
	for i := range v.members {
		ok = ok && v.members[i].value.numbersAreDecimal()
	}
	return ok
}
