import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import type { ContentPart } from '../content/content-types.ts';
import type { SpilledIds } from '../content/id-spill.ts';
import type { NewFinding } from '../domain/findings.ts';
import type { BatchMark, RowMarks } from '../records/batch-marks.ts';

/** What one run of sections of one partition came to, in the form of a run's progress. */
export interface CheckedPart {
  readonly topic: string;
  readonly partition: number;
  /** Offsets, end exclusive: both are borders of sections. */
  readonly from: number;
  readonly end: number;
  /** Hash of the statement of the last section. It names the one before it, so it stands for the whole chain up to there. */
  readonly statement: string;
  /** Of the batch that holds the last record, as it was read. */
  readonly last: BatchMark;
  /** Of what was seen behind it; none where the part ended with what there was. */
  readonly behind: RowMarks;
  /** Of the keys that producers' signatures were judged by. */
  readonly keys: string;
  /** Log start of the partition when it was read. */
  readonly logStart: number;
  readonly checkedEvents: number;
  readonly matchedSeals: number;
  /** All of the partition so far that change no verdict; there are no others. */
  readonly findings: readonly NewFinding[];
  /** Seals of the partition so far whose stored leaves were not met yet, by first offset. */
  readonly open: readonly OpenSeal[];
  /** What the events say; null where there were none. */
  readonly content: ContentPart | null;
}

export interface OpenSeal {
  readonly first: number;
  /** Leaves were met for it, but none with its root. */
  readonly met: boolean;
}

/** Which records a part speaks of, and what those were judged by. */
export type PartHead = Pick<
  CheckedPart,
  'topic' | 'partition' | 'from' | 'end' | 'statement' | 'last' | 'behind' | 'keys' | 'logStart'
>;

/** Events that nothing could be said of keep their part from being kept: another run may have more luck. */
export function canBeKept({ tally, overflow, ids }: ContentPart): boolean {
  return Object.keys(tally.unavailable).length === 0 && !overflow && ids.failed === null;
}

/** The ids lie in a file of the run's temporary folder: they are part of what is written. @throws Error of node:fs */
export function encodePart({ content, ...head }: CheckedPart): Uint8Array {
  const ids = content === null || content.ids.file === null ? null : readFileSync(content.ids.file);
  return serialize({ head, content, ids });
}

/** Only the head of {@link encodePart}'s bytes. @throws Error where they are something else */
export function headOfPart(bytes: Uint8Array): PartHead {
  const { topic, partition, from, end, statement, last, behind, keys, logStart } = opened(bytes).head;
  return { topic, partition, from, end, statement, last, behind, keys, logStart };
}

/** Whether a part is the one that has this head. */
export function hasHead(part: PartHead, head: PartHead): boolean {
  return (Object.keys(head) as (keyof PartHead)[]).every((key) => isDeepStrictEqual(part[key], head[key]));
}

/**
 * What {@link encodePart} wrote; its ids lie in a file in `tempDir` again.
 * @throws Error where they are something else; of node:fs
 */
export function decodePart(bytes: Uint8Array, tempDir: string): CheckedPart {
  const { head, content, ids } = opened(bytes);
  if (content === null) return { ...head, content };
  const file = ids === null ? null : join(tempDir, `ids-${randomUUID()}`);
  if (file !== null && ids !== null) writeFileSync(file, ids, { flag: 'wx', mode: 0o600 });
  return { ...head, content: { ...content, ids: { ...copied(content.ids), file } } };
}

/** What was read of bytes may be a view of them, and would keep all of them in memory. */
function copied({ memory, chunks, ...ids }: SpilledIds): SpilledIds {
  return { ...ids, memory: memory.map((words) => words.slice()), chunks: chunks.map((places) => places.slice()) };
}

interface Opened {
  readonly head: Omit<CheckedPart, 'content'>;
  readonly content: ContentPart | null;
  readonly ids: Uint8Array | null;
}

/** They carry a code of this program's own: what does not open was written by another release of it, or of Node. */
function opened(bytes: Uint8Array): Opened {
  const value: unknown = deserialize(bytes);
  if (typeof value !== 'object' || value === null || !('head' in value)) throw new TypeError('it is no part');
  return value as Opened;
}
