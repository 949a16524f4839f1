package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Strict JSON (RFC 8259). encoding/json takes repeated members, bytes that are no UTF-8, halves of surrogate pairs and
// members in another case; a proof must have one meaning. Numbers stay as they are written.

type jsonValue struct {
	kind    byte // { [ " 0 t f n
	text    string
	items   []jsonValue
	members []jsonMember
}

type jsonMember struct {
	name  string
	value jsonValue
}

type jsonReader struct {
	s  string
	at int
}

const maxJSONDepth = 8

func parseJSON(b []byte) (v jsonValue, err error) {
	if !utf8.Valid(b) {
		return v, fmt.Errorf("JSON that is not UTF-8")
	}
	r := &jsonReader{s: string(b)}
	if v, err = r.value(0); err == nil && r.peek() != 0 {
		err = r.bad()
	}
	return v, err
}

func (r *jsonReader) bad() error { return fmt.Errorf("malformed JSON at byte %d", r.at) }

// peek skips white space; 0 at the end (a NUL is malformed wherever it stands).
func (r *jsonReader) peek() byte {
	for r.at < len(r.s) && strings.IndexByte(" \t\n\r", r.s[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.s) {
		return 0
	}
	if r.s[r.at] == 0 {
		return 1
	}
	return r.s[r.at]
}

func (r *jsonReader) take(c byte) bool {
	if r.peek() == c {
		r.at++
		return true
	}
	return false
}

func (r *jsonReader) value(depth int) (v jsonValue, err error) {
	if depth > maxJSONDepth {
		return v, fmt.Errorf("JSON that is nested too deep")
	}
	switch c := r.peek(); {
	case c == '{':
		return r.object(depth)
	case c == '[':
		r.at++
		v.kind = '['
		for !r.take(']') {
			if len(v.items) > 0 && !r.take(',') {
				return v, r.bad()
			}
			item, err := r.value(depth + 1)
			if err != nil {
				return v, err
			}
			v.items = append(v.items, item)
		}
		return v, nil
	case c == '"':
		v.kind = '"'
		v.text, err = r.str()
		return v, err
	case c == '-' || (c >= '0' && c <= '9'):
		return jsonValue{kind: '0', text: r.number()}, nil
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(r.s[r.at:], word) {
			r.at += len(word)
			return jsonValue{kind: word[0]}, nil
		}
	}
	return v, r.bad()
}

func (r *jsonReader) object(depth int) (v jsonValue, err error) {
	r.at++
	v.kind = '{'
	for !r.take('}') {
		if len(v.members) > 0 && !r.take(',') || r.peek() != '"' {
			return v, r.bad()
		}
		name, err := r.str()
		if err != nil || !r.take(':') {
			return v, r.bad()
		}
		if v.get(name) != nil {
			return v, fmt.Errorf("a repeated member %q", name)
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.members = append(v.members, jsonMember{name, value})
		if len(v.members) > 64 {
			return v, fmt.Errorf("an object with over 64 members")
		}
	}
	return v, nil
}

// number takes every character that can be in one; what it means is decided by decimal().
func (r *jsonReader) number() string {
	start := r.at
	for r.at < len(r.s) && strings.IndexByte("+-.eE0123456789", r.s[r.at]) >= 0 {
		r.at++
	}
	return r.s[start:r.at]
}

func (r *jsonReader) str() (string, error) {
	r.at++
	var b strings.Builder
	for r.at < len(r.s) {
		run := strings.IndexFunc(r.s[r.at:], func(c rune) bool { return c == '"' || c == '\\' || c < 0x20 })
		if run < 0 {
			break
		}
		b.WriteString(r.s[r.at : r.at+run])
		r.at += run
		switch c := r.s[r.at]; {
		case c == '"':
			r.at++
			return b.String(), nil
		case c < 0x20 || r.at+1 == len(r.s):
			return "", r.bad()
		}
		if i := strings.IndexByte(`"\/bfnrt`, r.s[r.at+1]); i >= 0 {
			b.WriteByte("\"\\/\b\f\n\r\t"[i])
			r.at += 2
			continue
		}
		c, ok := r.unit()
		if ok && utf16.IsSurrogate(c) {
			low, lowOk := r.unit()
			c = utf16.DecodeRune(c, low)
			ok = lowOk && c != utf8.RuneError
		}
		if !ok {
			return "", r.bad()
		}
		b.WriteRune(c)
	}
	return "", r.bad()
}

// unit reads \uXXXX.
func (r *jsonReader) unit() (rune, bool) {
	if len(r.s)-r.at < 6 || r.s[r.at:r.at+2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(r.s[r.at+2:r.at+6], 16, 16)
	r.at += 6
	return rune(n), err == nil
}

func (v *jsonValue) get(name string) *jsonValue {
	for i := range v.members {
		if v.members[i].name == name {
			return &v.members[i].value
		}
	}
	return nil
}

// has says whether these are exactly its members, in any order.
func (v *jsonValue) has(names ...string) bool {
	if v.kind != '{' || len(v.members) != len(names) {
		return false
	}
	for _, name := range names {
		if v.get(name) == nil {
			return false
		}
	}
	return true
}

// compact writes it as ECMAScript's JSON.stringify does, members in their order.
func (v *jsonValue) compact(b *strings.Builder) {
	switch v.kind {
	case '{':
		b.WriteByte('{')
		for i, m := range v.members {
			if i > 0 {
				b.WriteByte(',')
			}
			compactString(b, m.name)
			b.WriteByte(':')
			m.value.compact(b)
		}
		b.WriteByte('}')
	case '[':
		b.WriteByte('[')
		for i := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			v.items[i].compact(b)
		}
		b.WriteByte(']')
	case '"':
		compactString(b, v.text)
	case '0':
		b.WriteString(v.text)
	default:
		b.WriteString(map[byte]string{'t': "true", 'f': "false", 'n': "null"}[v.kind])
	}
}

func compactString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, c := range s {
		if i := strings.IndexRune("\"\\\b\f\n\r\t", c); i >= 0 {
			b.WriteByte('\\')
			b.WriteByte(`"\bfnrt`[i])
		} else if c < 0x20 {
			fmt.Fprintf(b, `\u%04x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}
