package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Signed notes and verifier keys: C2SP signed-note. Limit besides: 100 signature lines.

const (
	typeEd25519     = 1
	typeCosignature = 4
	maxSignatures   = 100
)

type signature struct {
	name string
	id   uint32
	data []byte // without the key id
}

type note struct {
	text string // with its final newline
	sigs []signature
}

func parseNote(b []byte) *note {
	need(utf8.Valid(b), malformed, "a note that is not UTF-8")
	need(!bytes.ContainsFunc(b, func(r rune) bool { return control(r) && r != '\n' }), malformed, "a note with a control character")
	s := string(b)
	at := strings.LastIndex(s, "\n\n")
	need(at >= 0 && strings.HasSuffix(s, "\n") && at+2 < len(s), malformed, "a note without signature lines")
	lines := strings.Split(s[at+2:len(s)-1], "\n")
	need(len(lines) <= maxSignatures, malformed, "a note with over %d signature lines", maxSignatures)
	n := &note{text: s[:at+1]}
	for _, line := range lines {
		name, sig, _ := strings.Cut(after("— ", line), " ")
		data := bytes64(sig)
		good := name != "" && !strings.ContainsFunc(name, unicode.IsSpace) && !strings.Contains(name, "+") && len(data) > 4
		need(good, malformed, "a note with a malformed signature line")
		n.sigs = append(n.sigs, signature{name, binary.BigEndian.Uint32(data), data[4:]})
	}
	return n
}

// vkey is a verifier key. Two are the same key where their public keys are.
type vkey struct {
	text, name string
	id         uint32
	kind       byte
	public     []byte
	good       bool // canonical, on the curve, not of small order
}

func keyID(name string, kind byte, public []byte) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), kind), public...))
	return binary.BigEndian.Uint32(sum[:])
}

// parseVkey takes every well-formed vkey: only of type Ed25519 are length and id looked at. Whether it is good for signatures is
// goodFor's question.
func parseVkey(s string) *vkey {
	name, rest, _ := strings.Cut(s, "+")
	idText, key, _ := strings.Cut(rest, "+")
	id, err := hex.DecodeString(idText)
	data := bytes64(key)
	good := printable(name, false) && err == nil && len(id) == 4 && strings.ToLower(idText) == idText && len(data) > 1
	need(good, malformed, "a malformed verifier key")
	k := &vkey{s, name, binary.BigEndian.Uint32(id), data[0], data[1:], goodPublicKey(data[1:])}
	need(k.kind != typeEd25519 || len(k.public) == 32 && keyID(name, k.kind, k.public) == k.id, malformed, "a verifier key whose id is not its own")
	return k
}

func (k *vkey) goodFor(kind byte) bool {
	return k.kind == kind && k.good && keyID(k.name, kind, k.public) == k.id
}

// keyOf parses a key that is held.
func keyOf(s string, kind byte) *vkey {
	k := parseVkey(s)
	need(k.goodFor(kind), malformed, "a verifier key of another type, or not a good point")
	return k
}

func (k *vkey) same(o *vkey) bool { return string(k.public) == string(o.public) }

func (k *vkey) verify(message, sig []byte) bool {
	return k.good && len(sig) == 64 && ed25519.Verify(k.public, message, sig)
}

func (k *vkey) claimedBy(s signature) bool { return s.name == k.name && s.id == k.id }

// signedBy: is there a line of this key. One that does not verify is a failure, also beside a good one.
func (n *note) signedBy(k *vkey) bool {
	found := false
	for _, s := range n.sigs {
		if k.claimedBy(s) {
			need(k.verify([]byte(n.text), s.data), "UNSIGNED", "a signature that does not verify")
			found = true
		}
	}
	return found
}
