package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// The checker against core/testdata. A folder or file that is not named here is an error: nothing is skipped in silence.

const notCovered = "not covered"

// vectorFile says of each vector of a file "" where the checker agrees, notCovered, or in what it does not.
type vectorFile func(data []byte) ([]string, error)

func each[T any](check func(v T) string) vectorFile {
	return func(data []byte) ([]string, error) {
		var vectors []T
		if err := json.Unmarshal(data, &vectors); err != nil {
			return nil, err
		}
		var out []string
		for _, v := range vectors {
			out = append(out, check(v))
		}
		return out, nil
	}
}

var vectorFiles = map[string]map[string]vectorFile{
	"merkle":       {"inclusion": each(inclusionVector), "consistency": each(consistencyVector)},
	"ed25519":      {"cctv": each(cctvVector), "speccheck": speccheckVectors, "rfc8032": each(rfc8032Vector)},
	"notes":        {"notes": each(noteVector)},
	"statements":   {"key": each(statementVector), "genesis": each(statementVector), "seal": each(statementVector), "gap": each(statementVector), "prune": each(statementVector), "first-line": each(statementVector)},
	"checkpoints":  {"texts": each(checkpointTextVector), "notes": each(checkpointNoteVector)},
	"cosignatures": {"cosignatures": each(cosignatureVector), "messages": each(messageVector), "keys": each(witnessKeyVector)},
	"policies":     {"policies": each(policyVector)},
	"tlog-proofs":  {"tlog-proofs": each(tlogProofVector)},
	"proofs":       {"proofs": each(proofVector)},
	"tiles":        {"paths": each(tilePathVector), "bundles": each(bundleVector), "trees": each(treeVector), "inclusion": each(tileInclusionVector), "consistency": each(tileConsistencyVector)},
	"snapshots":    {"snapshots": each(snapshotVector)},
	"acceptance":   {"acceptance": acceptanceVectors},
	"leaves":       {"leaves": each(batchVector)},
	"events":       {"signatures": each(batchVector), "schemas": each(batchVector), "values": each(batchVector), "duplicates": each(batchVector)},
	"findings":     {"findings": each(batchVector), "verdicts": each(batchVector)},
	"batches":      {"gzip": each(batchVector), "lz4": each(batchVector), "records": each(batchVector), "snappy": each(batchVector), "zstd": each(batchVector)},
}

func runVectors(dir string, out io.Writer) int {
	folders, err := os.ReadDir(dir)
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	bad, seen := 0, 0
	complain := func(format string, args ...any) {
		bad++
		fmt.Fprintf(out, format+"\n", args...)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		known := vectorFiles[folder.Name()]
		if known == nil {
			complain("%s: a folder of vectors that this checker does not know", folder.Name())
			continue
		}
		seen++
		passed, uncovered, files := 0, 0, 0
		names, err := filepath.Glob(filepath.Join(dir, folder.Name(), "*.json"))
		if err != nil {
			complain("%v", err)
		}
		for _, name := range names {
			check := known[strings.TrimSuffix(filepath.Base(name), ".json")]
			if check == nil {
				complain("%s: a file of vectors that this checker does not know", name)
				continue
			}
			files++
			data, err := os.ReadFile(name)
			if err == nil {
				var results []string
				if results, err = check(data); err == nil {
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
			}
			if err != nil {
				complain("%s: %v", name, err)
			}
		}
		if files != len(known) {
			complain("%s: %d files of vectors, not %d", folder.Name(), files, len(known))
		}
		fmt.Fprintf(out, "%-13s %5d passed", folder.Name(), passed)
		if uncovered > 0 {
			fmt.Fprintf(out, ", %d not covered", uncovered)
		}
		fmt.Fprintln(out)
	}
	if seen != len(vectorFiles) {
		complain("%d folders of vectors, not %d", seen, len(vectorFiles))
	}
	if bad > 0 {
		fmt.Fprintf(out, "%d disagreements\n", bad)
		return 1
	}
	return 0
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

// same compares; got and want are shown where they differ.
func same(got, want any) string {
	if reflect.DeepEqual(got, want) {
		return ""
	}
	return fmt.Sprintf("got %v, want %v", got, want)
}
