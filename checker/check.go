package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// A rule that does not hold ends what asks for it: need panics with a failure, try gives it as an error. So the code reads as the rules do.

type failure struct{ code, text string }

func (f *failure) Error() string { return f.code + ": " + f.text }

const malformed = "MALFORMED"

func need(ok bool, code, text string, args ...any) {
	if !ok {
		panic(&failure{code, fmt.Sprintf(text, args...)})
	}
}

func try(check func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *failure:
			err = r
		default:
			panic(r)
		}
	}()
	check()
	return nil
}

// as gives every failure of a check this code.
func as(code string, check func()) {
	if err := try(check); err != nil {
		need(false, code, "%s", err.(*failure).text)
	}
}

// number: no sign, no leading zero, at most 2^53-1.
func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	need(err == nil && n <= maxNumber && strconv.FormatUint(n, 10) == s, malformed, "a number in another form")
	return n
}

const maxNumber = 1<<53 - 1

func encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// bytes64 takes the canonical form alone.
func bytes64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	need(err == nil && encode64(b) == s, malformed, "base64 in another form")
	return b
}

func hash64(s string) hash {
	b := bytes64(s)
	need(len(b) == 32, malformed, "a hash of another length")
	return hash(b)
}

func after(prefix, s string) string {
	rest, ok := strings.CutPrefix(s, prefix)
	need(ok, malformed, "something else than %q", prefix)
	return rest
}

// printable: 1 to 255 characters of U+0021 to U+007E; the names of logs, sources and keys without "+".
func printable(s string, plus bool) bool {
	return len(s) >= 1 && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x21 || r > 0x7e || r == '+' && !plus
	})
}

func control(r rune) bool { return r < 0x20 }
