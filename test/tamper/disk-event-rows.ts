import { gzipSync } from 'node:zlib';
import { batchHeaderLength } from '@tallystick/core/batch';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { batchField, lengthFieldEnd, sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { CopiedBatch } from '@tallystick/verifier/copied-log';
import { moveTo, putRecords, recordsIn, type StoredRecord } from '@tallystick/verifier/stored-records';
import { flip, setBits } from './altered-log.ts';
import { other, type Alter } from './case.ts';
import { sealEvents } from './disk-log.ts';
import { anew, copyOf, type DiskRow, eventAltered, fine, found, row } from './disk-row.ts';
import { topics } from './small-log.ts';

/** Stored batches of the events, to be put in another order. */
const events =
  (alter: (all: CopiedBatch[]) => CopiedBatch[] | void): Alter =>
  (log) => {
    const stored = log.partition(0);
    stored.batches = alter(stored.batches) ?? stored.batches;
  };
/** A record of the sixth batch, its CRC mended. */
const record =
  (alter: (record: StoredRecord) => void): Alter =>
  (log) =>
    log.records(0, 40, (all) => alter(all[3]!));
/** The first batch once more at this place, where none of the offsets around it leads a broker to it. */
const first = (at: number, make: (batch: Buffer) => void): Alter =>
  events((all) => {
    const bytes = Buffer.from(all[0]!.bytes);
    make(bytes);
    return all.toSpliced(at, 0, { ...all[0]!, bytes });
  });
const inserted: Alter = (log) => log.records(0, 40, (all) => void all.unshift(other));

/** Every seal of a partition from this offset on. */
const alteredFrom = (from: number, partition: number): string[] =>
  Array.from({ length: (128 - from) / sealEvents }, (_, n) => from + n * sealEvents).map(
    (first) => `altered ${partition} offsets ${first}-${first + sealEvents - 1}`,
  );

/** The same records compressed: a batch of another length. */
function packed({ bytes, ...offsets }: CopiedBatch): CopiedBatch {
  const out = Buffer.concat([bytes.subarray(0, batchHeaderLength), gzipSync(bytes.subarray(batchHeaderLength))]);
  out.writeInt32BE(out.length - lengthFieldEnd, batchField.batchLength);
  out.writeInt16BE((out.readInt16BE(batchField.attributes) & ~7) | 1, batchField.attributes);
  sealCrc(out);
  return { ...offsets, bytes: out };
}
/** The same batch with another byte in its last record. */
function forged({ bytes, ...offsets }: CopiedBatch): CopiedBatch {
  const copy = Buffer.from(bytes);
  flip(-20)(copy);
  sealCrc(copy);
  return { ...offsets, bytes: copy };
}
/** Each record as a batch of its own. */
const single = (batch: CopiedBatch): CopiedBatch[] =>
  recordsIn(batch, nodeCodecs)!.map((record, at) => {
    const alone = { ...batch, bytes: Buffer.from(batch.bytes) };
    putRecords(alone, [record]);
    moveTo(alone, batch.first + at);
    return alone;
  });
/** A batch with one large record in the place of its own. */
function large(batch: CopiedBatch, size: number): CopiedBatch {
  const copy = { ...batch, bytes: Buffer.from(batch.bytes) };
  const [record] = recordsIn(copy, nodeCodecs)!;
  putRecords(copy, [{ ...record!, value: Buffer.alloc(size, 'forged ') }]);
  return copy;
}

/** Behind a batch lies a forged one in the place of the next, then the batch once more: an index that is made anew leads to the copy. */
export const copyRows: DiskRow[] = [
  row(
    'a forged batch between the last batch of a seal and a copy of that, which the index leads to',
    events((all) => {
      const copy = packed(all[7]!);
      return [...all.slice(0, 7), copy, forged(all[8]!), copy, ...all.slice(8)];
    }),
    { log: found('root-mismatch 0 offsets 56-63', 'root-mismatch 0 offsets 64-79') },
    anew,
  ),
  row(
    'a forged batch larger than an answer between a batch and a copy of that, which the index leads to',
    events((all) => {
      const alone = all.flatMap(single);
      const forged = large(alone[64]!, 1_200_000);
      return [...alone.slice(0, 64), forged, alone[63]!, ...alone.slice(64)];
    }),
    // Its beginning was seen, and is not shown to who asks for what comes behind the batch before.
    { log: [3, ['unreadable 0 -']] },
    anew,
  ),
];

export const batchRows: DiskRow[] = [
  row('nothing', () => undefined, { log: fine, key: fine, anchor: fine }),
  row(
    'a copy that says a last offset below its first',
    events((all) => {
      const bytes = copyOf(all[5]!);
      bytes.writeBigInt64BE(39n);
      bytes.writeInt32BE(-1, batchField.lastOffsetDelta);
      sealCrc(bytes);
      return all.toSpliced(5, 0, { ...all[5]!, bytes });
    }),
    { log: found('root-mismatch 0 offsets 40-40') },
  ),
  row(
    'a copy behind a batch, the CRC wrong',
    events((all) => all.toSpliced(6, 0, { ...all[5]!, bytes: copyOf(all[5]!) })),
    { log: found('bad-crc 0 offsets 48-48') },
  ),
  row(
    'a copy behind the last batch of a seal, the CRC wrong',
    events((all) => all.toSpliced(8, 0, { ...all[7]!, bytes: copyOf(all[7]!) })),
    { log: found('bad-crc 0 offsets 64-64') },
  ),
  row('the first batch behind the fifth, the CRC wrong', first(5, flip(-8)), {
    log: found('bad-crc 0 offsets 40-40'),
  }),
  row(
    'the first batch behind the fifth, a last offset below its first',
    first(5, (bytes) => {
      bytes.writeInt32BE(-1, batchField.lastOffsetDelta);
      sealCrc(bytes);
    }),
    { log: found('root-mismatch 0 offsets 40-40') },
  ),
  row(
    'the first batch again behind the fifth',
    first(5, () => undefined),
    { log: found('root-mismatch 0 offsets 0-7') },
  ),
  row('the first batch behind the last one of a seal, the CRC wrong', first(8, flip(-8)), {
    log: found('bad-crc 0 offsets 64-64'),
  }),
  row(
    'a batch twice',
    events((all) => all.toSpliced(5, 0, all[5]!)),
    { log: found('root-mismatch 0 offsets 40-47') },
  ),
  row(
    'the last batch of a seal twice',
    events((all) => all.toSpliced(7, 0, all[7]!)),
    { log: found('root-mismatch 0 offsets 56-63') },
  ),
  row('a batch taken out', (log) => log.remove(0, 40), { log: found('missing-offsets 0 offsets 40-47') }),
  row(
    'the batches at both sides of a border between seals taken out',
    (log) => {
      log.remove(0, 56);
      log.remove(0, 64);
    },
    { log: found('missing-offsets 0 offsets 56-71') },
    anew,
  ),
  row(
    'a whole seal taken out',
    (log) => {
      log.remove(0, 48);
      log.remove(0, 56);
    },
    { log: found('missing-offsets 0 offsets 48-63') },
    anew,
  ),
  row(
    'two batches swapped, their offsets rewritten',
    events((all) => {
      const [one, two] = [all[5]!, all[6]!];
      moveTo(one, 48);
      moveTo(two, 40);
      return all.with(5, two).with(6, one);
    }),
    { log: found('altered 0 offsets 40-47', 'altered 0 offsets 48-55') },
  ),
  row(
    'two batches swapped, their offsets left',
    events((all) => all.with(7, all[8]!).with(8, all[7]!)),
    { log: found('missing-offsets 0 offsets 56-63', 'root-mismatch 0 offsets 56-63') },
  ),
  // By indexes that point beside its batches the broker takes the log for empty: then nothing that was sealed is there.
  row('an event inserted, all behind it moved', inserted, { log: found('truncated 0 offsets 0-127') }),
  row(
    'an event inserted, all behind it moved, and the indexes made anew',
    inserted,
    { log: found('altered 0 offsets 40-47', ...alteredFrom(48, 0)) },
    anew,
  ),
  row('the tail cut off', (log) => log.cut(0, 112), { log: found('truncated 0 offsets 0-127') }),
  row(
    'the tail cut off, and the indexes made anew',
    (log) => log.cut(0, 112),
    { log: found('truncated 0 offsets 112-127') },
    anew,
  ),
  row(
    'a partition emptied',
    (log) => log.cut(1, 0),
    { log: found('truncated 1 offsets 0-127') },
    { partitions: 2, ...anew },
  ),
  row(
    'two partitions swapped',
    (log) => {
      const topic = log.log.topic(topics.events);
      topic.partitions = topic.partitions.toReversed();
    },
    { log: found(...alteredFrom(0, 0), ...alteredFrom(0, 1)) },
    { partitions: 2, ...anew },
  ),
  row(
    "another partition's batch in the place of one",
    (log) => {
      log.batch(0, 40).bytes = Buffer.from(log.batch(1, 40).bytes);
    },
    { log: found('altered 0 offsets 40-47') },
    { partitions: 2, ...anew },
  ),
  row(
    'two batches of two partitions swapped',
    (log) => {
      const [one, two] = [log.batch(0, 56), log.batch(1, 56)];
      [one.bytes, two.bytes] = [two.bytes, one.bytes];
    },
    { log: found('altered 0 offsets 56-63', 'altered 1 offsets 56-63') },
    { partitions: 2, ...anew },
  ),
  row(
    "another partition's batch behind the last",
    (log) => {
      const moved = { ...log.batch(1, 120), bytes: Buffer.from(log.batch(1, 120).bytes) };
      moveTo(moved, 128);
      log.partition(0).batches.push(moved);
      log.remove(1, 120);
    },
    { log: found('truncated 1 offsets 120-127') },
    { partitions: 2, ...anew },
  ),
];

/** Magic 1 has its attributes where magic 2 has the first byte of its CRC: their low bits name a codec. */
function ofOlderFormat(bytes: Buffer, codec: number): void {
  bytes.writeInt8(1, batchField.magic);
  bytes.writeUInt8(codec, batchField.crc);
}

export const headerRows: DiskRow[] = [
  row('a byte of an event', eventAltered, { log: found('altered 0 offsets 47-47') }),
  row('a bit, the CRC left', (log) => flip(-20)(log.batch(0, 40).bytes), { log: found('bad-crc 0 offsets 40-40') }),
  row('the control bit', (log) => log.bytes(0, 40, setBits(0x20)), { log: found('altered 0 offsets 40-47') }),
  row('the transactional bit', (log) => log.bytes(0, 40, setBits(0x10)), { log: found('altered 0 offsets 40-47') }),
  row('the kind of its times', (log) => log.bytes(0, 40, setBits(0x08)), { log: found('altered 0 offsets 40-47') }),
  row('the codec', (log) => log.bytes(0, 40, setBits(0x01)), { log: found('altered 0 offsets 40-47') }),
  row(
    'the time',
    (log) =>
      log.bytes(0, 40, (bytes) => {
        bytes.writeBigInt64BE(bytes.readBigInt64BE(batchField.maxTimestamp) - 1n, batchField.maxTimestamp);
      }),
    { log: found('altered 0 offsets 40-47') },
  ),
  row(
    "the leader epoch of a seal's last batch",
    (log) => void log.batch(0, 56).bytes.writeInt32BE(7, batchField.leaderEpoch),
    {
      log: found('epoch-mismatch 0 offsets 48-63'),
    },
  ),
  row(
    'its magic',
    (log) => ofOlderFormat(log.batch(0, 40).bytes, 0),
    // Of an older format the broker knows the base offset only, and goes past the rest.
    { log: found('bad-magic 0 offsets 40-40', 'missing-offsets 0 offsets 41-47') },
  ),
  row(
    'its magic, and what a broker takes for compression',
    (log) => ofOlderFormat(log.batch(0, 40).bytes, 1),
    // The broker itself fails over it (error -1) and serves nothing: so nobody can know what lies there.
    { log: [3, ['unavailable 0 -']] },
    { deadlineMs: 3_000 },
  ),
];

export const recordRows: DiskRow[] = [
  row(
    'an event in the place of another',
    (log) => log.records(0, 40, (all) => void (all[3] = { ...other, value: Buffer.alloc(300, 'another') })),
    {
      log: found('altered 0 offsets 43-43'),
    },
    anew,
  ),
  row(
    'a key',
    record((each) => void (each.key = encodeUtf8('key of nobody'))),
    { log: found('altered 0 offsets 43-43') },
    anew,
  ),
  row(
    'a key made null',
    record((each) => void (each.key = null)),
    { log: found('altered 0 offsets 43-43') },
    anew,
  ),
  row(
    'a header',
    record((each) => void (each.headers[0] = [each.headers[0]![0], encodeUtf8('past')])),
    { log: found('altered 0 offsets 43-43') },
  ),
  row(
    'a header added',
    record((each) => void each.headers.push([encodeUtf8('x'), null])),
    { log: found('altered 0 offsets 43-43') },
    anew,
  ),
  row(
    'a header taken away',
    record((each) => void each.headers.pop()),
    { log: found('altered 0 offsets 43-43') },
    anew,
  ),
  row(
    'the last event of a seal and the first of the next',
    (log) => {
      log.bytes(0, 56, flip(-20));
      log.records(0, 64, ([first]) => void (first!.value = Buffer.alloc(first!.value!.length, 'x')));
    },
    { log: found('altered 0 offsets 63-63', 'altered 0 offsets 64-64') },
  ),
  row(
    'an event of every seal',
    (log) => {
      for (let first = 0; first < 128; first += sealEvents) log.bytes(0, first, flip(-20));
    },
    { log: found(...Array.from({ length: 8 }, (_, n) => `altered 0 offsets ${n * 16 + 7}-${n * 16 + 7}`)) },
  ),
];
