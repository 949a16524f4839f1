package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Signed notes and verifier keys: C2SP signed-note. Limits besides: 100 signature lines.

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

func decode64(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil && base64.StdEncoding.EncodeToString(b) == s // the one canonical form
}

func encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func decodeHash(s string) (hash, bool) {
	b, ok := decode64(s)
	h, ok2 := toHash(b)
	return h, ok && ok2
}

func parseNote(b []byte) (*note, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("a note that is not UTF-8")
	}
	if bytes.ContainsFunc(b, func(r rune) bool { return r < 0x20 && r != '\n' }) {
		return nil, fmt.Errorf("a note with a control character")
	}
	s := string(b)
	at := strings.LastIndex(s, "\n\n")
	if at < 0 || !strings.HasSuffix(s, "\n") || at+2 == len(s) {
		return nil, fmt.Errorf("a note without signature lines")
	}
	lines := strings.Split(s[at+2:len(s)-1], "\n")
	if len(lines) > maxSignatures {
		return nil, fmt.Errorf("a note with over %d signature lines", maxSignatures)
	}
	n := &note{text: s[:at+1]}
	for _, line := range lines {
		rest, dash := strings.CutPrefix(line, "— ")
		name, sig, space := strings.Cut(rest, " ")
		data, ok := decode64(sig)
		if !dash || !space || !noteName(name) || !ok || len(data) < 5 {
			return nil, fmt.Errorf("a note with a malformed signature line")
		}
		n.sigs = append(n.sigs, signature{name, binary.BigEndian.Uint32(data), data[4:]})
	}
	return n, nil
}

func noteName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, unicode.IsSpace) && !strings.Contains(s, "+")
}

// vkey is a verifier key. Two are the same key where their public keys are.
type vkey struct {
	text   string
	name   string
	id     uint32
	kind   byte
	public []byte
	good   bool // canonical, on the curve, not of small order
}

func keyID(name string, kind byte, public []byte) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), kind), public...))
	return binary.BigEndian.Uint32(sum[:])
}

// parseVkey takes every well-formed vkey: only of type Ed25519 are length and id looked at. Whether it is good for signatures is
// goodFor's question.
func parseVkey(s string) (*vkey, error) {
	parts := strings.SplitN(s, "+", 3)
	if len(parts) != 3 || !ledgerName(parts[0], false) {
		return nil, fmt.Errorf("a malformed verifier key")
	}
	id, err := hex.DecodeString(parts[1])
	data, ok := decode64(parts[2])
	if err != nil || len(id) != 4 || strings.ToLower(parts[1]) != parts[1] || !ok || len(data) < 2 {
		return nil, fmt.Errorf("a malformed verifier key")
	}
	k := &vkey{s, parts[0], binary.BigEndian.Uint32(id), data[0], data[1:], goodPublicKey(data[1:])}
	if k.kind == typeEd25519 && (len(k.public) != 32 || keyID(k.name, k.kind, k.public) != k.id) {
		return nil, fmt.Errorf("a verifier key whose id is not its own")
	}
	return k, nil
}

func (k *vkey) goodFor(kind byte) bool {
	return k.kind == kind && k.good && keyID(k.name, kind, k.public) == k.id
}

func (k *vkey) verify(message, sig []byte) bool {
	return k.good && len(sig) == 64 && ed25519.Verify(k.public, message, sig)
}

// keyOf parses a key that is held: of this type, canonical and not of small order.
func keyOf(s string, kind byte) (*vkey, error) {
	k, err := parseVkey(s)
	if err == nil && !k.goodFor(kind) {
		err = fmt.Errorf("a verifier key of another type, or not a good point")
	}
	return k, err
}

// signedBy: 1 where every line of this key verifies and there is one, 0 where there is none, -1 where one does not.
func (n *note) signedBy(k *vkey) int {
	found := 0
	for _, s := range n.sigs {
		if s.name == k.name && s.id == k.id {
			if !k.verify([]byte(n.text), s.data) {
				return -1
			}
			found = 1
		}
	}
	return found
}

// ledgerName: 1 to 255 characters of U+0021 to U+007E.
func ledgerName(s string, plus bool) bool {
	return len(s) >= 1 && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x21 || r > 0x7e || (r == '+' && !plus)
	})
}

func (n *note) signedByAny(keys []*vkey) bool {
	for _, s := range n.sigs {
		for _, k := range keys {
			if s.name == k.name && s.id == k.id && k.verify([]byte(n.text), s.data) {
				return true
			}
		}
	}
	return false
}

func textHash(text string) hash { return sha256.Sum256([]byte(text)) }

func sameHash(a, b *hash) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
