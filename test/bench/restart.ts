// How long a role needs to begin from a published log of many statements, and what memory that takes.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatCheckpoint } from '@tallystick/core/checkpoint';
import { nodeSigner, nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { encodeBase64 } from '@tallystick/core/encoding';
import { Judge } from '@tallystick/core/judge';
import { genesisLeaf } from '@tallystick/core/leaf';
import { LogTree } from '@tallystick/core/log-tree';
import { leafHash } from '@tallystick/core/merkle';
import { parseVerifierKey, signNote } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { formatSnapshot } from '@tallystick/core/snapshot';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { Statement } from '@tallystick/core/statement-types';
import { formatEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import { openLogState } from '@tallystick/ledger-service/log-state';
import { openStores } from '@tallystick/ledger-service/log-stores';
import type { Case } from './cases.ts';

/** Statements behind the snapshot: some minutes of a busy ledger, far more than a publisher leaves there. */
const behindSnapshot = 4_096;
const topic = 'audit.events';
const topicId = 'AAAAAAAAAAAAAAAAAAAAAA';

const foldersOf = (dir: string) => ({ dir: join(dir, 'log'), checkpointDir: join(dir, 'checkpoints') });

/**
 * Writes a log of `input.events` statements to `input.logDir`: a key, a genesis, then seals, each signed and chained to the one before; its
 * tiles, a snapshot and a checkpoint. No proof is asked of its own signatures here; who begins from it checks those behind the snapshot.
 */
export const restartFill: Case = async ({ logDir, events: size, origin }, begin) => {
  const stores = await openStores(foldersOf(logDir));
  const [root, log, sealer] = ['/root', '', '/seal'].map((role) => nodeSigner(`${origin}${role}`, randomBytes(32)));
  if (root === undefined || log === undefined || sealer === undefined) throw new Error('three keys');
  writeFileSync(join(logDir, 'keys.json'), JSON.stringify({ root: root.key.vkey, log: log.key.vkey }));
  const judge = new Judge({ origin, rootKey: root.key, verify: () => true, remember: 4096, rememberEnds: 4096 });
  const tree = LogTree.empty(nodeSha256);
  const place = { origin, topic, partition: 0 } as const;
  const hash = encodeBase64(new Uint8Array(32).fill(1));
  let first = '';
  let previous: string | null = null;
  let bundle: Uint8Array[] = [];
  let written = 0;
  const flush = async () => {
    const index = Math.floor((tree.size - 1) / tileWidth);
    await stores.store.write(tilePath({ level: 'entries', index, width: bundle.length }), formatEntryBundle(bundle));
    for (const { tile, bytes } of tree.tilesSince(written)) await stores.store.write(tilePath(tile), bytes);
    written = tree.size;
    tree.flushed(written);
    if (bundle.length === tileWidth) bundle = [];
  };
  begin();
  for (let n = 0; n < size; n++) {
    const seal = n - 2;
    const run = { first: seal * 10, last: seal * 10 + 9 };
    const statement = (
      n === 0
        ? { kind: 'key', origin, number: 0, action: 'add', role: 'seal', key: sealer.key.vkey, previous: null, time: 0 }
        : n === 1
          ? {
              kind: 'genesis',
              ...place,
              topicId,
              generation: 0,
              reason: 'new',
              firstOffset: 0,
              previous: null,
              time: 0,
            }
          : {
              ...{ kind: 'seal', ...place, generation: 0, seal, events: run, offsets: run, epoch: 0, root: hash },
              ...{ after: seal === 0 ? first : hash, head: hash, previous, time: n },
            }
    ) as Statement;
    const text = formatStatement(statement);
    if (n === 1) first = encodeBase64(genesisLeaf(text));
    if (n > 0) previous = statementHash(text);
    const entry = await signNote(text, n === 0 ? root : sealer);
    const { outcome } = judge.offer(entry, { in: 'log', index: n });
    if (outcome !== 'accepted') throw new Error(`statement ${n}: ${outcome}`);
    bundle.push(entry);
    tree.append(leafHash(entry));
    if (bundle.length === tileWidth || n === size - 1) await flush();
    if (n === Math.max(0, size - 1 - behindSnapshot)) {
      const at = { size: tree.size, root: tree.root(), frontier: tree.frontier() };
      const snapshot = formatSnapshot({ origin, ...at, judge: judge.save(), position: { topicId, offset: n + 1 } });
      await stores.store.write('snapshot', await signNote(snapshot, log));
    }
  }
  const note = await signNote(formatCheckpoint({ origin, size, root: tree.root(), extensions: [] }), log);
  if ((await stores.checkpoints.swap(null, note)) === null) throw new Error('somebody else wrote a checkpoint');
  await stores.store.write('checkpoint', note);
  return size;
};

/** Begins from it, as every role does. */
export const restart: Case = async ({ logDir, origin, events }, begin) => {
  const keys = JSON.parse(readFileSync(join(logDir, 'keys.json'), 'utf8')) as { root: string; log: string };
  const stores = await openStores(foldersOf(logDir));
  begin();
  const state = await openLogState({
    ...stores,
    origin,
    rootKey: parseVerifierKey(keys.root),
    logKeys: [parseVerifierKey(keys.log)],
    verify: nodeVerifyEd25519,
    remember: 4096,
    onSnapshotUnusable: (error) => {
      throw error;
    },
  });
  if (state.size !== events) throw new Error(`a log of ${state.size} statements, not ${events}`);
  return events;
};
