package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// Strict JSON (RFC 8259): encoding/json alone takes repeated members, bytes that are no UTF-8 and halves of surrogate pairs. Values are string,
// json.Number (as it is written), bool, nil, []any and *object.

type object struct {
	names  []string
	values map[string]any
}

var escape = regexp.MustCompile(`\\(?:u([0-9a-fA-F]{4})|.)`)

func parseJSON(b []byte) any {
	need(utf8.Valid(b) && json.Valid(b), malformed, "JSON in another form")
	high := -1 // where the first half of a pair ended
	for _, m := range escape.FindAllSubmatchIndex(b, -1) {
		kind := uint64(0)
		if m[2] >= 0 {
			kind, _ = strconv.ParseUint(string(b[m[2]:m[3]]), 16, 16)
			kind &= 0xfc00
		}
		need((kind == 0xdc00) == (high == m[0]), malformed, "half a surrogate pair")
		need(high < 0 || high == m[0], malformed, "half a surrogate pair")
		if high = -1; kind == 0xd800 {
			high = m[1]
		}
	}
	need(high < 0, malformed, "half a surrogate pair")
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return jsonValue(d)
}

func jsonValue(d *json.Decoder) any {
	token, err := d.Token()
	need(err == nil, malformed, "JSON in another form")
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, jsonValue(d))
		}
		_, _ = d.Token()
		return list
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			name := jsonValue(d).(string)
			_, twice := o.values[name]
			need(!twice, malformed, "a repeated member")
			o.names, o.values[name] = append(o.names, name), jsonValue(d)
		}
		_, _ = d.Token()
		return o
	}
	return token
}

// member gives a member of this type.
func member[T any](o *object, name string) T {
	v, ok := o.values[name].(T)
	need(ok, malformed, "%s is of another type", name)
	return v
}
