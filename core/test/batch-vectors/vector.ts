import {
  bytesOf,
  encodeRecords,
  encodeTestBatch,
  referenceEntries,
  referenceLeaves,
  referenceUnparsedEntries,
  type TestBatch,
  type TestRecord,
} from '../batch-builder.ts';

export interface Vector {
  readonly name: string;
  readonly partition: number;
  readonly batch: string;
  readonly expect: 'parsed' | 'unparsed' | 'never-sealed';
  readonly entries?: readonly string[];
  readonly head?: string;
}

export const partition = 7;
export const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
export const common = {
  baseOffset: 41n,
  leaderEpoch: 3,
  baseTimestamp: 1_760_000_000_000n,
  maxTimestamp: 1_760_000_000_123n,
};

/** A vector of a batch that can be sealed; without records it is one that does not parse. */
export function sealed(name: string, batch: TestBatch, records: readonly TestRecord[] | null): Vector {
  const entries =
    records === null ? referenceUnparsedEntries(batch, partition) : referenceEntries(batch, records, partition);
  const small = entries.reduce((sum, entry) => sum + entry.length, 0) < 2000;
  return {
    name,
    partition,
    batch: base64(encodeTestBatch(batch)),
    expect: records === null ? 'unparsed' : 'parsed',
    ...(small ? { entries: entries.map(base64) } : {}),
    head: base64(referenceLeaves(new Uint8Array(32), entries).at(-1) ?? new Uint8Array(32)),
  };
}

export const record: TestRecord = {
  key: null,
  value: bytesOf('to be, to be, to be, or not to be'),
  headers: [[bytesOf('h'), null]],
};
export const field = encodeRecords([record]);

export type Cases = Record<string, Uint8Array>;

/** Vectors of one record, compressed in many ways. */
export function compressed(codec: number, good: Cases, bad: Cases): Vector[] {
  const batch = (bytes: Uint8Array): TestBatch => ({ ...common, attributes: 8 | codec, field: bytes });
  return [
    ...Object.entries(good).map(([name, bytes]) => sealed(name, batch(bytes), [record])),
    ...Object.entries(bad).map(([name, bytes]) => sealed(name, batch(bytes), null)),
  ];
}

/** A record of `size` bytes in all, its value zeros, so that few bytes can stand for many. */
export function large(size: number): { record: TestRecord; field: Uint8Array; head: Uint8Array; zeros: number } {
  const guess = size - encodeRecords([{ key: null, value: new Uint8Array(size), headers: [] }]).length + size;
  const big: TestRecord = { key: null, value: new Uint8Array(guess), headers: [] };
  const bytes = encodeRecords([big]);
  if (bytes.length !== size) throw new Error(`made ${bytes.length} bytes instead of ${size}`);
  // The header count after the value is a zero too.
  const zeros = guess + 1;
  return { record: big, field: bytes, head: bytes.subarray(0, size - zeros), zeros };
}

/** Where half of the field is. */
export const half = Math.floor(field.length / 2);
export const start = field.subarray(0, half);
export const rest = field.subarray(half);

/** "to be, " stands three times in a row in the record: here the first ends, so that 11 bytes from here are 7 bytes back too. */
export const repeat = Buffer.from(field).indexOf('to be, ') + 7;
