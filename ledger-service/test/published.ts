import { formatCheckpoint } from '@tallystick/core/checkpoint';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { LogTree } from '@tallystick/core/log-tree';
import { leafHash } from '@tallystick/core/merkle';
import { signNote } from '@tallystick/core/note';
import { formatSnapshot } from '@tallystick/core/snapshot';
import { formatEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import { logSigner, origin, rootSigner, topics, type World } from './world.ts';

export interface PublishOptions {
  /** How many of the accepted statements are published. Default: all. */
  readonly size?: number;
  /** Entries that the snapshot beside them holds. Default: as many. null: there is none. */
  readonly snapshot?: number | null;
}

/**
 * Publishes what the seals topic holds, written from the specifications alone: the log that a ledger begins from, without the publisher.
 * @returns the entries, in order
 */
export async function publish(world: World, options: PublishOptions = {}): Promise<Uint8Array[]> {
  const { store, checkpoints } = world.stores;
  const { topicId } = await world.log.describeTopic(topics.seals);
  const judge = new Judge({ origin, rootKey: rootSigner.key, verify: nodeVerifyEd25519 });
  const entries: Uint8Array[] = [];
  const tree = LogTree.empty();
  const most = options.size ?? Infinity;
  for (const { offset, value } of world.records(topics.seals)) {
    if (judge.size === most) break;
    const outcome = judge.offer(value, { in: 'seals', offset });
    if (outcome.outcome !== 'accepted') continue;
    entries.push(outcome.signed.note);
    tree.append(leafHash(outcome.signed.note));
    if (judge.size !== (options.snapshot ?? most) || options.snapshot === null) continue;
    await writeSnapshot(world, tree, judge, topicId);
  }
  if (options.snapshot === undefined) await writeSnapshot(world, tree, judge, topicId);
  for (const { tile, bytes } of tree.tilesSince(0)) await store.write(tilePath(tile), bytes);
  for (let index = 0; index * tileWidth < entries.length; index++) {
    const bundle = entries.slice(index * tileWidth, (index + 1) * tileWidth);
    await store.write(tilePath({ level: 'entries', index, width: bundle.length }), formatEntryBundle(bundle));
  }
  const text = formatCheckpoint({ origin, size: tree.size, root: tree.root(), extensions: [] });
  await checkpoints.swap(await checkpoints.newest(), await signNote(text, logSigner));
  return entries;
}

async function writeSnapshot(world: World, tree: LogTree, judge: Judge, topicId: string): Promise<void> {
  const state = judge.save();
  const text = formatSnapshot({
    origin,
    size: tree.size,
    root: tree.root(),
    frontier: tree.frontier(),
    judge: state,
    position: { topicId, offset: state.offset },
  });
  await world.stores.store.write('snapshot', await signNote(text, logSigner));
}
