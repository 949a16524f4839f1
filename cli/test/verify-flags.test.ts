import { describe, expect, it } from 'vitest';
import { buildProgram } from '../src/program.ts';
import { modeOf, scopeOf, timeoutOf, whole } from '../src/verification/verify-flags.ts';
import type { VerifyFlags } from '../src/verification/verify-flags.ts';

it('the help says that --follow is incremental and needs an anchor, as the command does', () => {
  const verify = buildProgram().commands.find((one) => one.name() === 'verify');
  const follow = verify?.options.find(({ long }) => long === '--follow');
  expect(follow?.description).toMatch(/incremental.*needs an anchor/);
  expect(() => modeOf({ follow: true }, false)).toThrow('needs --anchor');
  expect(modeOf({ follow: true }, true)).toBe('follow');
});

describe('the mode of a verification', () => {
  it.each<[VerifyFlags, string]>([
    [{}, 'once'],
    [{ incremental: true, anchor: 'a' }, 'once'],
    [{ follow: true, anchor: 'a' }, 'follow'],
    [{ schedule: '* * * * *', timezone: 'UTC', metrics: '127.0.0.1:0' }, 'schedule'],
    [{ selfTest: true, bundle: 'b' }, 'self-test'],
    [{ timeout: '60', state: 's' }, 'once'],
    [{ timeout: '60', schedule: '* * * * *' }, 'schedule'],
  ])('%j is %s', (flags, mode) => {
    expect(modeOf(flags)).toBe(mode);
  });

  it.each<[VerifyFlags, string]>([
    [{ follow: true, anchor: 'a', schedule: '* * * * *' }, '--follow and --schedule'],
    [{ follow: true }, '--anchor'],
    [{ timezone: 'UTC' }, '--schedule'],
    [{ metrics: '127.0.0.1:0' }, '--schedule'],
    [{ timeout: '60' }, '--timeout needs --schedule or --state'],
    [{ timeout: '60', follow: true, anchor: 'a' }, '--timeout'],
    [{ incremental: true, partition: '0' }, '--incremental'],
    [{ bundle: 'b', follow: true, anchor: 'a' }, '--bundle'],
    [{ bundle: 'b', schedule: '* * * * *' }, '--bundle'],
    [{ bundle: 'b', queryCopy: true }, '--query-copy'],
    [{ bundle: 'b', log: 'https://log.example.org' }, '--log'],
    [{ selfTest: true, reportHtml: 'r.html' }, '--self-test'],
  ])('%j is refused, naming %s', (flags, name) => {
    expect(() => modeOf(flags)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(name) }),
    );
  });
});

describe('the events that are asked for', () => {
  const range = (partition: number, first: number, last: number) => ({
    kind: 'ranges',
    ranges: [{ partition, first, last }],
  });

  it.each([
    [{ partition: '3' }, range(3, 0, Infinity)],
    [{ partition: '0', offsets: '17' }, range(0, 17, 17)],
    [{ partition: '0', offsets: '17-90' }, range(0, 17, 90)],
    [{ partition: '0', offsets: '17-' }, range(0, 17, Infinity)],
  ])('%j', (flags, scope) => {
    expect(scopeOf(flags)).toEqual(scope);
  });

  it('are all where nothing is said', () => {
    expect(scopeOf({})).toBeNull();
  });

  it.each([
    { offsets: '1' },
    { partition: '-1' },
    { partition: '1.5' },
    { partition: '01' },
    { partition: '0', offsets: 'x' },
    { partition: '0', offsets: '9-3' },
    { partition: '0', offsets: '-3' },
    { partition: '0', offsets: '99999999999999999999' },
  ])('%j is refused', (flags) => {
    expect(() => scopeOf(flags)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('no threads are no number of threads', () => {
    expect(() => whole('--workers', '0', 1)).toThrow('--workers 0 is no whole number from 1');
  });
});

it('a time for a run is whole seconds that a timer can wait', () => {
  expect([timeoutOf({}), timeoutOf({ timeout: '1' }), timeoutOf({ timeout: '2073600' })]).toEqual([
    undefined,
    1_000,
    2_073_600_000,
  ]);
  for (const timeout of ['0', '-1', '1.5', 'x', '', '2073601'])
    expect(() => timeoutOf({ timeout }), timeout).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

it('following goes on from an anchor that is configured, and makes no reports', () => {
  expect(modeOf({ follow: true }, true)).toBe('follow');
  expect(() => modeOf({ follow: true, reportHtml: 'r.html' }, true)).toThrow('--follow makes no reports');
  expect(() => modeOf({ selfTest: true, record: true })).toThrow('--self-test makes no reports');
});
