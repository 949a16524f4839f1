package main

import (
	"slices"
)

// Vectors of what stands in Kafka, and of findings.

func batchVector(v struct {
	Partition     uint32
	Batch, Expect string
	Entries       []string
	Head          string
}) string {
	var b *batch
	err := try(func() { b = parseBatch(bytes64(v.Batch)) })
	if f, ok := err.(*failure); ok {
		if f.code == notCovered {
			return notCovered
		}
		return same(f.code == neverSealed, v.Expect == "never-sealed")
	}
	if got := map[bool]string{true: "parsed", false: "unparsed"}[b.records != nil]; got != v.Expect {
		return same(got, v.Expect)
	}
	var leaf hash
	for i := range int(b.count) {
		e := b.entry(i, v.Partition)
		leaf = leafHash(append(leaf[:], e...))
		if v.Entries != nil && encode64(e) != v.Entries[i] {
			return same(encode64(e), v.Entries[i])
		}
		parseEntry(e)
	}
	return same(encode64(leaf[:]), v.Head)
}

func leavesVector(v struct {
	Topic            string
	Generation, Seal uint64
	After, Root      string
	Entries, Leaves  []string
	Key, Value       *string
	Counts           bool
}) string {
	var leaves []hash
	before := hash64(v.After)
	for _, e := range v.Entries {
		before = leafHash(append(before[:], bytes64(e)...))
		leaves = append(leaves, before)
	}
	root := treeRoot(leaves)
	if s := same([]any{textsOf(leaves), encode64(root[:])}, []any{v.Leaves, v.Root}); s != "" {
		return s
	}
	counts := v.Key != nil && v.Value != nil &&
		leavesCount(v.Topic, v.Generation, v.Seal, len(leaves), root, bytes64(*v.Key), bytes64(*v.Value))
	return same(counts, v.Counts)
}

func bytesOrNil(s *string) []byte {
	if s == nil {
		return nil
	}
	return bytes64(*s)
}

func signatureVector(v struct {
	Origin, Topic, Message string
	Key, Value, Header     *string
	Keys                   []string
	WantErr                *string
}) string {
	message, keys := eventMessage(v.Origin, v.Topic, bytesOrNil(v.Key), bytesOrNil(v.Value)), keysOf(v.Keys, typeEd25519)
	if s := same(encode64(message), v.Message); s != "" {
		return s
	}
	err := try(func() { checkEventSignature(message, bytesOrNil(v.Header), keys) })
	f, _ := err.(*failure)
	if v.WantErr == nil {
		return same(f.codeOr("valid"), "valid")
	}
	return same(f.codeOr("valid"), *v.WantErr)
}

// avroVector: this checker has no Avro.
func avroVector(struct{}) string { return notCovered }

func findingVector(v struct {
	finding
	WantErr *string
	Hash    string
	Not     []string
}) string {
	got := ""
	return held("", v.WantErr, func() { got = v.finding.hash() }, func() string {
		return same([]any{got, slices.Contains(v.Not, got)}, []any{v.Hash, false})
	})
}

func verdictVector(v struct {
	Findings     []finding
	Acknowledged []string
	Exit         int
}) string {
	return same(verdict(v.Findings, v.Acknowledged), v.Exit)
}
