// A producer writes any text for the name of its instance, its source and an event's id. None is kept whole where it is long, and none is taken for another.
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { describe, expect, it } from 'vitest';
import { mergeContent } from '../../src/content/content-check.ts';
import { fitStates, mostSavedBytes, savedLives } from '../../src/content/content-state.ts';
import type { ContentState, LifeState } from '../../src/content/content-types.ts';
import { keptText, mostTextBytes, wordText } from '../../src/content/kept-text.ts';
import { Records, check, event, life, record } from './support.ts';

const long = (name: number | string, length = 20_000): string => `${name}-`.padEnd(length, 'x');
const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('a text', () => {
  it.each(['', 'billing-1', 'x'.repeat(mostTextBytes), 'é'.repeat(100), `…${'漢'.repeat(65)}`])(
    'of at most 200 bytes is kept as it is: %s',
    (text) => {
      expect(keptText(text)).toBe(text);
      expect(wordText(text)).toBe(text.length > 80 ? `"${text.slice(0, 80)}…"` : `"${text}"`);
    },
  );

  it.each([
    ['one byte a character', 'x'.repeat(201)],
    ['two', 'é'.repeat(101)],
    ['three', '漢'.repeat(67)],
    ['pairs of surrogates at the cut', `x${'😀'.repeat(30_000)}`],
    ['control characters', '\u0001\n'.repeat(50_000)],
  ])('that is longer is kept as its beginning and its hash: %s', (_, text) => {
    const kept = keptText(text);
    expect(Buffer.byteLength(kept)).toBeGreaterThan(mostTextBytes);
    expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(470);
    expect(kept.isWellFormed()).toBe(true);
    expect(kept).toMatch(/… \(SHA-256 [0-9a-f]{64}\)$/);
    expect(wordText(kept)).toMatch(/^".*" \(SHA-256 [0-9a-f]{64}\)$/);
    // Another one, though it begins like it; and so is one that looks like what was kept.
    expect(keptText(`${text}x`)).not.toBe(kept);
    expect(keptText(kept)).not.toBe(kept);
  });
});

describe('1,000 producers with long names', () => {
  const names = Array.from({ length: 1_000 }, (_, i) => long(i));
  const first = new Records();
  for (const instance of names) first.add([event({ instance, sequence: 0 })]);

  it('cost little, and the next run goes on from each of them', async () => {
    const { merged, codes, parts } = await check(first, { cuts: [300, 700] });
    expect(codes).toEqual([]);
    expect(merged.counts).toMatchObject({ instances: 1_000, epochs: 1_000 });
    expect(sizeOf(merged.state)).toBeLessThan(500_000);
    expect(sizeOf(parts.map(({ lives }) => lives))).toBeLessThan(1_000_000);
    const before = JSON.parse(JSON.stringify(merged.state)) as ContentState;
    const next = (sequence: number) =>
      new Records(0, 1_000).add(names.slice(0, 50).map((instance) => event({ instance, sequence })));
    expect((await check(next(1), { before })).codes).toEqual([]);
    const holes = await check(next(2), { before });
    expect(new Set(holes.codes)).toEqual(new Set(['sequence-hole']));
    expect(holes.codes.length).toBe(50);
    expect(holes.findings[0]!.message).toMatch(/of producer "0-x+…" \(SHA-256 [0-9a-f]{64}\), epoch 5, is missing/);
    expect(new Set(holes.findings.map(({ found }) => found)).size).toBe(50);
  });

  it('go on also from a state in which their names are whole', async () => {
    const { merged } = await check(first);
    const lives = merged.state.lives.map((each, i) => ({ ...each, instance: names[i]! }));
    const next = new Records(0, 1_000).add(names.slice(0, 50).map((instance) => event({ instance, sequence: 1 })));
    expect((await check(next, { before: { ...merged.state, lives } })).codes).toEqual([]);
  });
});

/** The record of an event in which one text is another: no producer of this release writes such an id or source, but the decoder reads them. */
function recordWith(of: AuditEvent, text: string, other: string): RecordToAppend {
  const made = record(of);
  const whole = Buffer.from(made.value ?? []);
  const at = whole.indexOf(avroText(text));
  expect(at).toBeGreaterThan(0);
  const value = Buffer.concat([whole.subarray(0, at), avroText(other), whole.subarray(at + avroText(text).length)]);
  return { ...made, value };
}

/** A length, zigzag and in groups of seven bits, and the text. */
function avroText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  for (let left = bytes.length * 2; ; left >>>= 7) {
    length.push(left < 0x80 ? left : (left & 0x7f) | 0x80);
    if (left < 0x80) return Buffer.concat([Buffer.from(length), bytes]);
  }
}

describe('findings of long texts are short', () => {
  it('numbers that are missing, late, sent again, and given to two events', async () => {
    const instance = long('a');
    const [again] = life([3], { instance });
    const records = new Records()
      .add(life([0, 1, 2], { instance }))
      .add([again!, ...life([6, 5], { instance })])
      .each([again!])
      .add(life([6], { instance }));
    const { findings, codes } = await check(records);
    expect([...new Set(codes)].sort()).toEqual(['duplicate', 'id-conflict', 'sequence-hole', 'sequence-late']);
    for (const finding of findings) expect(sizeOf(finding)).toBeLessThan(2_500);
  });

  it('numbers that are given again by a producer whose name begins alike are its own', async () => {
    const records = new Records().each([
      ...life([0, 1], { instance: long('a') }),
      ...life([0, 1], { instance: `${long('a')}x` }),
    ]);
    const { merged, codes } = await check(records);
    expect(codes).toEqual([]);
    expect(merged.counts).toMatchObject({ instances: 2, repeated: 0 });
  });
});

describe('findings of texts that no honest producer writes are short', () => {
  it('ids', async () => {
    const id = long('id');
    const [a, b, c] = [event(), event({ instance: 'b' }), event({ instance: 'c', action: 'invoice:reject' })] as const;
    const records = new Records().add([
      recordWith(a, a.id, id),
      recordWith(b, b.id, `${id}x`),
      recordWith(c, c.id, id),
    ]);
    const { findings, codes } = await check(records);
    expect(codes).toEqual(['id-conflict']);
    expect(sizeOf(findings)).toBeLessThan(2_500);
    expect(findings[0]!.message).toContain(keptText(id).slice(-75));
  });

  it('sources of signatures that do not count', async () => {
    const of = recordWith(event(), 'billing', long('source'));
    const headers = [...(of.headers ?? []), ['sig', Buffer.alloc(68)] as [string, Uint8Array]];
    const { findings, parts } = await check(new Records().add([{ ...of, headers }]));
    expect(findings.map(({ code }) => code)).toEqual(['bad-signature']);
    expect(sizeOf(findings) + sizeOf(parts[0]!.tally)).toBeLessThan(5_000);
  });
});

describe('what is saved', () => {
  const lifeOf = (i: number, length: number): LifeState => ({
    instance: `${i}-`.padEnd(length, '\u0001'),
    epoch: 5,
    next: 1,
    lastOffset: i,
  });
  const lives = (count: number, length: number) => Array.from({ length: count }, (_, i) => lifeOf(i, length));

  it('is the newest lives, as many as their bytes allow', () => {
    expect(savedLives(lives(6_000, 10)).map(({ lastOffset }) => lastOffset)[0]).toBe(1_000);
    const saved = savedLives(lives(5_000, 200));
    expect(sizeOf(saved)).toBeLessThan(mostSavedBytes + 5_000);
    expect(saved.length).toBeGreaterThan(700);
    expect(saved.at(-1)).toMatchObject({ lastOffset: 4_999 });
  });

  it('says that lives were forgotten where bytes, not their number, are too many; then nothing is claimed of them', async () => {
    const records = new Records();
    const name = (i: number): string => `${i}-`.padEnd(mostTextBytes, '\u0001');
    records.add(Array.from({ length: 2_000 }, (_, i) => event({ instance: name(i) })));
    const { merged } = await check(records);
    expect(merged.state).toMatchObject({ complete: true, dropped: true });
    expect(sizeOf(merged.state)).toBeLessThan(mostSavedBytes + 5_000);
    const next = new Records(0, 2_000).add([
      event({ instance: name(0), sequence: 1 }),
      event({ instance: name(1_999), sequence: 1 }),
    ]);
    expect((await check(next, { before: merged.state })).findings).toMatchObject([
      { code: 'unreadable', found: 'lives', expected: 'offsets 2000-2000' },
    ]);
  });

  it('of many partitions is less of each, and says so where something was left out', () => {
    const state = (own: readonly LifeState[]): ContentState => ({ ...mergeContent([], null).state, lives: own });
    const states = [state(lives(10, 10)), state(lives(1_000, 100)), state(lives(1_000, 100))];
    expect(fitStates(states, 10_000_000)).toBe(states);
    const fitted = fitStates(states, 300_000);
    expect(fitted.map(({ dropped }) => dropped)).toEqual([false, true, true]);
    expect(fitted[0]).toEqual(states[0]);
    expect(sizeOf(fitted)).toBeLessThan(305_000);
    expect(fitted[2]!.lives.at(-1)).toEqual(states[2]!.lives.at(-1));
  });
});
