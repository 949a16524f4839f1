import * as fc from 'fast-check';
import type { TestRecord } from './batch-builder.ts';

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const nullable = (of: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array | null> => fc.option(of, { nil: null });
const value: fc.Arbitrary<Uint8Array> = fc.oneof(bytes(200), fc.constant(new Uint8Array(3000).fill(65)));

const record: fc.Arbitrary<Required<TestRecord>> = fc.record({
  key: nullable(bytes(20)),
  value: nullable(value),
  headers: fc.array(fc.tuple(bytes(8), nullable(bytes(70))), { maxLength: 4 }),
  timestampDelta: fc.oneof(fc.bigInt(0n, 5000n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  attributes: fc.oneof(fc.constant(0), fc.nat(255)),
});

/** Records as ordinary and odd producers write them: nulls, empty and repeated headers, names that are not UTF-8. */
export const records = fc.array(record, { minLength: 1, maxLength: 150, size: 'medium' });

const int64 = fc.oneof(
  fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 1_760_000_000_000n),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);

/** All of a batch but its records and codec. */
export const batchFields = fc.record({
  baseOffset: fc.oneof(fc.bigInt(0n, 5n), fc.bigInt(2n ** 32n - 100n, 2n ** 32n + 5n), fc.bigInt(0n, 2n ** 52n)),
  // Timestamp type, transactional, control, delete horizon.
  attributes: fc.nat(15).map((bits) => bits << 3),
  baseTimestamp: int64,
  maxTimestamp: int64,
});

export const partition = fc.oneof(fc.nat(10), fc.constant(2 ** 31 - 1));
