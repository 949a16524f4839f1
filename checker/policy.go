package main

import (
	"slices"
	"strconv"
	"strings"
)

// C2SP tlog-policy. Limits besides: 256 each of logs, witnesses and groups.

const maxPolicyItems = 256

type component struct { // a witness or a group
	key       *vkey
	members   []*component
	threshold int
	used      bool
}

type policy struct {
	logs, witnesses []*vkey
	names           []string   // of the witnesses
	quorum          *component // nil: none is asked for
	defined         map[string]*component
	groups          int
	hasQuorum       bool
}

// parsePolicy: the code of its failure is the number of the line.
func parsePolicy(text string) *policy {
	p := &policy{defined: map[string]*component{"none": nil}}
	lines := strings.Split(text, "\n")
	last := len(lines) - 1
	for i, line := range lines[:last] {
		as(strconv.Itoa(i+1), func() { p.line(line) })
	}
	need(lines[last] == "" && p.hasQuorum, strconv.Itoa(len(lines)), "no newline at the end, or no quorum")
	return p
}

func (p *policy) line(line string) {
	bad := func(r rune) bool { return control(r) && r != '\t' || r == 0x7f }
	need(!strings.ContainsFunc(line, bad), malformed, "a control character")
	items := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(items) == 0 || items[0][0] == '#' {
		return
	}
	switch args := items[1:]; {
	case items[0] == "log" && (len(args) == 1 || len(args) == 2):
		p.logs = append(p.logs, newKey(p.logs, args[0], typeEd25519))
	case items[0] == "witness" && (len(args) == 2 || len(args) == 3):
		key := newKey(p.witnesses, args[1], typeCosignature)
		p.define(args[0], &component{key: key})
		p.witnesses, p.names = append(p.witnesses, key), append(p.names, args[0])
	case items[0] == "group" && len(args) >= 3:
		g, n := &component{}, len(args)-2
		for _, name := range args[2:] {
			m := p.defined[name]
			need(m != nil && !m.used, malformed, "a member that is not defined, or is one already")
			m.used = true
			g.members = append(g.members, m)
		}
		switch args[1] {
		case "all":
			g.threshold = n
		case "any":
			g.threshold = 1
		default:
			g.threshold = int(min(number(args[1]), maxPolicyItems+uint64(n)))
		}
		need(g.threshold >= 1 && g.threshold <= n && p.groups < maxPolicyItems, malformed, "a threshold that is not between 1 and the number of members, or too many groups")
		p.define(args[0], g)
		p.groups++
	case items[0] == "quorum" && len(args) == 1:
		quorum, known := p.defined[args[0]]
		need(known && !p.hasQuorum, malformed, "a second quorum, or one of a name that is not defined")
		p.hasQuorum, p.quorum = true, quorum
	default:
		need(false, malformed, "an unknown keyword or another number of items")
	}
}

func newKey(held []*vkey, text string, kind byte) *vkey {
	key := keyOf(text, kind)
	need(!slices.ContainsFunc(held, key.same) && len(held) < maxPolicyItems, malformed, "a key that is there already, or too many")
	return key
}

func (p *policy) define(name string, c *component) {
	_, taken := p.defined[name]
	need(!taken, malformed, "a name that is taken")
	p.defined[name] = c
}

// time gives the newest time at which this witness or group stands, 0 where it does not.
func (c *component) time(done []cosigned) uint64 {
	if c.key != nil {
		if i := slices.IndexFunc(done, func(d cosigned) bool { return d.key.text == c.key.text }); i >= 0 {
			return done[i].time
		}
		return 0
	}
	var times []uint64
	for _, m := range c.members {
		times = append(times, m.time(done))
	}
	slices.Sort(times)
	return times[len(times)-c.threshold]
}

// reached: is the quorum there, and since when (0 where none is asked for).
func (p *policy) reached(done []cosigned) (bool, uint64) {
	if p.quorum == nil {
		return true, 0
	}
	t := p.quorum.time(done)
	return t > 0, t
}
