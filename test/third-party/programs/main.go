// Command third-party holds a published log, and witnesses, against software of others: golang.org/x/mod/sumdb,
// Tessera and transparency-dev's witness, as their modules are published (go.sum pins them). It judges nothing itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

const usage = `usage:
  third-party checkpoint FILE LOG-VKEY [WITNESS-VKEY...]   golang.org/x/mod/sumdb/note and transparency-dev/formats
  third-party tlog DIR|URL LOG-VKEY [OLD-CHECKPOINT]       golang.org/x/mod/sumdb/tlog
  third-party tessera DIR|URL LOG-VKEY [OLD-CHECKPOINT]    Tessera's client
  third-party fsck DIR|URL LOG-VKEY                        Tessera's fsck
  third-party witness LOG-VKEY                             transparency-dev/witness, until the standard input ends
  third-party key NAME                                     a note key: secret line, public line
  third-party grow DIR SECRET-KEY POLICY-FILE COUNT WORDS  a Tessera log that asks the policy's witnesses
exit: 0 it holds or is done, 1 it does not, 2 usage, 3 it did not end in time
`

// limit is for one check of a whole log, or for a log that waits for its witnesses.
const limit = 60 * time.Second

var errUsage = errors.New("usage")

func main() {
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	args := os.Args[1:]
	go func() { done <- run(ctx, args) }()
	late := time.After(limit)
	if len(args) > 0 && args[0] == "witness" {
		late = nil
	}
	select {
	case err := <-done:
		if errors.Is(err, errUsage) {
			fmt.Fprint(os.Stderr, usage)
			os.Exit(2)
		}
		if err != nil {
			fmt.Println("refused:", err)
			os.Exit(1)
		}
	case <-late: // Tessera's fsck waits for ever for a worker of its own that has ended
		fmt.Println("no answer in time")
		os.Exit(3)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	command, rest := args[0], args[1:]
	switch {
	case command == "checkpoint" && len(rest) >= 2:
		return checkNote(rest[0], rest[1], rest[2:])
	case command == "tlog" && (len(rest) == 2 || len(rest) == 3):
		return checkWithTlog(rest[0], rest[1], rest[2:])
	case command == "tessera" && (len(rest) == 2 || len(rest) == 3):
		return checkWithTessera(ctx, rest[0], rest[1], rest[2:])
	case command == "fsck" && len(rest) == 2:
		return checkWithFsck(ctx, rest[0], rest[1])
	case command == "witness" && len(rest) == 1:
		return serveWitness(rest[0])
	case command == "key" && len(rest) == 1:
		return newKey(rest[0])
	case command == "grow" && len(rest) == 5:
		return grow(ctx, rest[0], rest[1], rest[2], rest[3], rest[4])
	}
	return errUsage
}

// urlOf gives nil for a folder.
func urlOf(where string) *url.URL {
	if !strings.HasPrefix(where, "http://") {
		return nil
	}
	u, err := url.Parse(strings.TrimSuffix(where, "/") + "/")
	if err != nil {
		return nil
	}
	return u
}

// samples gives numbers below n: the edges, and what lies beside full tiles of every level.
func samples(n int64) []int64 {
	var out []int64
	for _, at := range []int64{0, 1, 255, 256, 257, 511, 512, 65_279, 65_280, 65_535, 65_536, 65_537, n / 3, n / 2, n - 2, n - 1} {
		if at >= 0 && at < n {
			out = append(out, at)
		}
	}
	return out
}
