import { encodeBase64 } from '@tallystick/core/encoding';
import { leafHash } from '@tallystick/core/merkle';
import type { VerifierKey } from '@tallystick/core/note';
import { parseNote } from '@tallystick/core/note';
import { parseStatement, statementHash } from '@tallystick/core/statement';
import type { Statement } from '@tallystick/core/statement';
import { CoreError } from '@tallystick/core/errors';
import { isoOf } from '../ages.ts';
import type { NewFinding } from '../domain/findings.ts';
import { VerifierError } from '../errors.ts';
import { NeedsFullRun } from '../run/incremental.ts';
import type { StartInLog } from '../run/incremental.ts';
import type { Run } from '../run/run.ts';
import { pendingAge } from '../statements/pending.ts';
import type { Waiting, WaitingLeaf } from '../statements/pending.ts';
import type { Reading } from '../statements/read-statements.ts';
import { chainOf } from '../statements/statement-findings.ts';
import type { VerifyOptions } from '../verify-options.ts';
import type { Compared } from './given-checkpoints.ts';
import type { ServedCheckpoint } from './open-checkpoint.ts';
import type { PublishedLogOfRun } from './open-published.ts';
import type { PublishedReader } from './published-reader.ts';
import { MissingResource } from './resources.ts';
import type { Resources } from './resources.ts';

type Limits = Pick<VerifyOptions, 'maxCheckpointAgeMs' | 'maxPendingAgeMs'>;

/** A quorum's time that lies further ahead of this machine's clock says nothing of the checkpoint's age, seconds. */
const clockSlack = 300;

/**
 * Reads the published log and has its entries judged.
 * @param start where an incremental run begins; null: at its first entry
 * @returns the checkpoint, where it counts in every way and all of its tree was read
 * @throws NeedsFullRun; VerifierError VERIFY_ABORTED
 */
export async function judgeLog(
  run: Run,
  reader: PublishedReader,
  reading: Reading,
  start: StartInLog | null,
): Promise<ServedCheckpoint | null> {
  let refused = false;
  const offer = (entry: Uint8Array, index: number): boolean => {
    if (start !== null && index < start.judged) {
      // Accepted before it was published: it must be that very statement.
      const expected = start.pending[index - (start.judged - start.pending.length)];
      if (encodeBase64(leafHash(entry)) === expected) {
        reading.clocks.published(entry);
        return true;
      }
      throw new NeedsFullRun(
        `entry ${index} of the log is not the statement that was accepted there before it was published`,
      );
    }
    const accepted = reading.entry(entry, index);
    refused ||= !accepted;
    return accepted;
  };
  await reader.read(offer, start?.tree ?? null);
  if (start !== null && (refused || reading.past > 0)) throw new NeedsFullRun('an entry of the log does not continue');
  const keys = { valid: [] as VerifierKey[], retired: [] as VerifierKey[] };
  for (const { role, key, retiredBy } of run.keys.entries)
    if (role === 'log') keys[retiredBy === null ? 'valid' : 'retired'].push(key);
  return reader.conclude(keys.valid, keys.retired);
}

/** What the log holds and the topic does not: `seals-lost`, at the first of them. */
export async function sealsLost(
  run: Run,
  { reader, resources }: PublishedLogOfRun,
  reading: Reading,
): Promise<NewFinding[]> {
  const { size } = reader.tree;
  // What the judge refused is no statement that the topic should hold.
  const missing = reading.unread ? null : (reading.held?.missing(size) ?? null);
  if (missing === null) return [];
  const { first, count, which } = missing;
  const { seals } = run.topics;
  const found = await statementAt(resources, first, size);
  return [
    {
      ...chainOf(found?.statement ?? null),
      code: 'seals-lost',
      place: found?.hash ?? '-',
      expected: `entry ${first}`,
      found: `${count} missing (SHA-256 of which ${which})`,
      message: `Topic ${seals} lacks ${count} of the statements that the published log holds, the first of them entry ${first}. The ledger produces them again; until it has, ask who could delete them.`,
      detail: { first, count },
    },
  ];
}

/** What is known of the seals topic when the log is held against it. */
export interface SealsTopicRead {
  /** Whether what the topic holds is known. */
  readonly topicRead: boolean;
  /** When its end was asked for, unix ms. */
  readonly readAt: number;
  /** Statements that earlier runs accepted and the log does not hold yet. */
  readonly earlier: readonly WaitingLeaf[];
  /** Those that this run accepted; null: there are too many. */
  readonly leaves: readonly WaitingLeaf[] | null;
  /** Both; null: not known. */
  readonly waiting: Waiting | null;
}

/** Holds the log against the limits of age, and against checkpoints from elsewhere. */
export function compareLog(
  run: Run,
  { reader, given }: PublishedLogOfRun,
  limits: Limits,
  { topicRead, readAt, earlier, leaves, waiting }: SealsTopicRead,
): Compared {
  run.findings.addAll(checkpointAge(reader, limits.maxCheckpointAgeMs ?? null));
  const times = { served: reader.servedAt, read: readAt };
  if (waiting !== null) run.findings.addAll(pendingAge(waiting, times, limits.maxPendingAgeMs ?? null));
  const compared = given.compare({
    reader,
    keys: run.keys.entries.filter(({ role }) => role === 'log').map(({ key }) => key),
    pending: topicRead && (reader.whole || reader.isAbsent) && leaves !== null ? [...earlier, ...leaves] : null,
  });
  run.findings.addAll(compared.findings);
  return compared;
}

/** Its age is that of the newest cosignatures that reach the quorum. */
function checkpointAge({ served, servedAt }: PublishedReader, maxAgeMs: number | null): NewFinding[] {
  if (maxAgeMs === null || served === null) return [];
  const { quorumTime, checkpoint } = served;
  if (quorumTime === null) return [];
  // Reading a long log takes its time: that makes no checkpoint older.
  const ageMs = servedAt - quorumTime * 1000;
  if (ageMs <= maxAgeMs && ageMs >= -clockSlack * 1000) return [];
  const at = isoOf(quorumTime);
  return [
    {
      code: 'checkpoint-old',
      expected: `${maxAgeMs} ms`,
      found: at,
      message:
        ageMs < 0
          ? `The witnesses' time of the checkpoint (${at}) lies ahead of this machine's clock: its age cannot be told. Set the clocks.`
          : `The checkpoint (size ${checkpoint.size}) is ${Math.round(ageMs / 1000)} s old by the witnesses' time (${at}); the limit is ${Math.round(maxAgeMs / 1000)} s. What came after it is not known: is the ledger publishing?`,
    },
  ];
}

async function statementAt(
  resources: Resources,
  index: number,
  size: number,
): Promise<{ hash: string; statement: Statement } | null> {
  try {
    for await (const { entries } of resources.bundles(index, index + 1, size)) {
      const { text } = parseNote(entries[0] ?? new Uint8Array());
      return { hash: statementHash(text), statement: parseStatement(text) };
    }
  } catch (error) {
    const known = error instanceof CoreError || error instanceof MissingResource;
    if (!known && !(error instanceof VerifierError && error.code !== 'VERIFY_ABORTED')) throw error;
  }
  return null;
}
