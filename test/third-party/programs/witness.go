package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

// serveWitness runs transparency-dev's witness for one log, with a key of its own.
func serveWitness(logKey string) error {
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	secret, public, err := note.GenerateKey(rand.Reader, "witness.example/third-party")
	if err != nil {
		return err
	}
	signer, err := cosignature.NewSignerForCosignatureV1(secret)
	if err != nil {
		return err
	}
	key, err := cosignature.VKeyToCosignatureV1(public)
	if err != nil {
		return err
	}
	w, err := witness.New(context.Background(), witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return verifier, origin == verifier.Name(), nil
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	fmt.Printf("vkey %s\nurl http://%s\n", key, listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, routes)
}

// grow adds entries to a Tessera log and waits until a checkpoint that the witnesses cosigned holds them.
func grow(ctx context.Context, dir, secret, policyFile, countText, words string) error {
	count, err := strconv.Atoi(countText)
	if err != nil || count < 1 {
		return errUsage
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithBatching(uint(count), 50*time.Millisecond).
		WithCheckpointInterval(100*time.Millisecond).WithCheckpointRepublishInterval(time.Hour).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: 2 * time.Second})
	appender, _, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	var last tessera.IndexFuture
	for i := range count {
		last = appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "%s %d", words, i)))
	}
	wait, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	index, checkpoint, err := tessera.NewPublicationAwaiter(wait, reader.ReadCheckpoint, 50*time.Millisecond).Await(wait, last)
	if err != nil {
		return fmt.Errorf("not published: %w", err)
	}
	fmt.Printf("entry %d\n%s", index.Index, checkpoint)
	return nil
}
