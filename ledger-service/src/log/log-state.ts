import { equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { forgetTopic, Judge, type JudgeOptions, type NeededEnd } from '@tallystick/core/judge';
import { maxSnapshotBytes, openSnapshot, type Snapshot } from '@tallystick/core/snapshot';
import { parseNote } from '@tallystick/core/note';
import { parseStatement } from '@tallystick/core/statement';
import { LedgerError } from '../errors.ts';
import type { StoredCheckpoint } from '../ports/checkpoint-store.ts';
import { logDamaged, logRefused, snapshotUnusable, unknownStatement } from './log-errors.ts';
import { Peaks } from './peaks.ts';
import { emptyHead, newestHead, readEntries, verifiedEntries, type LogPlace, type StoredHead } from './stored-log.ts';

export type { LogPlace } from './stored-log.ts';

/** Where the log is, whose signatures count, and how much its judge remembers. */
export interface LogStateOptions extends LogPlace, Omit<JudgeOptions, 'verify'> {
  /** Told that the snapshot was not used (SNAPSHOT_UNUSABLE). */
  readonly onSnapshotUnusable?: (error: LedgerError) => void;
}

/** What the published log says: every role begins with it. */
export interface LogState {
  /** Was offered all that the log holds, and nothing else. Records of `audit.seals` may be offered to it from any offset on. */
  readonly judge: Judge;
  /** Entries of the log. */
  readonly size: number;
  readonly root: Uint8Array;
  /**
   * Where `audit.seals` was when the snapshot was made: below that offset lies no statement of that topic that counts and is not in the
   * log. null without a usable snapshot.
   */
  readonly position: { readonly topicId: string; readonly offset: number } | null;
  /** Entries that the snapshot holds; null without a usable one. */
  readonly snapshotSize: number | null;
  /** The newest stored checkpoint, null before the first. */
  readonly checkpoint: StoredCheckpoint | null;
  /** Entries `from` up to, not including, `to`, byte for byte, each bundle checked against the root. @throws LedgerError LOG_DAMAGED */
  entries(from: number, to: number): AsyncIterable<Uint8Array>;
}

/**
 * Begins from the published log: the newest stored checkpoint, the snapshot beside it where it is usable, and the entries behind that, in
 * log order. What it costs grows with what lies behind the snapshot, not with the log. It reads no tile of hashes: the frontier of the
 * snapshot and the entries give the checkpoint's root, or nothing is believed.
 *
 * @throws LedgerError CHECKPOINT_INVALID, LOG_DAMAGED (entries are missing, or are not those of the root), LOG_REFUSED (an entry does not
 *   count: tampering), UNKNOWN_STATEMENT, and those of the stores
 */
export async function openLogState(options: LogStateOptions): Promise<LogState> {
  // In this order: a snapshot is written after its checkpoint was stored, so that a newer one than the checkpoint is no coincidence.
  const note = await options.store.read('snapshot', maxSnapshotBytes);
  const head = await newestHead(options);
  let unusable: LedgerError | null = null;
  if (note !== null) {
    try {
      return await fromSnapshot(options, head, openUsable(options, head, note));
    } catch (error) {
      if (!(error instanceof LedgerError) || !mayBeTheSnapshot.has(error.code)) throw error;
      unusable = error.code === 'SNAPSHOT_UNUSABLE' ? error : snapshotUnusable(error.message, error);
    }
  }
  const state = await fromStart(options, head);
  // Without one the beginning of a log that has just begun is nothing to speak of.
  if (note === null && state.size > 0) unusable = snapshotUnusable('there is none');
  if (unusable !== null) options.onSnapshotUnusable?.(unusable);
  return state;
}

// If the snapshot is wrong, reading from the start shows that these were its fault; else it throws them again.
const mayBeTheSnapshot: ReadonlySet<string> = new Set(['SNAPSHOT_UNUSABLE', 'LOG_DAMAGED', 'LOG_REFUSED']);

function openUsable(options: LogStateOptions, head: StoredHead | null, note: Uint8Array): Snapshot {
  const { origin, logKeys: keys, verify } = options;
  const { size, root } = head ?? emptyHead;
  let snapshot: Snapshot;
  try {
    snapshot = openSnapshot(note, { origin, keys, verify });
  } catch (cause) {
    throw snapshotUnusable(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (snapshot.size > size) {
    const why = `it has ${snapshot.size} entries, the newest stored checkpoint ${size}`;
    throw snapshotUnusable(why, undefined, { newer: snapshot.size });
  }
  if (snapshot.size === size && !equalBytes(snapshot.root, root))
    throw snapshotUnusable(`it has another root of size ${size} than the stored checkpoint`);
  return snapshot;
}

async function fromSnapshot(options: LogStateOptions, head: StoredHead | null, snapshot: Snapshot): Promise<LogState> {
  let judge: Judge;
  try {
    // The topic may be another one by now, or be read again from further back: who reads it may do so from anywhere.
    judge = Judge.restore(options, forgetTopic(snapshot.judge));
  } catch (cause) {
    throw snapshotUnusable(cause instanceof Error ? cause.message : String(cause), cause);
  }
  await offerEntries(options, head, judge, new Peaks(snapshot.size, snapshot.frontier));
  return stateOf(options, head, judge, snapshot);
}

async function fromStart(options: LogStateOptions, head: StoredHead | null): Promise<LogState> {
  const judge = new Judge(options);
  await offerEntries(options, head, judge, new Peaks());
  return stateOf(options, head, judge, null);
}

function stateOf(
  { store }: LogStateOptions,
  head: StoredHead | null,
  judge: Judge,
  snapshot: Snapshot | null,
): LogState {
  const { size, root } = head ?? emptyHead;
  return {
    judge,
    size,
    root,
    position: snapshot?.position ?? null,
    snapshotSize: snapshot?.size ?? null,
    checkpoint: head?.stored ?? null,
    entries: (from, to) => verifiedEntries(store, { size, root }, from, Math.min(to, size)),
  };
}

/** Offers what lies behind the peaks; all of it must count, and lead to the checkpoint's root. */
async function offerEntries(
  { store }: LogStateOptions,
  head: StoredHead | null,
  judge: Judge,
  peaks: Peaks,
): Promise<void> {
  const { size, root } = head ?? emptyHead;
  let refused: LedgerError | null = null;
  for await (const entry of readEntries(store, peaks.size, size)) {
    const index = peaks.size;
    peaks.append(entry);
    refused ??= await offerEntry(store, judge, entry, index);
  }
  // First whether these are the log's entries at all: whoever wrote into the bundles has tampered with the files only.
  const found = peaks.root();
  if (!equalBytes(found, root)) {
    const message = `The entries of the published log do not give the root of its checkpoint of size ${size}.`;
    throw logDamaged(message, { size, expected: root, found });
  }
  if (refused !== null) throw refused;
}

async function offerEntry(
  store: LogPlace['store'],
  judge: Judge,
  entry: Uint8Array,
  index: number,
): Promise<LedgerError | null> {
  const place = { in: 'log', index } as const;
  let outcome = judge.offer(entry, place);
  if (outcome.outcome === 'needsHistory') {
    judge.answer(outcome.needs, await holdsSealEnd(store, outcome.needs, index));
    outcome = judge.offer(entry, place);
  }
  if (outcome.outcome === 'accepted') return null;
  if (outcome.outcome === 'unknownVersion') return unknownStatement(`Entry ${index} of the log`, outcome.kind);
  return logRefused(index, outcome.outcome);
}

/**
 * Does the log hold, among its first `size` entries, the seal of that partition and generation with that end? Looks back from there, bundle
 * by bundle, as far as the seal can be.
 * @throws LedgerError LOG_DAMAGED, and those of the store
 */
export async function holdsSealEnd(store: LogPlace['store'], needs: NeededEnd, size: number): Promise<boolean> {
  const step = 2_048;
  for (let to = size; to > 0; to = Math.max(0, to - step)) {
    let below = false;
    for await (const entry of readEntries(store, Math.max(0, to - step), to)) {
      const statement = statementOf(entry);
      if (statement?.kind !== 'seal' || statement.generation !== needs.generation) continue;
      if (statement.topic !== needs.topic || statement.partition !== needs.partition) continue;
      if (statement.events.last === needs.index) return statement.offsets.last === needs.offset;
      if (statement.events.last < needs.index) below = true;
    }
    if (below) return false;
  }
  return false;
}

function statementOf(entry: Uint8Array): ReturnType<typeof parseStatement> | null {
  try {
    return parseStatement(parseNote(entry).text);
  } catch (error) {
    // Every entry was judged before; one of an unknown kind is no seal.
    if (error instanceof CoreError) return null;
    throw error;
  }
}
