import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { Sections } from '../domain/sections.ts';
import { joinShards } from '../domain/shards.ts';
import type { Shard } from '../domain/shards.ts';
import { SeenBorder } from './batch-marks.ts';
import type { Border } from './batch-marks.ts';
import type { PartitionFindings } from './partition-findings.ts';
import { readThrough } from './read-through.ts';
import type { Piece, Source } from './read-through.ts';
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

/** What came of a shard without damage, and by what it hangs together with its neighbours. */
export interface SoundShard {
  readonly counts: ShardCounts;
  /** As it was seen where the shard begins. */
  readonly begin: Border;
  /** As it was seen where the shard ends. */
  readonly end: Border;
}

/**
 * Reads a shard that has no damage and compares its records with its seals. Where another one follows, the first batch behind `end` is read too.
 * @param sections those of the shard
 * @returns null where there is damage: what was reported until then means nothing
 * @throws KafkaError where the partition cannot be read at all
 */
export async function readSoundShard(shard: Shard, sections: Sections, tools: ShardTools): Promise<SoundShard | null> {
  const { readFrom, countTo, readTo, runTo } = shard;
  const pass = await begin(shard, sections, tools);
  pass.limit = countTo;
  const [first, end] = [new SeenBorder(readFrom), new SeenBorder(shard.end)];
  for await (const piece of readThrough(tools.source, beginOf(shard), runTo, readTo)) {
    if (piece.kind === 'hole') return null;
    for (const batch of piece.batches) {
      if (batch.header.baseOffset < countTo) await pass.batch(batch);
      first.add(batch);
      end.add(batch);
    }
    if (end.isPassed && readTo < runTo) break;
  }
  await pass.skipTo(shard.end);
  return { counts: countsOf(pass), begin: first.marks, end: end.marks };
}

/**
 * Whether to go on with the next shard, asked where one ends.
 * @param border as it is seen there; null: it lies in damage, or what comes behind it was not seen, so that the next shard cannot stand alone
 */
export type NextShard = (border: Border | null) => Promise<Shard | null>;

/**
 * Reads a shard, reports its damage, and goes on with the shards that join it as long as `next` gives one.
 * @param sections all of the plan's from the shard's first on
 * @param pieces of the partition: where the shard before was read with them too, that reading goes on
 * @returns the shards that were read, as one, and the border that they end at
 * @throws KafkaError where the partition cannot be read at all
 */
export async function readShardsOn(
  shard: Shard,
  sections: Sections,
  tools: ShardTools & { readonly pieces: PieceReader },
  next: NextShard,
): Promise<{ shard: Shard; counts: ShardCounts; border: Border }> {
  const { pieces } = tools;
  const pass = await begin(shard, sections, tools);
  let read = shard;
  let seen = new SeenBorder(shard.end);
  let border: Border | null = null;
  const take = async (batch: ReadBatch): Promise<void> => {
    await pass.batch(batch);
    seen.add(batch);
  };
  const goOn = async (at: Border | null): Promise<boolean> => {
    const joined = await next(at);
    if (joined === null) border = at;
    else {
      read = joinShards(read, joined);
      seen = new SeenBorder(read.end);
    }
    pass.limit = read.countTo;
    return joined !== null;
  };
  pass.limit = read.countTo;
  await pieces.begin(beginOf(shard), shard);
  reading: for (let piece = await pieces.next(); piece !== null; piece = await pieces.next()) {
    if (piece.kind === 'hole') {
      await pass.hole(piece);
      while (pass.position >= pass.limit) if (!(await goOn(null))) break reading;
      continue;
    }
    for (const [at, batch] of piece.batches.entries()) {
      await take(batch);
      // A border is passed with the batch that holds what lies behind it: until then damage may show that lies before.
      while (batch.header.lastOffset >= pass.limit) {
        const left = piece.batches.slice(at);
        for (const behind of left.slice(1)) seen.add(behind);
        const { isPassed, marks } = seen;
        if (!(await goOn(isPassed && marks.last !== null ? marks : null))) {
          pieces.leave(read.end, left);
          break reading;
        }
        await take(batch);
      }
    }
  }
  await pass.skipTo(read.end);
  return { shard: read, counts: countsOf(pass), border: border ?? seen.marks };
}

/** Reads one partition from piece to piece: who goes on where another one left off is given what lies there, not what an index leads to. */
export class PieceReader {
  private readonly source: Source;
  private reading: AsyncGenerator<Piece, void, void> | null = null;
  private left: { readonly offset: number; readonly batches: readonly ReadBatch[] } | null = null;

  constructor(source: Source) {
    this.source = source;
  }

  /** @param from where a shard is to be read from, if nobody left off where it begins */
  async begin(from: number, { joins, readFrom, runTo }: Shard): Promise<void> {
    if (joins && this.left?.offset === readFrom) return;
    await this.close();
    this.reading = readThrough(this.source, from, runTo);
  }

  /** What comes next; null: nothing does. @throws KafkaError where the partition cannot be read at all */
  async next(): Promise<Piece | null> {
    const { left } = this;
    this.left = null;
    if (left !== null) return { kind: 'batches', batches: left.batches };
    const piece = await this.reading?.next();
    return piece === undefined || piece.done === true ? null : piece.value;
  }

  /** @param offset of a border; @param batches from the one that holds it on: they come next */
  leave(offset: number, batches: readonly ReadBatch[]): void {
    this.left = { offset, batches };
  }

  async close(): Promise<void> {
    this.left = null;
    await this.reading?.return();
    this.reading = null;
  }
}

/**
 * What is stored where an offset is asked for, as a shard that begins behind it is shown it.
 * @param to the end of what may be read
 * @returns null where it lies in damage
 * @throws KafkaError where the partition cannot be read at all
 */
export async function borderAt(source: Source, offset: number, to: number): Promise<Border | null> {
  const seen = new SeenBorder(offset);
  for await (const piece of readThrough(source, offset - 1, Math.max(offset, to), offset)) {
    if (piece.kind === 'hole') return null;
    for (const batch of piece.batches) seen.add(batch);
    if (seen.isPassed) break;
  }
  return seen.marks;
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

function countsOf({ checkedEvents, matchedSeals, unsealed, oldestUnsealed }: SealPass): ShardCounts {
  return { checkedEvents, matchedSeals, unsealed, oldestUnsealed };
}
