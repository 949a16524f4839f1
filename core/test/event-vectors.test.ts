import { describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import { verifyEd25519 } from '../src/ed25519.ts';
import { encodeBase64, encodeUtf8, equalBytes } from '../src/encoding.ts';
import { checkEventSignature, eventSignatureMessage } from '../src/event-signature.ts';
import { findingCodes, findingHash, verdictOf, type FindingCode } from '../src/finding.ts';
import { leafOf } from '../src/leaf.ts';
import { root } from '../src/merkle.ts';
import { parseVerifierKey } from '../src/note.ts';
import { readVectors } from './reference/testdata.ts';
import { codeOf } from './reference/throws.ts';

// The vectors of core/testdata/{events/signatures,findings,leaves}, which core/test/vectors/write.ts made.

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const bytesOrNull = (base64: string | null) => (base64 === null ? null : bytes(base64));

describe('events/signatures', () => {
  interface Vector {
    desc: string;
    origin: string;
    topic: string;
    key: string | null;
    value: string | null;
    message: string;
    keys: string[];
    header: string | null;
    wantErr: string | null;
  }
  it.each(readVectors<Vector[]>('events/signatures.json'))('$desc', ({ keys, header, message, wantErr, ...given }) => {
    const event = { ...given, key: bytesOrNull(given.key), value: bytesOrNull(given.value) };
    expect(encodeBase64(eventSignatureMessage(event))).toBe(message);
    for (const verify of [nodeVerifyEd25519, verifyEd25519]) {
      const verdict = checkEventSignature(event, bytesOrNull(header), keys.map(parseVerifierKey), verify);
      expect(verdict).toBe(wantErr ?? 'valid');
    }
  });
});

interface Facts {
  code: FindingCode;
  topic: string | null;
  partition: number | null;
  generation: number | null;
  place: string;
  expected: string | null;
  found: string | null;
}

describe('findings/findings', () => {
  type Vector = Facts & { desc: string; wantErr: string | null; hash: string; not: string[] };
  it.each(readVectors<Vector[]>('findings/findings.json'))('$desc', ({ wantErr, hash, not, ...facts }) => {
    expect(codeOf(() => findingHash(facts))).toBe(wantErr);
    if (wantErr !== null) return;
    expect(findingHash(facts)).toBe(hash);
    expect(not).not.toContain(hash);
  });
});

describe('findings/verdicts', () => {
  interface Vector {
    desc: string;
    findings: Facts[];
    acknowledged: string[];
    exit: number;
  }
  it.each(readVectors<Vector[]>('findings/verdicts.json'))('$desc', ({ findings, acknowledged, exit }) => {
    const lifted = (finding: Facts) =>
      findingCodes[finding.code].exit === 1 && acknowledged.includes(findingHash(finding));
    expect(verdictOf(findings.filter((finding) => !lifted(finding))).exitCode).toBe(exit);
  });
});

describe('leaves/leaves', () => {
  interface Vector {
    desc: string;
    topic: string;
    generation: number;
    seal: number;
    after: string;
    entries: string[];
    leaves: string[];
    root: string;
    key: string | null;
    value: string | null;
    counts: boolean;
  }
  it.each(readVectors<Vector[]>('leaves/leaves.json'))('$desc', (vector) => {
    const leaves: Uint8Array[] = [];
    for (const entry of vector.entries) leaves.push(leafOf(leaves.at(-1) ?? bytes(vector.after), bytes(entry)));
    expect(leaves.map(encodeBase64)).toEqual(vector.leaves);
    expect(encodeBase64(root(leaves))).toBe(vector.root);
    const key = bytesOrNull(vector.key);
    const value = bytesOrNull(vector.value);
    const named = key !== null && equalBytes(key, encodeUtf8(`${vector.topic}/${vector.generation}/${vector.seal}`));
    const stored = Array.from(
      { length: leaves.length },
      (_, i) => value?.subarray(i * 32, i * 32 + 32) ?? new Uint8Array(),
    );
    const counts = named && value?.length === leaves.length * 32 && encodeBase64(root(stored)) === vector.root;
    expect(counts).toBe(vector.counts);
  });
});
