import { equalBytes } from '@tallystick/core/encoding';
import { Judge, type JudgeOptions } from '@tallystick/core/judge';
import { LedgerError } from '../errors.ts';
import type { LogObject, LogStore } from '../ports/log-store.ts';
import { logDamaged } from './log-errors.ts';
import { LogEdge } from './log-edge.ts';
import { Peaks } from './peaks.ts';
import { readEntries, type TreeHead } from './stored-log.ts';

/** Entries that are taken in before what they complete is compared or written. */
const step = 2_048;
const maxObjectBytes = 256 * 65_537;

/** Entries of the log in order; may end early or go on behind its size. */
type Entries = AsyncIterable<Uint8Array>;

/**
 * Checks every tile and every bundle of a log that the entries of the bundles can give.
 * @returns the paths of those that are missing or wrong
 * @throws LedgerError LOG_DAMAGED where the bundles themselves do not give the root, and those of the store
 */
export async function checkLogStore(
  store: LogStore,
  head: TreeHead,
  onProgress?: (entries: number) => void,
): Promise<string[]> {
  const entries = () => readEntries(store, 0, head.size);
  if (!(await gives(entries(), head))) throw damaged(head);
  const wrong: string[] = [];
  for await (const object of differing(store, entries(), head.size, onProgress)) wrong.push(object.path);
  return wrong;
}

export interface RepairOptions extends JudgeOptions {
  readonly store: LogStore;
  /** The newest stored checkpoint: what is made must give its root. */
  readonly head: TreeHead;
  /** The values of the seals topic's records from its start; called more than once. */
  readonly topic: () => Entries;
  /** Told how many entries are compared. */
  readonly onProgress?: (entries: number) => void;
}

/**
 * Makes what is missing or wrong of a log's tiles and bundles anew: from the bundles that there are, from those up to the first that is
 * missing and then the seals topic, or from the seals topic alone, whichever gives the checkpoint's root. Nothing is written before that
 * is shown, so that nothing is made worse; memory is that of a few bundles.
 * @returns the paths that were written
 * @throws LedgerError LOG_DAMAGED where none of them gives it, and those of the store
 */
export async function repairLogStore(options: RepairOptions): Promise<string[]> {
  const { store, head } = options;
  const ways: (() => Entries)[] = [
    () => readEntries(store, 0, head.size),
    () => fromTopic(options, whatThereIs(store, head.size)),
    () => fromTopic(options, null),
  ];
  for (const entries of ways) {
    if (!(await gives(entries(), head))) continue;
    const written: string[] = [];
    for await (const object of differing(store, entries(), head.size, options.onProgress)) {
      await store.write(object.path, object.bytes);
      written.push(object.path);
    }
    return written;
  }
  throw damaged(head);
}

/** Do the first entries give the root? Those that cannot be read give none. */
async function gives(entries: Entries, { size, root }: TreeHead): Promise<boolean> {
  const peaks = new Peaks();
  try {
    if (size > 0) {
      for await (const entry of entries) {
        peaks.append(entry);
        if (peaks.size === size) break;
      }
    }
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'LOG_DAMAGED') return false;
    throw error;
  }
  return peaks.size === size && equalBytes(peaks.root(), root);
}

/** The objects of the log that the store lacks or has otherwise. */
async function* differing(
  store: LogStore,
  entries: Entries,
  size: number,
  onProgress?: (entries: number) => void,
): AsyncGenerator<LogObject, void, void> {
  const edge = LogEdge.empty();
  const wrong = async ({ path, bytes }: LogObject) =>
    !equalBytes((await readAny(store, path)) ?? new Uint8Array(), bytes);
  // By level: the newest partial tile. That of a smaller tree is nobody's any more, and gone perhaps, unless nothing was added to its level.
  const partial = new Map<string, LogObject>();
  let from = 0;
  for await (const entry of entries) {
    edge.append(entry);
    if (edge.size < size && edge.size % step !== 0) continue;
    for (const object of edge.objectsSince(from)) {
      const level = object.path.split('/')[1] ?? '';
      if (object.path.includes('.p/')) {
        partial.set(level, object);
        continue;
      }
      partial.delete(level);
      if (await wrong(object)) yield object;
    }
    if (edge.size === size) for (const object of partial.values()) if (await wrong(object)) yield object;
    from = edge.size;
    edge.flushed(from);
    onProgress?.(from);
    if (from === size) return;
  }
}

/** null too where something stands there that is too large to be it. */
async function readAny(store: LogStore, path: string): Promise<Uint8Array | null> {
  try {
    return await store.read(path, maxObjectBytes);
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'LOG_STORE_INVALID') return null;
    throw error;
  }
}

/** The entries before the first that is missing. */
async function* whatThereIs(store: LogStore, size: number): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* readEntries(store, 0, size);
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== 'LOG_DAMAGED') throw error;
  }
}

/** What is accepted of the log's beginning, where there is one, and then of the topic, in that order. */
async function* fromTopic(options: RepairOptions, beginning: Entries | null): AsyncGenerator<Uint8Array, void, void> {
  const judge = new Judge(options);
  if (beginning !== null) {
    for await (const entry of beginning) {
      // One that does not count is not the log's: what follows is left to the topic alone.
      if (judge.offer(entry, { in: 'log', index: judge.size }).outcome !== 'accepted') return;
      yield entry;
    }
  }
  let offset = 0;
  for await (const value of options.topic()) {
    if (judge.offer(value, { in: 'seals', offset }).outcome === 'accepted') yield value;
    offset += 1;
  }
}

function damaged({ size, root }: TreeHead): LedgerError {
  const message = `Tiles or entries of the published log of size ${size} are missing or wrong, and neither what there is of it nor the seals topic gives them.`;
  return logDamaged(message, { size, expected: root });
}
