// Command checker is a second implementation of Tallystick's protocol for those who only check: proofs of one event,
// whole logs, and the vectors that both implementations are held against. It was written from docs/protocol.md, the
// C2SP specifications and core/testdata, and uses Go's standard library only.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

const usage = `usage:
  checker proof FILE --policy FILE --root-key VKEY
  checker log DIR|URL --log-key VKEY [--root-key VKEY] [--policy FILE] [--old CHECKPOINT]
  checker vectors DIR
exit: 0 verified, 1 it fails, 2 usage or configuration, 3 inconclusive
`

const (
	maxProof  = 100_000_000
	maxPolicy = 1 << 18
)

// keyList is a flag that may stand several times: a log whose key is being rotated has two.
type keyList struct{ keys []*vkey }

func (l *keyList) String() string { return "" }
func (l *keyList) Set(s string) error {
	k, err := keyOf(s, typeEd25519)
	if err == nil {
		l.keys = append(l.keys, k)
	}
	return err
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errors io.Writer) int {
	fail := func(err any) int {
		fmt.Fprintf(errors, "checker: %v\n", err)
		return 2
	}
	if len(args) < 2 || strings.HasPrefix(args[1], "-") {
		fmt.Fprint(errors, usage)
		return 2
	}
	command, subject := args[0], args[1]
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(errors)
	var logKeys, rootKeys keyList
	flags.Var(&logKeys, "log-key", "vkey of the log")
	flags.Var(&rootKeys, "root-key", "vkey of the root key")
	policyFile := flags.String("policy", "", "C2SP tlog-policy")
	oldFile := flags.String("old", "", "an older checkpoint")
	if err := flags.Parse(args[2:]); err != nil || flags.NArg() > 0 || len(rootKeys.keys) > 1 {
		return fail("unknown, malformed or repeated arguments")
	}
	options := logOptions{logKeys: logKeys.keys}
	if len(rootKeys.keys) == 1 {
		options.rootKey = rootKeys.keys[0]
	}
	if *policyFile != "" {
		b, err := readFile(*policyFile, maxPolicy)
		if err != nil {
			return fail(err)
		}
		if options.policy, err = parsePolicy(string(b)); err != nil {
			return fail(err)
		}
	}
	switch command {
	case "proof":
		if options.rootKey == nil || options.policy == nil {
			return fail("a proof is checked against --policy and --root-key")
		}
		b, err := readFile(subject, maxProof)
		if err != nil {
			return fail(err)
		}
		p, err := checkProof(b, options.rootKey, options.policy)
		if err != nil {
			fmt.Fprintf(out, "the proof fails: %v\n", err)
			return 1
		}
		fmt.Fprint(out, p)
		return 0
	case "log":
		if len(logKeys.keys) == 0 {
			return fail("a log is checked against --log-key")
		}
		origin := logKeys.keys[0].name
		if options.rootKey != nil && options.rootKey.name != origin+"/root" {
			return fail("the root key is not that of " + origin)
		}
		if *oldFile != "" {
			b, err := readFile(*oldFile, 1<<20)
			if err != nil {
				return fail(err)
			}
			if options.old, _, _, err = openCheckpoint(b, origin, logKeys.keys); err != nil {
				return fail(err)
			}
		}
		return checkLog(openSource(subject), options, out)
	case "vectors":
		return runVectors(subject, out)
	}
	fmt.Fprint(errors, usage)
	return 2
}

func readFile(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := readUpTo(file, limit)
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has over %d bytes", name, limit)
	}
	return b, err
}
