package main

import (
	"fmt"
	"slices"
	"strings"
)

// C2SP tlog-policy. Limits besides: 256 each of logs, witnesses and groups.

const maxPolicyItems = 256

type member struct { // a witness or a group
	key       *vkey
	members   []*member
	threshold int
	used      bool
}

type policy struct {
	logs      []*vkey
	witnesses []*vkey
	names     []string // of the witnesses
	quorum    *member  // nil: none is asked for
}

type policyError struct {
	line int
	text string
}

func (e *policyError) Error() string { return fmt.Sprintf("policy, line %d: %s", e.line, e.text) }

func parsePolicy(text string) (*policy, error) {
	p, defined, groups, hasQuorum := &policy{}, map[string]*member{}, 0, false
	lines := strings.Split(text, "\n")
	for i, line := range lines[:len(lines)-1] {
		fail := func(text string) (*policy, error) { return nil, &policyError{i + 1, text} }
		for _, c := range []byte(line) {
			if c != '\t' && (c < 0x20 || c == 0x7f) {
				return fail("a control character")
			}
		}
		items := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(items) == 0 || items[0][0] == '#' {
			continue
		}
		switch keyword, args := items[0], items[1:]; {
		case keyword == "log" && (len(args) == 1 || len(args) == 2):
			key, err := keyOf(args[0], typeEd25519)
			if err != nil || hasKey(p.logs, key) || len(p.logs) == maxPolicyItems {
				return fail("a log whose key is malformed, of another type or there already, or too many")
			}
			p.logs = append(p.logs, key)
		case keyword == "witness" && (len(args) == 2 || len(args) == 3):
			key, err := keyOf(args[1], typeCosignature)
			if err != nil || hasKey(p.witnesses, key) || len(p.witnesses) == maxPolicyItems {
				return fail("a witness whose key is malformed, of another type or there already, or too many")
			}
			if defined[args[0]] != nil || args[0] == "none" {
				return fail("a name that is taken")
			}
			defined[args[0]] = &member{key: key}
			p.witnesses, p.names = append(p.witnesses, key), append(p.names, args[0])
		case keyword == "group" && len(args) >= 3:
			name, n := args[0], len(args)-2
			if defined[name] != nil || name == "none" || groups == maxPolicyItems {
				return fail("a name that is taken, or too many groups")
			}
			group := &member{}
			for _, other := range args[2:] {
				m := defined[other]
				if m == nil || m.used {
					return fail("a member that is not defined, or is one already")
				}
				m.used = true
				group.members = append(group.members, m)
			}
			threshold, ok := decimal(args[1])
			switch args[1] {
			case "all":
				threshold, ok = uint64(n), true
			case "any":
				threshold, ok = 1, true
			}
			if !ok || threshold < 1 || threshold > uint64(n) {
				return fail("a threshold that is not between 1 and the number of members")
			}
			group.threshold = int(threshold)
			defined[name] = group
			groups++
		case keyword == "quorum" && len(args) == 1:
			if hasQuorum || (args[0] != "none" && defined[args[0]] == nil) {
				return fail("a second quorum, or one of a name that is not defined")
			}
			hasQuorum, p.quorum = true, defined[args[0]]
		default:
			return fail("an unknown keyword or another number of items")
		}
	}
	if lines[len(lines)-1] != "" || !hasQuorum {
		return nil, &policyError{len(lines), "no newline at the end, or no quorum"}
	}
	return p, nil
}

func hasKey(keys []*vkey, k *vkey) bool {
	return slices.ContainsFunc(keys, func(o *vkey) bool { return string(o.public) == string(k.public) })
}

// time gives the newest time at which this witness or group stands, 0 where it does not.
func (m *member) time(done []cosigned) uint64 {
	if m.key != nil {
		for _, c := range done {
			if c.key.text == m.key.text {
				return c.time
			}
		}
		return 0
	}
	var times []uint64
	for _, o := range m.members {
		times = append(times, o.time(done))
	}
	slices.Sort(times)
	return times[len(times)-m.threshold]
}

// reached: is the quorum there, and since when (0 where none is asked for).
func (p *policy) reached(done []cosigned) (bool, uint64) {
	if p.quorum == nil {
		return true, 0
	}
	t := p.quorum.time(done)
	return t > 0, t
}
