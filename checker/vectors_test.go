package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The checker against core/testdata, or the folder that CHECKER_VECTORS names. A folder or file that is not named here is an
// error: nothing is skipped in silence.

// vectorFile says of each vector of a file "" where the checker agrees, notCovered, or in what it does not.
type vectorFile func(data []byte) ([]string, error)

func each[T any](check func(v T) string) vectorFile {
	return func(data []byte) (out []string, err error) {
		var vectors []T
		err = json.Unmarshal(data, &vectors)
		for _, v := range vectors {
			result := ""
			if err := try(func() { result = check(v) }); err != nil {
				result = err.Error()
			}
			out = append(out, result)
		}
		return out, err
	}
}

var vectorFiles = map[string]map[string]vectorFile{
	"merkle":       {"inclusion": each(inclusionVector), "consistency": each(consistencyVector)},
	"ed25519":      {"cctv": each(cctvVector), "speccheck": speccheckVectors, "rfc8032": each(rfc8032Vector)},
	"notes":        {"notes": each(noteVector)},
	"statements":   files(each(statementVector), "key genesis seal gap prune first-line"),
	"checkpoints":  {"texts": each(checkpointTextVector), "notes": each(checkpointNoteVector)},
	"cosignatures": {"cosignatures": each(cosignatureVector), "messages": each(messageVector), "keys": each(witnessKeyVector)},
	"policies":     {"policies": each(policyVector)},
	"tlog-proofs":  {"tlog-proofs": each(tlogProofVector)},
	"proofs":       {"proofs": each(proofVector)},
	"tiles":        {"paths": each(tilePathVector), "bundles": each(bundleVector), "trees": each(treeVector), "inclusion": each(tileInclusionVector), "consistency": each(tileConsistencyVector)},
	"snapshots":    {"snapshots": each(snapshotVector)},
	"acceptance":   {"acceptance": acceptanceVectors},
	"batches":      files(each(batchVector), "records gzip snappy lz4 zstd"),
	"leaves":       {"leaves": each(leavesVector)},
	"events":       {"signatures": each(signatureVector), "schemas": each(avroVector), "values": each(avroVector), "duplicates": each(avroVector)},
	"findings":     {"findings": each(findingVector), "verdicts": each(verdictVector)},
}

func files(check vectorFile, names string) map[string]vectorFile {
	out := map[string]vectorFile{}
	for _, name := range strings.Fields(names) {
		out[name] = check
	}
	return out
}

func TestVectors(t *testing.T) {
	dir := os.Getenv("CHECKER_VECTORS")
	if dir == "" {
		dir = "../core/testdata"
	}
	lines, bad := runVectors(dir)
	fmt.Println(strings.Join(lines, "\n"))
	if bad > 0 {
		t.Errorf("%d disagreements", bad)
	}
}

func runVectors(dir string) (lines []string, bad int) {
	complain := func(format string, args ...any) {
		bad++
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		complain("%v", err)
	}
	seen := 0
	for _, folder := range entries {
		known := vectorFiles[folder.Name()]
		if !folder.IsDir() {
			continue
		}
		if known == nil {
			complain("%s: a folder of vectors that this checker does not know", folder.Name())
			continue
		}
		seen++
		passed, uncovered, count := 0, 0, 0
		names, _ := filepath.Glob(filepath.Join(dir, folder.Name(), "*.json"))
		for _, name := range names {
			check := known[strings.TrimSuffix(filepath.Base(name), ".json")]
			if check == nil {
				complain("%s: a file of vectors that this checker does not know", name)
				continue
			}
			count++
			data, err := os.ReadFile(name)
			var results []string
			if err == nil {
				results, err = check(data)
			}
			if err != nil {
				complain("%s: %v", name, err)
			}
			for i, result := range results {
				switch result {
				case "":
					passed++
				case notCovered:
					uncovered++
				default:
					complain("%s %d (%s): %s", name, i, describeVector(data, i), result)
				}
			}
		}
		if count != len(known) {
			complain("%s: %d files of vectors, not %d", folder.Name(), count, len(known))
		}
		line := fmt.Sprintf("%-13s %5d passed", folder.Name(), passed)
		if uncovered > 0 {
			line += fmt.Sprintf(", %d not covered", uncovered)
		}
		lines = append(lines, line)
	}
	if seen != len(vectorFiles) {
		complain("%d folders of vectors, not %d", seen, len(vectorFiles))
	}
	return lines, bad
}

func describeVector(data []byte, i int) string {
	var all []map[string]any
	if json.Unmarshal(data, &all) == nil && i < len(all) {
		for _, name := range []string{"desc", "description", "name", "path", "file", "number"} {
			if v, ok := all[i][name]; ok {
				return fmt.Sprint(v)
			}
		}
	}
	return "no name"
}

// same compares what json makes of both; it shows them where they differ.
func same(got, want any) string {
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) == string(b) {
		return ""
	}
	return fmt.Sprintf("got %s, want %s", a, b)
}

// held compares the code of a failure, with this before it, with the one that is wanted, and the facts where none is.
func held(prefix string, want *string, check func(), facts func() string) string {
	err := try(check)
	if f, ok := err.(*failure); ok {
		if want == nil || !strings.HasPrefix(*want, prefix) && prefix != "" {
			return same(f.Error(), want)
		}
		if prefix == "" {
			return ""
		}
		return same(prefix+f.code, *want)
	}
	if want != nil {
		return "taken, want " + *want
	}
	return facts()
}
