import { createHash } from 'node:crypto';
import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { Sections } from './domain/sections.ts';
import { joinShards } from './domain/shards.ts';
import type { Shard } from './domain/shards.ts';
import type { PartitionFindings } from './partition-findings.ts';
import { readThrough } from './read-through.ts';
import type { Source } from './read-through.ts';
import { SealPass } from './seal-pass.ts';
import type { RecordSink, SealSink } from './seal-pass.ts';

export interface ShardTools {
  readonly source: Source;
  readonly sha256: Sha256;
  readonly codecs: Codecs;
  readonly found: PartitionFindings;
  readonly seals: SealSink;
  readonly records: RecordSink | null;
  readonly meter: { add(bytes: number, events: number): void };
}

/** What the records of one shard came to. */
export interface ShardCounts {
  readonly checkedEvents: number;
  readonly matchedSeals: number;
  readonly unsealed: number;
  /** Timestamp of the first unsealed record. */
  readonly oldestUnsealed: bigint | null;
}

/** What came of a shard without damage, and by which batches it hangs together with its neighbours. */
export interface SoundShard {
  readonly counts: ShardCounts;
  /** Of the batch that holds the record before the first, the first, and the last before `end`: null where none was read. */
  readonly before: BatchMark | null;
  readonly first: BatchMark | null;
  readonly last: BatchMark | null;
}

/** Tells one stored batch from another that claims the same offsets: SHA-256 of all its bytes. A CRC anybody can bend to fit. */
export type BatchMark = string;

/**
 * Reads a shard that has no damage and compares its records with its seals.
 * @param sections those of the shard
 * @returns null where there is damage: what was reported until then means nothing
 * @throws KafkaError where the partition cannot be read at all
 */
export async function readSoundShard(shard: Shard, sections: Sections, tools: ShardTools): Promise<SoundShard | null> {
  const { readFrom, end, countTo, readTo } = shard;
  const pass = await begin(shard, sections, tools);
  pass.limit = countTo;
  const marks: Record<'before' | 'first' | 'last', BatchMark | null> = { before: null, first: null, last: null };
  for await (const piece of readThrough(tools.source, beginOf(shard), readTo)) {
    if (piece.kind === 'hole') return null;
    for (const batch of piece.batches) {
      await pass.batch(batch);
      if (holds(batch, readFrom - 1)) marks.before = markOf(batch);
      if (holds(batch, readFrom)) marks.first = markOf(batch);
      if (holds(batch, end - 1)) marks.last = markOf(batch);
    }
  }
  await pass.skipTo(end);
  return { counts: countsOf(pass), ...marks };
}

/**
 * Whether to go on with the next shard, asked where one ends.
 * @param first of the batch that holds the next shard's first record, where all is sound there; null: damage lies at the border, so
 *   that the next shard cannot stand alone
 */
export type NextShard = (first: BatchMark | null) => Promise<Shard | null>;

/**
 * Reads a shard, reports its damage, and goes on with the shards that join it as long as `next` gives one.
 * @param sections all of the plan's from the shard's first on
 * @returns the shards that were read, as one; `last`: of the batch that holds their last record before `end`, null where none was read
 * @throws KafkaError where the partition cannot be read at all
 */
export async function readShardsOn(
  shard: Shard,
  sections: Sections,
  tools: ShardTools,
  next: NextShard,
): Promise<{ shard: Shard; counts: ShardCounts; last: BatchMark | null }> {
  const pass = await begin(shard, sections, tools);
  let read = shard;
  let last: BatchMark | null = null;
  const take = async (batch: ReadBatch): Promise<void> => {
    await pass.batch(batch);
    if (holds(batch, read.end - 1)) last = markOf(batch);
  };
  const goOn = async (first: BatchMark | null): Promise<boolean> => {
    const joined = await next(first);
    if (joined !== null) {
      read = joinShards(read, joined);
      last = null;
    }
    pass.limit = read.countTo;
    return joined !== null;
  };
  pass.limit = read.countTo;
  reading: for await (const piece of readThrough(tools.source, beginOf(shard), shard.runTo)) {
    if (piece.kind === 'hole') {
      await pass.hole(piece);
      while (pass.position >= pass.limit) if (!(await goOn(null))) break reading;
      continue;
    }
    for (const batch of piece.batches) {
      await take(batch);
      // A border is passed with the batch that holds what lies behind it: until then damage may show that lies before.
      while (batch.header.lastOffset >= pass.limit) {
        if (!(await goOn(holds(batch, pass.limit) ? markOf(batch) : null))) break reading;
        await take(batch);
      }
    }
  }
  await pass.skipTo(read.end);
  return { shard: read, counts: countsOf(pass), last };
}

/**
 * What is stored where an offset is asked for, as a shard that begins behind it is shown it.
 * @returns null where no sound batch holds it
 * @throws KafkaError where the partition cannot be read at all
 */
export async function markAt(source: Source, offset: number): Promise<BatchMark | null> {
  for await (const piece of readThrough(source, offset, offset + 1)) {
    if (piece.kind === 'hole') return null;
    for (const batch of piece.batches) if (holds(batch, offset)) return markOf(batch);
  }
  return null;
}

async function begin({ from, readFrom }: Shard, sections: Sections, tools: ShardTools): Promise<SealPass> {
  const pass = new SealPass({ ...tools, slice: { partition: tools.source.partition, sections, from } });
  await pass.skipTo(readFrom);
  return pass;
}

/** The record before is read too, where the shard before ends there. */
function beginOf({ joins, readFrom }: Shard): number {
  return joins && readFrom > 0 ? readFrom - 1 : readFrom;
}

function holds({ header }: ReadBatch, offset: number): boolean {
  return header.baseOffset <= offset && offset <= header.lastOffset;
}

function markOf({ bytes }: ReadBatch): BatchMark {
  return createHash('sha256').update(bytes).digest('base64');
}

function countsOf({ checkedEvents, matchedSeals, unsealed, oldestUnsealed }: SealPass): ShardCounts {
  return { checkedEvents, matchedSeals, unsealed, oldestUnsealed };
}
