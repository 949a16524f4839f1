// Findings that sum up others: what acknowledges one covers those that it sums up, or nobody can acknowledge it.
import { describe, expect, test } from 'vitest';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { compareIds } from '../../src/content/compare-ids.ts';
import { joinIds } from '../../src/content/id-join.ts';
import type { IdPair } from '../../src/content/id-join.ts';
import { SetDigest } from '../../src/content/set-digest.ts';
import { Findings } from '../../src/domain/findings.ts';
import type { NewFinding } from '../../src/domain/findings.ts';
import { Records, check, event, life } from './support.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test('a digest of many texts is that of no others, in whatever order', () => {
  const of = (...texts: string[]): string => {
    const digest = new SetDigest();
    for (const text of texts) digest.add(text);
    return digest.digest();
  };
  expect(of('a', 'b', 'c')).toBe(of('c', 'a', 'b'));
  const others = [of(), of('a'), of('a', 'b'), of('a', 'b', 'b'), of('a', 'b', 'c'), of('ab', 'c'), of('a', 'a', 'b')];
  expect(new Set(others).size).toBe(others.length);
});

describe('more conflicts of ids than are listed', () => {
  /** The findings where pairs come in another order. */
  async function conflicts(changed: number, order: (pairs: IdPair[]) => IdPair[]): Promise<readonly NewFinding[]> {
    const id = (n: number): string => `01938f2c-7a00-7000-9000-${n.toString(16).padStart(12, '0')}`;
    const events = numbers(1_300).map((n) => event({ id: id(n), sequence: n }));
    const others = events.map((each, n) => ({
      ...each,
      instance: 'billing-2',
      action: n === changed ? 'forged' : 'other',
    }));
    const records = new Records().add(events).add(others);
    const { partitions } = await check(records);
    const compared = await compareIds(partitions, {
      read: async function* () {
        yield await Promise.resolve(records.batches);
      },
      schemas: null,
      codecs: nodeCodecs,
      signal: undefined,
      join: async (lists, each) => {
        const pairs: IdPair[] = [];
        await joinIds(lists, (pair) => void pairs.push(pair));
        for (const pair of order(pairs)) await each(pair);
      },
    });
    return compared.findings.filter(({ code }) => code === 'id-conflict');
  }

  test('are listed by their place, whatever order they are met in', async () => {
    const one = await conflicts(-1, (pairs) => pairs);
    expect(one).toHaveLength(1_001);
    expect(await conflicts(-1, (pairs) => pairs.toReversed())).toEqual(one);
    expect(one[0]?.place).toBe('offsets 1300-1300');
  });

  test('are covered by a digest, those that are not listed too', async () => {
    const told = async (changed: number) => (await conflicts(changed, (pairs) => pairs)).at(-1)?.found;
    expect(await told(-1)).toMatch(/^more \(SHA-256 of all .{44}\)$/);
    expect(await told(1_299)).not.toBe(await told(-1));
  });
});

test('of holes that are not listed another one is another finding', async () => {
  const told = async (last: number) => {
    const { findings } = await check(new Records().add(life([...numbers(1_100).map((n) => 2 * n), last])));
    return findings.at(-1)?.found;
  };
  expect(await told(2_210)).toMatch(/^100 more/);
  expect(await told(2_210)).not.toBe(await told(2_211));
});

test('what only counts others is acknowledged by nobody', () => {
  const more = (counts: boolean): NewFinding => ({
    code: 'bad-signature',
    found: '3 more',
    message: '3 more.',
    ...(counts ? { counts } : {}),
  });
  const verdictOf = (counts: boolean) => {
    const first = new Findings(10);
    first.add(more(counts));
    const acknowledged = first.list().map(({ hash }) => ({ hash, reason: 'known' }));
    const findings = new Findings(10, acknowledged);
    findings.add(more(counts));
    return findings.verdict().exitCode;
  };
  expect(verdictOf(false)).toBe(0);
  expect(verdictOf(true)).toBe(1);
});
