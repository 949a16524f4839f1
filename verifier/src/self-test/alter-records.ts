import { batchField } from '@tallystick/kafka/batch-encoder';
import { encodeUtf8 } from '@tallystick/core/encoding';
import type { Alteration, Expected } from './alteration.ts';
import type { CopiedBatch, CopiedPartition } from './copied-log.ts';
import type { CopiedPart, Evidence } from './evidence.ts';
import { moveTo, putRecords, recordsIn, rewrite } from './stored-records.ts';
import type { StoredRecord } from './stored-records.ts';

/** A sealed batch of a copy that parses. */
interface Target {
  readonly part: CopiedPart;
  readonly stored: CopiedPartition;
  readonly batch: CopiedBatch;
  readonly records: StoredRecord[];
}

/** Records that are not what was sealed, by whatever of them shows it. */
const notSealed = ['altered', 'root-mismatch', 'head-mismatch', 'time-mismatch'] as const;

const records = (name: string, apply: (copy: Evidence) => Expected | null): Alteration => ({
  name,
  kind: 'records',
  apply,
});

/** What changes records of one batch, which are stored in its place with all checksums mended. */
const ofRecords = (
  name: string,
  least: number,
  change: (stored: StoredRecord[], at: number) => void,
  codes: Expected['codes'] = notSealed,
): Alteration =>
  records(name, (copy) => {
    const target = find(copy, least);
    if (target === null) return null;
    const { batch, part } = target;
    const at = Math.floor((target.records.length - least) / 2);
    const offset = batch.first + at;
    change(target.records, at);
    const { last } = batch;
    putRecords(batch, target.records);
    // What a batch holds changes; where it lies in the log does not.
    batch.last = last;
    // Where records were taken out, all behind them moved up, and the last offsets hold nothing.
    const end = target.records.length <= last - batch.first ? last : offset + least - 1;
    return { codes, partition: part.partition, offsets: [offset, end] };
  });

/** What changes bytes of a batch's header, CRC mended. */
const ofHeader = (name: string, codes: Expected['codes'], change: (batch: Buffer) => void): Alteration =>
  records(name, (copy) => {
    const target = find(copy, 1);
    if (target === null) return null;
    const { batch, part } = target;
    rewrite(batch, change);
    return { codes, partition: part.partition, offsets: [batch.first, batch.last] };
  });

/** What changes where two batches of one seal's records lie. */
const ofTwo = (
  name: string,
  codes: Expected['codes'],
  change: (stored: CopiedPartition, at: number) => void,
): Alteration =>
  records(name, (copy) => {
    for (const part of copy.parts) {
      const stored = copy.log.partition(copy.topics.events, part.partition);
      const at = stored.batches.findIndex(
        (batch, index) => batch.first >= part.first && (stored.batches[index + 1]?.last ?? Infinity) <= part.last,
      );
      const [one, two] = [stored.batches[at], stored.batches[at + 1]];
      if (at < 0 || one === undefined || two === undefined) continue;
      const expected: Expected = { codes, partition: part.partition, offsets: [one.first, two.last] };
      change(stored, at);
      return expected;
    }
    return null;
  });

const flip = (bytes: Uint8Array, at: number, mask = 1): Uint8Array => {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ mask;
  return changed;
};

const setBits = (bits: number) => (batch: Buffer) =>
  batch.writeInt16BE(batch.readInt16BE(batchField.attributes) ^ bits, batchField.attributes);

export const recordAlterations: readonly Alteration[] = [
  ofRecords("one bit of an event's value", 1, (stored, at) => {
    const record = stored[at];
    if (record !== undefined) record.value = flip(record.value ?? encodeUtf8('?'), 0);
  }),
  ofRecords("an event's key", 1, (stored, at) => {
    const record = stored[at];
    if (record !== undefined) record.key = record.key === null ? encodeUtf8('k') : null;
  }),
  ofRecords('a header added to an event', 1, (stored, at) => {
    stored[at]?.headers.push([encodeUtf8('added'), encodeUtf8('later')]);
  }),
  ofRecords('an event in the place of another', 1, (stored, at) => {
    stored[at] = { timestampDelta: 0n, key: null, value: encodeUtf8('another event'), headers: [] };
  }),
  ofRecords('two events swapped', 2, (stored, at) => {
    stored.splice(at, 2, ...stored.slice(at, at + 2).toReversed());
  }),
  ofRecords('an event twice, in place of its neighbour', 2, (stored, at) => {
    stored.splice(at + 1, 1, ...stored.slice(at, at + 1));
  }),
  ofRecords('an event taken out of its batch', 2, (stored, at) => void stored.splice(at, 1), [
    ...notSealed,
    'missing-offsets',
    'truncated',
  ]),
  records('an event inserted, all behind it moved by one', (copy) => {
    const target = find(copy, 1);
    if (target === null) return null;
    const { batch, stored, part } = target;
    const offsets = [batch.first, batch.first] as const;
    putRecords(batch, [
      { timestampDelta: 0n, key: null, value: encodeUtf8('inserted'), headers: [] },
      ...target.records,
    ]);
    for (const later of stored.batches.slice(stored.batches.indexOf(batch) + 1)) moveTo(later, later.first + 1);
    stored.highWatermark += 1;
    return { codes: notSealed, partition: part.partition, offsets };
  }),
  ofHeader("the time of a batch's events", notSealed, (batch) => {
    const appendTime = (batch.readInt16BE(batchField.attributes) & 0x08) !== 0;
    const at = appendTime ? batchField.maxTimestamp : batchField.baseTimestamp;
    batch.writeBigInt64BE(batch.readBigInt64BE(at) - 1n, at);
  }),
  ofHeader('the control bit', notSealed, setBits(0x20)),
  ofHeader('the transactional bit', notSealed, setBits(0x10)),
  ofHeader('the kind of timestamps', notSealed, setBits(0x08)),
  ofHeader('the codec that a batch names', notSealed, setBits(0x07)),
  ofHeader('the number of events that a batch names', notSealed, (batch) =>
    batch.writeInt32BE(batch.readInt32BE(batchField.count) + 1, batchField.count),
  ),
  ofHeader('the format that a batch names', ['bad-magic'], (batch) => batch.writeInt8(1, batchField.magic)),
  ofHeader('the offset that a batch names', ['root-mismatch'], (batch) =>
    batch.writeBigInt64BE(batch.readBigInt64BE(batchField.baseOffset) + 1_000_000_000n, batchField.baseOffset),
  ),
  ofHeader('the offset up to which a batch says that it reaches', notSealed, (batch) =>
    batch.writeInt32BE(batch.readInt32BE(batchField.lastOffsetDelta) + 2, batchField.lastOffsetDelta),
  ),
  records('one bit of a batch, its checksum left as it was', (copy) => {
    const target = find(copy, 1);
    if (target === null) return null;
    const { batch, part } = target;
    batch.bytes.writeUInt8(batch.bytes.readUInt8(batch.bytes.length - 1) ^ 0x80, batch.bytes.length - 1);
    return { codes: ['bad-crc'], partition: part.partition, offsets: [batch.first, batch.first] };
  }),
  records("the leader epoch of a seal's last event", (copy) => {
    const part = copy.parts.at(-1);
    const stored = part === undefined ? null : copy.log.partition(copy.topics.events, part.partition);
    const batch = stored?.batches.find(
      ({ first, last }) => part !== undefined && first <= part.last && part.last <= last,
    );
    if (part === undefined || batch === undefined) return null;
    batch.bytes.writeInt32BE(batch.bytes.readInt32BE(batchField.leaderEpoch) + 1, batchField.leaderEpoch);
    return { codes: ['epoch-mismatch'], partition: part.partition, offsets: [part.last, part.last] };
  }),
  records('a batch taken out', (copy) => {
    const target = find(copy, 1);
    if (target === null) return null;
    const { batch, stored, part } = target;
    stored.batches.splice(stored.batches.indexOf(batch), 1);
    // At the end of what is there, nothing behind it shows the hole.
    return { codes: ['missing-offsets', 'truncated'], partition: part.partition, offsets: [batch.first, batch.last] };
  }),
  ofTwo('two batches swapped', ['missing-offsets', 'root-mismatch'], ({ batches }, at) => {
    const [one, two] = batches.slice(at, at + 2);
    if (one !== undefined && two !== undefined) [one.bytes, two.bytes] = [two.bytes, one.bytes];
  }),
  ofTwo('two batches swapped and their offsets rewritten', [...notSealed, 'missing-offsets'], ({ batches }, at) => {
    const [one, two] = batches.splice(at, 2);
    if (one === undefined || two === undefined) return;
    const { first } = one;
    batches.splice(at, 0, two, one);
    moveTo(two, first);
    moveTo(one, two.last + 1);
  }),
  ofTwo('a batch stored twice', ['root-mismatch'], ({ batches }, at) => {
    const batch = batches[at];
    if (batch !== undefined) batches.splice(at, 0, { ...batch, bytes: Buffer.from(batch.bytes) });
  }),
  records("another partition's events in the place of these", (copy) => {
    const [one, two] = copy.parts;
    if (one === undefined || two === undefined) return null;
    const here = copy.log.partition(copy.topics.events, one.partition);
    const target = here.batches.find(({ first, last }) => first >= one.first && last <= one.last);
    const other = copy.log
      .partition(copy.topics.events, two.partition)
      .batches.find((batch) => target !== undefined && batch.last - batch.first === target.last - target.first);
    if (target === undefined || other === undefined) return null;
    target.bytes = Buffer.from(other.bytes);
    target.bytes.writeBigInt64BE(BigInt(target.first), batchField.baseOffset);
    return { codes: notSealed, partition: one.partition, offsets: [target.first, target.last] };
  }),
  records('the end of a partition cut off', (copy) => {
    const part = copy.parts[0];
    if (part === undefined) return null;
    const stored = copy.log.partition(copy.topics.events, part.partition);
    const cut = stored.batches.find(({ first, last }) => first <= part.last && part.last <= last);
    if (cut === undefined) return null;
    stored.batches = stored.batches.filter(({ first }) => first < cut.first);
    stored.highWatermark = cut.first;
    return { codes: ['truncated'], partition: part.partition, offsets: [Math.max(cut.first, part.first), part.last] };
  }),
  records('the oldest events here deleted', (copy) => {
    const part = copy.parts.at(-1);
    const seal = part?.seals[0]?.seal;
    if (part === undefined || seal === undefined) return null;
    const stored = copy.log.partition(copy.topics.events, part.partition);
    stored.logStart = seal.offsets.last + 1;
    stored.batches = stored.batches.filter(({ last }) => last >= stored.logStart);
    return { codes: ['deleted'], partition: part.partition, offsets: [seal.offsets.first, seal.offsets.last] };
  }),
  records('a partition emptied', (copy) => {
    const part = copy.parts[0];
    if (part === undefined) return null;
    Object.assign(copy.log.partition(copy.topics.events, part.partition), {
      logStart: 0,
      highWatermark: 0,
      batches: [],
    });
    return { codes: ['truncated', 'deleted'], partition: part.partition };
  }),
  records('the topic made anew with the same records', (copy) => {
    const part = copy.parts[0];
    if (part === undefined) return null;
    copy.log.topic(copy.topics.events).topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
    return { codes: ['topic-recreated'], partition: part.partition };
  }),
  records('the topic deleted', (copy) => {
    const part = copy.parts[0];
    if (part === undefined) return null;
    copy.log.topics.delete(copy.topics.events);
    return { codes: ['topic-missing'], partition: part.partition };
  }),
];

/** A batch that lies whole in what was copied, with at least so many records; the newest that has most of them. */
function find(copy: Evidence, least: number): Target | null {
  let best: Target | null = null;
  for (const part of copy.parts) {
    const stored = copy.log.partition(copy.topics.events, part.partition);
    for (const batch of stored.batches) {
      if (batch.first < part.first || batch.last > part.last) continue;
      if (batch.last - batch.first + 1 < Math.max(least, best === null ? 0 : best.records.length)) continue;
      const found = recordsIn(batch, copy.codecs);
      if (found !== null) best = { part, stored, batch, records: found };
    }
  }
  return best;
}
