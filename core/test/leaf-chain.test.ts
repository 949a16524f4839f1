import { portableSha256 } from '@tallystick/core/hash';
import { LeafChain, genesisLeaf, leafOf } from '@tallystick/core/leaf';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { readBatchHeader } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchFields, partition, records } from './batch-arbitraries.ts';
import {
  bytesOf,
  encodeRecords,
  encodeTestBatch,
  referenceEntries,
  referenceLeaves,
  referenceUnparsedEntries,
  type TestBatch,
  type TestRecord,
} from './batch-builder.ts';
import { compressors } from './compressors.ts';

const previous = new Uint8Array(32).map((_, i) => i);

function chainOf(of: number, codecs: Codecs = nodeCodecs, sha256 = nodeSha256) {
  return new LeafChain({ sha256, codecs, partition: of, previous });
}

/** All leaves of a batch, in slices of `step` offsets. */
function chainInSlices(chain: LeafChain, batch: Uint8Array, step: number): Uint8Array[] {
  const header = readBatchHeader(batch, 0);
  const leaves: Uint8Array[] = [];
  for (let from = header.baseOffset; from <= header.lastOffset; from += step) {
    const buffer = new Uint8Array(step * 32 + 7);
    const count = chain.append(batch, header, from, from + step - 1, buffer, 7);
    for (let i = 0; i < count; i++) leaves.push(buffer.slice(7 + 32 * i, 39 + 32 * i));
  }
  return leaves;
}

function countingCodecs() {
  const counter = { calls: 0 };
  const codecs: Codecs = {
    inflateRaw(data, limit) {
      counter.calls += 1;
      return nodeCodecs.inflateRaw(data, limit);
    },
    zstd(frame, limit) {
      counter.calls += 1;
      return nodeCodecs.zstd(frame, limit);
    },
  };
  return { codecs, counter };
}

const three: TestRecord[] = [0, 1, 2].map((i) => ({
  key: null,
  value: bytesOf(`value ${i}`),
  headers: [],
  timestampDelta: BigInt(i),
}));
const gzip = compressors[1]!;

describe('the fast path and the literal reading agree', () => {
  for (const { name, codec, compress } of compressors) {
    test(name, () => {
      fc.assert(
        fc.property(records, batchFields, partition, fc.integer({ min: 1, max: 200 }), (all, fields, of, step) => {
          const batch: TestBatch = {
            ...fields,
            attributes: fields.attributes | codec,
            count: all.length,
            field: compress(encodeRecords(all)),
          };
          const expected = referenceLeaves(previous, referenceEntries(batch, all, of));
          const chain = chainOf(of);
          expect(chainInSlices(chain, encodeTestBatch(batch), step)).toEqual(expected);
          expect(chain.head).toEqual(expected.at(-1));
          expect(chain.unparsedReason).toBeNull();
        }),
        { numRuns: 40 },
      );
    });
  }

  test('a batch that does not parse, with portable hashing', () => {
    fc.assert(
      fc.property(batchFields, partition, fc.nat(200), fc.integer({ min: 1, max: 70 }), (fields, of, delta, step) => {
        const batch: TestBatch = { ...fields, lastOffsetDelta: delta, count: delta + 2, field: bytesOf('no records') };
        const expected = referenceLeaves(previous, referenceUnparsedEntries(batch, of));
        const chain = chainOf(of, nodeCodecs, portableSha256);
        expect(chainInSlices(chain, encodeTestBatch(batch), step)).toEqual(expected);
        expect(chain.unparsedReason).not.toBeNull();
      }),
    );
  });

  test('batch after batch, records larger than the scratch buffer between small ones', () => {
    const sizes = [10, 70_000, 5, 1_500_000, 0, 65_481, 65_482, 3];
    const all = sizes.map((size, i) => ({ key: bytesOf('k'), value: new Uint8Array(size).fill(i), headers: [] }));
    const first: TestBatch = { count: all.length, field: encodeRecords(all), attributes: 8, maxTimestamp: 77n };
    const second: TestBatch = {
      baseOffset: BigInt(all.length),
      count: 3,
      field: encodeRecords(three),
      baseTimestamp: -5n,
    };
    const expected = referenceLeaves(previous, [
      ...referenceEntries(first, all, 9),
      ...referenceEntries(second, three, 9),
    ]);
    const chain = chainOf(9);
    const found = [
      ...chainInSlices(chain, encodeTestBatch(first), 3),
      ...chainInSlices(chain, encodeTestBatch(second), 100),
    ];
    expect(found).toEqual(expected);
    expect(chain.lastTimestamp).toBe(-3n);
  });
});

test('records of every length up to some, and around what is copied in another way', () => {
  const lengths = [...Array.from({ length: 140 }, (_, i) => i), ...Array.from({ length: 40 }, (_, i) => 4070 + i)];
  const all = lengths.map((length) => ({
    key: null,
    value: Uint8Array.from({ length }, (_, i) => i + 1),
    headers: [],
  }));
  const batch: TestBatch = { count: all.length, field: encodeRecords(all), attributes: 8, maxTimestamp: 77n };
  const bytes = encodeTestBatch(batch);
  const expected = referenceLeaves(previous, referenceEntries(batch, all, 3));
  // At any alignment, in memory that goes on behind it, and with a digest that is not Node's.
  for (const [before, sha256] of [0, 1, 3, 7].map((at) => [at, at === 0 ? portableSha256 : nodeSha256] as const)) {
    const memory = Buffer.alloc(bytes.length + before + 9, 0xee);
    memory.set(bytes, before);
    const found = chainInSlices(chainOf(3, nodeCodecs, sha256), memory.subarray(before, before + bytes.length), 1000);
    expect(found).toEqual(expected);
  }
});

test('leaves go where they are asked for, also from one buffer to another', () => {
  const batch: TestBatch = { count: 3, field: encodeRecords(three), attributes: 8, maxTimestamp: 77n };
  const bytes = encodeTestBatch(batch);
  const header = readBatchHeader(bytes, 0);
  const expected = referenceLeaves(previous, referenceEntries(batch, three, 0));
  const chain = chainOf(0);
  const [one, other] = [Buffer.alloc(100), new Uint8Array(40)];
  chain.append(bytes, header, 0, 0, one, 1);
  chain.append(bytes, header, 1, 1, other, 8);
  chain.append(bytes, header, 2, 2, one, 64);
  expect([one.subarray(1, 33), other.subarray(8), one.subarray(64, 96)].map((leaf) => new Uint8Array(leaf))).toEqual(
    expected,
  );
});

describe('slices', () => {
  const batch = encodeTestBatch({
    baseOffset: 100n,
    count: 3,
    attributes: 1,
    field: gzip.compress(encodeRecords(three)),
  });
  const header = readBatchHeader(batch, 0);

  test('a batch is decompressed once for all its slices, in any order', () => {
    const { codecs, counter } = countingCodecs();
    const chain = chainOf(0, codecs);
    const leaves = new Uint8Array(96);
    const all = referenceLeaves(
      previous,
      referenceEntries({ baseOffset: 100n, attributes: 1, field: batch }, three, 0),
    );
    expect(chain.append(batch, header, 101, 101, leaves, 0)).toBe(1);
    chain.reset(previous);
    expect(chain.append(batch, header, 100, 102, leaves, 0)).toBe(3);
    expect(leaves).toEqual(new Uint8Array(Buffer.concat(all)));
    expect(chain.append(batch, header, 102, 102, leaves, 0)).toBe(1);
    expect(counter.calls).toBe(1);
  });

  test('the same buffer with another header is another batch', () => {
    const { codecs, counter } = countingCodecs();
    const chain = chainOf(0, codecs);
    const leaves = new Uint8Array(96);
    chain.append(batch, header, 0, 1000, leaves, 0);
    chain.append(batch, readBatchHeader(batch, 0), 0, 1000, leaves, 0);
    expect(counter.calls).toBe(2);
  });

  test('a batch of which no offset is asked for gives no leaf and leaves the head', () => {
    const chain = chainOf(0);
    const leaves = new Uint8Array(96);
    expect(chain.append(batch, header, 0, 99, leaves, 0)).toBe(0);
    expect(chain.append(batch, header, 103, 200, leaves, 0)).toBe(0);
    expect(chain.append(batch, header, 102, 101, leaves, 0)).toBe(0);
    expect(leaves).toEqual(new Uint8Array(96));
    expect(chain.head).toEqual(previous);
    expect(chain.lastTimestamp).toBe(0n);
  });

  test('without room for all leaves nothing is chained', () => {
    const chain = chainOf(0);
    expect(() => chain.append(batch, header, 0, 1000, new Uint8Array(95), 0)).toThrow(RangeError);
    expect(() => chain.append(batch, header, 0, 1000, new Uint8Array(96), 1)).toThrow(RangeError);
    expect(() => chain.append(batch, header, 0, 1000, new Uint8Array(96), -1)).toThrow(RangeError);
    expect(chain.head).toEqual(previous);
  });

  test('a record that is wrong at the end keeps the leaves of the first from being written', () => {
    const field = encodeRecords(three);
    const broken: TestBatch = { count: 3, field: field.subarray(0, field.length - 1) };
    const leaves = chainInSlices(chainOf(0), encodeTestBatch(broken), 1);
    expect(leaves).toEqual(referenceLeaves(previous, referenceUnparsedEntries(broken, 0)));
  });

  test('an error of the inflater that is no refusal comes through, and the next call judges anew', () => {
    let fail = true;
    const codecs: Codecs = {
      ...nodeCodecs,
      inflateRaw(data, limit) {
        if (fail) throw new RangeError('out of memory');
        return nodeCodecs.inflateRaw(data, limit);
      },
    };
    const chain = chainOf(0, codecs);
    const leaves = new Uint8Array(96);
    expect(() => chain.append(batch, header, 0, 1000, leaves, 0)).toThrow('out of memory');
    fail = false;
    expect(chain.append(batch, header, 0, 1000, leaves, 0)).toBe(3);
    expect(chain.unparsedReason).toBeNull();
  });

  test('hashing that fails in the middle of a batch leaves no false place in it', () => {
    let calls = 0;
    const sha256 = {
      hashInto(...args: Parameters<typeof nodeSha256.hashInto>) {
        calls += 1;
        if (calls === 2) throw new Error('no hash');
        nodeSha256.hashInto(...args);
      },
    };
    const chain = chainOf(0, nodeCodecs, sha256);
    const leaves = new Uint8Array(96);
    expect(() => chain.append(batch, header, 0, 1000, leaves, 0)).toThrow('no hash');
    chain.reset(previous);
    chain.append(batch, header, 0, 1000, leaves, 0);
    const want = referenceLeaves(
      previous,
      referenceEntries({ baseOffset: 100n, attributes: 1, field: batch }, three, 0),
    );
    expect(chain.head).toEqual(want[2]);
  });
});

describe('what is never sealed', () => {
  const good: TestBatch = { count: 3, field: encodeRecords(three) };
  const cases: [string, TestBatch][] = [
    ['magic 1', { ...good, magic: 1 }],
    ['magic 3', { ...good, magic: 3 }],
    ['a last offset delta below 0', { ...good, lastOffsetDelta: -1, baseOffset: 5n }],
    ['a last offset delta of 2^24', { ...good, lastOffsetDelta: 2 ** 24 }],
    ['a last offset delta of 2^31-1', { ...good, lastOffsetDelta: 2 ** 31 - 1, count: 2 ** 31 - 1 }],
  ];
  for (const [name, batch] of cases) {
    test(name, () => {
      const bytes = encodeTestBatch(batch);
      const header = readBatchHeader(bytes, 0);
      expect(() => chainOf(0).append(bytes, header, 0, 10, new Uint8Array(1000), 0)).toThrow(
        expect.objectContaining({ code: 'BATCH_MALFORMED' }),
      );
    });
  }

  test('bytes that are more or less than the batch', () => {
    const bytes = encodeTestBatch(good);
    const header = readBatchHeader(bytes, 0);
    for (const wrong of [bytes.subarray(0, bytes.length - 1), Buffer.concat([bytes, Buffer.alloc(1)])]) {
      expect(() => chainOf(0).append(wrong, header, 0, 10, new Uint8Array(1000), 0)).toThrow(
        expect.objectContaining({ code: 'BATCH_MALFORMED' }),
      );
    }
  });

  test('a last offset delta of 2^24-1 is sealed, at whatever count, and no memory is taken for it', () => {
    const bytes = encodeTestBatch({ ...good, lastOffsetDelta: 2 ** 24 - 1, count: 2 ** 31 - 1 });
    const chain = chainOf(0);
    const leaves = new Uint8Array(32);
    expect(chain.append(bytes, readBatchHeader(bytes, 0), 2 ** 24 - 1, 2 ** 30, leaves, 0)).toBe(1);
    expect(chain.unparsedReason).not.toBeNull();
  });
});

test('the leaf of an entry and the first leaf of a generation', () => {
  // FIPS 180-2, appendix B.1: SHA-256 of "abc".
  expect(Buffer.from(genesisLeaf('abc')).toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  expect(leafOf(previous, bytesOf('entry'))).toEqual(referenceLeaves(previous, [bytesOf('entry')])[0]);
  expect(() => leafOf(new Uint8Array(31), bytesOf('entry'))).toThrow(
    expect.objectContaining({ code: 'ENTRY_MALFORMED' }),
  );
  expect(() => genesisLeaf('\ud800')).toThrow(expect.objectContaining({ code: 'ENCODING_INVALID' }));
  expect(() => chainOf(-1)).toThrow(RangeError);
  expect(() => chainOf(2 ** 31)).toThrow(RangeError);
  expect(() => chainOf(0).reset(new Uint8Array(33))).toThrow(RangeError);
});
