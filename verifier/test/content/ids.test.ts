import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { eventHeaders } from '@tallystick/schemas/avro';
import { compareIds } from '../../src/content/compare-ids.ts';
import { idWords } from '../../src/content/event-id.ts';
import { joinIds } from '../../src/content/id-join.ts';
import type { IdPair } from '../../src/content/id-join.ts';
import { HeldIds, IdSpill } from '../../src/content/id-spill.ts';
import { Records, check, event, life, record, topic } from './support.ts';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'ids-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const wordsOf = (id: string): string => {
  const words = new Uint32Array(4);
  const bytes = Buffer.from(`..${id}..`);
  idWords(bytes, 2, bytes.length - 2, words);
  return words.join(' ');
};

describe('the words of an id', () => {
  it('are the bytes of a UUID', () => {
    expect(wordsOf('01938f2c-7a00-7000-8000-00000000fffe')).toBe(
      [0x01938f2c, 0x7a007000, 0x80000000, 0x0000fffe].join(' '),
    );
  });

  it('are others for all other ids, whatever they look like', () => {
    const ids = [
      '01938f2c-7a00-7000-8000-00000000fffe',
      '01938F2C-7A00-7000-8000-00000000FFFE',
      '01938f2c7a00-7000-8000-00000000fffe0',
      '01938f2c-7a00-7000-8000-0000000-fffe',
      '01938f2c-7a00-7000-8000-00000000fff',
      '01938f2c-7a00-7000-8000-00000000fffg',
      '01938f2c--7a00-700-8000-00000000fffe',
      '',
      'é',
    ];
    expect(new Set(ids.map(wordsOf)).size).toBe(ids.length);
  });
});

describe('ids of many small shards', () => {
  it('lie in files once they are many together, and are joined as before', async () => {
    const held = new HeldIds(folder, 100);
    const lists = Array.from({ length: 40 }, (_, list) => {
      const spill = new IdSpill(folder);
      for (let at = 0; at < 10; at++) spill.add(Uint32Array.from([7, 8, 9, (list * 10 + at) % 200]), 2 ** 40 + at);
      return held.take(spill.finish());
    });
    const inMemory = lists.flatMap(({ memory }) => memory).reduce((sum, { length }) => sum + length / 6, 0);
    expect(inMemory).toBe(100);
    expect(lists.filter(({ file }) => file !== null)).toHaveLength(30);
    const pairs: IdPair[] = [];
    await joinIds(lists, (pair) => void pairs.push(pair));
    const expected = Array.from({ length: 200 }, (_, id) => {
      const offset = 2 ** 40 + (id % 10);
      const first = Math.floor(id / 10);
      return { first, firstOffset: offset, second: first + 20, secondOffset: offset };
    });
    expect(pairs.sort((a, b) => a.first - b.first || a.firstOffset - b.firstOffset)).toEqual(expected);
  });

  it('stay in memory where no file can be made: none is lost', () => {
    const held = new HeldIds(join(folder, 'nowhere'), 0);
    const spill = new IdSpill(folder);
    spill.add(Uint32Array.from([1, 2, 3, 4]), 5);
    const ids = spill.finish();
    expect(held.take(ids)).toBe(ids);
  });
});

describe('joining ids', () => {
  const pairsOf = async (lists: readonly (readonly number[])[], held?: number): Promise<string[]> => {
    const spilled = lists.map((ids) => {
      const spill = new IdSpill(folder);
      const words = new Uint32Array(4);
      for (const [offset, id] of ids.entries()) {
        words.set([7, id >>> 3, 9, id]);
        spill.add(words, offset + 2 ** 40);
      }
      return spill.finish();
    });
    const pairs: string[] = [];
    const each = ({ first, firstOffset, second, secondOffset }: IdPair): void =>
      void pairs.push(`${first}:${firstOffset - 2 ** 40} ${second}:${secondOffset - 2 ** 40}`);
    await joinIds(spilled, each, held === undefined ? {} : { held });
    return pairs.sort();
  };
  const slow = (lists: readonly (readonly number[])[]): string[] => {
    const seen = new Map<number, string>();
    const pairs: string[] = [];
    for (const [list, ids] of lists.entries()) {
      for (const [offset, id] of ids.entries()) {
        const known = seen.get(id);
        if (known === undefined) seen.set(id, `${list}:${offset}`);
        else pairs.push(`${known} ${list}:${offset}`);
      }
    }
    return pairs.sort();
  };

  it('gives what a simple reading gives, also in many passes', async () => {
    const ids = fc.array(fc.array(fc.nat({ max: 300 }), { maxLength: 200 }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(ids, fc.constantFrom(1, 3, 1_000), async (lists, held) => {
        expect(await pairsOf(lists, held)).toEqual(slow(lists));
      }),
    );
  });

  it('gives the same of ids that are in files', async () => {
    const many = Array.from({ length: 30_000 }, (_, i) => (i * 7_919) % 25_000);
    // All in one bucket, and all of them one id.
    const skewed = Array.from({ length: 9_000 }, (_, i) => (i % 3_000) * 64);
    const one = Array.from({ length: 9_000 }, () => 5);
    for (const [lists, held] of [
      [[many, many.slice(0, 100)], undefined],
      [[skewed, many], 500],
      [[one], 100],
    ] as const)
      expect(await pairsOf(lists, held)).toEqual(slow(lists));
  });
});

describe('events with one id', () => {
  it('are duplicates if they are equal in all but the life of their producer, over partitions too', async () => {
    const first = event({ labels: { b: '1', a: '2' } });
    const again = {
      ...first,
      instance: 'billing-2',
      epoch: 9,
      sequence: 0,
      previousEpoch: 8,
      labels: { a: '2', b: '1' },
    };
    const { findings, compared } = await check([new Records(0).add([first]), new Records(1).add([again])]);
    expect(findings).toEqual([
      expect.objectContaining({ code: 'duplicate', partition: 1, place: 'offsets 0-0', found: 'partition 0 offset 0' }),
    ]);
    expect(compared).toEqual(expect.objectContaining({ compared: 2, duplicates: 1, conflicts: 0 }));
  });

  it('are a conflict otherwise, and both are named', async () => {
    const first = event();
    const changes = [
      { action: 'x' },
      { occurredAtMs: 1 },
      { source: 'other' },
      { reason: '' },
      { salt: Buffer.alloc(16) },
    ];
    for (const change of changes) {
      const records = new Records().add([first, { ...first, ...change, instance: 'billing-2' }]);
      const { findings, compared } = await check(records);
      expect(findings).toEqual([expect.objectContaining({ code: 'id-conflict', place: 'offsets 1-1' })]);
      expect(findings[0]?.message).toContain('partition 0 offset 0');
      expect(compared.conflicts).toBe(1);
    }
  });

  it('are compared whatever their id looks like', async () => {
    for (const id of ['x', '', '01938F2C-7A00-7000-8000-00000000FFFE']) {
      const one = event({ id: '01938f2c-7a00-7000-8000-0000000000aa' });
      const value = (action: string, instance: string) => {
        const bytes = Buffer.from(record({ ...one, action, instance }).value!);
        return Buffer.concat([bytes.subarray(0, 5), Buffer.of(2 * id.length), Buffer.from(id), bytes.subarray(5 + 37)]);
      };
      const of = (action: string, instance: string) => ({
        key: null,
        value: value(action, instance),
        headers: eventHeaders,
      });
      expect((await check(new Records().add([of('a', '1'), of('a', '2'), of('b', '3')]))).codes.toSorted()).toEqual([
        'duplicate',
        'id-conflict',
      ]);
    }
  });

  it('are listed up to a number', async () => {
    const events = life(Array.from({ length: 30 }, (_, i) => i));
    const again = events.map((each) => ({ ...each, instance: 'billing-2' }));
    const { findings, compared } = await check(new Records().add(events).add(again));
    expect(compared.duplicates).toBe(30);
    expect(findings.length).toBe(21);
    expect(findings.at(-1)).toMatchObject({ code: 'duplicate', found: 'more', detail: { count: 30 } });
  });

  it('in tens of thousands are compared in bounded memory', async () => {
    const events = life(Array.from({ length: 9_000 }, (_, i) => i));
    const { compared, codes } = await check([
      new Records(0).add(events),
      new Records(1).add(events),
      new Records(2).add(events),
    ]);
    expect(compared).toMatchObject({ compared: 27_000, duplicates: 18_000, conflicts: 0 });
    expect(new Set(codes)).toEqual(new Set(['duplicate']));
  });

  interface Vector {
    readonly desc: string;
    readonly first: string;
    readonly second: string;
    readonly want: string;
  }
  const vectors = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', '..', 'core', 'testdata', 'events', 'duplicates.json'), 'utf8'),
  ) as Vector[];

  it.each(vectors)('as the vectors say: $desc', async ({ first, second, want }) => {
    const of = (base64: string) => ({ key: null, value: Buffer.from(base64, 'base64'), headers: eventHeaders });
    const { compared } = await check([new Records(0, 9).add([of(first)]), new Records(1, 9).add([of(second)])]);
    const found = compared.duplicates === 1 ? 'duplicate' : compared.conflicts === 1 ? 'conflict' : 'different';
    expect(found).toBe(want);
  });
});

describe('what keeps ids from being compared', () => {
  it('is that the run was cancelled, which is heard while they are joined', async () => {
    const spill = new IdSpill(folder);
    const id = new Uint32Array(4);
    for (let i = 0; i < 1_500_000; i++) {
      id[0] = i;
      id[3] = Math.imul(i, 0x9e3779b1);
      spill.add(id, i);
    }
    const ids = spill.finish();
    const partitions = [
      { parts: [{ topic, partition: 0, offsets: { first: 0, last: ids.count - 1 }, ids }], repeats: [] },
    ];
    const stop = new AbortController();
    let stoppedAt = process.cpuUsage();
    setTimeout(() => {
      stoppedAt = process.cpuUsage();
      stop.abort();
    }, 20);
    const options = { read: async function* () {}, schemas: null, codecs: nodeCodecs, signal: stop.signal };
    await expect(compareIds(partitions, options)).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    // Of this process' own time: the machine may be busy with others.
    expect(process.cpuUsage(stoppedAt).user / 1_000).toBeLessThan(1_000);
    expect(existsSync(ids.file ?? '')).toBe(false);
  });

  const many = () => life(Array.from({ length: 5_000 }, (_, i) => i));

  it('is no reason to say verified: the temporary folder cannot be written', async () => {
    const { findings } = await check(new Records().add(many()), { tempDir: join(folder, 'not-there') });
    expect(findings).toEqual([expect.objectContaining({ code: 'unreadable', expected: 'ids', found: 'ENOENT' })]);
  });

  it('nor is a record that cannot be read again', async () => {
    const events = many().slice(0, 3);
    const { partitions } = await check(new Records().add(events).add(events));
    const gone = { read: async function* () {}, schemas: null, codecs: nodeCodecs, signal: undefined };
    const { findings, duplicates } = await compareIds(partitions, gone);
    expect(duplicates).toBe(0);
    expect(findings).toEqual([expect.objectContaining({ code: 'unreadable', found: 'events with one id' })]);
  });

  it('errors of the reader are passed on', async () => {
    const events = many().slice(0, 3);
    const { partitions } = await check(new Records().add(events).add(events));
    const read = (): AsyncIterable<never> => {
      throw new Error('no broker');
    };
    await expect(
      compareIds(partitions, { read, schemas: null, codecs: nodeCodecs, signal: undefined }),
    ).rejects.toThrow('no broker');
  });
});
