import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { describe, expect, test } from 'vitest';
import { World, summary, topics } from './support/world.ts';

// Whole batches that were put into a segment. A broker that is asked for an offset goes past those that say lower ones, but serves them to
// whoever reads from before: they are found wherever an answer ends.

// Events of the small log: offsets 0-1 and 2-3 in seal 0, 4-6 in seal 1, 7 in seal 2; 8-9 are not sealed.
// Its statements: 0 key, 1 genesis, 2 to 4 seals.

const lengthOf = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + batchField.batchLength) + 12;
const lastOf = (bytes: Buffer, at: number): number =>
  Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + batchField.lastOffsetDelta);
const usual = 1024 * 1024;

const baseOf = (bytes: Buffer, at: number): number => Number(bytes.readBigInt64BE(at));

/** Where an answer begins: the first batch that reaches to the offset, as brokers before Kafka 4 look for it. */
function byLast(stored: Buffer, offset: number): number {
  let at = 0;
  while (at < stored.length && lastOf(stored, at) < offset) at += lengthOf(stored, at);
  return at;
}

/** As brokers do that go by base offsets: the first batch that begins at the offset, else the one before the first that begins behind it. */
function byBase(stored: Buffer, offset: number): number {
  let before = 0;
  for (let at = 0; at < stored.length; at += lengthOf(stored, at)) {
    if (baseOf(stored, at) === offset) return at;
    if (baseOf(stored, at) > offset) return before;
    before = at;
  }
  return before < stored.length && lastOf(stored, before) >= offset ? before : stored.length;
}

/**
 * A broker of stored bytes, which finds offsets by what batches say; answers of the usual size have `size` bytes here. They lie in memory
 * that is used again.
 */
function storing(world: World, topic: string, stored: Buffer, size: number, place = byLast): RecordLog {
  return Object.assign(Object.create(world.log) as RecordLog, {
    fetch: async (request: FetchRequest): Promise<FetchResponse> => {
      const answer = await world.log.fetch({ ...request, maxWaitMs: 0 });
      if (request.topic !== topic || answer.error !== 0 || answer.diverging !== null) return answer;
      const at = place(stored, request.offset);
      if (at === stored.length) return { ...answer, records: new Uint8Array() };
      const most = Math.max(request.maxBytes - usual + size, lengthOf(stored, at));
      const records = Buffer.from(stored.subarray(at, at + most));
      return { ...answer, records, release: () => void records.fill(0xff) };
    },
  });
}

type Insert = readonly [what: string, make: (batch: Buffer) => void, code: string];

const other = (batch: Buffer): void => void batch.writeUInt8(batch.readUInt8(batch.length - 8) ^ 1, batch.length - 8);
const inserts: readonly Insert[] = [
  ['a CRC that is wrong', other, 'bad-crc'],
  ['another format', (batch) => batch.writeInt8(1, batchField.magic), 'bad-magic'],
  [
    'a last offset below its first',
    (batch) => {
      other(batch);
      batch.writeInt32BE(-1, batchField.lastOffsetDelta);
      sealCrc(batch);
    },
    'root-mismatch',
  ],
];

/** The batches of a topic with an altered copy of one behind it, or before it where it says no offset that is due. */
function withCopy(world: World, topic: string, of: number, make: Insert[1]): { stored: Buffer; border: number } {
  const all = world.cluster.batches(topic, 0).map((batch) => Buffer.from(batch));
  const copy = Buffer.from(all[of]!);
  make(copy);
  const before = Buffer.concat(all.slice(0, of + 1));
  return { stored: Buffer.concat([before, copy, ...all.slice(of + 1)]), border: before.length };
}

describe('a batch that was put in between two others', () => {
  describe.each(inserts)('with %s', (_, make, code) => {
    // Where the first answer ends: behind everything, in the batch that was put in, and before and in its header.
    test.each([usual, 100, 61, 60, 1, 0, -1])('events: an answer ends %i bytes behind the border', async (more) => {
      const world = await World.small();
      const { stored, border } = withCopy(world, topics.events, 2, make);
      const verdict = await world.verify({ log: storing(world, topics.events, stored, border + more) });
      expect(verdict.exitCode).toBe(1);
      expect(summary(verdict)).toHaveLength(1);
      // Everything that was sealed is there and is checked.
      expect(verdict.checked.seals).toBe(3);
    });

    test.each([usual, 100, 61, 60, 1, 0, -1])('a broker that goes by base offsets, %i bytes', async (more) => {
      const world = await World.small();
      const { stored, border } = withCopy(world, topics.events, 2, make);
      const verdict = await world.verify({ log: storing(world, topics.events, stored, border + more, byBase) });
      expect(verdict.exitCode).toBe(1);
      expect(verdict.checked.seals).toBe(3);
    });

    test.each([usual, 61, 0])('statements: an answer ends %i bytes behind the border', async (more) => {
      const world = await World.small();
      const { stored, border } = withCopy(world, topics.seals, 2, make);
      const verdict = await world.verify({ log: storing(world, topics.seals, stored, border + more) });
      expect(verdict.exitCode).toBe(1);
      expect(verdict.findings.some(({ topic }) => topic === topics.seals)).toBe(true);
      expect(verdict.checked.seals).toBe(3);
    });

    test('its finding', async () => {
      const world = await World.small();
      const { stored } = withCopy(world, topics.events, 1, make);
      const verdict = await world.verify({ log: storing(world, topics.events, stored, usual) });
      expect(summary(verdict)).toEqual([`${code} 0 offsets 4-4`]);
      expect(verdict.findings.find((finding) => finding.code === code)?.message).toContain('it was put in');
    });
  });

  test.each([byLast, byBase])(
    'nothing put in: nothing is found wherever answers end (%o)',
    async (place) => {
      for (let size = 1; size < 700; size += 7) {
        const world = await World.small();
        const stored = Buffer.concat(world.cluster.batches(topics.events, 0));
        const verdict = await world.verify({ log: storing(world, topics.events, stored, size, place) });
        expect({ size, exit: verdict.exitCode, found: summary(verdict) }).toEqual({ size, exit: 0, found: [] });
      }
    },
    60_000,
  );
});

describe('what an acknowledged finding stands for', () => {
  test.each([topics.events, topics.seals])('%s: another content is another finding', async (topic) => {
    const world = await World.small();
    const batch = world.cluster.batches(topic, 0)[2]!;
    const found = async (): Promise<string> => {
      const verdict = await world.verify();
      const named = verdict.findings.filter((each) => each.topic === topic && each.found?.includes('SHA-256'));
      expect(named).toHaveLength(1);
      return named[0]!.hash;
    };
    batch.writeBigInt64BE(1_000n);
    const one = await found();
    expect(await found()).toBe(one);
    other(batch);
    sealCrc(batch);
    expect(await found()).not.toBe(one);
  });
});
