import { describe, expect, it } from 'vitest';
import type { Verdict } from '@tallystick/verifier/verdict';
import { finding } from '../../verifier/test/report/samples.ts';
import { verdictOf } from '../../verifier/test/schedule/support.ts';
import { endText, FollowWords, worstOf } from '../src/verification/follow-words.ts';

const first = verdictOf('verified');
const next = (more: Partial<Verdict> = {}): Verdict =>
  verdictOf('verified', {
    mode: 'incremental',
    since: first.startedAt,
    startedAt: '2026-03-01T03:00:10.000Z',
    durationMs: 400,
    scope: { kind: 'all', ranges: null, sealedEvents: 1_120, inScope: 120 },
    checked: { ...first.checked, events: 120, seals: 1 },
    ...more,
  });
const duplicate = finding({ code: 'duplicate', place: 'offsets 3-4', message: 'The same event twice.' });
const late = (found: string) => finding({ code: 'tail-old', place: 'offset 90', found, message: found });
const altered = (found: string) => ({ ...finding({ code: 'altered', place: 'offsets 7-7', found }), hash: found });

/** How many lines each look is told in. */
function lines(...looks: Verdict[]): number[] {
  const words = new FollowWords(false);
  return looks.map((verdict) => words.tell(verdict).split('\n').length);
}

describe('a log that is followed', () => {
  it('is told whole at first, then in a line where nothing is new', () => {
    const words = new FollowWords(false);
    expect(words.tell(first)).toMatch(/^VERIFIED\n(.*\n)+.*\n$/);
    expect(words.tell(next())).toBe(
      '2026-03-01T03:00:10Z  verified: 120 more events checked in 1 seal, 1,120 sealed, 3 not yet',
    );
    const idle = next({
      checked: { ...first.checked, events: 0, seals: 0 },
      counts: { ...first.counts, unsealed: 0 },
    });
    expect(words.tell(idle)).toBe('2026-03-01T03:00:10Z  verified: 0 more events checked, 1,120 sealed');
    const unpublished = next({ counts: { ...first.counts, unsealed: 0, pending: 2 } });
    expect(words.tell(unpublished)).toMatch(/1,120 sealed, 2 statements not published$/);
  });

  it('is told whole again where something is found, and in a line where that stays', () => {
    const found = next({ findings: [duplicate] });
    expect(lines(first, next(), found, found, next(), found)).toEqual([12, 1, 17, 1, 1, 17]);
    expect(new FollowWords(false).tell(found)).toContain('duplicate');
    const words = new FollowWords(false);
    words.tell(found);
    expect(words.tell(found)).toMatch(/, no findings but the 1 told before$/);
  });

  it('is told whole where the verdict is another one, also where it is good again', () => {
    const bad = verdictOf('failed', { findings: [altered('b')] });
    const away = verdictOf('inconclusive', { findings: [late('70 s')] });
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = lines(first, bad, bad, away, next());
    expect([a > 1, b > 1, c, d > 1, e > 1]).toEqual([true, true, 1, true, true]);
  });

  it('takes a warning that only got older for the same, and what fails with other content for another', () => {
    const old = (found: string) => verdictOf('inconclusive', { findings: [late(found)] });
    const bad = (found: string) => verdictOf('failed', { findings: [altered(found)] });
    expect(lines(old('70 s'), old('80 s'))[1]).toBe(1);
    expect(lines(bad('b'), bad('c'))[1]).toBeGreaterThan(1);
  });

  it('is told whole where less is known: no anchor any more, a run that had to be a full one, findings beyond those kept', () => {
    const anchored = next({ anchoredTo: { ...first.anchoredTo, kind: 'anchor' } });
    const again = verdictOf('verified', { fullBecause: 'the run before did not end 0' });
    const beyond = next({ findingsOmitted: { duplicate: 3 } });
    for (const [before, after] of [
      [anchored, next()],
      [first, again],
      [next(), beyond],
    ] as const)
      expect(lines(before, after)[1]).toBeGreaterThan(1);
  });
});

it('the end says that the exit code is that of the worst verdict', () => {
  const codes = [[0], [0, 3], [3, 1, 0], []].map((seen) => worstOf(new Set(seen)));
  expect(codes).toEqual([0, 3, 1, 3]);
  expect(endText(1)).toBe('ended; the exit code is that of the worst verdict seen: 1 (failed)');
});
