import { parseBatch, readBatchHeader } from '@tallystick/core/batch';
import { encodeBase64, decodeBase64 } from '@tallystick/core/encoding';
import { leafOf } from '@tallystick/core/leaf';
import { root } from '@tallystick/core/merkle';
import { batchField, encodeBatch } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { createHash } from 'node:crypto';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { compressSync } from 'snappy';
import { describe, expect, it } from 'vitest';
import { checkSeals, record, topics, World } from './world.ts';

const MiB = 1024 * 1024;
const headerBytes = 61;

/** A batch of `count` offsets whose records field is these bytes, in a codec. */
function batchOf(codec: number, field: Uint8Array, count = 3): Buffer {
  const header = encodeBatch([record('x')], 1).subarray(0, headerBytes);
  const batch = Buffer.concat([header, field]);
  batch.writeInt32BE(batch.length - 12, batchField.batchLength);
  batch.writeInt16BE(codec, batchField.attributes);
  batch.writeInt32BE(count - 1, batchField.lastOffsetDelta);
  batch.writeInt32BE(count, headerBytes - 4);
  return batch;
}

const zeros = (bytes: number) => Buffer.alloc(bytes);

/** Deflate's answer to 16 MiB of zeros, flushed and not ended, over and over: 2 GiB in 2 MB. */
function gzipBomb(): Buffer {
  const piece = deflateRawSync(zeros(16 * MiB), { finishFlush: constants.Z_FULL_FLUSH });
  const header = Buffer.from('1f8b0800000000000003', 'hex');
  const end = Buffer.alloc(10);
  end.write('0300', 'hex');
  end.writeUInt32LE(crc32(zeros(0)), 2);
  return Buffer.concat([header, ...Array.from({ length: 128 }, () => piece), end]);
}

/** 16,384 blocks that each say "128 KiB of the byte 0": 2 GiB in 64 KiB. */
function zstdBomb(): Buffer {
  const blocks = Buffer.alloc(16_384 * 4);
  for (let i = 0; i < 16_384; i++)
    blocks.writeUIntLE((i === 16_383 ? 1 : 0) | (1 << 1) | ((128 * 1024) << 3), i * 4, 3);
  return Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.from([0x00, 0x58]), blocks]);
}

/** Blocks of 4 MiB, each one literal and a copy of it to the block's end: 1 GiB in 4 MB. */
function lz4Bomb(): Buffer {
  const size = 4 * MiB;
  // Token: 1 literal, a long match at offset 1; then 5 literals, as the format wants at the end.
  const long = size - 1 - 5 - 4 - 15;
  const lengths = Buffer.concat([Buffer.alloc(Math.floor(long / 255), 255), Buffer.from([long % 255])]);
  const block = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), lengths, Buffer.from([0x50, 0, 0, 0, 0, 0])]);
  const sized = Buffer.alloc(4);
  sized.writeUInt32LE(block.length);
  // Magic; version 1, independent blocks, no checksums; blocks of up to 4 MiB; the header's checksum byte for these two.
  const header = Buffer.from('04224d18607073', 'hex');
  return Buffer.concat([header, ...Array.from({ length: 256 }, () => Buffer.concat([sized, block])), Buffer.alloc(4)]);
}

/** Snappy-java's framing of ten blocks of 16 MiB: 160 MiB in 8 MB. */
function snappyBomb(): Buffer {
  const block = compressSync(zeros(16 * MiB));
  const length = Buffer.alloc(4);
  length.writeInt32BE(block.length);
  const header = Buffer.from('82534e41505059000000000100000001', 'hex');
  return Buffer.concat([header, ...Array.from({ length: 10 }, () => Buffer.concat([length, block]))]);
}

/** A block that says of itself that it has 4 GiB less one byte. */
const snappyLie = Buffer.from('ffffffff0f00', 'hex');

const poisons: [string, number, () => Uint8Array][] = [
  ['gzip: 2 GiB', 1, gzipBomb],
  ['snappy: 160 MiB in blocks', 2, snappyBomb],
  ['snappy: a block that claims 4 GiB', 2, () => snappyLie],
  ['LZ4: 1 GiB', 3, lz4Bomb],
  ['zstd: 2 GiB', 4, zstdBomb],
  ['gzip that is none', 1, () => Buffer.from('not gzip at all')],
  ['zstd that is cut off', 4, () => zstdBomb().subarray(0, 1000)],
  ['LZ4 that is rubbish behind its magic', 3, () => Buffer.from('04224d18ffffffffffffffff', 'hex')],
  ['a codec that does not exist', 7, () => Buffer.from('?')],
  ['nothing at all', 0, () => Buffer.alloc(0)],
  ['64 MiB and one byte, not compressed', 0, () => zeros(64 * MiB + 1)],
];

/** Section 1's entry of an offset whose batch does not parse, written from its words. */
function unparsedEntry(batch: Buffer, partition: number, offset: number): Uint8Array {
  const entry = Buffer.alloc(22);
  entry.writeUInt8(2, 0);
  entry.writeUInt8(batch.readInt16BE(batchField.attributes) & 0x38, 1);
  entry.writeUInt32BE(partition, 2);
  entry.writeBigUInt64BE(BigInt(offset), 6);
  entry.writeBigInt64BE(batch.readBigInt64BE(batchField.maxTimestamp), 14);
  return Buffer.concat([entry, createHash('sha256').update(batch.subarray(batchField.attributes)).digest()]);
}

describe('a batch that cannot be read', () => {
  it.each(poisons)('%s: each of its offsets is sealed, in bounded time and memory', async (_, codec, field) => {
    const world = new World();
    const poison = batchOf(codec, field());
    await world.emit(4);
    const offset = world.cluster.appendRaw(topics.events, 0, poison);
    await world.emit(4);
    const before = process.resourceUsage();
    await world.start({ limits: { events: 100, ageMs: 50 } });
    await world.sealed();
    const after = process.resourceUsage();
    expect(checkSeals(world)).toBe(11);
    // 64 MiB of output, what the inflater and the copies of it take, and what Kafka sent.
    expect((after.maxRSS - before.maxRSS) / 1024).toBeLessThan(512);
    expect((after.userCPUTime - before.userCPUTime) / 1_000_000).toBeLessThan(10);
    // The three leaves of the poison follow from its bytes as they are stored.
    const stored = world.cluster.batches(topics.events, 0).find((bytes) => bytes.readBigInt64BE(0) === BigInt(offset));
    const leaves = world.records(topics.leaves).flatMap(({ value }) => split(value ?? new Uint8Array()));
    for (let i = 0; i < 3; i++) {
      const entry = unparsedEntry(stored ?? Buffer.alloc(0), 0, offset + i);
      expect(encodeBase64(leaves[offset + i] ?? new Uint8Array())).toBe(
        encodeBase64(leafOf(leaves[offset + i - 1] ?? new Uint8Array(), entry)),
      );
    }
    const [first] = world.accepted();
    expect(decodeBase64(first?.root ?? '')).toEqual(
      new Uint8Array(root(leaves.slice(0, (first?.events.last ?? 0) + 1))),
    );
  });

  it.each(poisons.filter(([what]) => /iB( in blocks)?$/.test(what)))(
    '%s: what is refused is its size',
    (_, codec, field) => {
      const bytes = batchOf(codec, field());
      const parsed = parseBatch(bytes, readBatchHeader(bytes, 0), nodeCodecs);
      expect(parsed).toMatchObject({ parsed: false, reason: expect.stringMatching(/67108864|more than/) as string });
    },
  );

  it('many of them in a row do not add up', async () => {
    const world = new World();
    const bomb = batchOf(4, zstdBomb());
    for (let i = 0; i < 20; i++) {
      world.cluster.appendRaw(topics.events, 0, bomb);
      await world.emit(1);
    }
    const before = process.resourceUsage().maxRSS;
    await world.start({ limits: { events: 100, ageMs: 50 } });
    await world.sealed();
    expect(checkSeals(world)).toBe(80);
    expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(512);
  });
});

function split(leaves: Uint8Array): Uint8Array[] {
  return Array.from({ length: leaves.length / 32 }, (_, i) => leaves.subarray(32 * i, 32 * i + 32));
}
