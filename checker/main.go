// Command checker is a second implementation of Tallystick's protocol for those who only check: proofs of one event, whole
// logs, and the events in a broker's own files. It was written from docs/protocol.md, the C2SP specifications and core/testdata,
// and uses Go's standard library only.
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
  checker log DIR|URL --log-key VKEY [--root-key VKEY] [--policy FILE] [--old CHECKPOINT] [--events DIR]
exit: 0 verified, 1 it fails, 2 usage or configuration, 3 inconclusive
`

const (
	maxProof  = 100_000_000
	maxPolicy = 1 << 18
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errors io.Writer) (exit int) {
	if len(args) < 2 || args[0] != "proof" && args[0] != "log" || strings.HasPrefix(args[1], "-") {
		fmt.Fprint(errors, usage)
		return 2
	}
	if err := try(func() { exit = command(args[0], args[1], args[2:], out, errors) }); err != nil {
		fmt.Fprintf(errors, "checker: %v\n", err)
		return 2
	}
	return exit
}

const configuration = "USAGE"

func command(command, subject string, args []string, out, errors io.Writer) int {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(errors)
	var options logOptions
	var rootKeys []*vkey
	add := func(keys *[]*vkey) func(string) error { // a log whose key is being rotated has two
		return func(s string) error { return try(func() { *keys = append(*keys, keyOf(s, typeEd25519)) }) }
	}
	flags.Func("log-key", "vkey of the log", add(&options.logKeys))
	flags.Func("root-key", "vkey of the root key", add(&rootKeys))
	flags.StringVar(&options.events, "events", "", "the folder in which a broker keeps its partitions")
	policyFile := flags.String("policy", "", "C2SP tlog-policy")
	oldFile := flags.String("old", "", "an older checkpoint")
	err := flags.Parse(args)
	need(err == nil && flags.NArg() == 0 && len(rootKeys) <= 1, configuration, "unknown, malformed or repeated arguments")
	if len(rootKeys) == 1 {
		options.rootKey = rootKeys[0]
	}
	if *policyFile != "" {
		options.policy = parsePolicy(string(mustRead(*policyFile, maxPolicy)))
	}
	if command == "proof" {
		need(options.rootKey != nil && options.policy != nil, configuration, "a proof is checked against --policy and --root-key")
		b := mustRead(subject, maxProof)
		var p *proven
		if err := try(func() { p = checkProof(b, options.rootKey, options.policy) }); err != nil {
			fmt.Fprintf(out, "the proof fails: %v\n", err)
			return 1
		}
		fmt.Fprint(out, p)
		return 0
	}
	need(len(options.logKeys) > 0, configuration, "a log is checked against --log-key")
	origin := options.logKeys[0].name
	need(options.rootKey == nil || options.rootKey.name == origin+"/root", configuration, "the root key is not that of %s", origin)
	need(options.events == "" || options.rootKey != nil, configuration, "events are checked against seals, and these against --root-key")
	if *oldFile != "" {
		options.old, _, _ = openCheckpoint(mustRead(*oldFile, 1<<20), origin, options.logKeys)
	}
	return checkLog(openSource(subject), options, out)
}

func mustRead(name string, limit int64) []byte {
	b, err := readFile(name, limit)
	need(err == nil && int64(len(b)) <= limit, configuration, "%s: %v, or over %d bytes", name, err, limit)
	return b
}
