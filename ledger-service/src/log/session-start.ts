import type { VerifierKey } from '@tallystick/core/note';
import { firstMissingEntry } from '../domain/missing-entry.ts';
import { LedgerError } from '../errors.ts';
import { topicStatements } from '../seal/topic-statements.ts';
import { checkGrowth } from './growth.ts';
import { lossAlarms } from './loss-watch.ts';
import { LogEdge } from './log-edge.ts';
import { rolledBack } from './log-errors.ts';
import { openLogState, type LogState } from './log-state.ts';
import { repairLogStore } from './repair.ts';
import type { SeenHeads } from './seen-heads.ts';
import type { SessionParts, SessionStart } from './session-parts.ts';
import { emptyHead, newestHead, type SignedHead, type StoredHead } from './stored-log.ts';

/** Records before the snapshot's position that are judged again, so that what was written there meanwhile is not missed. */
const overlap = 4_096;
/** How often the log may grow while it is opened. */
const tries = 10;

// The publisher decides nothing on old statements, so it need not remember all of them.
const memory = { evidence: 256, remember: 256, rememberEnds: 1_024 };

export interface OpenSessionOptions extends SessionParts {
  readonly rootKey: VerifierKey;
  readonly seen: SeenHeads;
  /** What is published now. */
  readonly look: () => Promise<SignedHead | null>;
  readonly signal: AbortSignal;
}

/**
 * Opens the log for publishing: the newest stored checkpoint, the right edge of its tree (made again where it is damaged), the proof that it
 * grew from everything that was seen signed before, the judge, and from where the seals topic is read on.
 * @throws LedgerError CHECKPOINT_INVALID, CHECKPOINT_ROLLED_BACK, LOG_FORKED, LOG_DAMAGED, LOG_REFUSED, UNKNOWN_STATEMENT, and those of the
 *   stores; KafkaError
 */
export async function openSession(options: OpenSessionOptions): Promise<SessionStart> {
  const { place, log, topic, logger, alarms } = options;
  for (let attempt = 1; ; attempt += 1) {
    // Before the newest is asked for: another publisher may store and publish at any moment, and that is no rollback.
    const known = await seenBefore(options);
    const head = await newestHead(place);
    let unusable: LedgerError | null = null;
    let edge: LogEdge;
    let state: LogState;
    try {
      edge = await LogEdge.open(place.store, head ?? emptyHead);
      for (const { what, seen } of known) await checkGrowth(place.store, seen, head, what);
      state = await openLogState({
        ...place,
        ...memory,
        rootKey: options.rootKey,
        onSnapshotUnusable: (error) => (unusable = error),
      });
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== 'LOG_DAMAGED' || head === null || attempt === tries)
        throw error;
      logger.error('The published log is damaged and is made again.', { error: error.message });
      alarms.raise(lossAlarms.LOG_DAMAGED, error, 'publish');
      const written = await repair(options, head);
      logger.warn('The published log is whole again.', { written: written.length });
      continue;
    }
    // Another publisher was there in between.
    if (state.checkpoint?.version !== head?.stored.version && attempt < tries) continue;
    noteSnapshot(options, unusable, state);
    const { topicId } = await log.describeTopic(topic);
    const from = await startOffset(options, state, topicId);
    const { judge, snapshotSize } = state;
    return { head, edge, judge, topicId, from, snapshotSize };
  }
}

/** Memory, state folder and published checkpoint: the stored one must have grown from each. */
async function seenBefore({ seen, look }: OpenSessionOptions): Promise<{ what: string; seen: SignedHead }[]> {
  const largest = await seen.largest();
  const published = await look();
  return [
    ...(largest === null ? [] : [{ what: 'The largest checkpoint that this publisher saw stored', seen: largest }]),
    ...(published === null ? [] : [{ what: 'The published checkpoint', seen: published }]),
  ];
}

function noteSnapshot(
  { alarms, logger }: OpenSessionOptions,
  unusable: LedgerError | null,
  { checkpoint, size }: LogState,
): void {
  if (unusable === null) {
    // What kept an earlier session from writing one is over: there is one.
    alarms.clear('snapshot');
    return;
  }
  logger.warn(unusable.message, { code: unusable.code });
  alarms.raise('snapshot', unusable, 'snapshot');
  // The log key signs a snapshot only after its checkpoint was stored.
  const { newer } = unusable.evidence;
  if (typeof newer === 'number') throw rolledBack('The tree of the signed snapshot', newer, checkpoint && size);
}

async function repair({ rootKey, ...options }: OpenSessionOptions, head: StoredHead): Promise<string[]> {
  const { place, log, topic, codecs, deadlineMs, signal } = options;
  const { origin, verify, store } = place;
  const { topicId } = await log.describeTopic(topic);
  const { logStart, highWatermark } = await log.bounds(topic, 0);
  const where = { log, topic, topicId, codecs, deadlineMs, signal, from: logStart, to: highWatermark };
  // A prune may name any seal, and the bundles that would say whether there was one may be what is missing: 16 bytes a seal.
  const remembers = { ...memory, rememberEnds: Infinity };
  const topicNow = () => topicStatements(where);
  return await repairLogStore({ store, head, origin, rootKey, verify, ...remembers, topic: topicNow });
}

/**
 * From a little before the snapshot's position where the topic is the same and ends there as the log does; else from its start. What the
 * log holds is met again and costs little; what was written there anew is not missed.
 */
async function startOffset(options: OpenSessionOptions, state: LogState, topicId: string): Promise<number> {
  const { log, topic, clock, deadlineMs, codecs, signal } = options;
  const startedAt = clock.monotonic();
  for (;;) {
    const { logStart, highWatermark } = await log.bounds(topic, 0);
    const { position, size } = state;
    if (position?.topicId !== topicId || position.offset < logStart) return logStart;
    if (position.offset <= highWatermark) {
      const from = Math.max(logStart, position.offset - overlap);
      if (size === 0) return from;
      const where = { log, topic, topicId, codecs, deadlineMs, signal, from, to: highWatermark };
      const missing = await firstMissingEntry(state.entries(size - 1, size), topicStatements(where), size - 1);
      return missing === null ? from : logStart;
    }
    // After a failover a new leader may show an older end for a moment, with nothing lost (KIP-207).
    if (clock.monotonic() - startedAt >= deadlineMs) return logStart;
    await clock.sleep(Math.min(1_000, deadlineMs / 4), signal);
  }
}
