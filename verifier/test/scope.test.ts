import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { Acknowledgement } from '../src/domain/acknowledgement.ts';
import { Findings } from '../src/domain/findings.ts';
import { renderText } from '../src/report/render.ts';
import type { ScopeRange } from '../src/scope.ts';
import type { Verdict } from '../src/verdict.ts';
import { summary, topics, World } from './support/world.ts';

const ranges = (
  ...list: (readonly [partition: number, first: number, last: number])[]
): { scope: { kind: 'ranges'; ranges: ScopeRange[] } } => ({
  scope: { kind: 'ranges', ranges: list.map(([partition, first, last]) => ({ partition, first, last })) },
});

// Sealed are offsets 0 to 3, 4 to 6 and 7 of each partition; 8 and 9 are not.
describe('scope', () => {
  test.each([
    ['one event, widened to its seal', [0, 5, 5], 3],
    ['a range over two seals', [0, 3, 4], 7],
    ['a partition', [1, 0, Infinity], 8],
    ['from an offset on', [1, 7, Infinity], 1],
  ] as const)('%s', async (_, range, events) => {
    const world = await World.small({ partitions: 2 });
    const verdict = await world.verify(ranges(range));
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({
      exitCode: 0,
      checked: { events },
      scope: {
        kind: 'ranges',
        sealedEvents: 16,
        inScope: events,
        ranges: [{ first: range[1], last: range[2] === Infinity ? null : range[2] }],
      },
    });
  });

  test('what lies outside is not looked at; what lies inside is', async () => {
    const world = await World.small({ partitions: 2 });
    world.cluster.truncate(topics.events, 1, 4);
    expect(await world.verify(ranges([0, 0, 7], [1, 0, 3]))).toMatchObject({ exitCode: 0, checked: { events: 12 } });
    expect((await world.verify(ranges([1, 6, 6]))).exitCode).toBe(1);
  });

  test.each([
    ['a partition that is not there', [7, 0, 3], 'offsets 0-3'],
    ['unsealed offsets', [0, 8, 9], 'offsets 8-9'],
    ['sealed and unsealed offsets', [0, 0, 8], 'offsets 0-8'],
    ['offsets that do not exist', [0, 1000, Infinity], 'offsets 1000-'],
  ] as const)('nothing to check: %s', async (_, range, expected) => {
    const world = await World.small();
    const verdict = await world.verify(ranges([0, 0, 3], range));
    expect(verdict).toMatchObject({
      exitCode: 3,
      findings: [{ code: 'nothing-to-check', partition: range[0], expected }],
    });
  });

  test.each([
    [
      'behind what is sealed',
      [1, 8, 8],
      'sealed to 7',
      'Of offset 8 of partition 1, which was asked for, nothing is sealed (seals reach from offset 0 to 7):',
    ],
    [
      'a partition that is not there',
      [9, 0, Infinity],
      null,
      'no accepted statement speaks (there is no partition 9 in this ledger; audit.events has 0, 1):',
    ],
  ] as const)('says why there is nothing to check: %s', async (_, range, found, why) => {
    const verdict = await (await World.small({ partitions: 2 })).verify(ranges(range));
    expect(verdict).toMatchObject({ exitCode: 3, findings: [{ code: 'nothing-to-check', found }] });
    expect(verdict.findings[0]?.message).toContain(why);
    const lines = renderText(verdict);
    expect(lines).toContain(
      `none of 16 sealed events (asked for: offsets ${range[1]}-${range[2] === Infinity ? '' : range[2]} of partition ${range[0]})`,
    );
    expect(lines).not.toContain('whole seals of');
  });

  test('an empty partition has no last sealed offset', async () => {
    const world = await World.make({ partitions: 2 });
    await world.emit(0, 2);
    await world.seal(0);
    const verdict = await world.verify(ranges([1, 0, 0]));
    expect(verdict).toMatchObject({ exitCode: 3, findings: [{ code: 'nothing-to-check', found: 'nothing sealed' }] });
    expect(verdict.findings[0]?.message).toContain('nothing is sealed in that partition yet');
    // Nor has one that was made anew, whatever was sealed in the one before.
    world.cluster.recreateTopic(topics.events);
    for (const partition of [0, 1]) {
      const { previous } = world.state(partition);
      await world.genesis(partition, { generation: 1, reason: 'recreated', firstOffset: 0, previous });
    }
    const anew = (await world.verify(ranges([0, 0, 0]))).findings.filter(({ code }) => code === 'nothing-to-check');
    expect(anew).toMatchObject([{ found: 'nothing sealed' }]);
  });

  test.each([[[0, 5, 5]], [[0, 7, Infinity]], [[0, 8, 8]], [[0, 0, 8]]] as const)(
    'what is sealed begins where it does, whatever is asked for: %j',
    async (range) => {
      const verdict = await (await World.small()).verify(ranges(range));
      expect(verdict.checked.partitions).toMatchObject([{ firstOffset: 0, lastSealedOffset: 7 }]);
      expect(renderText(verdict)).toMatch(/^ {2}audit\.events\/0 +0-7 /m);
    },
  );

  test('moves no anchor: it vouches for a part only', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    expect(await world.verify({ anchor, ...ranges([0, 0, 7]) })).toMatchObject({
      exitCode: 0,
      anchoredTo: { updated: false },
    });
    expect(await anchor.load()).toBeNull();
  });
});

describe('acknowledgements', () => {
  const answer = ({ findings }: Verdict, rest: Partial<Acknowledgement> = {}): Acknowledgement[] =>
    findings.map(({ hash }) => ({ hash, reason: 'a disk failed, ticket 7', by: 'Ada', ...rest }));

  async function lossy(): Promise<{ world: World; verdict: Verdict }> {
    const world = await World.small();
    world.cluster.truncate(topics.events, 0, 7);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['truncated 0 offsets 7-7']);
    return { world, verdict };
  }

  test('lift a 1, and are listed', async () => {
    const { world, verdict } = await lossy();
    const after = await world.verify({ acknowledged: answer(verdict) });
    expect(after).toMatchObject({
      exitCode: 0,
      verdict: 'verified',
      findings: [{ code: 'truncated', acknowledged: { reason: 'a disk failed, ticket 7', by: 'Ada' } }],
    });
    expect((await world.verify({ acknowledged: answer(verdict), maxFindings: 1 })).exitCode).toBe(0);
  });

  test.each([
    [
      'another hash',
      (verdict: Verdict) => answer(verdict).map((each) => ({ ...each, hash: `A${each.hash.slice(1)}` })),
    ],
    ['one that expired', (verdict: Verdict) => answer(verdict, { until: '2020-01-01T00:00:00Z' })],
  ])('%s does not count', async (_, acknowledged) => {
    const { world, verdict } = await lossy();
    const after = await world.verify({ acknowledged: acknowledged(verdict) });
    expect(after.exitCode).toBe(1);
    expect(after.findings[0]?.acknowledged).toBeUndefined();
  });

  test('one that is still in force counts', async () => {
    const { world, verdict } = await lossy();
    expect(
      (await world.verify({ acknowledged: answer(verdict, { until: '9999-01-01T00:00:00+01:00' }) })).exitCode,
    ).toBe(0);
  });

  test('a second loss is not covered by the first one', async () => {
    const { world, verdict } = await lossy();
    world.cluster.truncate(topics.events, 0, 4);
    expect((await world.verify({ acknowledged: answer(verdict) })).exitCode).toBe(1);
  });

  test('never lift a 3', async () => {
    const world = await World.make();
    const before = await world.verify();
    expect(before.exitCode).toBe(3);
    const after = await world.verify({ acknowledged: answer(before) });
    expect(after).toMatchObject({ exitCode: 3, findings: [{ code: 'nothing-to-check', acknowledged: { by: 'Ada' } }] });
  });

  test('of a 1 beside a 3 leaves the 3', async () => {
    const { world } = await lossy();
    const options = { maxTailAgeMs: 0, now: () => 1_900_000_000_000 };
    await world.emit(0, 1);
    const before = await world.verify(options);
    expect(before.exitCode).toBe(1);
    const tail = before.findings.filter(({ code }) => code === 'tail-old');
    const after = await world.verify({ ...options, acknowledged: answer(before) });
    expect(after.exitCode).toBe(tail.length > 0 ? 3 : 0);
  });

  test('what was only counted is acknowledged by nobody', () => {
    const found = (at: number) => ({ code: 'truncated', place: `offsets ${at}-${at}`, message: 'gone' }) as const;
    const first = new Findings(2);
    first.add(found(0));
    const acknowledged = first.list().map(({ hash }) => ({ hash, reason: 'known' }));
    const findings = new Findings(1, acknowledged);
    findings.add(found(0));
    expect(findings.verdict().exitCode).toBe(0);
    findings.add(found(1));
    expect(findings.omittedByCode()).toEqual({ truncated: 1 });
    expect(findings.verdict().exitCode).toBe(1);
  });
});
