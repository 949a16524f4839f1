import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
        detail: { instance: 'billing-1', epoch: 5, first: 2, last: 4, before: 1, after: 3, count: 3 },
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
    expect(codes).toEqual(['sequence-hole']);
    const { codes: none, merged } = await check(records.each(life([6, 5])));
    expect(none).toEqual([]);
    expect(merged.counts.late).toBe(3);
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
    expect(findings.at(-1)).toMatchObject({ code: 'sequence-hole', found: '99 more' });
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
  it('with the same event is a duplicate', async () => {
    const events = life([0, 1, 2]);
    const { findings, compared, merged } = await check(
      new Records()
        .add(events)
        .add(events.slice(1))
        .add(life([3])),
    );
    expect(findings.map(({ code, place }) => [code, place])).toEqual(
      [
        ['duplicate', 'offsets 3-3'],
        ['duplicate', 'offsets 4-4'],
      ].sort(),
    );
    expect(compared).toMatchObject({ compared: 6, duplicates: 2, conflicts: 0 });
    expect(merged.counts.repeated).toBe(2);
  });

  it('with another event is a conflict', async () => {
    const events = life([0, 1, 2]);
    const { findings } = await check(
      new Records()
        .add(events)
        .add([events[1]!])
        .add(life([2]))
        .add(life([3])),
    );
    expect(findings.map(({ code, place, expected }) => [code, place, expected])).toEqual(
      [
        ['duplicate', 'offsets 3-3', null],
        ['id-conflict', 'offsets 3-4', '1-2'],
      ].map(([code, place, expected]) => [code, place, code === 'duplicate' ? undefined : expected]),
    );
  });
});

/** How often: `TEST_EFFORT=5` runs it five times as often. */
const runs = 60 * Number(process.env['TEST_EFFORT'] ?? 1);

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
