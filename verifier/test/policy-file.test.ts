import { describe, expect, test } from 'vitest';
import { parseVerificationPolicy } from '../src/policy-file.ts';

const hash = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const parse = (value: unknown) => parseVerificationPolicy(Buffer.from(JSON.stringify(value)), 'p.json');

describe('the verification policy', () => {
  test('is read', () => {
    const policy = {
      version: 1,
      acknowledged: [{ hash, reason: 'known', by: 'Ada', until: '2027-01-31T00:00:00Z' }],
      maxTailAgeMs: 60_000,
      maxPendingAgeMs: 600_000,
      maxCheckpointAgeMs: 0,
      maxClockSkewMs: 5,
      minCopyRetentionMs: 31_536_000_000,
    };
    expect(parse(policy)).toEqual(policy);
    expect(parse({ version: 1 })).toEqual({ version: 1, acknowledged: [] });
  });

  test.each<[string, unknown, string]>([
    ['no object', [], 'JSON object'],
    ['null', null, 'JSON object'],
    ['no version', {}, 'version'],
    ['a later version', { version: 2 }, 'version is 2'],
    ['a misspelt limit', { version: 1, maxTailAge: 1 }, 'maxTailAge is not known'],
    [
      'an unknown key in an acknowledgement',
      { version: 1, acknowledged: [{ hash, reason: 'x', who: 'y' }] },
      'acknowledged[0].who',
    ],
    ['a limit below 0', { version: 1, maxTailAgeMs: -1 }, 'maxTailAgeMs'],
    ['half a millisecond', { version: 1, maxClockSkewMs: 0.5 }, 'maxClockSkewMs'],
    ['a retention that is endless', { version: 1, minCopyRetentionMs: 1e300 }, 'minCopyRetentionMs'],
    ['a retention of the other spelling', { version: 1, minRetentionMs: 1 }, 'minRetentionMs is not known'],
    ['a limit that is text', { version: 1, maxCheckpointAgeMs: '1' }, 'maxCheckpointAgeMs'],
    ['a limit that is null', { version: 1, maxCheckpointAgeMs: null }, 'maxCheckpointAgeMs'],
    ['no list', { version: 1, acknowledged: {} }, 'acknowledged is no list'],
    ['no hash', { version: 1, acknowledged: [{ reason: 'x' }] }, 'acknowledged[0].hash'],
    ['a hash that is none', { version: 1, acknowledged: [{ hash: 'x', reason: 'x' }] }, 'acknowledged[0].hash'],
    [
      'a hash that is not canonical',
      { version: 1, acknowledged: [{ hash: hash.replace('A=', 'B='), reason: 'x' }] },
      'acknowledged[0].hash',
    ],
    ['no reason', { version: 1, acknowledged: [{ hash }] }, 'acknowledged[0].reason'],
    ['an empty reason', { version: 1, acknowledged: [{ hash, reason: ' ' }] }, 'acknowledged[0].reason'],
    [
      'a day that is none',
      { version: 1, acknowledged: [{ hash, reason: 'x', until: '2027-13-01T00:00:00Z' }] },
      'acknowledged[0].until',
    ],
    [
      'a time without a zone',
      { version: 1, acknowledged: [{ hash, reason: 'x', until: '2027-01-01T00:00:00' }] },
      'acknowledged[0].until',
    ],
    [
      'one hash twice',
      {
        version: 1,
        acknowledged: [
          { hash, reason: 'x' },
          { hash, reason: 'y' },
        ],
      },
      'twice',
    ],
  ])('%s is refused, and named', (_, value, named) => {
    expect(() => parse(value)).toThrow(
      expect.objectContaining({ code: 'POLICY_FILE_INVALID', message: expect.stringContaining(named) }),
    );
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['no UTF-8', '\xff'],
  ])('%s is refused', (_, text) => {
    expect(() => parseVerificationPolicy(Buffer.from(text, 'latin1'), 'p.json')).toThrow(
      expect.objectContaining({ code: 'POLICY_FILE_INVALID' }),
    );
  });

  test.each([
    ['a limit', '{"version":1,"maxTailAgeMs":60000,"maxTailAgeMs":9000000000000000}', 'maxTailAgeMs'],
    ['a limit with the same value', '{"maxTailAgeMs":1,"version":1,"maxTailAgeMs":1}', 'maxTailAgeMs'],
    ['the version', '{"version" : 2, "version"\n:\t1}', 'version'],
    ['a limit in another spelling', String.raw`{"version":1,"maxTailAgeMs":1,"max\u0054ailAgeMs":2}`, 'maxTailAgeMs'],
    ['the list', `{"version":1,"acknowledged":[],"acknowledged":[{"hash":"${hash}","reason":"x"}]}`, 'acknowledged'],
    [
      'a member of an acknowledgement',
      String.raw`{"version":1,"acknowledged":[{"hash":"${hash}","reason":"a\\\"}{","reason":"y"}]}`,
      'reason',
    ],
  ])('%s twice is refused, and named', (_, text, named) => {
    expect(() => parseVerificationPolicy(Buffer.from(text), 'p.json')).toThrow(
      expect.objectContaining({
        code: 'POLICY_FILE_INVALID',
        message: expect.stringContaining(`the member ${named} stands there twice`),
      }),
    );
  });

  test('a name in two acknowledgements, and in a text, stands there once', () => {
    const other = hash.replace('AA', 'BA');
    const acknowledged = [
      { hash, reason: 'reason", "hash": "\\' },
      { hash: other, reason: 'hash', by: 'reason' },
    ];
    expect(parse({ version: 1, acknowledged })).toEqual({ version: 1, acknowledged });
  });
});
