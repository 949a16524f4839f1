import { sealCrc } from '@tallystick/kafka/batch-encoder';
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { Verdict } from '../src/verdict.ts';
import { World, topics } from './support/world.ts';

// Every bit of the events of a small log, CRC mended. Where it is left, and of the statements, another bit of each byte at each run, and
// with TEST_EFFORT=8 or more each one. What no leaf covers is listed here, bit by bit, and in docs/threat-model.md with why it is harmless.

const effort = Number(process.env['TEST_EFFORT'] ?? 1);
const seed = Number(process.env['TALLYSTICK_PROPERTY_SEED'] ?? Math.floor(Math.random() * 1_000_000));

/** So many of the bits of a byte as the effort is; which first, tells the seed. Odd steps through 8 come to each bit once. */
function bitsAt(at: number): number[] {
  const first = Math.floor(seed / 8 ** (at % 6)) + at;
  return Array.from({ length: Math.min(8, Math.max(1, Math.floor(effort))) }, (_, step) => (first + 3 * step) % 8);
}

/** A test that tries more takes longer, ms. */
const timeoutMs = 180_000 * Math.min(8, Math.max(1, effort));

/** Byte ranges of a batch's header, ends exclusive. */
const header = {
  baseOffset: [0, 8],
  length: [8, 12],
  leaderEpoch: [12, 16],
  magic: [16, 17],
  crc: [17, 21],
  attributes: [21, 23],
  lastOffsetDelta: [23, 27],
  baseTimestamp: [27, 35],
  maxTimestamp: [35, 43],
  producerId: [43, 51],
  producerEpoch: [51, 53],
  baseSequence: [53, 57],
  count: [57, 61],
} as const;
type Field = keyof typeof header;
const fieldOf = (at: number): Field | null =>
  (Object.keys(header) as Field[]).find((name) => at >= header[name][0] && at < header[name][1]) ?? null;

interface Span {
  readonly offset: number;
  readonly from: number;
  readonly to: number;
}

/** Where each record lies in a batch of short records: one byte each for length, attributes and the two deltas. */
function recordsIn(batch: Buffer): Span[] {
  const spans: Span[] = [];
  let at = 61;
  for (let offset = Number(batch.readBigInt64BE(0)); at < batch.length; offset++) {
    const length = batch.readUInt8(at) >> 1;
    spans.push({ offset, from: at, to: at + 1 + length });
    at += 1 + length;
  }
  return spans;
}

/** Whether a flip that keeps the CRC right changes nothing that is sealed, in a batch that is not the last of its seal. */
function isHarmless(batch: Buffer, at: number, bit: number, lastOfSeal: boolean): boolean {
  const field = fieldOf(at);
  switch (field) {
    case 'baseTimestamp':
    case 'producerId':
    case 'producerEpoch':
    case 'baseSequence':
      return true;
    case 'leaderEpoch':
      // The sign bit gives an epoch that no broker writes: the reader refuses it.
      return !lastOfSeal && !(at === header.leaderEpoch[0] && bit === 7);
    case 'attributes':
      // Bits 6 to 15: the delete horizon and bits without a meaning. The first byte holds bits 15 to 8.
      return at === header.attributes[0] || bit >= 6;
    case 'crc':
      return true; // Mended.
    case null: {
      const record = recordsIn(batch).find(({ from, to }) => at >= from && at < to)!;
      const place = at - record.from;
      // Record attributes; and the timestamp delta, which LogAppendTime makes meaningless, as long as it stays a varint of one byte.
      return place === 1 || (place === 2 && bit !== 7);
    }
    default:
      return false;
  }
}

function offsetsOf(verdict: Verdict): [number, number][] {
  return verdict.findings.flatMap(({ place }) => {
    const match = /^offsets (\d+)-(\d+)$/.exec(place);
    return match === null ? [] : [[Number(match[1]), Number(match[2])] as [number, number]];
  });
}

async function withFlip(batch: Buffer, at: number, bit: number, mend: boolean, world: World): Promise<Verdict> {
  const original = Buffer.from(batch);
  batch.writeUInt8(batch.readUInt8(at) ^ (1 << bit), at);
  if (mend) sealCrc(batch);
  try {
    return await world.verify({ deadlineMs: 20 });
  } finally {
    original.copy(batch);
  }
}

let world: World;
beforeAll(async () => {
  world = await World.small();
  expect((await world.verify()).exitCode).toBe(0);
});

// Batches of the small log: offsets 0-1 and 2-3 in seal 0, 4-6 in seal 1, 7 in seal 2; 8-9 are not sealed.
describe.each([
  { index: 0, first: 0, last: 1, lastOfSeal: false },
  { index: 1, first: 2, last: 3, lastOfSeal: true },
  { index: 2, first: 4, last: 6, lastOfSeal: true },
  { index: 3, first: 7, last: 7, lastOfSeal: true },
])('batch $index (offsets $first-$last)', ({ index, first, last, lastOfSeal }) => {
  test('each bit, CRC mended: exit 1 at the right place, or listed as harmless', async () => {
    const batch = world.cluster.batches(topics.events, 0)[index]!;
    const records = recordsIn(batch);
    const wrong: string[] = [];
    for (let at = 0; at < batch.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const verdict = await withFlip(batch, at, bit, true, world);
        const what = `byte ${at} (${fieldOf(at) ?? 'records'}) bit ${bit}: exit ${verdict.exitCode} ${verdict.findings.map(({ code, place }) => `${code} ${place}`).join('; ')}`;
        if (isHarmless(batch, at, bit, lastOfSeal)) {
          if (verdict.exitCode !== 0) wrong.push(`should be harmless: ${what}`);
          continue;
        }
        const touches = offsetsOf(verdict).some(([from, to]) => from <= last && to >= first);
        if (verdict.exitCode !== 1 || !touches) wrong.push(what);
        // A change in the body of one record names that record and no other.
        const record = records.find(({ from, to }) => at >= from + 4 && at < to);
        if (record === undefined) continue;
        const altered = verdict.findings.filter(({ code }) => code === 'altered').map(({ place }) => place);
        const exact = `offsets ${record.offset}-${record.offset}`;
        const whole = `offsets ${first}-${last}`; // It no longer parses, so every offset of the batch is another entry.
        if (altered.length !== 1 || (altered[0] !== exact && altered[0] !== whole)) wrong.push(`not named: ${what}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test(
    'a bit of each byte, CRC left: bad-crc at the base offset, or listed as harmless',
    async () => {
      const batch = world.cluster.batches(topics.events, 0)[index]!;
      const wrong: string[] = [];
      for (let at = 0; at < batch.length; at++) {
        const field = fieldOf(at);
        // The CRC covers what follows it, so these are as above.
        if (field === 'baseOffset' || field === 'leaderEpoch' || field === 'magic') continue;
        for (const bit of bitsAt(at)) {
          const verdict = await withFlip(batch, at, bit, false, world);
          const found = verdict.findings.map(({ code, place }) => `${code} ${place}`);
          if (verdict.exitCode !== 1 || !found.includes(`bad-crc offsets ${first}-${first}`)) {
            wrong.push(`byte ${at} (${field ?? 'records'}) bit ${bit}: exit ${verdict.exitCode} ${found.join('; ')}`);
          }
        }
      }
      expect(wrong, `seed ${seed}`).toEqual([]);
    },
    timeoutMs,
  );
});

test(
  'a bit of each byte of the statements, against an anchor: never verified where a byte of a statement changed',
  async () => {
    const anchor = memoryAnchorStore();
    expect((await world.verify({ anchor })).anchoredTo.updated).toBe(true);
    const wrong: string[] = [];
    for (const batch of world.cluster.batches(topics.seals, 0)) {
      const valueLength = batch.length - 61;
      for (let at = 61; at < batch.length; at++) {
        // Length, attributes and deltas before the value, and the header count behind it, belong to Kafka's record, not to the note.
        const inNote = at - 61 >= valueLength - noteLength(batch) - 1 && at < batch.length - 1;
        for (const bit of bitsAt(at)) {
          const original = Buffer.from(batch);
          batch.writeUInt8(batch.readUInt8(at) ^ (1 << bit), at);
          sealCrc(batch);
          const verdict = await world.verify({ anchor, deadlineMs: 20 });
          original.copy(batch);
          const what = `byte ${at} bit ${bit} of the batch at ${batch.readBigInt64BE(0)}`;
          if (inNote && verdict.exitCode === 0) wrong.push(what);
          if (!inNote && verdict.exitCode === 0 && verdict.findings.length > 0) wrong.push(`findings: ${what}`);
        }
      }
    }
    expect(wrong, `seed ${seed}`).toEqual([]);
  },
  timeoutMs,
);

function noteLength(batch: Buffer): number {
  return batch.length - batch.indexOf('tallystick/') - 1;
}
