package main

import (
	"fmt"
	"slices"
)

// The judge says of each entry of a log, in log order, whether it is accepted: protocol, section 5. Its failures' codes:
const (
	rubbish      = "rubbish"        // not well-formed
	noise        = "noise"          // signed by no key of the right role that is valid at its place
	refused      = "refused"        // it does not continue, was there before, or is a key change that counts for nothing
	unknown      = "unknownVersion" // of a later version
	afterUnknown = "afterUnknown"   // it follows one of a later version
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
	lastKey    hash
	partitions map[string]*partition
	unknown    map[hash]bool // texts of later versions, and what follows them
	keysBlind  bool          // one of them was signed by the root key, so there may be keys that this judge does not know
	accepted   uint64
}

// partition says how the next statement has to go on.
type partition struct {
	generations                     []*generation
	last, head                      hash
	nextSeal, nextIndex, nextOffset uint64
}

// generation remembers where its seals behind the last prune end, for prunes: last index and offset of each.
type generation struct{ ends []span }

func newJudge(origin string, rootKey *vkey) *judge {
	return &judge{origin: origin, rootKey: rootKey, partitions: map[string]*partition{}, unknown: map[hash]bool{}}
}

func (j *judge) sealKeys() (out []*vkey) {
	for _, k := range j.keys {
		if k.role == "seal" && !k.retired {
			out = append(out, k.key)
		}
	}
	return out
}

// offer gives the statement, accepted, or fails.
func (j *judge) offer(entry []byte) (s *statement) {
	err := try(func() { s = openStatement(entry) })
	if f, ok := err.(*failure); ok && f.code == later {
		j.offerUnknown(parseNote(entry))
	}
	need(err == nil && s.word["origin"] == j.origin, rubbish, "not a statement of this log in its one form")
	signers := j.sealKeys()
	if s.kind == "key" || s.kind == "genesis" && s.num["generation"] > 0 {
		signers = []*vkey{j.rootKey}
	}
	need(slices.ContainsFunc(signers, s.signedBy), noise, "signed by no key of the right role that is valid at its place")
	need(!j.unknown[s.id], refused, "there already")
	if previous, linked := s.hash["previous"]; linked && j.unknown[previous] {
		j.unknown[s.id] = true
		need(false, afterUnknown, "it follows a statement of a later version")
	}
	if s.kind == "key" {
		j.offerKey(s)
	} else {
		j.offerToPartition(s)
	}
	j.accepted++
	return s
}

func (j *judge) offerUnknown(n *note) {
	by := func(k *vkey) bool {
		return slices.ContainsFunc(n.sigs, func(s signature) bool { return k.claimedBy(s) && k.verify([]byte(n.text), s.data) })
	}
	byRoot, h := by(j.rootKey), textHash(n.text)
	need(byRoot || slices.ContainsFunc(j.sealKeys(), by), noise, "of a later version, and signed by no key that counts")
	need(!j.unknown[h], refused, "there already")
	j.unknown[h] = true
	j.keysBlind = j.keysBlind || byRoot
	need(false, unknown, "of a later version")
}

func (j *judge) offerKey(s *statement) {
	need(s.num["number"] == j.keyNumber && s.hash["previous"] == j.lastKey, refused, "it does not continue the key statements")
	at := slices.IndexFunc(j.keys, func(k heldKey) bool { return k.key.same(s.key) })
	if s.word["action"] == "add" {
		need(s.fits() && !s.key.same(j.rootKey) && at < 0, refused, "it adds a key that cannot count")
		j.keys = append(j.keys, heldKey{s.word["role"], s.key, false})
	} else {
		valid := at >= 0 && !j.keys[at].retired && j.keys[at].role == s.word["role"]
		need(valid && (s.word["role"] != "seal" || len(j.sealKeys()) > 1), refused, "it retires no valid key of that role, or the last seal key")
		j.keys[at].retired = true
	}
	j.keyNumber++
	j.lastKey = s.id
}

func (s *statement) place() string { return fmt.Sprintf("%s/%d", s.word["topic"], s.num["partition"]) }

func (j *judge) offerToPartition(s *statement) {
	p := j.partitions[s.place()]
	if p == nil {
		need(s.kind == "genesis" && s.num["generation"] == 0, refused, "its partition has no genesis yet")
		p = &partition{}
		j.partitions[s.place()] = p
	} else {
		previous, linked := s.hash["previous"]
		need(linked && previous == p.last, refused, "it does not name the statement before it")
	}
	p.goOn(s)
	p.last = s.id
}

func (p *partition) goOn(s *statement) {
	count, events, offsets := uint64(len(p.generations)), s.span["events"], s.span["offsets"]
	if s.kind == "genesis" {
		need(s.num["generation"] == count, refused, "its generation is not the next one")
		*p = partition{append(p.generations, &generation{}), p.last, s.id, 0, 0, s.num["first-offset"]}
		return
	}
	current := s.num["generation"]
	need(current < count && (s.kind == "prune" || current == count-1), refused, "its generation is not the current one")
	g := p.generations[current]
	switch s.kind {
	case "seal":
		next := s.num["seal"] == p.nextSeal && events.first == p.nextIndex && offsets.first == p.nextOffset && s.hash["after"] == p.head
		need(next, refused, "its number, index, offset or `after` is not the next one")
		g.ends = append(g.ends, span{events.last, offsets.last})
		p.nextSeal, p.nextIndex, p.nextOffset, p.head = p.nextSeal+1, events.last+1, offsets.last+1, s.hash["head"]
	case "gap":
		need(offsets.first == p.nextOffset, refused, "it does not begin at the next offset")
		p.nextOffset = offsets.last + 1
	case "prune":
		at := slices.Index(g.ends, span{s.num["through"], s.num["offset"]})
		need(at >= 0, refused, "no seal beyond the last prune ends there")
		g.ends = slices.Clone(g.ends[at+1:])
	}
}
