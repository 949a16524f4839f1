import { decompress, isRefusal, maxRecordsBytes, refusal, type Codecs } from '@tallystick/core/codecs';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { uncompressSync as lz4Uncompress, decompressFrameSync } from 'lz4-napi';
import { uncompressSync as snappyUncompress } from 'snappy';
import { constants, deflateRawSync, gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../src/codecs/crc32.ts';
import { xxhash32 } from '../src/codecs/xxhash32.ts';
import { bytesOf, concat, encodeRecords } from './batch-builder.ts';
import { compressors, xerial, xerialHeader } from './compressors.ts';
import { gzip, lz4, snappy, u32, zstd } from './container-builder.ts';

const packed = compressors.filter(({ codec }) => codec !== 0);

/** Null where the data is refused. Any other error comes through. */
function attempt(codec: number, data: Uint8Array, limit = 1_000_000, codecs: Codecs = nodeCodecs): Buffer | null {
  try {
    return Buffer.from(decompress(codec, data, codecs, limit));
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

const hex = (bytes: Buffer | null) => bytes?.toString('hex') ?? 'refused';

/** Another library's decoding of one whole field, null where it refuses. */
function oracle(codec: number, data: Uint8Array): Buffer | null {
  try {
    if (codec === 1) return gunzipSync(data);
    if (codec === 3) return decompressFrameSync(Buffer.from(data));
    if (codec === 4) return zstdDecompressSync(data);
    if (!Buffer.from(data).subarray(0, 8).equals(xerialHeader.subarray(0, 8)))
      return Buffer.from(snappyUncompress(data));
    const blocks: Buffer[] = [];
    const bytes = Buffer.from(data);
    for (let at = 16; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
      blocks.push(Buffer.from(snappyUncompress(bytes.subarray(at + 4, at + 4 + bytes.readInt32BE(at)))));
    }
    return Buffer.concat(blocks);
  } catch {
    return null;
  }
}

/** Decoded bytes of a snappy element made here. */
function lengthOf(element: Uint8Array): number {
  const tag = element[0] ?? 0;
  if ((tag & 3) === 0) return element.length - (tag >> 2 >= 60 ? 3 : 1);
  return (tag & 3) === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
}

/** Bytes that compress: pieces that come again, runs, noise. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 900 })).map(([byte, times]) => new Uint8Array(times).fill(byte)),
      fc.constantFrom(bytesOf('{"actor":"user-1","action":"read"}'), bytesOf('audit')),
    ),
    { minLength: 1, maxLength: 60, size: 'medium' },
  )
  .map((parts) => Buffer.from(concat(...parts)));

describe('what others compress comes out as it went in', () => {
  for (const { name, codec, compress } of packed) {
    test(name, () => {
      fc.assert(
        fc.property(content, (data) => {
          const bytes = compress(data);
          expect(hex(attempt(codec, bytes, data.length))).toBe(hex(data));
          // One byte less is allowed than comes out.
          expect(attempt(codec, bytes, data.length - 1)).toBeNull();
        }),
        { numRuns: 150 },
      );
    });

    test(`${name}: 3 MiB in blocks of every size that the library uses`, () => {
      const data = Buffer.alloc(
        3 * 1024 * 1024,
        'a fairly long line of text that comes again and again, with no end. ',
      );
      for (let at = 0; at < data.length; at += 997) data[at] = at % 251;
      expect(attempt(codec, compress(data), data.length)?.equals(data)).toBe(true);
    });
  }
});

describe('damage', () => {
  const data = Buffer.from(
    encodeRecords(
      Array.from({ length: 8 }, (_, i) => ({
        key: null,
        value: bytesOf(`user-${i % 3} reads user-${i}`),
        headers: [],
      })),
    ),
  );

  for (const { name, codec, compress } of packed) {
    const whole = Buffer.from(compress(data));

    test(`${name}: cut off anywhere, or with anything after it, it is refused`, () => {
      for (let length = 0; length < whole.length; length++) {
        const found = attempt(codec, whole.subarray(0, length));
        // Snappy's chunks do not say how many there are: between two, what is cut off shows in the records only.
        const fewer = found !== null && found.length < data.length && data.subarray(0, found.length).equals(found);
        if (!(codec === 2 && fewer)) expect(hex(found)).toBe('refused');
      }
      const after = [Buffer.of(0), Buffer.alloc(4), whole, Buffer.concat([u32(0x184d2a50), u32(0)])];
      for (const more of after) expect(hex(attempt(codec, Buffer.concat([whole, more])))).toBe('refused');
    });

    test(`${name}: each byte changed in each bit gives a refusal or what the other library gives, twice the same`, () => {
      let refused = 0;
      for (let at = 0; at < whole.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const changed = Buffer.from(whole);
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
          const found = attempt(codec, changed);
          expect(hex(attempt(codec, changed))).toBe(hex(found));
          if (found === null) refused += 1;
          else expect(hex(found)).toBe(hex(oracle(codec, changed)));
        }
      }
      expect(refused).toBeGreaterThan(0);
    });

    test(`${name}: bytes cut out, put in and overwritten`, () => {
      const edit = fc.record({ at: fc.nat(whole.length), cut: fc.nat(4), put: fc.uint8Array({ maxLength: 4 }) });
      fc.assert(
        fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
          let changed: Buffer = whole;
          for (const { at, cut, put } of edits) {
            changed = Buffer.concat([changed.subarray(0, at), put, changed.subarray(at + cut)]);
          }
          const found = attempt(codec, changed);
          if (found !== null) expect(hex(found)).toBe(hex(oracle(codec, changed)));
        }),
        { numRuns: 400 },
      );
    });
  }

  test('rubbish is refused or understood by the other library too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.uint8Array({ maxLength: 200 }), (codec, bytes) => {
        const found = attempt(codec, bytes);
        if (found !== null) expect(hex(found)).toBe(hex(oracle(codec, bytes)));
      }),
      { numRuns: 2000 },
    );
  });

  test('a snappy block made of valid elements in any order: the judgement is that of the other library', () => {
    const element = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 70 }).map((bytes) => snappy.literal(bytes)),
      fc.tuple(fc.nat(40), fc.integer({ min: 4, max: 11 })).map(([offset, length]) => snappy.copy1(offset, length)),
      fc.tuple(fc.nat(90), fc.integer({ min: 1, max: 64 })).map(([offset, length]) => snappy.copy2(offset, length)),
      fc.tuple(fc.nat(90), fc.integer({ min: 1, max: 64 })).map(([offset, length]) => snappy.copy4(offset, length)),
    );
    const seen = { good: 0, bad: 0 };
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 30, maxLength: 60 }),
        fc.array(element, { minLength: 1, maxLength: 8 }),
        (first, elements) => {
          const all = [snappy.literal(first), ...elements];
          const block = snappy.block(
            all.reduce((sum, bytes) => sum + lengthOf(bytes), 0),
            ...all,
          );
          const found = attempt(2, block);
          seen[found === null ? 'bad' : 'good'] += 1;
          expect(hex(found)).toBe(hex(oracle(2, block)));
        },
      ),
      { numRuns: 1000 },
    );
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(50);
  });

  test('an LZ4 block made of valid sequences in any order: what is taken is what the other library gives', () => {
    const part = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(60), fc.integer({ min: 4, max: 600 }));
    const seen = { good: 0, bad: 0 };
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 50 }), fc.array(part, { maxLength: 6 }), (first, parts) => {
        const block = concat(
          lz4.sequence(first, 1, 4),
          ...parts.map(([literals, offset, length]) => lz4.sequence(literals, offset, length)),
          // An ending that the other library's encoder rules ask for.
          lz4.last(bytesOf('the last literals')),
        );
        const size =
          first.length + 4 + 17 + parts.reduce((sum, [literals, , length]) => sum + literals.length + length, 0);
        const found = attempt(3, lz4.frame([block]));
        seen[found === null ? 'bad' : 'good'] += 1;
        let other: Buffer | null = null;
        try {
          other = lz4Uncompress(concat(u32(size), block));
        } catch {
          other = null;
        }
        expect(hex(found)).toBe(hex(other));
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(50);
  });
});

describe('the limit', () => {
  const never: Codecs = {
    inflateRaw() {
      throw new Error('must not be inflated');
    },
    zstd() {
      throw new Error('must not be inflated');
    },
  };

  test('is 64 MiB, for uncompressed records too', () => {
    expect(maxRecordsBytes).toBe(67_108_864);
    expect(attempt(0, new Uint8Array(10), 10)).not.toBeNull();
    expect(attempt(0, new Uint8Array(11), 10)).toBeNull();
  });

  test('what says itself that it is larger is not inflated', () => {
    const blocks = Array.from({ length: 9 }, () => zstd.rle(0, 131_072));
    expect(attempt(4, zstd.frame([...blocks, zstd.rle(0, 1, true)], { window: 0x88 }), 1_000_000, never)).toBeNull();
    expect(
      attempt(4, zstd.frame([zstd.raw(bytesOf('x'), true)], { sizeFlag: 3, size: 1_000_001n }), 1_000_000, never),
    ).toBeNull();
    expect(attempt(1, gzip(bytesOf('x'), { size: 1_000_001 }), 1_000_000, never)).toBeNull();
    // Within the limit, but more than so few bytes can give.
    expect(attempt(1, gzip(bytesOf('x'), { size: 999_999 }), 1_000_000, never)).toBeNull();
  });

  test('the inflater is given what can come out as its limit, never more', () => {
    const limits: number[] = [];
    const codecs: Codecs = {
      inflateRaw(data, limit) {
        limits.push(limit);
        return nodeCodecs.inflateRaw(data, limit);
      },
      zstd(frame, limit) {
        limits.push(limit);
        return nodeCodecs.zstd(frame, limit);
      },
    };
    const data = Buffer.alloc(5000, 'x');
    attempt(1, gzip(data), maxRecordsBytes, codecs);
    attempt(4, zstdCompressSync(data), maxRecordsBytes, codecs);
    attempt(4, zstd.frame([zstd.raw(data, true)]), maxRecordsBytes, codecs);
    attempt(4, zstdCompressSync(data, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } }), 4000, codecs);
    expect(limits).toEqual([5000, 5000, 5000, 4000]);
  });

  test('a gzip bomb that lies about its size stops where it said it would end', () => {
    const piece = deflateRawSync(Buffer.alloc(1024 * 1024), { finishFlush: constants.Z_FULL_FLUSH });
    const deflated = concat(...Array.from({ length: 70 }, () => piece), deflateRawSync(new Uint8Array(0)));
    expect(attempt(1, gzip(new Uint8Array(0), { deflated, size: 1024 * 1024 }), maxRecordsBytes)).toBeNull();
    expect(attempt(1, gzip(new Uint8Array(0), { deflated, size: maxRecordsBytes }), maxRecordsBytes)).toBeNull();
  });

  test('snappy and LZ4 bombs', () => {
    const copies = Array.from({ length: 20_000 }, () => snappy.copy2(1, 64));
    const bomb = snappy.block(1 + 20_000 * 64, snappy.literal(Uint8Array.of(0)), ...copies);
    expect(attempt(2, bomb, 1 + 20_000 * 64)?.length).toBe(1 + 20_000 * 64);
    expect(attempt(2, bomb, 20_000 * 64)).toBeNull();
    expect(attempt(2, snappy.chunks([bomb, bomb]), 2 + 40_000 * 64)).not.toBeNull();
    expect(attempt(2, snappy.chunks([bomb, bomb]), 1 + 40_000 * 64)).toBeNull();

    const four = concat(lz4.sequence(Uint8Array.of(0), 1, 4 * 1024 * 1024 - 1), lz4.last(new Uint8Array(0)));
    const frame = (blocks: number) =>
      lz4.frame(
        Array.from({ length: blocks }, () => four),
        { descriptor: 0x70 },
      );
    expect(attempt(3, frame(2), 8 * 1024 * 1024)?.length).toBe(8 * 1024 * 1024);
    expect(attempt(3, frame(2), 8 * 1024 * 1024 - 1)).toBeNull();
    expect(attempt(3, frame(17), maxRecordsBytes)).toBeNull();
  });

  test('frames that break a rule of the walk are not inflated', () => {
    const raw = zstd.raw(new Uint8Array(1025), true);
    const frames = [
      zstd.frame([raw], { window: 0 }),
      zstd.frame([zstd.rle(0, 1025, true)], { window: 0 }),
      zstd.frame([zstd.rle(0, 131_073, true)], { window: 0x50 }),
      zstd.frame([zstd.block(2, 0, new Uint8Array(0)), raw]),
      zstd.frame([zstd.block(2, 1, new Uint8Array(1)), raw]),
      zstd.frame([raw], { window: 0x89 }),
      zstd.frame([raw], { descriptor: 0x01 }),
      zstd.frame([raw], { descriptor: 0x01, dictionary: Uint8Array.of(0) }),
      zstd.frame([raw], { descriptor: 0x08 }),
      zstd.frame([raw], { sizeFlag: 3, size: 1024n }),
      zstd.frame([raw], { sizeFlag: 3, size: 1026n }),
      concat(zstd.frame([raw]), Uint8Array.of(0)),
    ];
    for (const frame of frames) expect(attempt(4, frame, 1_000_000, never)).toBeNull();
    // The walk itself lets the good one through.
    expect(() => attempt(4, zstd.frame([raw], { window: 1 }), 1_000_000, never)).toThrow('must not be inflated');
  });

  test('an LZ4 block may not decode to more than the block maximum, though all blocks have room for it', () => {
    const decodesTo = (size: number) =>
      concat(lz4.sequence(Uint8Array.of(0), 1, size - 1), lz4.last(new Uint8Array(0)));
    expect(attempt(3, lz4.frame([decodesTo(65_536), decodesTo(65_536)]))).not.toBeNull();
    expect(attempt(3, lz4.frame([decodesTo(65_537), decodesTo(100)]))).toBeNull();
  });

  test('an LZ4 block may not be larger than the block maximum, though its bytes are there', () => {
    expect(attempt(3, lz4.frame([lz4.stored(new Uint8Array(65_536))]))).not.toBeNull();
    expect(attempt(3, lz4.frame([lz4.stored(new Uint8Array(65_537))]))).toBeNull();
    // As long as a compressed block of literals has to be for 64 KiB.
    expect(attempt(3, lz4.frame([lz4.last(new Uint8Array(65_270))]))).not.toBeNull();
    expect(attempt(3, lz4.frame([lz4.last(new Uint8Array(65_500))]))).toBeNull();
  });

  test('lengths up to 2^32 reserve nothing', () => {
    const before = process.memoryUsage().arrayBuffers;
    const kept: (Buffer | null)[] = [];
    for (let i = 0; i < 50; i++) {
      kept.push(attempt(2, snappy.block(2 ** 32 - 1, snappy.literal(bytesOf('x'))), 2 ** 33));
      kept.push(attempt(2, snappy.block(60_000_000, snappy.literal(bytesOf('x'))), maxRecordsBytes));
      kept.push(attempt(3, lz4.frame([lz4.last(bytesOf('x'))], { contentSize: 60_000_000n }), maxRecordsBytes));
      kept.push(attempt(1, gzip(bytesOf('x'), { size: 60_000_000 }), maxRecordsBytes));
    }
    expect(kept.every((output) => output === null)).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });
});

function lying(output: Uint8Array, less: number): Codecs {
  return { inflateRaw: (bytes) => ({ output, consumed: bytes.length - less }), zstd: () => output };
}

test('an inflater that takes less than it was given, or gives other bytes, is not believed', () => {
  const data = bytesOf('some content');
  const good = gzip(data);
  expect(attempt(1, good, 1000, lying(data, 0))).toEqual(Buffer.from(data));
  expect(attempt(1, good, 1000, lying(data, 1))).toBeNull();
  expect(attempt(1, good, 1000, lying(bytesOf('some Content'), 0))).toBeNull();
  expect(attempt(1, good, 1000, lying(bytesOf('some'), 0))).toBeNull();
  expect(attempt(4, zstdCompressSync(data), 1000, lying(bytesOf('some'), 0))).toBeNull();
});

test('an error that is no refusal comes through', () => {
  const broken: Codecs = {
    inflateRaw() {
      throw new RangeError('out of memory');
    },
    zstd() {
      throw new RangeError('out of memory');
    },
  };
  expect(() => decompress(1, gzip(bytesOf('x')), broken)).toThrow(RangeError);
  expect(() => decompress(4, zstdCompressSync(bytesOf('x')), broken)).toThrow(RangeError);
  expect(isRefusal(refusal('any'))).toBe(true);
  expect(isRefusal(new RangeError('any'))).toBe(false);
});

describe('checksums', () => {
  // XXH32 with seed 0 of nothing, "a", "abc" and 39 letters: xxHash's own test values.
  test.each([
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ])('xxHash32 of %j', (text, want) => {
    expect(xxhash32(bytesOf(text))).toBe(want);
    const inside = concat(bytesOf('before'), bytesOf(text), bytesOf('after'));
    expect(xxhash32(inside, 6, 6 + text.length)).toBe(want);
  });

  test.each([
    ['', 0],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('CRC-32 of %j', (text, want) => {
    expect(crc32(bytesOf(text))).toBe(want);
  });

  test('xerial chunks are what they are meant to be', () => {
    expect(attempt(2, xerial(Buffer.from('abc')))?.toString()).toBe('abc');
  });
});
