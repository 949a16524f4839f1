import { randomBytes } from 'node:crypto';
import { formatCheckpoint } from '@tallystick/core/checkpoint';
import { LogTree } from '@tallystick/core/log-tree';
import { leafHash } from '@tallystick/core/merkle';
import { signNote, signerFromSeed } from '@tallystick/core/note';
import type { VerifierKey } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { formatEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import { CopiedPublished } from './copied-published.ts';
import type { Evidence } from './evidence.ts';

/** A published log of these statements, as it would have been with them, under a key that is made for it and thrown away. */
export async function makeLog({ origin, statements }: Pick<Evidence, 'origin' | 'statements'>): Promise<{
  readonly published: CopiedPublished;
  readonly key: VerifierKey;
}> {
  const files = new Map<string, Uint8Array>();
  const signer = signerFromSeed(origin, randomBytes(32));
  const tree = LogTree.empty(nodeSha256);
  for (let first = 0; first < statements.length; first += tileWidth) {
    const entries = statements.slice(first, first + tileWidth).map(({ note }) => note);
    files.set(
      tilePath({ level: 'entries', index: first / tileWidth, width: entries.length }),
      formatEntryBundle(entries),
    );
    for (const entry of entries) tree.append(leafHash(entry));
    for (const { tile, bytes } of tree.tilesSince(first)) files.set(tilePath(tile), bytes);
    tree.flushed(tree.size);
  }
  const text = formatCheckpoint({ origin, size: tree.size, root: tree.root(), extensions: [] });
  files.set('checkpoint', await signNote(text, signer));
  return { published: new CopiedPublished(files), key: signer.key };
}
