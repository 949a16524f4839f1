import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findingCodes,
  findingHash,
  makeFinding,
  offsetsPlace,
  verdictOf,
  type Finding,
  type FindingCode,
} from '@tallystick/core/finding';
import { expectCode } from './reference/throws.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('base64');
const isCode = (text: string): text is FindingCode => Object.hasOwn(findingCodes, text);
const codes = Object.keys(findingCodes).filter(isCode);
const finding: Finding = {
  code: 'altered',
  severity: 'tampering',
  topic: 'audit.events',
  partition: 3,
  generation: 0,
  place: 'offsets 17-18',
  expected: 'AAAA',
  found: 'BBBB',
  message: 'event 17 was changed',
};

describe('codes', () => {
  // The protocol's table and the codes of ADR 6 and 8, written down a second time: exit, severity, then each code with its kind of place.
  const table = {
    '1 tampering': `root-mismatch(o) head-mismatch(o) time-mismatch(o) epoch-mismatch(o) altered(o) bad-crc(o) bad-magic(o) fork(s)
      false-gap(s) topic-recreated(o) rollback(o) before-genesis(o) log-refused(s) checkpoint tile quorum proof archive-mismatch(s)
      id-conflict(o) bad-signature(o) copy-altered(o) copy-extra(o)`,
    '1 loss': `gap(s) generation(s) seals-lost(s) deleted(o) truncated(o) missing-offsets(o) not-covered(o) topic-missing(o)
      sequence-hole(o) copy-missing(o)`,
    '0 warning': `control-batch(o) transactional-batch(o) create-time(o) unparsed-batch(o) time-outside(o) key-refused(s)
      leaves-missing(o) leaves-wrong(o) leaves-unreadable(o) unjudged(s) unpinned-schema(o) clock-skew(o) undecodable(o)`,
    '0 note': 'race(s) resend(s) prune(s) duplicate(o) sequence-late(o)',
    '3 warning': `no-genesis nothing-to-check unreadable unknown-statement archive-unchecked tail-old checkpoint-old copy-behind unavailable`,
  };

  it('are the table of the protocol and what an ADR adds, no more and no less', () => {
    const expected = Object.entries(table).flatMap(([row, list]) =>
      list.split(/\s+/).map((entry) => {
        const [code, place] = entry.replace(')', '').split('(');
        return `${row} ${code} ${place === 'o' ? 'offsets' : place === 's' ? 'statement' : 'none'}`;
      }),
    );
    const found = codes.map(
      (code) => `${findingCodes[code].exit} ${findingCodes[code].severity} ${code} ${findingCodes[code].place}`,
    );
    expect(found.sort()).toEqual(expected.sort());
  });

  it('all say what they mean, each something else', () => {
    for (const code of codes) {
      expect(code).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
      expect(findingCodes[code].what.length).toBeGreaterThan(15);
    }
    expect(new Set(codes.map((code) => findingCodes[code].what)).size).toBe(codes.length);
  });
});

describe('findingHash', () => {
  it('is that of seven lines', () => {
    expect(findingHash(finding)).toBe(sha256('altered\naudit.events\n3\n0\noffsets 17-18\nAAAA\nBBBB\n'));
    // Written out, so that another implementation can compare.
    expect(findingHash(finding)).toBe('LQ3Xg86FkXZYNrgAkpxqvJU1NwZdiixPd458RyUd2zA=');
  });

  it('has "-" for none', () => {
    const none = {
      code: 'nothing-to-check',
      topic: null,
      partition: null,
      generation: null,
      place: '-',
      expected: null,
      found: null,
    } as const;
    expect(findingHash(none)).toBe(sha256('nothing-to-check\n-\n-\n-\n-\n-\n-\n'));
    expect(findingHash(none)).toBe('cAWtxCeQaaotxqxmVFxqzEsxrdLzTpHYCBwAlPoYmXs=');
  });

  it('tells findings apart that differ in any line, and not those that differ in wording', () => {
    const others: Partial<Finding>[] = [
      { code: 'root-mismatch' },
      { topic: 'audit.event' },
      { topic: null },
      { partition: 0 },
      { partition: null },
      { generation: 1 },
      { generation: null },
      { place: 'offsets 17-19' },
      { expected: 'AAAB' },
      { expected: null },
      { found: null },
      { expected: finding.found, found: finding.expected },
    ];
    const hashes = [finding, ...others.map((change) => ({ ...finding, ...change }))].map(findingHash);
    const wording: Partial<Finding> = { message: 'other words', severity: 'note', detail: { more: 1 } };
    expect(new Set(hashes).size).toBe(others.length + 1);
    expect(findingHash({ ...finding, ...wording })).toBe(hashes[0]);
  });

  it('refuses a newline, which would let one finding look like another', () => {
    for (const change of [{ topic: 'a\n0' }, { place: '\n' }, { expected: 'x\n' }, { found: '\nx' }]) {
      expectCode(() => findingHash({ ...finding, ...change }), 'ENCODING_INVALID');
    }
  });
});

describe('verdictOf', () => {
  it('is 0 where nothing speaks against it', () => {
    expect(verdictOf([])).toEqual({ exitCode: 0, verdict: 'verified' });
    expect(verdictOf([{ code: 'race' }, { code: 'prune' }, { code: 'create-time' }])).toEqual({
      exitCode: 0,
      verdict: 'verified',
    });
  });

  it('is 3 for what could not be checked, and for nothing to check', () => {
    for (const code of ['nothing-to-check', 'unreadable', 'unavailable', 'unknown-statement'] as const) {
      expect(verdictOf([{ code: 'race' }, { code }])).toEqual({ exitCode: 3, verdict: 'inconclusive' });
    }
  });

  it('is 1 for tampering, loss and forks, whatever else is there and in whatever order', () => {
    const bad = codes.filter((code) => findingCodes[code].exit === 1);
    fc.assert(
      fc.property(fc.constantFrom(...bad), fc.shuffledSubarray(codes), fc.nat(), (code, others, at) => {
        const all = [...others.slice(0, at % (others.length + 1)), code, ...others.slice(at % (others.length + 1))];
        expect(verdictOf(all.map((one) => ({ code: one })))).toEqual({ exitCode: 1, verdict: 'failed' });
      }),
    );
  });

  it('is the worst exit of all, 1 before 3 before 0', () => {
    fc.assert(
      fc.property(fc.subarray(codes), (some) => {
        const exits: number[] = some.map((code) => findingCodes[code].exit);
        expect(verdictOf(some.map((code) => ({ code }))).exitCode).toBe(
          exits.includes(1) ? 1 : exits.includes(3) ? 3 : 0,
        );
      }),
    );
  });
});

describe('makeFinding', () => {
  it('gives the severity of the code', () => {
    const { severity: _, ...rest } = finding;
    expect(makeFinding(rest)).toEqual(finding);
    for (const code of codes) expect(makeFinding({ ...rest, code }).severity).toBe(findingCodes[code].severity);
    expect(offsetsPlace(17, 18)).toBe('offsets 17-18');
  });
});
