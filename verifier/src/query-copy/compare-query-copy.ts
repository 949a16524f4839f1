import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import type { Codecs } from '@tallystick/core/codecs';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { EventDecoder } from '@tallystick/schemas/decoder';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import { inTime } from '../deadline.ts';
import type { NewFinding } from '../domain/findings.ts';
import { VerifierError } from '../errors.ts';
import type { CopiedExtent, CopiedRows } from '../ports/copied-rows.ts';
import { comparePartition } from './compare-partition.ts';
import type { CopyParts } from './compare-partition.ts';
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
  const counts: { -readonly [Name in keyof QueryCopyCounts]: number } = {
    compared: 0,
    altered: 0,
    extra: 0,
    missing: 0,
    notYet: 0,
    uncheckable: 0,
  };
  const partitions: CopiedPartition[] = [];
  const patience = { deadlineMs, signal };
  try {
    const { topicId } = await inTime(`A description of topic ${topic}`, patience, log.describeTopic(topic));
    const extents = await rows.extents(topic);
    for (const extent of extents) {
      if (segments.some((each) => isOf(each, extent))) continue;
      findings.push(ofNoGeneration(extent));
      counts.extra += extent.rows;
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
      log,
      topic,
      topicId,
      ...patience,
      decoder: new EventDecoder(options.schemas),
      codecs: options.codecs ?? nodeCodecs,
      settleMs: options.settleMs ?? 1e4,
      maxLagMs: options.maxLagMs ?? 6e4,
      now: options.now ?? Date.now,
      range,
      add: (finding) => void findings.push(finding),
      count: (name, by) => {
        counts[name] += by;
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
    findings.push(unavailable(error, topic));
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

function ofNoGeneration({ topic, partition, generation, rows, first, last }: CopiedExtent): NewFinding {
  return {
    code: 'copy-extra',
    topic,
    partition,
    generation,
    place: `offsets ${first}-${last}`,
    expected: 'no such row',
    found: String(rows),
    message: `The query copy holds ${rows} rows of generation ${generation} of partition ${partition}, which no accepted statement begins.`,
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
