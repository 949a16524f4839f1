import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatStatement,
  keyRefusal,
  parseStatement,
  statementHash,
  type SealStatement,
} from '@tallystick/core/statement';
import { anyStatement } from './reference/statements.ts';
import { readVectors } from './reference/testdata.ts';
import { codeOf, coreErrorOf, expectCode } from './reference/throws.ts';

interface Vector {
  desc: string;
  text: string;
  wantErr: string | null;
  hash?: string;
}

const files = ['key', 'genesis', 'seal', 'gap', 'prune', 'first-line'];

describe.each(files)('vectors of %s', (file) => {
  const vectors = readVectors<Vector[]>(`statements/${file}.json`);

  it('are judged as they say', () => {
    for (const { desc, text, wantErr, hash } of vectors) {
      expect({ desc, text, found: codeOf(() => parseStatement(text)) }).toEqual({ desc, text, found: wantErr });
      if (wantErr !== null) continue;
      const statement = parseStatement(text);
      expect(statement.kind).toBe(file);
      expect({ desc, text: formatStatement(statement) }).toEqual({ desc, text });
      expect(statementHash(text)).toBe(hash);
    }
  });

  it('are mostly negative', () => {
    const negative = vectors.filter(({ wantErr }) => wantErr !== null).length;
    expect(negative).toBeGreaterThan(30);
    expect(negative).toBeGreaterThan(vectors.length - negative);
  });
});

const hash = (text: string) => createHash('sha256').update(text).digest('base64');
const seal: SealStatement = {
  kind: 'seal',
  origin: 'tallystick.example/acme',
  topic: 'audit.events',
  partition: 0,
  generation: 0,
  seal: 7,
  events: { first: 1000, last: 1999 },
  offsets: { first: 1007, last: 2006 },
  epoch: null,
  root: hash('root'),
  after: hash('after'),
  head: hash('head'),
  previous: hash('previous'),
  time: 1_700_000_000_003,
};

describe('text', () => {
  it('is exactly these lines', () => {
    expect(formatStatement(seal)).toBe(
      [
        'tallystick/seal/v1',
        'origin tallystick.example/acme',
        'topic audit.events',
        'partition 0',
        'generation 0',
        'seal 7',
        'events 1000-1999',
        'offsets 1007-2006',
        'epoch -',
        `root ${hash('root')}`,
        `after ${hash('after')}`,
        `head ${hash('head')}`,
        `previous ${hash('previous')}`,
        'time 1700000000003',
        '',
      ].join('\n'),
    );
  });

  it('reads back as the statement it was made of', () => {
    fc.assert(
      fc.property(anyStatement, (statement) => {
        const text = formatStatement(statement);
        expect(parseStatement(text)).toEqual(statement);
        expect(statementHash(text)).toBe(hash(text));
      }),
      { numRuns: 300 },
    );
  });

  it('is the only text of a statement: what parses after any change formats to what was parsed', () => {
    const change = fc.record({
      at: fc.nat(),
      drop: fc.nat(2),
      put: fc.oneof(
        fc.constantFrom('', '\n', ' ', '-', '0', '=', '+', '\r', '\t', '\u00a0', '\ufeff', '1'),
        fc.string({ unit: 'binary', maxLength: 2 }),
      ),
    });
    let accepted = 0;
    fc.assert(
      fc.property(anyStatement, change, (statement, { at, drop, put }) => {
        const text = formatStatement(statement);
        const where = at % (text.length + 1);
        const changed = text.slice(0, where) + put + text.slice(where + drop);
        if (codeOf(() => parseStatement(changed)) !== null) return;
        if (changed !== text) accepted++;
        expect(formatStatement(parseStatement(changed))).toBe(changed);
      }),
      { numRuns: 2000 },
    );
    // Some changes (another digit, another letter) must give another statement, or this test says nothing.
    expect(accepted).toBeGreaterThan(10);
  });

  it('never parses from arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) =>
        expectCode(() => parseStatement(text), 'STATEMENT_MALFORMED'),
      ),
    );
  });

  it('is not made of members that have no valid form', () => {
    const bad: Partial<Record<keyof SealStatement, unknown>>[] = [
      { origin: '' },
      { origin: 'a\ntopic b' },
      { origin: 'a+b' },
      { topic: 'audit.events\npartition 0' },
      { topic: '\ud800' },
      { partition: -1 },
      { partition: 0.5 },
      { partition: 2 ** 53 },
      { partition: 1e21 },
      { partition: Number.NaN },
      { seal: -0.1 },
      { events: { first: 1001, last: 1999 } },
      { events: { first: 1000.5, last: 1999.5 } },
      { offsets: { first: 2006, last: 1007 } },
      { root: 'AAAA' },
      { root: null },
      { previous: null },
      { previous: '-' },
      { time: -1 },
      { epoch: -1 },
    ];
    for (const change of bad) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the types forbid is what is tried
      expectCode(() => formatStatement({ ...seal, ...change } as SealStatement), 'STATEMENT_MALFORMED');
    }
  });
});

describe('errors', () => {
  it('name the line and what stands there', () => {
    const error = coreErrorOf(() => parseStatement(formatStatement(seal).replace('epoch -', 'epoch 04')));
    expect(error.message).toMatch(/^line 9: epoch: "04" is not a decimal number/);
    expect(error.evidence['line']).toBe(9);
  });

  it('stay short and on one line for hostile text', () => {
    const hostile = [
      `tallystick/${'x'.repeat(60_000)}`,
      'y'.repeat(60_000),
      `tallystick/seal/v1\norigin ${'\u0007'.repeat(60_000)}\n`,
      '\n'.repeat(60_000),
    ];
    for (const text of hostile) {
      const { message, evidence } = coreErrorOf(() => parseStatement(text));
      expect(message.length).toBeLessThan(1000);
      expect(JSON.stringify(evidence).length).toBeLessThan(2000);
      // oxlint-disable-next-line no-control-regex
      expect(message).not.toMatch(/[\u0000-\u001f]/);
    }
  });
});

describe('keyRefusal', () => {
  const cases = readVectors<Vector[]>('statements/key.json').filter(({ wantErr }) => wantErr === null);

  it.each(cases)('$desc', ({ desc, text }) => {
    const statement = parseStatement(text);
    expect(statement.kind).toBe('key');
    if (statement.kind === 'key')
      expect(keyRefusal(statement) !== null).toBe(desc.startsWith('well-formed but refused'));
  });
});
