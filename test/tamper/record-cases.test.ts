import { encodeUtf8 } from '@tallystick/core/encoding';
import { batchField } from '@tallystick/kafka/batch-encoder';
import { beforeAll, describe, it } from 'vitest';
import { addTo, flip, setBits } from './altered-log.ts';
import { check, other, type Alter } from './case.ts';
import { cleanLog, type SmallLog } from './small-log.ts';

// Every way of altering what the log of small-log.ts holds, and what a verification says of it, with nothing but the root key.

let small: SmallLog;
beforeAll(async () => {
  small = await cleanLog();
});

type Row = readonly [what: string, alter: Alter, exit: 0 | 1 | 3, findings: readonly string[]];

describe('records', () => {
  it.each<Row>([
    ['nothing', () => undefined, 0, []],
    ['a value', (log) => log.records(0, 0, ([, b]) => void (b!.value = encodeUtf8('x'))), 1, ['altered 0 offsets 1-1']],
    [
      'a value in a gzip batch',
      (log) => log.records(0, 4, ([, b]) => void (b!.value = null)),
      1,
      ['altered 0 offsets 5-5'],
    ],
    ['a key', (log) => log.records(1, 0, ([a]) => void (a!.key = encodeUtf8('x'))), 1, ['altered 1 offsets 0-0']],
    ['a key made null', (log) => log.records(0, 11, ([a]) => void (a!.key = null)), 1, ['altered 0 offsets 11-11']],
    [
      'a header added',
      (log) => log.records(0, 7, ([, b]) => void b!.headers.push([encodeUtf8('x'), null])),
      1,
      ['altered 0 offsets 8-8'],
    ],
    ['a header taken away', (log) => log.records(0, 9, ([a]) => void a!.headers.pop()), 1, ['altered 0 offsets 9-9']],
    [
      'headers in another order',
      (log) => log.records(0, 9, ([a]) => void (a!.headers = a!.headers.toReversed())),
      1,
      ['altered 0 offsets 9-9'],
    ],
    [
      'a header made empty where it was null',
      (log) => log.records(0, 2, ([a]) => void (a!.headers[1] = [a!.headers[1]![0], new Uint8Array()])),
      1,
      ['altered 0 offsets 2-2'],
    ],
    ['all events of a batch', (log) => log.records(0, 4, (all) => all.fill(other)), 1, ['altered 0 offsets 4-6']],
    [
      'the first and the last event',
      (log) => {
        log.records(0, 0, (all) => void (all[0] = other));
        log.records(0, 11, (all) => void (all[1] = other));
      },
      1,
      ['altered 0 offsets 0-0', 'altered 0 offsets 12-12'],
    ],
    [
      'two events swapped',
      (log) => log.records(0, 4, (all) => void all.splice(0, 3, ...all.toReversed())),
      1,
      ['altered 0 offsets 4-4', 'altered 0 offsets 6-6'],
    ],
    [
      'an event in place of its neighbour',
      (log) => log.records(0, 4, (all) => void (all[2] = all[1]!)),
      1,
      ['altered 0 offsets 6-6'],
    ],
    [
      'an event twice, all behind it moved',
      (log) => log.records(1, 0, (all) => all.splice(1, 0, all[0]!)),
      1,
      ['altered 1 offsets 1-2', 'altered 1 offsets 3-6', 'altered 1 offsets 7-7', 'altered 1 offsets 10-10'],
    ],
    [
      'an event inserted, all behind it moved',
      (log) => log.records(0, 11, (all) => all.unshift(other)),
      1,
      ['altered 0 offsets 11-12'],
    ],
    [
      'an event taken out, all behind it moved',
      (log) => log.records(0, 9, (all) => all.splice(0, 1)),
      1,
      ['altered 0 offsets 9-12'],
    ],
    [
      'the last event taken out',
      (log) => {
        log.remove(0, 13);
        log.records(0, 11, (all) => all.splice(1, 1));
        log.partition(0).highWatermark = 12;
      },
      1,
      ['truncated 0 offsets 12-12'],
    ],
    ['the same records, each in a batch of its own', (log) => log.unpack(0), 0, []],
  ])('%s', async (_, alter, ...says) => await check(small, alter, says));
});

describe('what a batch says of its records, CRC mended', () => {
  it.each<Row>([
    ['its time', (log) => log.bytes(0, 2, addTo('maxTimestamp', 1n)), 1, ['altered 0 offsets 2-3']],
    [
      "the time of a seal's last event",
      (log) => log.bytes(1, 10, addTo('maxTimestamp', -60_000n)),
      1,
      ['altered 1 offsets 10-10'],
    ],
    [
      'the time that producers gave, under CreateTime',
      (log) => log.bytes(1, 5, addTo('baseTimestamp', 1n)),
      1,
      ['altered 1 offsets 5-6'],
    ],
    ['the time that producers gave, under LogAppendTime', (log) => log.bytes(0, 2, addTo('baseTimestamp', 1n)), 0, []],
    ['the kind of its times', (log) => log.bytes(0, 0, setBits(0x08)), 1, ['altered 0 offsets 0-1']],
    ['the control bit set', (log) => log.bytes(0, 4, setBits(0x20)), 1, ['altered 0 offsets 4-6']],
    ['the control bit taken away', (log) => log.bytes(1, 3, setBits(0x20)), 1, ['altered 1 offsets 3-3']],
    ['the transactional bit', (log) => log.bytes(0, 7, setBits(0x10)), 1, ['altered 0 offsets 7-8']],
    ['the codec', (log) => log.bytes(0, 7, setBits(0x03)), 1, ['altered 0 offsets 7-8']],
    ['a codec that there is not', (log) => log.bytes(0, 0, setBits(0x07)), 1, ['altered 0 offsets 0-1']],
    ['the producer', (log) => log.bytes(0, 0, addTo('producerId', 7n)), 0, []],
    ['a byte of a batch that does not parse', (log) => log.bytes(1, 7, flip(-2)), 1, ['altered 1 offsets 7-9']],
    [
      "the leader epoch of a seal's last batch",
      (log) => log.batch(0, 11).bytes.writeInt32BE(4, batchField.leaderEpoch),
      1,
      ['epoch-mismatch 0 offsets 7-12'],
    ],
    ['the leader epoch of another', (log) => log.batch(0, 7).bytes.writeInt32BE(4, batchField.leaderEpoch), 0, []],
    [
      'its magic',
      (log) => log.bytes(0, 4, (bytes) => bytes.writeInt8(1, batchField.magic)),
      1,
      ['bad-magic 0 offsets 4-4'],
    ],
    ['its CRC', (log) => flip(batchField.crc)(log.batch(0, 9).bytes), 1, ['bad-crc 0 offsets 9-9']],
    ['a bit, the CRC left', (log) => flip(-1)(log.batch(1, 4).bytes), 1, ['bad-crc 1 offsets 4-4']],
    [
      'its offset',
      (log) => log.bytes(0, 4, (bytes) => bytes.writeBigInt64BE(1_000n)),
      1,
      ['root-mismatch 0 offsets 4-6'],
    ],
    [
      'how many it holds',
      (log) => log.bytes(0, 4, (bytes) => bytes.writeInt32BE(2, batchField.count)),
      1,
      ['altered 0 offsets 4-6'],
    ],
    [
      'its length',
      (log) => log.bytes(0, 11, (bytes) => bytes.writeInt32BE(40, batchField.batchLength)),
      1,
      ['bad-crc 0 offsets 11-11'],
    ],
  ])('%s', async (_, alter, ...says) => await check(small, alter, says));
});
