import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { compareIds } from '../../src/content/compare-ids.ts';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { unknownBefore } from '../../src/content/content-check.ts';
import { Records, check, event, life } from './support.ts';

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a life without faults', () => {
  it('gives no finding, and is counted', async () => {
    const records = new Records()
      .add(life(numbers(0, 9)))
      .add(life(numbers(0, 4), { instance: 'billing-2' }))
      .add(life(numbers(10, 19)))
      .add(life([0], { epoch: 6, previousEpoch: 5, previousSequence: 19 }));
    const { merged, codes } = await check(records);
    expect(codes).toEqual([]);
    expect(merged.counts).toMatchObject({
      records: 26,
      decoded: 26,
      unsigned: 26,
      instances: 2,
      epochs: 3,
      missing: 0,
    });
    expect(merged.state).toMatchObject({ nextOffset: 26, complete: true, dropped: false });
    expect(merged.state.lives.map(({ epoch, next }) => [epoch, next])).toEqual(
      [
        [5, 5],
        [5, 20],
        [6, 1],
      ].sort(([, a], [, b]) => [20, 5, 1].indexOf(a!) - [20, 5, 1].indexOf(b!)),
    );
  });

  it('may be read by this release where a producer names no previous epoch, or names less than there is', async () => {
    const records = new Records()
      .add(life([0, 1, 2]))
      .add(life([0], { epoch: 6 }))
      .add(life([0], { epoch: 7, previousEpoch: 5, previousSequence: 1 }))
      .add(life([0], { epoch: 8, previousEpoch: 5, previousSequence: null }));
    expect((await check(records)).codes).toEqual([]);
  });
});

describe('a hole', () => {
  it('is named with what is missing and its neighbours', async () => {
    const records = new Records()
      .add(life([0, 1]))
      .add([event({ instance: 'other' })])
      .add(life([5, 6]));
    const { findings, merged } = await check(records);
    expect(findings).toEqual([
      expect.objectContaining({
        code: 'sequence-hole',
        topic: 'audit.events',
        partition: 0,
        place: 'offsets 1-3',
        expected: '2-4',
        found: '"billing-1" 5',
        detail: {
          instance: 'billing-1',
          epoch: 5,
          first: 2,
          last: 4,
          before: 1,
          behind: 1,
          after: 3,
          ahead: 5,
          count: 3,
        },
      }),
    ]);
    expect(merged.counts.missing).toBe(3);
  });

  it('is at the beginning where an epoch begins above 0', async () => {
    const { findings } = await check(new Records().add([event({ instance: 'other' })]).add(life([3])));
    expect(findings).toEqual([
      expect.objectContaining({ code: 'sequence-hole', place: 'offsets 1-1', expected: '0-2' }),
    ]);
  });

  it('is at the end where the next epoch says that there was more', async () => {
    const records = new Records()
      .add(life([0, 1]))
      .add(life([0, 1], { epoch: 6, previousEpoch: 5, previousSequence: 4 }))
      .add(life([0], { epoch: 9, previousEpoch: 8, previousSequence: 1 }));
    const { findings } = await check(records);
    expect(findings.map(({ place, expected, found }) => [place, expected, found])).toEqual([
      ['offsets 1-2', '2-4', '"billing-1" 5'],
      ['offsets 4-4', '0-1', '"billing-1" 8'],
    ]);
  });

  it('is none where what is missing comes later', async () => {
    const records = new Records()
      .each(life([0, 3, 1, 2, 4]))
      .each(life([0], { epoch: 6, previousEpoch: 5, previousSequence: 6 }));
    const { codes } = await check(records);
    expect(codes).toEqual(['sequence-hole', 'sequence-late']);
    const { codes: none, merged } = await check(records.each(life([6, 5])));
    expect(none).toEqual(['sequence-late', 'sequence-late']);
    expect(merged.counts).toMatchObject({ late: 3, missing: 0 });
  });

  it('is of one instance, epoch and partition only', async () => {
    const first = new Records(0)
      .add(life([0, 1]))
      .add(life([0, 1], { epoch: 6 }))
      .add(life([0, 1], { instance: 'b' }));
    const second = new Records(1).add(life([0, 1]));
    expect((await check([first, second])).codes).toEqual([]);
    const third = new Records(2).add(life([2]));
    expect((await check([first, second, third])).codes).toEqual(['sequence-hole']);
  });

  it('with an instance of several lines and letters does not break the finding', async () => {
    const { findings } = await check(new Records().add(life([1], { instance: 'a\nb"é' })));
    expect(findings[0]?.found).not.toContain('\n');
  });

  it('is listed a thousand times; the rest is a number', async () => {
    const records = new Records().add(life(numbers(0, 1_099).map((n) => 2 * n)));
    const { findings, merged } = await check(records);
    expect(findings.length).toBe(1_001);
    expect(findings.at(-1)).toMatchObject({
      code: 'sequence-hole',
      found: expect.stringMatching(/^99 more \(SHA-256 of all .{44}\)$/) as string,
    });
    expect(merged.counts.missing).toBe(1_099);
  });
});

describe('what was not read is not said', () => {
  it('before a range', async () => {
    const records = new Records(0, 100)
      .add(life([7, 8]))
      .add(life([0], { epoch: 9, previousEpoch: 8, previousSequence: 5 }));
    expect((await check(records, { before: unknownBefore })).codes).toEqual([]);
    // Offsets that are gone at the beginning: another finding says so.
    expect((await check(records)).codes).toEqual([]);
    // But a hole in what was read is one.
    expect((await check(records.add(life([10])), { before: unknownBefore })).codes).toEqual(['sequence-hole']);
  });

  it('what a generation lost, and what could not be read', async () => {
    const of = (): Records => {
      const records = new Records().add(life([0, 1]));
      records.next += 3;
      return records.add(life([4]));
    };
    expect((await check(of())).codes).toEqual(['sequence-hole']);
    expect((await check(of(), { skipped: [[2, 4, 'lost']] })).codes).toEqual([]);
    const { findings, merged } = await check(of(), { skipped: [[2, 4, 'unread']] });
    expect(findings).toEqual([
      expect.objectContaining({ code: 'unreadable', found: 'sequences', expected: 'offsets 1-5' }),
    ]);
    expect(merged.state.complete).toBe(false);
  });

  it('by a later run of what an earlier one knew: it goes on where that ended', async () => {
    const { merged } = await check(new Records().add(life([0, 1])));
    const before = merged.state;
    expect(JSON.parse(JSON.stringify(before))).toEqual(before);
    const later = (...sequences: number[]) => check(new Records(0, 2).add(life(sequences)), { before });
    expect((await later(2, 3)).codes).toEqual([]);
    expect((await later(3)).findings).toEqual([
      expect.objectContaining({ code: 'sequence-hole', place: 'offsets 1-2', expected: '2-2' }),
    ]);
    expect((await later(1, 2)).findings).toEqual([
      expect.objectContaining({ code: 'duplicate', found: 'not compared', place: 'offsets 2-2' }),
    ]);
    // A life that it never met began in between.
    expect((await check(new Records(0, 2).add(life([1], { epoch: 6 })), { before })).codes).toEqual(['sequence-hole']);
    // With lives left out it may be one of those.
    const dropped = { ...before, dropped: true };
    expect((await check(new Records(0, 2).add(life([1], { epoch: 6 })), { before: dropped })).codes).toEqual([
      'unreadable',
    ]);
  });
});

describe('a number that comes again', () => {
  const other = (): ReturnType<typeof event> => event({ instance: 'other', epoch: made++ });
  let made = 1;

  it('with the same event is a duplicate, named with where it stood first and its neighbours', async () => {
    const events = life([0, 1, 2]);
    const records = new Records()
      .add([events[0]!, other(), events[1]!, events[2]!])
      .add([other()])
      .add(events.slice(1))
      .add([other()])
      .add(life([3]));
    const { findings, compared, merged } = await check(records);
    expect(findings).toEqual([
      expect.objectContaining({
        code: 'duplicate',
        partition: 0,
        place: 'offsets 5-6',
        expected: '1-2',
        found: '"billing-1" 5',
        message:
          'Numbers 1 to 2 of producer "billing-1", epoch 5, came again at offsets 5 to 6, between number 2 (offset 3) and number 3 (offset 8), with the same events, which stood first at offsets 2 to 3.',
        detail: {
          ...{
            instance: 'billing-1',
            epoch: 5,
            first: 1,
            last: 2,
            count: 2,
            firstOffset: 5,
            lastOffset: 6,
            exact: true,
          },
          ...{ before: { sequence: 2, offset: 3 }, after: { sequence: 3, offset: 8 } },
          stoodAt: { first: 2, last: 3 },
        },
      }),
    ]);
    expect(compared).toMatchObject({ compared: 9, duplicates: 2, conflicts: 0 });
    expect(merged.counts.repeated).toBe(2);
  });

  it('with another event is a conflict, and both are named', async () => {
    const events = life([0, 1, 2]);
    const two = life([2]);
    const records = new Records()
      .add(events)
      .add([other(), events[1]!])
      .add(two)
      .add(life([3]));
    const { findings, compared } = await check(records);
    expect(findings.map(({ code, place, expected }) => [code, place, expected])).toEqual([
      ['duplicate', 'offsets 4-4', '1-2'],
      ['id-conflict', 'offsets 5-5', '2-2'],
    ]);
    expect(findings[0]?.message).toContain('1 of the numbers 1 to 2 of producer');
    expect(findings[1]).toMatchObject({
      found: '"billing-1" 5',
      detail: {
        ...{ first: 2, last: 2, count: 1, firstOffset: 5, lastOffset: 5, stoodAt: { first: 2, last: 2 } },
        ids: [{ sequence: 2, id: two[0]!.id, stoodId: events[2]!.id }],
      },
    });
    expect(findings[1]?.message).toContain('Number 2 of producer "billing-1", epoch 5, was given to two events');
    expect(compared.conflicts).toBe(1);
  });

  it('with two other events is two conflicts, however often each is sent', async () => {
    const [zero, one, again, third] = life([0, 1, 1, 1]);
    const records = new Records().each([zero!, one!, again!, one!, third!, again!]);
    const { findings, compared } = await check(records);
    const conflicts = findings.filter(({ code }) => code === 'id-conflict');
    expect(conflicts.map(({ place }) => place)).toEqual(['offsets 2-2', 'offsets 4-4']);
    expect(conflicts.map(({ detail }) => detail?.['stoodAt'])).toEqual([
      { first: 1, last: 1 },
      { first: 1, last: 1 },
    ]);
    expect(compared).toMatchObject({ duplicates: 2, conflicts: 2 });
  });

  it('with the same id and other content is one conflict, of the id', async () => {
    const [zero, one] = life([0, 1]);
    const { findings } = await check(new Records().add([zero!, one!]).add([{ ...one!, outcome: 'failure' as const }]));
    expect(findings.map(({ code, place, expected }) => [code, place, expected?.length])).toEqual([
      ['id-conflict', 'offsets 2-2', 44],
    ]);
  });

  it('with another event that cannot be read again is a conflict within its offsets', async () => {
    const { partitions } = await check(new Records().add(life([0, 1, 2])).add(life([1])));
    const { findings } = await compareIds(partitions, {
      read: async function* () {},
      schemas: null,
      codecs: nodeCodecs,
      signal: undefined,
    });
    expect(findings).toEqual([expect.objectContaining({ code: 'id-conflict', place: 'offsets 3-3', expected: '1-1' })]);
  });

  it('in part from what an earlier run read is no conflict', async () => {
    const events = life(numbers(0, 11));
    const { merged } = await check(new Records().add(events.slice(0, 10)));
    // Numbers 10 and 11 are new; a resend of 8 to 11 begins in what the earlier run read.
    const later = new Records(0, 10).add(events.slice(10)).add(events.slice(8));
    const { findings, merged: now } = await check(later, { before: merged.state });
    expect(findings.map(({ code, place, expected, found }) => [code, place, expected, found])).toEqual([
      ['duplicate', 'offsets 12-13', '8-9', 'not compared'],
      ['duplicate', 'offsets 14-15', '10-11', '"billing-1" 5'],
    ]);
    expect(now.counts.repeated).toBe(4);
    // Also where a shard begins with it.
    for (const cuts of [[12], [13], [14], [15]])
      expect((await check(later, { before: merged.state, cuts })).findings).toEqual(findings);
    // Nor is it with nothing known of what was before.
    const { codes } = await check(later, { before: unknownBefore });
    expect(new Set(codes)).toEqual(new Set(['duplicate']));
  });

  it('is listed a hundred times; the rest is a number', async () => {
    const events = life(numbers(0, 299));
    const again = events.filter((_, at) => at % 2 === 0);
    const { findings, compared } = await check(new Records().add(events).add(again));
    expect(findings.length).toBe(101);
    expect(findings.at(-1)).toMatchObject({ code: 'duplicate', found: '50 more', detail: { runs: 50, count: 50 } });
    expect(compared).toMatchObject({ duplicates: 150, conflicts: 0 });
    const others = life(numbers(0, 299).filter((at) => at % 2 === 0));
    const { findings: conflicts } = await check(new Records().add(events).add(others));
    expect(conflicts.length).toBe(150);
    expect(new Set(conflicts.map(({ code }) => code))).toEqual(new Set(['id-conflict']));
  });

  it('with more other events than are looked at one by one is counted', async () => {
    const records = new Records().add(life(numbers(0, 4_099))).add(life(numbers(0, 4_099)));
    const { findings, compared } = await check(records);
    expect(findings.map(({ code, expected }) => [code, expected])).toEqual([
      ['id-conflict', '0-3999'],
      ['id-conflict', undefined],
    ]);
    expect(findings[1]).toMatchObject({ found: 'more numbers', detail: { count: 4_100 } });
    expect(compared.conflicts).toBe(4_100);
  });
});

describe('a number that comes late', () => {
  it('is a note, named with its neighbours', async () => {
    const records = new Records()
      .add(life([0, 3]))
      .add([event({ instance: 'other' })])
      .add(life([1, 2]))
      .add(life([4]));
    const { findings, merged } = await check(records);
    expect(findings).toEqual([
      expect.objectContaining({
        code: 'sequence-late',
        place: 'offsets 3-4',
        expected: '1-2',
        found: '"billing-1" 5',
        message:
          'Numbers 1 to 2 of producer "billing-1", epoch 5, came late, behind a higher one: at offsets 3 to 4, between number 3 (offset 1) and number 4 (offset 5).',
        detail: expect.objectContaining({ before: { sequence: 3, offset: 1 }, after: { sequence: 4, offset: 5 } }),
      }),
    ]);
    expect(merged.counts).toMatchObject({ late: 2, missing: 0, repeated: 0 });
  });

  it('is listed a hundred times; the rest is a number', async () => {
    const evens = numbers(0, 300).map((n) => 2 * n);
    const records = new Records().add(life(evens)).add(life(evens.slice(0, -1).map((n) => n + 1)));
    const { findings, merged } = await check(records);
    expect(findings.length).toBe(101);
    expect(findings.at(-1)).toMatchObject({ found: '200 more', detail: { runs: 200, numbers: 300 } });
    expect(merged.counts).toMatchObject({ late: 300, missing: 0 });
  });
});

describe('what came out of turn, cut into two shards anywhere', () => {
  it('is named by the same offsets', async () => {
    const a = life(numbers(0, 24));
    const forged = life([3]);
    const b = life(numbers(0, 3), { instance: 'b' });
    const records = new Records()
      .add([...a.slice(0, 6), b[0]!, ...a.slice(6, 10)])
      .add(a.slice(5, 10))
      .add([b[1]!])
      .add(a.slice(10, 13))
      .add(a.slice(15, 18))
      .add(a.slice(13, 15))
      .add(forged)
      .add([b[2]!, ...a.slice(18)])
      .add([b[3]!]);
    const brief = ({ findings }: Awaited<ReturnType<typeof check>>) =>
      findings.map(({ code, place, expected, found }) => `${code} ${place} ${expected ?? '-'} ${found ?? '-'}`);
    const whole = await check(records);
    expect(brief(whole)).toEqual([
      'sequence-late offsets 23-24 13-14 "billing-1" 5',
      'duplicate offsets 11-15 5-9 "billing-1" 5',
      'id-conflict offsets 25-25 3-3 "billing-1" 5',
    ]);
    for (let cut = 1; cut < records.next; cut++)
      expect(brief(await check(records, { cuts: [cut] }))).toEqual(brief(whole));
  });
});

/** How often: `TEST_EFFORT=5` runs it five times as often. */
const runs = 60 * Number(process.env['TEST_EFFORT'] ?? 1);

/** By a simple reading of all events: the offsets of those that came late, and again. */
function outOfTurn(events: readonly ReturnType<typeof event>[]): { late: number[]; repeated: number[] } {
  const found = { late: [] as number[], repeated: [] as number[] };
  const met = new Map<string, Set<number>>();
  for (const [offset, { instance, epoch, sequence }] of events.entries()) {
    const known = met.get(`${instance} ${epoch}`) ?? new Set<number>();
    if (known.has(sequence)) found.repeated.push(offset);
    else if (sequence < Math.max(-1, ...known)) found.late.push(offset);
    met.set(`${instance} ${epoch}`, known.add(sequence));
  }
  return found;
}

/** What is said of them, held against that. */
function expectNamed({ merged, findings }: Awaited<ReturnType<typeof check>>, events: readonly AuditEvent[]): void {
  const { late, repeated } = outOfTurn(events);
  expect(merged.counts).toMatchObject({ late: late.length, repeated: repeated.length });
  const named = { late: 0, repeated: 0 };
  for (const { code, detail } of findings) {
    if (code !== 'sequence-late' && code !== 'duplicate' && code !== 'id-conflict') continue;
    const kind = code === 'sequence-late' ? 'late' : 'repeated';
    const { instance, epoch, first, last, firstOffset, lastOffset, count, exact } = detail as Record<string, number>;
    named[kind] += count ?? 0;
    if (exact === undefined ? false : !exact) continue;
    for (const [sequence, offset] of [
      [first, firstOffset],
      [last, lastOffset],
    ]) {
      expect(events[offset!]).toMatchObject({ instance, epoch, sequence });
      expect((kind === 'late' ? late : repeated).includes(offset!)).toBe(true);
    }
  }
  expect(named).toEqual({ late: late.length, repeated: repeated.length });
}

describe('cut into shards anywhere', () => {
  const sequence = fc.integer({ min: 0, max: 7 });
  const one = fc.record({
    instance: fc.constantFrom('a', 'b'),
    epoch: fc.constantFrom(1, 2),
    sequence,
    again: fc.boolean(),
    previous: fc.option(sequence),
  });

  it('the same is found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(one, { minLength: 1, maxLength: 25 }),
        fc.array(fc.nat(25), { maxLength: 4 }),
        async (all, at) => {
          const seen = new Map<string, ReturnType<typeof event>>();
          const events = all.map(({ instance, epoch, sequence: number, again, previous }) => {
            const key = `${instance} ${epoch} ${number}`;
            const known = seen.get(key);
            if (known !== undefined && again) return known;
            const rest =
              previous === null || number > 0 || epoch === 1 ? {} : { previousEpoch: 1, previousSequence: previous };
            const fresh = event({ instance, epoch, sequence: number, ...rest });
            seen.set(key, fresh);
            return fresh;
          });
          const filled = new Records();
          for (const batch of [events.slice(0, 9), events.slice(9, 10), events.slice(10)])
            if (batch.length > 0) filled.add(batch);
          const cuts = [...new Set(at)].filter((cut) => cut < events.length).sort((a, b) => a - b);
          const whole = await check(filled);
          const cut = await check(filled, { cuts });
          const brief = (of: typeof whole) => ({
            holes: of.findings.filter(({ code }) => code === 'sequence-hole').map(({ message }) => message),
            duplicates: of.compared.duplicates,
            conflicts: of.compared.conflicts > 0,
            counts: of.merged.counts,
            lives: of.merged.state.lives.toSorted((a, b) =>
              `${a.instance}${a.epoch}`.localeCompare(`${b.instance}${b.epoch}`),
            ),
          });
          expect(brief(cut)).toEqual(brief(whole));
          expectNamed(whole, events);
          expectNamed(cut, events);
          // What is missing is what a simple reading of all events gives.
          const missing = new Map<string, number>();
          const named = new Set<string>();
          const needs = (life: string, highest: number) =>
            missing.set(life, Math.max(missing.get(life) ?? -1, highest));
          for (const { instance, epoch, sequence: number, previousEpoch, previousSequence } of events) {
            needs(`${instance} ${epoch}`, number);
            if (typeof previousEpoch !== 'number' || typeof previousSequence !== 'number') continue;
            // Only the first that names it is believed.
            if (!named.has(`${instance} ${epoch}`)) needs(`${instance} ${previousEpoch}`, previousSequence);
            named.add(`${instance} ${epoch}`);
          }
          const present = new Set(
            events.map(({ instance, epoch, sequence: number }) => `${instance} ${epoch} ${number}`),
          );
          let count = -present.size;
          for (const highest of missing.values()) count += highest + 1;
          expect(whole.merged.counts.missing).toBe(count);
        },
      ),
      { numRuns: runs },
    );
  });
});
