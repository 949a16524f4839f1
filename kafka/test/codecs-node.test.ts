import { isRefusal } from '@tallystick/core/codecs';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { constants, deflateRawSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const data = Buffer.alloc(300_000, 'audit events come again and again; ');
const deflated = deflateRawSync(data);
const frame = zstdCompressSync(data, checksum);

/** The error, which must be a refusal: what is thrown else says nothing of the data. */
function refused(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isRefusal(error)) return error.message;
    throw error;
  }
  throw new Error('was not refused');
}

describe('inflateRaw', () => {
  test('says how much it took, whatever comes after the stream', () => {
    for (const after of [0, 1, 100_000]) {
      const { output, consumed } = nodeCodecs.inflateRaw(
        Buffer.concat([deflated, Buffer.alloc(after, 3)]),
        data.length,
      );
      expect(data.equals(output)).toBe(true);
      expect(consumed).toBe(deflated.length);
    }
  });

  test('takes what comes out at exactly its limit, small and large, and nothing more', () => {
    for (const size of [0, 1, 63, 64, 65, 5000, 1024 * 1024, 3 * 1024 * 1024 + 1]) {
      const stream = deflateRawSync(Buffer.alloc(size, 'abc'));
      expect(nodeCodecs.inflateRaw(stream, size).output.length).toBe(size);
      expect(nodeCodecs.inflateRaw(stream, size).consumed).toBe(stream.length);
      if (size > 0) expect(refused(() => nodeCodecs.inflateRaw(stream, size - 1))).toMatch(/more than/);
    }
  });

  test.each<[string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['a stream that is cut off', deflated.subarray(0, -1)],
    ['a stream without a last block', deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH })],
    ['a reserved block type', Buffer.of(0x07, 0)],
    ['a stored block whose lengths disagree', Buffer.of(0x01, 1, 0, 0, 0, 65)],
    ['a copy from before the start', Buffer.of(0x03, 0x02, 0x00)],
  ])('refuses %s', (_name, bytes) => {
    refused(() => nodeCodecs.inflateRaw(bytes, 1_000_000));
  });
});

describe('zstd', () => {
  test('takes what comes out at exactly its limit, small and large, and nothing more', () => {
    for (const size of [0, 1, 63, 64, 65, 5000, 1024 * 1024, 3 * 1024 * 1024 + 1]) {
      const whole = zstdCompressSync(Buffer.alloc(size, 'abc'), checksum);
      expect(nodeCodecs.zstd(whole, size).length).toBe(size);
      if (size > 0) expect(refused(() => nodeCodecs.zstd(whole, size - 1))).toMatch(/more than/);
    }
  });

  test('takes a window of 2^27', () => {
    const wide = zstdCompressSync(data, {
      params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_contentSizeFlag]: 0 },
    });
    expect(data.equals(nodeCodecs.zstd(wide, data.length))).toBe(true);
  });

  const changed = (at: number) => {
    const bytes = Buffer.from(frame);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    return bytes;
  };
  test.each<[string, Uint8Array]>([
    ['a wrong checksum', changed(frame.length - 1)],
    ['a frame that is cut off', frame.subarray(0, -1)],
    ['another magic', changed(0)],
    ['a reserved bit', changed(4)],
    ['rubbish', Buffer.alloc(100, 0x5a)],
    [
      'a compressed block of rubbish',
      Buffer.concat([Buffer.from('28b52ffd0040a50000', 'hex'), Buffer.alloc(20, 0xff)]),
    ],
  ])('refuses %s', (_name, bytes) => {
    refused(() => nodeCodecs.zstd(bytes, 1_000_000));
  });
});

test('wrong use is no refusal: it says nothing of the data', () => {
  // @ts-expect-error -- not bytes
  expect(() => nodeCodecs.inflateRaw(5, 10)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  for (const limit of [Number.NaN, -1, 0.5, Infinity]) {
    expect(() => nodeCodecs.zstd(frame, limit)).toThrow(RangeError);
    expect(() => nodeCodecs.inflateRaw(deflated, limit)).toThrow(RangeError);
  }
});
