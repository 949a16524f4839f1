import type { Codecs } from '@tallystick/core/codecs';
import { Judge } from '@tallystick/core/judge';
import type { JudgeOptions } from '@tallystick/core/judge';
import { readBatchHeader } from '@tallystick/core/batch';
import type { VerifierKey } from '@tallystick/core/note';
import type { SealStatement, Statement } from '@tallystick/core/statement-types';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { Patience } from '../deadline.ts';
import { dataRecords } from '../records/data-records.ts';
import type { ScopeRange } from '../scope.ts';
import { CopiedLog } from './copied-log.ts';
import type { CopiedTopic } from './copied-log.ts';
import type { CopiedPublished } from './copied-published.ts';
import { copyTopic } from './copy-records.ts';
import type { CopyRange, Room } from './copy-records.ts';

/** One accepted statement of the copy, in the order of the seals topic. */
export interface CopiedStatement {
  readonly hash: string;
  readonly statement: Statement;
  readonly note: Uint8Array;
  readonly offset: number;
}

/** The part of one partition whose records were copied: its newest seals, whole and without a hole between them. */
export interface CopiedPart {
  readonly partition: number;
  /** Oldest first. */
  readonly seals: readonly { readonly hash: string; readonly seal: SealStatement }[];
  readonly first: number;
  readonly last: number;
}

/** What an alteration alters, and what it may know of it. */
export interface Evidence {
  readonly log: CopiedLog;
  readonly published: CopiedPublished | null;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly codecs: Codecs;
  readonly statements: readonly CopiedStatement[];
  readonly parts: readonly CopiedPart[];
  /** Records of the seals topic, from its log start on. */
  readonly records: number;
  /** Of so many records the oldest were copied, in place of all; the log is then one that the self-test makes of them. */
  readonly oldest: boolean;
}

export interface CopyOptions {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly rootKey: VerifierKey;
  readonly codecs: Codecs;
  readonly judging: Pick<JudgeOptions, 'read' | 'verify'>;
  /** Newest seals of each partition, and events of all partitions together, at most: fewer seals, then fewer partitions. */
  readonly seals: number;
  readonly events: number;
  /** Records of the seals topic, at most: where it has more, the log as it was when it had so many is copied. */
  readonly statements: number;
}

/**
 * Copies the statements, the newest sealed records of the partitions, and their leaves. Reads only. A chain of statements counts from its beginning
 * only, so of a long one the beginning is copied, and the records that are sealed there.
 */
export async function copyEvidence(
  { log, topics, origin, rootKey, codecs, judging, seals, events, statements: most }: CopyOptions,
  patience: Patience,
  room: Room,
): Promise<Omit<Evidence, 'published'>> {
  let records = 0;
  const notes = await copyTopic(log, topics.seals, patience, room, (_, { logStart, highWatermark }) => {
    records = highWatermark - logStart;
    return { from: logStart, to: Math.min(highWatermark, logStart + most) };
  });
  const oldest = records > most;
  const copied = new Map<string, CopiedTopic>([[topics.seals, notes]]);
  const statements = accepted(copied.get(topics.seals), new Judge({ origin, rootKey, ...judging }), codecs);
  const parts = newestSeals(statements, topics.events, seals, events);
  const ofPart = new Map(parts.map((part) => [part.partition, part]));
  const range: CopyRange = (partition, { logStart, highWatermark }) => {
    const part = ofPart.get(partition);
    if (part !== undefined) return { from: part.first, to: oldest ? part.last + 1 : highWatermark };
    return oldest ? { from: logStart, to: logStart } : { from: highWatermark, to: highWatermark };
  };
  copied.set(topics.events, await copyTopic(log, topics.events, patience, room, range));
  // Of the beginning no leaves: where they lie is not known.
  const leaves = oldest ? null : await copyLeaves(log, topics.leaves, patience, room, ofPart, 2 * seals);
  if (leaves !== null) copied.set(topics.leaves, leaves);
  return { log: new CopiedLog(copied), topics, origin, codecs, statements, parts, records, oldest };
}

/** The offsets to which a verification of the copy is held; null where everything that is sealed was copied. */
export function scopeOf({ parts, statements }: Pick<Evidence, 'parts' | 'statements'>): ScopeRange[] | null {
  const copied = parts.reduce((sum, part) => sum + part.seals.length, 0);
  const sealed = statements.filter(({ statement }) => statement.kind === 'seal').length;
  return copied === sealed ? null : parts.map(({ partition, first }) => ({ partition, first, last: Infinity }));
}

/** Without leaves a batch is named in place of an event: nothing that a self-test needs. */
async function copyLeaves(
  log: RecordLog,
  name: string,
  patience: Patience,
  room: Room,
  wanted: ReadonlyMap<number, unknown>,
  records: number,
): Promise<CopiedTopic | null> {
  try {
    return await copyTopic(log, name, patience, room, (partition, { highWatermark }) => ({
      from: wanted.has(partition) ? highWatermark - records : highWatermark,
      to: highWatermark,
    }));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'TOPIC_MISSING') return null;
    throw error;
  }
}

function accepted(topic: CopiedTopic | undefined, judge: Judge, codecs: Codecs): CopiedStatement[] {
  const statements: CopiedStatement[] = [];
  for (const { bytes } of topic?.partitions[0]?.batches ?? []) {
    for (const { offset, value } of dataRecords({ bytes, header: readBatchHeader(bytes, 0) }, codecs)) {
      const outcome = judge.offer(value, { in: 'seals', offset });
      if (outcome.outcome !== 'accepted' || value === null) continue;
      const { hash, statement } = outcome.signed;
      statements.push({ hash, statement, note: value, offset });
    }
  }
  return statements;
}

function newestSeals(
  statements: readonly CopiedStatement[],
  topic: string,
  most: number,
  events: number,
): CopiedPart[] {
  const chains = new Map<number, { hash: string; seal: SealStatement }[]>();
  for (const { hash, statement } of statements) {
    if (statement.kind === 'key' || statement.topic !== topic) continue;
    // Another generation, a gap or a prune: what lies before is not next to what lies behind.
    const chain = statement.kind === 'seal' ? (chains.get(statement.partition) ?? []) : [];
    if (statement.kind === 'seal') chain.push({ hash, seal: statement });
    chains.set(statement.partition, chain);
  }
  const parts: CopiedPart[] = [];
  let left = events;
  for (const [partition, chain] of [...chains].toSorted(([a], [b]) => a - b)) {
    const share = Math.max(1, Math.floor(left / (chains.size - parts.length)));
    let count = 0;
    let taken = 0;
    while (count < Math.min(most, chain.length)) {
      const { seal } = chain[chain.length - 1 - count] as { seal: SealStatement };
      const size = seal.offsets.last - seal.offsets.first + 1;
      if (count > 0 && taken + size > share) break;
      taken += size;
      count += 1;
    }
    const seals = chain.slice(chain.length - count);
    const first = seals[0];
    const last = seals.at(-1);
    if (first === undefined || last === undefined || (parts.length > 0 && taken > left)) continue;
    left -= taken;
    parts.push({ partition, seals, first: first.seal.offsets.first, last: last.seal.offsets.last });
  }
  return parts;
}
