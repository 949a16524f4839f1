package main

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// Statements: protocol, section 5.

const maxStatement = 65535

type span struct{ first, last uint64 }

func (s span) count() uint64 { return s.last - s.first + 1 }

// statement holds what the lines say; a line that a kind does not have stays zero.
type statement struct {
	kind, text, origin, topic, topicID, reason, action, role, rule, archive string
	partition, generation, number, seal, firstOffset, through, offset       uint64
	events, offsets                                                         span
	root, after, head                                                       hash
	previous                                                                *hash // nil: none
	time                                                                    *uint64
	key                                                                     *vkey
	hash                                                                    hash // SHA-256 of the text
	sig                                                                     signature
}

var (
	errMalformed = errors.New("not a statement in its one form")
	errUnknown   = errors.New("a statement of a kind or version that this checker does not know")
)

var statementLines = map[string]string{
	"key":     "origin number action role key previous time",
	"genesis": "origin topic topic-id partition generation reason first-offset previous time",
	"seal":    "origin topic partition generation seal events offsets epoch root after head previous time",
	"gap":     "origin topic partition generation offsets reason previous time",
	"prune":   "origin topic partition generation through offset rule archive sha256 previous time",
}

// parseStatement reads a text: all lines in their order, each in its one form.
func parseStatement(text string) (*statement, error) {
	lines := strings.Split(text, "\n")
	rest, family := strings.CutPrefix(lines[0], "tallystick/")
	if !family {
		return nil, errMalformed
	}
	kind, version := strings.CutSuffix(rest, "/v1")
	if statementLines[kind] == "" || !version {
		return nil, errUnknown
	}
	names := strings.Fields(statementLines[kind])
	if len(lines) != len(names)+2 || lines[len(lines)-1] != "" {
		return nil, errMalformed
	}
	s := &statement{kind: kind, text: text, hash: sha256.Sum256([]byte(text))}
	for i, name := range names {
		value, ok := strings.CutPrefix(lines[i+1], name+" ")
		if !ok || !s.line(name, value) {
			return nil, errMalformed
		}
	}
	if !s.holdsTogether() {
		return nil, errMalformed
	}
	return s, nil
}

func (s *statement) line(name, value string) (ok bool) {
	switch name {
	case "origin":
		s.origin, ok = value, ledgerName(value, false)
	case "topic":
		s.topic, ok = value, ledgerName(value, true)
	case "rule":
		s.rule, ok = value, ledgerName(value, true)
	case "archive":
		s.archive, ok = value, ledgerName(value, true)
	case "topic-id":
		b, err := base64.RawURLEncoding.DecodeString(value)
		s.topicID, ok = value, err == nil && len(b) == 16 && base64.RawURLEncoding.EncodeToString(b) == value
	case "action":
		s.action, ok = value, value == "add" || value == "retire"
	case "role":
		s.role, ok = value, slices.Contains([]string{"seal", "log", "producer"}, value)
	case "reason":
		reasons := []string{"new", "recreated", "truncated", "diverged", "migrated", "unsealable"}
		if s.kind == "gap" {
			reasons = []string{"deleted"}
		}
		s.reason, ok = value, slices.Contains(reasons, value)
	case "key":
		var err error
		s.key, err = parseVkey(value)
		ok = err == nil
	case "previous":
		if ok = value == "-"; !ok {
			var h hash
			h, ok = decodeHash(value)
			s.previous = &h
		}
	case "time":
		if ok = value == "-" && s.kind == "seal"; !ok {
			var t uint64
			t, ok = decimal(value)
			s.time = &t
		}
	case "epoch":
		if ok = value == "-"; !ok {
			_, ok = decimal(value)
		}
	case "sha256":
		_, ok = decodeHash(value)
	case "events", "offsets":
		first, last, dash := strings.Cut(value, "-")
		a, okA := decimal(first)
		b, okB := decimal(last)
		ok = dash && okA && okB && a <= b
		if name == "events" {
			s.events = span{a, b}
		} else {
			s.offsets = span{a, b}
		}
	case "root", "after", "head":
		field := map[string]*hash{"root": &s.root, "after": &s.after, "head": &s.head}[name]
		*field, ok = decodeHash(value)
	default:
		field := map[string]*uint64{"number": &s.number, "partition": &s.partition, "generation": &s.generation, "seal": &s.seal,
			"first-offset": &s.firstOffset, "through": &s.through, "offset": &s.offset}[name]
		*field, ok = decimal(value)
	}
	return ok
}

// holdsTogether: what one line's form asks of another.
func (s *statement) holdsTogether() bool {
	switch s.kind {
	case "key":
		first := s.number == 0
		return first == (s.previous == nil) && (!first || s.action == "add" && s.role == "seal" && s.fits())
	case "genesis":
		first := s.generation == 0
		return first == (s.previous == nil) && first == (s.reason == "new")
	case "seal":
		return s.previous != nil && s.events.count() == s.offsets.count() && s.events.count() <= 16384
	}
	return s.previous != nil
}

// fits: is the key of an addition one that could count in its role: type, encoding, name.
func (s *statement) fits() bool {
	name := map[string]string{"seal": s.origin + "/seal", "log": s.origin, "producer": s.key.name}[s.role]
	return s.key.goodFor(typeEd25519) && s.key.name == name
}

// openStatement reads a statement's note: exactly one Ed25519 signature line. The note is returned where it is one.
func openStatement(b []byte) (*statement, *note, error) {
	if len(b) > maxStatement {
		return nil, nil, errMalformed
	}
	n, err := parseNote(b)
	if err != nil {
		return nil, nil, errMalformed
	}
	s, err := parseStatement(n.text)
	if err != nil {
		return nil, n, err
	}
	if len(n.sigs) != 1 || len(n.sigs[0].data) != 64 {
		return nil, n, errMalformed
	}
	s.sig = n.sigs[0]
	return s, n, nil
}

func (s *statement) signedBy(k *vkey) bool {
	return s.sig.name == k.name && s.sig.id == k.id && k.verify([]byte(s.text), s.sig.data)
}
