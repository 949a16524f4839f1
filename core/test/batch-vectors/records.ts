import {
  bytesOf,
  concat,
  encodeBody,
  encodeRecords,
  encodeTestBatch,
  frameRecord,
  varint,
  type TestBatch,
  type TestRecord,
} from '../batch-builder.ts';
import { base64, common, partition, record, sealed, type Vector } from './vector.ts';

const two = encodeRecords([record, { ...record, timestampDelta: 5n }]);
const both: TestRecord[] = [record, { ...record, timestampDelta: 5n }];
const none: TestRecord = { key: null, value: null, headers: [] };
export const recordVectors = [
  sealed('create time', { ...common, count: 2, field: two }, both),
  sealed('append time', { ...common, attributes: 0x08, count: 2, field: two }, both),
  sealed('transactional', { ...common, attributes: 0x18, count: 2, field: two }, both),
  sealed('control', { ...common, attributes: 0x38, count: 2, field: two }, both),
  sealed(
    'delete horizon and unused bits, which no entry shows',
    { ...common, attributes: -64, count: 2, field: two },
    both,
  ),
  sealed('a timestamp that wraps', { ...common, baseTimestamp: 2n ** 63n - 3n, count: 2, field: two }, both),
  sealed(
    'timestamps below 0',
    { ...common, baseTimestamp: -1n, count: 2, field: encodeRecords([record, { ...record, timestampDelta: -9n }]) },
    [record, { ...record, timestampDelta: -9n }],
  ),
  sealed('an offset above 2^32', { ...common, baseOffset: 2n ** 40n, count: 2, field: two }, both),
  sealed('a record of nothing', { ...common, field: encodeRecords([none]) }, [none]),
  sealed(
    'attributes of a record, which mean nothing',
    { ...common, field: frameRecord(encodeBody(none), 0, 0n, 0xff) },
    [none],
  ),
  sealed(
    'repeated, empty and not UTF-8 header names',
    {
      ...common,
      field: encodeRecords([
        {
          ...none,
          headers: [
            [bytesOf('a'), bytesOf('1')],
            [bytesOf('a'), null],
            [bytesOf(''), bytesOf('')],
            [Uint8Array.of(0xff), null],
          ],
        },
      ]),
    },
    [
      {
        ...none,
        headers: [
          [bytesOf('a'), bytesOf('1')],
          [bytesOf('a'), null],
          [bytesOf(''), bytesOf('')],
          [Uint8Array.of(0xff), null],
        ],
      },
    ],
  ),
  ...Object.entries({
    'codec 5': { attributes: 5, count: 2, field: two },
    'codec 7 of a control batch with append time': { attributes: 0x2f, count: 2, field: two },
    'count 0': { count: 0, lastOffsetDelta: 0, field: new Uint8Array(0) },
    'a count above the last offset delta': { count: 2, lastOffsetDelta: 0, field: two },
    'a count below the last offset delta': { count: 2, lastOffsetDelta: 4, field: two },
    'a count of 2^31-1': { count: 2 ** 31 - 1, lastOffsetDelta: 3, field: two },
    'a record too few': { count: 3, field: two },
    'a record too many': { count: 1, field: two },
    'a byte after the records': { count: 2, field: concat(two, Uint8Array.of(0)) },
    'a repeated offset delta': {
      count: 2,
      field: concat(frameRecord(encodeBody(none), 0), frameRecord(encodeBody(none), 0)),
    },
    'a skipped offset delta': {
      count: 2,
      field: concat(frameRecord(encodeBody(none), 0), frameRecord(encodeBody(none), 2)),
    },
    'an overlong varint': { field: frameRecord(concat(varint(-1, 1), Uint8Array.of(1, 0)), 0) },
    'a null header name': { field: frameRecord(Uint8Array.of(1, 1, 2, 1, 1), 0) },
    'a key length of -2': { field: frameRecord(Uint8Array.of(3, 1, 0), 0) },
    'a record longer than its fields': { field: frameRecord(Uint8Array.of(1, 1, 0, 0), 0) },
    'a record length of 2^31-1': { field: concat(varint(2 ** 31 - 1), two) },
  } satisfies Record<string, Partial<TestBatch> & { field: Uint8Array }>).map(([name, batch]) =>
    sealed(name, { ...common, ...batch }, null),
  ),
  ...Object.entries({
    'magic 1': { magic: 1 },
    'magic 3': { magic: 3 },
    'a last offset delta of -1': { lastOffsetDelta: -1 },
    'a last offset delta of 2^24': { lastOffsetDelta: 2 ** 24 },
    'a last offset delta of 2^31-1': { lastOffsetDelta: 2 ** 31 - 1, count: 2 ** 31 - 1 },
  }).map(([name, batch]): Vector => ({
    name,
    partition,
    batch: base64(encodeTestBatch({ ...common, count: 2, field: two, ...batch })),
    expect: 'never-sealed',
  })),
  ...[0, 30, 60].map((at): Vector => {
    const bytes = encodeTestBatch({ ...common, count: 2, field: two });
    bytes[21 + at] = (bytes[21 + at] ?? 0) ^ 1;
    return { name: `a CRC that does not fit byte ${21 + at}`, partition, batch: base64(bytes), expect: 'never-sealed' };
  }),
];
