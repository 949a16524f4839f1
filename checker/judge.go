package main

import (
	"errors"
	"fmt"
	"slices"
)

// The judge says of each entry of a log, in log order, whether it is accepted: protocol, section 5.

type outcome string

const (
	accepted     outcome = "accepted"
	rubbish      outcome = "rubbish"      // not well-formed
	noise        outcome = "noise"        // signed by no key of the right role that is valid at its place
	refused      outcome = "refused"      // it does not continue, was there before, or is a key change that counts for nothing
	unknown      outcome = "unknown"      // of a later version
	afterUnknown outcome = "afterUnknown" // it follows one of a later version
)

type heldKey struct {
	role    string
	key     *vkey
	retired bool
}

type judge struct {
	origin     string
	rootKey    *vkey
	keys       []heldKey
	keyNumber  uint64
	lastKey    *hash
	partitions map[string]*partition
	unknown    map[hash]bool // texts of later versions, and what follows them
	keysBlind  bool          // one of them was signed by the root key, so there may be keys that this judge does not know
	accepted   uint64
}

type partition struct {
	generations []*generation
	last        hash
	nextSeal    uint64
	nextIndex   uint64
	nextOffset  uint64
	head        hash
}

// generation remembers where its seals end, for prunes: two bytes a seal, and one entry for each time that offsets part from indices.
type generation struct {
	sizes  []uint16 // of the seals behind the last prune
	from   uint64   // index of the first event of these
	shifts []span   // first: an index; last: what from there on is added to an index to get its offset
}

func newJudge(origin string, rootKey *vkey) *judge {
	return &judge{origin: origin, rootKey: rootKey, partitions: map[string]*partition{}, unknown: map[hash]bool{}}
}

func (j *judge) sealKeys() []*vkey {
	var out []*vkey
	for _, k := range j.keys {
		if k.role == "seal" && !k.retired {
			out = append(out, k.key)
		}
	}
	return out
}

func (j *judge) offer(entry []byte) (outcome, string) {
	s, n, err := openStatement(entry)
	if errors.Is(err, errUnknown) {
		return j.offerUnknown(n)
	}
	if err != nil || s.origin != j.origin {
		return rubbish, "not a statement of this log in its one form"
	}
	signers := j.sealKeys()
	if s.kind == "key" || s.kind == "genesis" && s.generation > 0 {
		signers = []*vkey{j.rootKey}
	}
	if !slices.ContainsFunc(signers, s.signedBy) {
		return noise, "signed by no key of the right role that is valid at its place"
	}
	if j.unknown[s.hash] {
		return refused, "there already"
	}
	if s.previous != nil && j.unknown[*s.previous] {
		j.unknown[s.hash] = true
		return afterUnknown, "it follows a statement of a later version"
	}
	why := ""
	if s.kind == "key" {
		why = j.offerKey(s)
	} else {
		why = j.offerToPartition(s)
	}
	if why != "" {
		return refused, why
	}
	j.accepted++
	return accepted, ""
}

func (j *judge) offerUnknown(n *note) (outcome, string) {
	h := textHash(n.text)
	byRoot := n.signedByAny([]*vkey{j.rootKey})
	if !byRoot && !n.signedByAny(j.sealKeys()) {
		return noise, "of a later version, and signed by no key that counts"
	}
	if j.unknown[h] {
		return refused, "there already"
	}
	j.unknown[h] = true
	j.keysBlind = j.keysBlind || byRoot
	return unknown, "of a later version"
}

func (j *judge) offerKey(s *statement) string {
	if s.number != j.keyNumber || !sameHash(s.previous, j.lastKey) {
		return "it does not continue the key statements"
	}
	samePublic := func(k heldKey) bool { return string(k.key.public) == string(s.key.public) }
	if s.action == "add" {
		if !s.fits() || string(s.key.public) == string(j.rootKey.public) || slices.ContainsFunc(j.keys, samePublic) {
			return "it adds a key that cannot count"
		}
		j.keys = append(j.keys, heldKey{s.role, s.key, false})
	} else {
		at := slices.IndexFunc(j.keys, samePublic)
		if at < 0 || j.keys[at].retired || j.keys[at].role != s.role || s.role == "seal" && len(j.sealKeys()) == 1 {
			return "it retires no valid key of that role, or the last seal key"
		}
		j.keys[at].retired = true
	}
	j.keyNumber++
	j.lastKey = &s.hash
	return ""
}

func (j *judge) offerToPartition(s *statement) string {
	name := fmt.Sprintf("%s/%d", s.topic, s.partition)
	p := j.partitions[name]
	if p == nil {
		if s.kind != "genesis" || s.generation != 0 {
			return "its partition has no genesis yet"
		}
		p = &partition{}
		j.partitions[name] = p
	} else if s.previous == nil || *s.previous != p.last {
		return "it does not name the statement before it"
	}
	if why := p.offer(s); why != "" {
		return why
	}
	p.last = s.hash
	return ""
}

func (p *partition) offer(s *statement) string {
	count := uint64(len(p.generations))
	if s.kind == "genesis" {
		if s.generation != count {
			return "its generation is not the next one"
		}
		p.generations = append(p.generations, &generation{})
		p.nextSeal, p.nextIndex, p.nextOffset, p.head = 0, 0, s.firstOffset, s.hash
		return ""
	}
	if s.generation >= count || s.kind != "prune" && s.generation != count-1 {
		return "its generation is not the current one"
	}
	g := p.generations[s.generation]
	switch s.kind {
	case "seal":
		if s.seal != p.nextSeal || s.events.first != p.nextIndex || s.offsets.first != p.nextOffset || s.after != p.head {
			return "its number, index, offset or `after` is not the next one"
		}
		g.sealed(s)
		p.nextSeal, p.nextIndex, p.nextOffset, p.head = s.seal+1, s.events.last+1, s.offsets.last+1, s.head
	case "gap":
		if s.offsets.first != p.nextOffset {
			return "it does not begin at the next offset"
		}
		p.nextOffset = s.offsets.last + 1
	case "prune":
		if !g.prune(s.through, s.offset) {
			return "no seal beyond the last prune ends there"
		}
	}
	return ""
}

func (g *generation) sealed(s *statement) {
	shift := s.offsets.first - s.events.first
	if n := len(g.shifts); n == 0 || g.shifts[n-1].last != shift {
		g.shifts = append(g.shifts, span{s.events.first, shift})
	}
	g.sizes = append(g.sizes, uint16(s.events.count()))
}

func (g *generation) prune(through, offset uint64) bool {
	end := g.from
	for i, size := range g.sizes {
		if end += uint64(size); end < through+1 {
			continue
		}
		at := len(g.shifts) - 1
		for at > 0 && g.shifts[at].first > through {
			at--
		}
		if end != through+1 || through+g.shifts[at].last != offset {
			return false
		}
		g.sizes, g.from = slices.Clone(g.sizes[i+1:]), end
		return true
	}
	return false
}
