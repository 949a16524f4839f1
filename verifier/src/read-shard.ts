import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { Sections } from './domain/sections.ts';
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

/**
 * Reads a shard's records and compares them with its seals.
 * @param sections those of the shard
 * @param onHole `report`: damage is a finding, and reading goes on behind it; `stop`: nothing is reported
 * @returns null where it stopped at damage
 * @throws KafkaError where the partition cannot be read at all
 */
export async function readShard(
  shard: Shard,
  sections: Sections,
  tools: ShardTools,
  onHole: 'report' | 'stop',
): Promise<ShardCounts | null> {
  const { source } = tools;
  const { from, end, joins, readFrom, readTo, countTo } = shard;
  const slice = { partition: source.partition, sections, from, readTo: countTo };
  const pass = new SealPass({ ...tools, slice });
  await pass.skipTo(readFrom);
  const begin = joins && readFrom > 0 ? readFrom - 1 : readFrom;
  for await (const piece of readThrough(source, begin, readTo)) {
    if (piece.kind === 'hole' && onHole === 'stop') return null;
    await pass.piece(piece);
  }
  await pass.skipTo(end);
  const { checkedEvents, matchedSeals, unsealed, oldestUnsealed } = pass;
  return { checkedEvents, matchedSeals, unsealed, oldestUnsealed };
}
