import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parseBatch, readBatchHeader } from '@tallystick/core/batch';
import { batchField } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { decompressFrameSync } from 'lz4-napi';
import { uncompressSync } from 'snappy';
import { entriesOf } from '../../verifier/test/support/tiny-sealer.ts';

/** One bit of a stored batch of the events topic, and what its batch is. */
export interface Bit {
  /** As it was stored. */
  readonly batch: Buffer;
  /** With the bit flipped and the CRC mended. */
  readonly altered: Buffer;
  readonly at: number;
  readonly bit: number;
  /** Whether the batch holds the last event of a seal. */
  readonly endsSeal: boolean;
}

type Rule = (bit: Bit) => boolean;

const recordsAt = 61;
const header = (batch: Buffer) => readBatchHeader(batch, 0);
const parses = (batch: Buffer): boolean => parseBatch(batch, header(batch), nodeCodecs).parsed;
const within =
  (from: number, bytes: number): Rule =>
  ({ at }) =>
    at >= from && at < from + bytes;
const inPlain: Rule = ({ batch, at }) => at >= recordsAt && header(batch).codec === 0 && parses(batch);

/** Codecs by their number, of other people's libraries. */
const inflate = [(data: Buffer) => data, gunzipSync, uncompressSync, decompressFrameSync, zstdDecompressSync] as const;

/** Where in its record a byte of a plain batch of short records lies: 0 length, 1 attributes, 2 timestamp delta, 3 offset delta … */
function placeInRecord(batch: Buffer, at: number): number {
  let from = recordsAt;
  for (;;) {
    const end = from + 1 + (batch.readUInt8(from) >> 1);
    if (at < end) return at - from;
    from = end;
  }
}

/** What a second implementation makes of a batch, with other decompressors; null where it makes nothing of it. */
function entries(batch: Buffer): string | null {
  try {
    const squeezed = batch.subarray(recordsAt);
    const records = Buffer.from((inflate[header(batch).codec] ?? inflate[0])(squeezed) as Uint8Array);
    return entriesOf(batch, 0, records)
      .map(({ bytes }) => bytes.toString('hex'))
      .join();
  } catch {
    return null;
  }
}

/**
 * The stored bits of events that no leaf covers, CRC mended: the first column of the table in docs/threat-model.md, and when it holds.
 * Everything else is found.
 */
export const uncovered: Readonly<Record<string, Rule>> = {
  'leader epoch': (flip) =>
    // The sign bit gives an epoch that no broker writes: the reader refuses it.
    within(batchField.leaderEpoch, 4)(flip) &&
    !flip.endsSeal &&
    !(flip.at === batchField.leaderEpoch && flip.bit === 7),
  'attributes, bits 6 to 15': (flip) =>
    parses(flip.batch) &&
    (flip.at === batchField.attributes || (flip.at === batchField.attributes + 1 && flip.bit >= 6)),
  'base timestamp under LogAppendTime': (flip) =>
    parses(flip.batch) && header(flip.batch).appendTime && within(batchField.baseTimestamp, 8)(flip),
  'max timestamp under CreateTime': (flip) =>
    parses(flip.batch) && !header(flip.batch).appendTime && within(batchField.maxTimestamp, 8)(flip),
  'producer id, producer epoch, base sequence': (flip) => parses(flip.batch) && within(batchField.producerId, 14)(flip),
  'record attributes': (flip) => inPlain(flip) && placeInRecord(flip.batch, flip.at) === 1,
  'timestamp delta under LogAppendTime': (flip) =>
    // Bit 7 makes it a varint of two bytes, which takes the next field in.
    inPlain(flip) && header(flip.batch).appendTime && placeInRecord(flip.batch, flip.at) === 2 && flip.bit !== 7,
  compression: ({ batch, altered, at }) =>
    at >= recordsAt && header(batch).codec !== 0 && parses(altered) && entries(altered) === entries(batch),
};

/** The name under which a bit is listed; null: it is covered. */
export function uncoveredAs(flip: Bit): string | null {
  return Object.keys(uncovered).find((name) => uncovered[name]?.(flip) === true) ?? null;
}
