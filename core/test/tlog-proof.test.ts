import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTlogProof, maxPathLength, parseTlogProof, type TlogProof } from '@tallystick/core/tlog-proof';
import { readVectors } from './reference/testdata.ts';
import { codeOf, expectCode } from './reference/throws.ts';
import type { TlogProofVector } from './vectors/tlog-proofs.ts';

const utf8 = (text: string) => new Uint8Array(Buffer.from(text));
const vectors = readVectors<TlogProofVector[]>('tlog-proofs/tlog-proofs.json');
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

describe('proofs of inclusion', () => {
  it.each(vectors)('$desc', ({ text, wantErr, index, path, extra, checkpoint }) => {
    expect(codeOf(() => parseTlogProof(text))).toBe(wantErr);
    if (wantErr !== null) return;
    const proof = parseTlogProof(text);
    expect({
      index: proof.index,
      path: proof.path.map(base64),
      extra: proof.extra === null ? null : base64(proof.extra),
      checkpoint: Buffer.from(proof.checkpoint).toString(),
    }).toEqual({ index, path, extra, checkpoint });
    expect(formatTlogProof(proof)).toBe(text);
  });

  it('are mostly negative', () => {
    expect(vectors.filter(({ wantErr }) => wantErr !== null).length).toBeGreaterThan(vectors.length / 2);
  });

  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const any: fc.Arbitrary<TlogProof> = fc.record({
    index: fc.maxSafeNat(),
    path: fc.array(hash, { maxLength: maxPathLength }),
    extra: fc.option(fc.uint8Array({ minLength: 1, maxLength: 50 })),
    checkpoint: fc.string({ unit: 'grapheme', minLength: 1 }).map(utf8),
  });

  it('read back as what they were made of, and are their only text', () => {
    let taken = 0;
    fc.assert(
      fc.property(any, fc.nat(), fc.constantFrom('\n', '0', 'A', '=', ' ', ''), (proof, at, put) => {
        const text = formatTlogProof(proof);
        expect(parseTlogProof(text)).toEqual(proof);
        const where = at % text.length;
        const changed = text.slice(0, where) + put + text.slice(where + 1);
        if (codeOf(() => parseTlogProof(changed)) !== null) return;
        if (changed !== text) taken++;
        expect(formatTlogProof(parseTlogProof(changed))).toBe(changed);
      }),
      { numRuns: 1000 },
    );
    expect(taken).toBeGreaterThan(10);
  });

  it('are not made of members that have no valid form', () => {
    const good: TlogProof = { index: 1, path: [], extra: null, checkpoint: utf8('x') };
    const bad: Partial<TlogProof>[] = [
      { index: -1 },
      { index: 0.5 },
      { index: 2 ** 53 },
      { path: [new Uint8Array(31)] },
      { path: Array.from({ length: 64 }, () => new Uint8Array(32)) },
      { extra: new Uint8Array(0) },
      { checkpoint: new Uint8Array(0) },
      { checkpoint: Uint8Array.of(0xff) },
    ];
    for (const change of bad) expectCode(() => formatTlogProof({ ...good, ...change }), 'TLOG_PROOF_MALFORMED');
  });
});
