import { equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { verifyConsistency } from '@tallystick/core/merkle';
import { consistencyPathFromTiles } from '@tallystick/core/tiles';
import { LedgerError } from '../errors.ts';
import type { LogStore } from '../ports/log-store.ts';
import { logDamaged, logForked, rolledBack } from './log-errors.ts';
import { Peaks } from './peaks.ts';
import { readEntries, tileFetcher, type TreeHead } from './stored-log.ts';

/**
 * The newest stored checkpoint must be of the tree that was seen before, grown. Proven with tiles; where those do not show it, with the
 * entries, so that a damaged tile is never taken for a second history.
 * @param what was seen, for the message
 * @throws LedgerError CHECKPOINT_ROLLED_BACK, LOG_FORKED, LOG_DAMAGED (neither can be shown), and those of the store
 */
export async function checkGrowth(
  store: LogStore,
  seen: TreeHead,
  newest: TreeHead | null,
  what: string,
): Promise<void> {
  if (newest === null || newest.size < seen.size) {
    if (newest === null && seen.size === 0) return;
    throw rolledBack(what, seen.size, newest?.size ?? null);
  }
  const evidence = { what, size: seen.size, expected: seen.root, newest: newest.size };
  if (newest.size === seen.size) {
    if (equalBytes(newest.root, seen.root)) return;
    throw logForked(what, { ...evidence, found: newest.root });
  }
  if (seen.size === 0 || (await tilesShow(store, seen, newest))) return;
  const peaks = new Peaks();
  let before: Uint8Array | null = null;
  for await (const entry of readEntries(store, 0, newest.size)) {
    peaks.append(entry);
    if (peaks.size === seen.size) before = peaks.root();
  }
  if (!equalBytes(peaks.root(), newest.root)) {
    const message = `Neither tiles nor entries of the published log give the root of its checkpoint of size ${newest.size}.`;
    throw logDamaged(message, { size: newest.size });
  }
  if (before === null || !equalBytes(before, seen.root)) throw logForked(what, { ...evidence, found: before });
}

async function tilesShow(store: LogStore, seen: TreeHead, newest: TreeHead): Promise<boolean> {
  const sizes = { oldSize: seen.size, newSize: newest.size };
  try {
    const path = await consistencyPathFromTiles(seen.size, newest.size, tileFetcher(store));
    verifyConsistency({ ...sizes, oldRoot: seen.root, newRoot: newest.root, path });
    return true;
  } catch (error) {
    if (error instanceof CoreError || (error instanceof LedgerError && error.code === 'LOG_DAMAGED')) return false;
    throw error;
  }
}
