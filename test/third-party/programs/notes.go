package main

import (
	"crypto/rand"
	"fmt"
	"os"

	"github.com/transparency-dev/formats/log"
	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// checkNote opens a checkpoint as a signed note of the log and of each of these witnesses.
func checkNote(file, logKey string, witnessKeys []string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	var witnesses []note.Verifier
	for _, key := range witnessKeys {
		w, err := cosignature.NewVerifierForCosignatureV1(key)
		if err != nil {
			return err
		}
		witnesses = append(witnesses, w)
	}
	opened, err := note.Open(raw, note.VerifierList(append([]note.Verifier{verifier}, witnesses...)...))
	if err != nil {
		return err
	}
	if len(opened.Sigs) != 1+len(witnesses) {
		return fmt.Errorf("%d good signatures, not one of each of %d keys", len(opened.Sigs), 1+len(witnesses))
	}
	checkpoint, rest, parsed, err := log.ParseCheckpoint(raw, verifier.Name(), verifier, witnesses...)
	if err != nil {
		return err
	}
	if len(rest) > 0 || string(checkpoint.Marshal()) != opened.Text {
		return fmt.Errorf("another text than its size, root and origin say")
	}
	for _, signature := range parsed.Sigs[1:] {
		when, err := cosignature.CoSigV1Timestamp(signature)
		if err != nil {
			return err
		}
		fmt.Printf("cosigned by %s at %d\n", signature.Name, when.Unix())
	}
	fmt.Printf("checkpoint of %s: %d entries\n", checkpoint.Origin, checkpoint.Size)
	return nil
}

func newKey(name string) error {
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err == nil {
		fmt.Printf("%s\n%s\n", secret, public)
	}
	return err
}
