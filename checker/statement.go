package main

import (
	"encoding/base64"
	"slices"
	"strings"
)

// Statements: protocol, section 5.

const maxStatement = 65535

type span struct{ first, last uint64 }

func (s span) count() uint64 { return s.last - s.first + 1 }

// statement holds what the lines say, by their names; where a line says "-" there is no number or hash.
type statement struct {
	kind, text string
	word       map[string]string
	num        map[string]uint64
	hash       map[string]hash
	span       map[string]span
	key        *vkey
	id         hash // SHA-256 of the text
	sig        signature
}

var statementLines = map[string][]string{
	"key":     strings.Fields("origin number action role key previous time"),
	"genesis": strings.Fields("origin topic topic-id partition generation reason first-offset previous time"),
	"seal":    strings.Fields("origin topic partition generation seal events offsets epoch root after head previous time"),
	"gap":     strings.Fields("origin topic partition generation offsets reason previous time"),
	"prune":   strings.Fields("origin topic partition generation through offset rule archive sha256 previous time"),
}

var words = map[string][]string{
	"key action":     {"add", "retire"},
	"key role":       {"seal", "log", "producer"},
	"genesis reason": {"new", "recreated", "truncated", "diverged", "migrated", "unsealable"},
	"gap reason":     {"deleted"},
}

const later = "UNKNOWN" // of a kind or version that this checker does not know

// parseStatement reads a text: all lines in their order, each in its one form.
func parseStatement(text string) *statement {
	lines := strings.Split(text, "\n")
	kind, v1 := strings.CutSuffix(after("tallystick/", lines[0]), "/v1")
	names := statementLines[kind]
	need(v1 && names != nil, later, "a statement of a later version")
	need(len(lines) == len(names)+2 && lines[len(lines)-1] == "", malformed, "another number of lines")
	s := &statement{kind, text, map[string]string{}, map[string]uint64{}, map[string]hash{}, map[string]span{}, nil, textHash(text), signature{}}
	for i, name := range names {
		s.line(name, after(name+" ", lines[i+1]))
	}
	_, linked := s.hash["previous"]
	first := kind == "key" && s.num["number"] == 0 || kind == "genesis" && s.num["generation"] == 0
	need(linked != first, malformed, "a first statement that names one before, or another that names none")
	switch kind {
	case "key":
		need(!first || s.word["action"] == "add" && s.word["role"] == "seal" && s.fits(), malformed, "key statement 0 adds no seal key")
	case "genesis":
		need(first == (s.word["reason"] == "new"), malformed, "a reason that is another generation's")
	case "seal":
		events := s.span["events"].count()
		need(events == s.span["offsets"].count() && events <= 16384, malformed, "other offsets than events, or too many")
	}
	return s
}

func (s *statement) line(name, value string) {
	s.word[name] = value
	good := true
	switch name {
	case "origin", "topic", "rule", "archive":
		good = printable(value, name != "origin")
	case "topic-id":
		b, err := base64.RawURLEncoding.DecodeString(value)
		good = err == nil && len(b) == 16 && base64.RawURLEncoding.EncodeToString(b) == value
	case "action", "role", "reason":
		good = slices.Contains(words[s.kind+" "+name], value)
	case "key":
		s.key = parseVkey(value)
	case "events", "offsets":
		first, last, _ := strings.Cut(value, "-")
		s.span[name] = span{number(first), number(last)}
		good = s.span[name].first <= s.span[name].last
	case "previous", "root", "after", "head", "sha256":
		if name != "previous" || value != "-" {
			s.hash[name] = hash64(value)
		}
	default:
		if value != "-" || name != "epoch" && (name != "time" || s.kind != "seal") {
			s.num[name] = number(value)
		}
	}
	need(good, malformed, "a malformed %s", name)
}

// fits: is the key of an addition one that could count in its role: type, encoding, name.
func (s *statement) fits() bool {
	name := map[string]string{"seal": s.word["origin"] + "/seal", "log": s.word["origin"], "producer": s.key.name}[s.word["role"]]
	return s.key.goodFor(typeEd25519) && s.key.name == name
}

// openStatement reads a statement's note: exactly one Ed25519 signature line.
func openStatement(b []byte) *statement {
	need(len(b) <= maxStatement, malformed, "too long for a statement")
	n := parseNote(b)
	s := parseStatement(n.text)
	need(len(n.sigs) == 1 && len(n.sigs[0].data) == 64, malformed, "not one Ed25519 signature")
	s.sig = n.sigs[0]
	return s
}

func (s *statement) signedBy(k *vkey) bool {
	return k.claimedBy(s.sig) && k.verify([]byte(s.text), s.sig.data)
}
