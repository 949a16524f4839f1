import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import type { Codecs } from '@tallystick/core/codecs';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { EventDecoder } from '@tallystick/schemas/decoder';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import { describeTopic } from '../ask-broker.ts';
import type { NewFinding } from '../domain/findings.ts';
import { VerifierError } from '../errors.ts';
import type { CopiedExtent, CopiedPlace, CopiedRows } from '../ports/copied-rows.ts';
import { comparePartition } from './compare-partition.ts';
import type { CopyParts } from './compare-partition.ts';
import { ofNoGeneration, otherTopics } from './other-topics.ts';
import type { CopiedPartition, QueryCopyCounts, QueryCopyResult } from './query-copy-result.ts';

export type { CopiedPartition, QueryCopyCounts, QueryCopyResult } from './query-copy-result.ts';

/** One generation of a partition, as the accepted statements say. */
export interface CopySegment {
  readonly partition: number;
  readonly generation: number;
  readonly topicId: string;
  readonly firstOffset: number;
}

export interface QueryCopyOptions {
  readonly rows: CopiedRows;
  readonly log: RecordLog;
  readonly topic: string;
  /** Every accepted generation of every partition. */
  readonly segments: readonly CopySegment[];
  readonly schemas: SchemaSource;
  /** Offsets to compare, both inclusive; null: nothing of that partition. Default: all of every one. */
  readonly range?: (partition: number) => { readonly first: number; readonly last: number } | null;
  /** How old the oldest record without a row may be, ms; default 60,000. */
  readonly maxLagMs?: number;
  /**
   * How long a row has to be kept, ms since the broker took its record: an older one may be gone where `rows_from` says that it expired. Default:
   * every row has to be there, whatever the database says.
   */
  readonly minRetentionMs?: number;
  /** Generations of other topics that accepted statements name: their rows are not compared, and said to be so. */
  readonly elsewhere?: readonly CopiedPlace[];
  /** Whether all statements could be read; default true. Where not, rows of a generation that is not known are no tampering. */
  readonly statementsRead?: boolean;
  /** Is told each finding at once; those of the result are none then. For what can have more findings than memory. */
  readonly onFinding?: (finding: NewFinding) => void;
  /** How long the worker is waited for, ms; default 10,000. */
  readonly settleMs?: number;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly now?: () => number;
  readonly codecs?: Codecs;
  /** Rows compared so far and those that there are to compare, and the partition that is at hand (null: none yet). */
  readonly onProgress?: (compared: number, total: number, partition: number | null) => void;
}

/**
 * Compares every row of the query copy with the row that its record gives, streamed (ADR 8). It reads only. What cannot be read is a
 * finding; it is thrown on only where the run was cancelled.
 * @throws VerifierError VERIFY_ABORTED
 */
export async function compareQueryCopy(options: QueryCopyOptions): Promise<QueryCopyResult> {
  const { rows, log, topic, segments, deadlineMs = 30_000, signal } = options;
  const findings: NewFinding[] = [];
  const add = options.onFinding ?? ((finding: NewFinding) => void findings.push(finding));
  const count = (name: keyof QueryCopyCounts, by: number): void => void (counts[name] += by);
  const { statementsRead = true } = options;
  const counts: { -readonly [Name in keyof QueryCopyCounts]: number } = {
    compared: 0,
    altered: 0,
    extra: 0,
    missing: 0,
    notYet: 0,
    uncheckable: 0,
  };
  const partitions: CopiedPartition[] = [];
  const asked = { log, deadlineMs, signal };
  try {
    const { topicId } = await describeTopic(asked, topic);
    const faults = await rows.faults();
    if (faults.length > 0) add(anotherTable(topic, faults));
    await otherTopics({ rows, topic, elsewhere: options.elsewhere ?? [], statementsRead, add, count, signal });
    const extents = await rows.extents(topic);
    for (const extent of extents) {
      if (segments.some((each) => isOf(each, extent))) continue;
      add(ofNoGeneration(extent, statementsRead));
      count(statementsRead ? 'extra' : 'uncheckable', extent.rows);
    }
    const range = options.range ?? (() => ({ first: 0, last: Infinity }));
    const total = rowsToCompare(
      extents.filter((extent) => segments.some((each) => isOf(each, extent) && each.topicId === topicId)),
      range,
    );
    let partition: number | null = null;
    // A copy that grows meanwhile has more.
    const tell = (): void => options.onProgress?.(counts.compared, Math.max(total, counts.compared), partition);
    tell();
    const parts: CopyParts = {
      rows,
      ...asked,
      topic,
      topicId,
      decoder: new EventDecoder(options.schemas),
      codecs: options.codecs ?? nodeCodecs,
      settleMs: options.settleMs ?? 1e4,
      maxLagMs: options.maxLagMs ?? 6e4,
      minRetentionMs: options.minRetentionMs ?? null,
      now: options.now ?? Date.now,
      range,
      add,
      count: (name, by) => {
        count(name, by);
        if (name === 'compared') tell();
      },
    };
    for (const segment of [...segments].sort((a, b) => a.partition - b.partition || a.generation - b.generation)) {
      const later = segments.filter(
        (each) => each.partition === segment.partition && each.generation > segment.generation,
      );
      const extent = extents.find((each) => isOf(segment, each)) ?? null;
      partition = segment.partition;
      const compared = await comparePartition(parts, segment, later, extent);
      if (compared !== null) partitions.push(compared);
    }
  } catch (error) {
    add(unavailable(error, topic));
  }
  return { counts, partitions, findings };
}

function isOf(segment: CopySegment, { partition, generation }: CopiedExtent): boolean {
  return segment.partition === partition && segment.generation === generation;
}

/** How many rows of these extents lie in what is looked at; fewer, where rows are missing. */
function rowsToCompare(
  extents: readonly CopiedExtent[],
  rangeOf: (partition: number) => { readonly first: number; readonly last: number } | null,
): number {
  let total = 0;
  for (const { partition, rows, first, last } of extents) {
    const range = rangeOf(partition);
    if (range === null) continue;
    const offsets = Math.min(Number(last), range.last) - Math.max(Number(first), range.first) + 1;
    total += Math.max(0, Math.min(rows, offsets));
  }
  return total;
}

/** What was compared is what this thing answers now, and no table that would answer everybody the same. */
function anotherTable(topic: string, faults: readonly string[]): NewFinding {
  const more = faults.length > 5 ? ` and ${faults.length - 5} more` : '';
  return {
    code: 'unavailable',
    topic,
    found: 'COPY_UNAVAILABLE',
    message: `The query copy is not the table of the migrations: ${faults.slice(0, 5).join('; ')}${more}. Undo what was changed.`,
  };
}

function unavailable(error: unknown, topic: string): NewFinding {
  const known =
    (error instanceof KafkaError && error.code !== 'ABORTED') ||
    error instanceof SchemasError ||
    (error instanceof VerifierError && error.code === 'COPY_UNAVAILABLE');
  if (!known) throw error;
  return {
    code: 'unavailable',
    topic,
    found: error.code,
    message: `The query copy was not compared to its end: ${error.message}`,
  };
}
