import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { describe, expect, test } from 'vitest';
import type { Acknowledgement } from '../src/domain/acknowledgement.ts';
import { lengthOf, lookups, type Lookup } from './support/scanning-log.ts';
import { World, summary, topics } from './support/world.ts';

// Whole batches that were put into a segment. A broker that is asked for an offset goes past those that say lower ones, but serves them to
// whoever reads from before: they are found wherever an answer ends.

// Events of the small log: offsets 0-1 and 2-3 in seal 0, 4-6 in seal 1, 7 in seal 2; 8-9 are not sealed.
// Its statements: 0 key, 1 genesis, 2 to 4 seals.

const usual = 1024 * 1024;

/**
 * A broker of stored bytes, which finds offsets by what batches say; answers of the usual size have `size` bytes here. They lie in memory
 * that is used again.
 */
function storing(world: World, topic: string, stored: Buffer, size: number, find: Lookup): RecordLog {
  return Object.assign(Object.create(world.log) as RecordLog, {
    fetch: async (request: FetchRequest): Promise<FetchResponse> => {
      const answer = await world.log.fetch({ ...request, maxWaitMs: 0 });
      if (request.topic !== topic || answer.error !== 0 || answer.diverging !== null) return answer;
      const at = find(stored, request.offset);
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

/** The batches of a topic with an altered copy of one behind another. */
function withCopy(world: World, topic: string, of: number, behind: number, make: Insert[1]) {
  const all = world.cluster.batches(topic, 0).map((batch) => Buffer.from(batch));
  const copy = Buffer.from(all[of]!);
  make(copy);
  const before = Buffer.concat(all.slice(0, behind + 1));
  return { stored: Buffer.concat([before, copy, ...all.slice(behind + 1)]), border: before.length };
}

// Where the first answer ends: behind everything, in the batch that was put in, and before and in its header.
const ends = [usual, 100, 61, 60, 1, 0, -1];

describe.each(lookups)('a batch that was put in between two others, Kafka %s', (_kafka, find) => {
  describe.each(inserts)('with %s', (_, make, code) => {
    test.each(ends)('events: an answer ends %i bytes behind the border', async (more) => {
      const world = await World.small();
      const { stored, border } = withCopy(world, topics.events, 2, 2, make);
      const verdict = await world.verify({ log: storing(world, topics.events, stored, border + more, find) });
      expect(verdict.exitCode).toBe(1);
      expect(summary(verdict)).toHaveLength(1);
      // Everything that was sealed is there and is checked.
      expect(verdict.checked.seals).toBe(3);
    });

    test.each([usual, 61, 0])('statements: an answer ends %i bytes behind the border', async (more) => {
      const world = await World.small();
      const { stored, border } = withCopy(world, topics.seals, 2, 2, make);
      const verdict = await world.verify({ log: storing(world, topics.seals, stored, border + more, find) });
      expect(verdict.exitCode).toBe(1);
      expect(verdict.findings.some(({ topic }) => topic === topics.seals)).toBe(true);
      expect(verdict.checked.seals).toBe(3);
    });

    test('its finding', async () => {
      const world = await World.small();
      const { stored } = withCopy(world, topics.events, 1, 1, make);
      const verdict = await world.verify({ log: storing(world, topics.events, stored, usual, find) });
      expect(summary(verdict)).toEqual([`${code} 0 offsets 4-4`]);
      expect(verdict.findings.find((finding) => finding.code === code)?.message).toContain('it was put in');
    });
  });

  // No lookup of the offsets around it meets a batch that says much lower ones.
  describe.each([...inserts, ['nothing altered', () => undefined, 'root-mismatch'] as Insert])(
    'one that says the lowest offsets, with %s',
    (_, make) => {
      test.each(ends)('events: an answer ends %i bytes behind the border', async (more) => {
        // What lies behind the last sealed batch is never sealed: where it does not parse as an event, it is inconclusive.
        for (const [behind, exits] of [
          [1, [1]],
          [2, [1]],
          [3, [1, 3]],
        ] as const) {
          const world = await World.small();
          const { stored, border } = withCopy(world, topics.events, 0, behind, make);
          const log = storing(world, topics.events, stored, border + more, find);
          const verdict = await world.verify({ log });
          expect(exits).toContain(verdict.exitCode);
          expect(summary(verdict)).toHaveLength(1);
          expect(verdict.checked.seals).toBe(3);
        }
      });

      test.each([usual, 61, 0])('statements: an answer ends %i bytes behind the border', async (more) => {
        const world = await World.small();
        const { stored, border } = withCopy(world, topics.seals, 0, 2, make);
        const verdict = await world.verify({ log: storing(world, topics.seals, stored, border + more, find) });
        expect(verdict.exitCode).toBe(1);
        expect(verdict.checked.seals).toBe(3);
      });
    },
  );

  test('where the batch before it is never shown again: inconclusive', async () => {
    const world = await World.small();
    const { stored, border } = withCopy(world, topics.events, 0, 1, other);
    // An index of offsets that leads past it.
    const past: Lookup = (bytes, offset) => (offset === 2 || offset === 3 ? find(bytes, 4) : find(bytes, offset));
    let first = true;
    const log = storing(world, topics.events, stored, border, (bytes, offset) => {
      const at = first ? find(bytes, offset) : past(bytes, offset);
      first = false;
      return at;
    });
    const verdict = await world.verify({ log });
    expect(verdict.exitCode).toBe(3);
    expect(summary(verdict)).toEqual(['unreadable 0 -']);
    expect(verdict.findings.find(({ code }) => code === 'unreadable')?.found).toBe('LOG_DIVERGED');
    expect(verdict.checked.seals).toBe(3);
  });

  test('nothing put in: nothing is found wherever answers end', async () => {
    for (let size = 1; size < 700; size += 7) {
      const world = await World.small();
      const stored = Buffer.concat(world.cluster.batches(topics.events, 0));
      const verdict = await world.verify({ log: storing(world, topics.events, stored, size, find) });
      expect({ size, exit: verdict.exitCode, found: summary(verdict) }).toEqual({ size, exit: 0, found: [] });
    }
  }, 60_000);
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

  test.each(inserts)('a batch with %s that was put in is told by what it holds', async (_, make, code) => {
    const found = async (bit: number): Promise<string> => {
      const world = await World.small();
      const { stored } = withCopy(world, topics.events, 2, 1, (batch) => {
        batch.writeUInt8(batch.readUInt8(batch.length - 9) ^ bit, batch.length - 9);
        make(batch);
      });
      const verdict = await world.verify({ log: storing(world, topics.events, stored, usual, lookups[0]![1]) });
      const named = verdict.findings.filter((each) => each.code === code && each.found?.includes('SHA-256'));
      expect(named).toHaveLength(1);
      return /SHA-256 [0-9a-f]{64}/.exec(named[0]?.found ?? '')![0];
    };
    expect(await found(0)).toBe(await found(0));
    expect(await found(1)).not.toBe(await found(0));
  });

  test.each(
    lookups.flatMap(([kafka, find]) => [topics.events, topics.seals].map((topic) => [kafka, topic, find] as const)),
  )(
    'Kafka %s, %s: a second batch that is put in behind one that somebody answers for is never verified',
    async (_, topic, find) => {
      const goesBack = (batch: Buffer): void => {
        other(batch);
        sealCrc(batch);
      };
      for (const make of [other, goesBack]) {
        const world = await World.small();
        const { stored, border } = withCopy(world, topic, 0, 2, make);
        const verify = async (bytes: Buffer, acknowledged: Acknowledgement[] = []) =>
          await world.verify({ log: storing(world, topic, bytes, usual, find), acknowledged });
        const first = await verify(stored);
        expect(first.exitCode).toBe(1);
        const acknowledged = first.findings.map(({ hash }) => ({ hash, reason: 'known' }));
        const second = Buffer.from(stored.subarray(border, border + lengthOf(stored, border)));
        const at = second.length - 9;
        second.writeUInt8(second.readUInt8(at) ^ 1, at);
        const both = Buffer.concat([
          stored.subarray(0, border + second.length),
          second,
          stored.subarray(border + second.length),
        ]);
        expect((await verify(both, acknowledged)).exitCode).toBe(3);
        expect((await verify(stored, acknowledged)).exitCode).toBe(3);
      }
    },
  );
});
