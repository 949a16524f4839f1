package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

func fetcherOf(where string) (fsck.Fetcher, error) {
	if root := urlOf(where); root != nil {
		return client.NewHTTPFetcher(root, nil)
	}
	return client.FileFetcher{Root: where}, nil
}

// leafHashes is what Tessera's own fsck command makes of a bundle.
func leafHashes(bundle []byte) ([][]byte, error) {
	entries := &api.EntryBundle{}
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var out [][]byte
	for _, entry := range entries.Entries {
		out = append(out, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return out, nil
}

func checkWithTessera(ctx context.Context, where, logKey string, old []string) error {
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	source, err := fetcherOf(where)
	if err != nil {
		return err
	}
	head, _, _, err := client.FetchCheckpoint(ctx, source.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return err
	}
	tree := head.Size
	leaves, err := client.FetchLeafHashes(ctx, source.ReadTile, 0, tree, tree)
	if err != nil {
		return err
	}
	for first := uint64(0); first < tree; first += 256 {
		bundle, err := client.GetEntryBundle(ctx, source.ReadEntryBundle, first/256, tree)
		if err != nil {
			return err
		}
		for i, entry := range bundle.Entries[:min(256, tree-first)] {
			if !bytes.Equal(rfc6962.DefaultHasher.HashLeaf(entry), leaves[first+uint64(i)]) {
				return fmt.Errorf("entry %d has another hash than its tile says", first+uint64(i))
			}
		}
	}
	builder, err := client.NewProofBuilder(ctx, tree, source.ReadTile)
	if err != nil {
		return err
	}
	for _, n := range samples(int64(tree)) {
		path, err := builder.InclusionProof(ctx, uint64(n))
		if err == nil {
			err = proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(n), tree, leaves[n], path, head.Hash)
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
	for _, file := range old {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		tracker, err := client.NewLogStateTracker(ctx, source.ReadTile, raw, verifier, verifier.Name(), client.UnilateralConsensus(source.ReadCheckpoint))
		if err != nil {
			return err
		}
		if _, _, _, err := tracker.Update(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("tessera: %d entries\n", tree)
	return nil
}

// checkWithFsck uses several workers: with one, fsck hangs where that one has found a bad tile.
func checkWithFsck(ctx context.Context, where, logKey string) error {
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	source, err := fetcherOf(where)
	if err != nil {
		return err
	}
	return fsck.New(verifier.Name(), verifier, source, leafHashes, fsck.Opts{N: 4}).Check(ctx)
}
