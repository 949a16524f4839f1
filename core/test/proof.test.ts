import { describe, expect, it } from 'vitest';
import { decodeUtf8 } from '@tallystick/core/encoding';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { CoreError } from '@tallystick/core/errors';
import { parseVerifierKey } from '@tallystick/core/note';
import { parsePolicy } from '@tallystick/core/policy';
import {
  buildProof,
  checkProof,
  parseProof,
  redactProof,
  type CheckedProof,
  type ProofParts,
} from '@tallystick/core/proof';
import { readVectors } from './reference/testdata.ts';
import { codeOf, coreErrorOf, expectCode } from './reference/throws.ts';
import { cosignatureLine } from './vectors/primitives.ts';
import { keys, make, policy as policyText, twoCosign } from './vectors/proof-world.ts';
import type { ProofVector } from './vectors/proofs.ts';

const vectors = readVectors<ProofVector[]>('proofs/proofs.json');
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const orNull = (bytes: Uint8Array | null) => (bytes === null ? null : base64(bytes));
const heldOf = (vector: ProofVector) => ({
  rootKey: parseVerifierKey(vector.rootKey),
  policy: parsePolicy(vector.policy),
});
const held = { rootKey: parseVerifierKey(keys.root.vkey), policy: parsePolicy(policyText), verify: nodeVerifyEd25519 };
const positive = vectors.filter(({ wantErr }) => wantErr === null);

/** As the vectors write it. */
function plain(checked: CheckedProof): unknown {
  const { record, checkpoint, cosigned, sealKey, logKey, leaf, timestamp, batchHash, ...rest } = checked;
  return {
    ...rest,
    leaf: base64(leaf),
    timestamp: timestamp === null ? null : String(timestamp),
    batchHash: orNull(batchHash),
    record: record && {
      key: orNull(record.key),
      value: orNull(record.value),
      headers: record.headers.map(([name, value]) => [base64(name), orNull(value)]),
    },
    sealKey: sealKey.vkey,
    logKey: logKey.vkey,
    size: checkpoint.size,
    root: base64(checkpoint.root),
    cosigned: cosigned.map(({ key, time }) => [key.name, time]),
  };
}

describe('proofs', () => {
  it.each(vectors)('$wantErr: $desc', (vector) => {
    const check = (verify = nodeVerifyEd25519) => checkProof(vector.json, { ...heldOf(vector), verify });
    expect(codeOf(check)).toBe(vector.wantErr);
    if (vector.wantErr === null) expect(plain(check())).toEqual(vector.want);
  });

  it('are judged alike by the portable check of signatures', () => {
    const some = ['KEYS', 'SEAL_KEY', 'CHECKPOINT', 'COSIGNATURE', 'QUORUM'].map((code) => `PROOF_${code}`);
    const signed = vectors.filter(({ wantErr }, i) => (wantErr === null ? i % 8 === 0 : some.includes(wantErr)));
    expect(signed.length).toBeGreaterThan(40);
    for (const vector of signed) {
      const found = codeOf(() => checkProof(vector.json, heldOf(vector)));
      expect({ desc: vector.desc, found }).toEqual({ desc: vector.desc, found: vector.wantErr });
    }
  });

  it('are mostly negative, and name every code', () => {
    const codes = new Set(vectors.flatMap(({ wantErr }) => wantErr ?? []));
    expect([...codes].sort()).toEqual(
      [
        ...[
          'MALFORMED',
          'STATEMENT',
          'ENTRY',
          'ORIGIN',
          'PLACE',
          'LEAF',
          'TIME',
          'ROOT',
          'KEYS',
          'SEAL_KEY',
          'INCLUSION',
        ],
        ...['CHECKPOINT', 'COSIGNATURE', 'QUORUM'],
      ]
        .map((code) => `PROOF_${code}`)
        .sort(),
    );
    expect(vectors.length).toBeGreaterThan(3 * positive.length);
  });
});

describe('redactProof', () => {
  it.each(positive.filter(({ redacted }) => redacted !== undefined))('$desc', (vector) => {
    const json = redactProof(vector.json);
    // The order of members and the form of the JSON are the writer's.
    expect(JSON.parse(json)).toEqual(JSON.parse(vector.redacted!));
    expect(json).not.toContain('"entry"');
    const checked = checkProof(json, { ...heldOf(vector), verify: nodeVerifyEd25519 });
    expect(checked).toMatchObject({ redacted: true, record: null, batchHash: null });
    expect(redactProof(json)).toBe(json);
  });

  it('refuses a proof whose event does not hold, and so cannot hide it', () => {
    const withoutKeys = new Set(['ENTRY', 'PLACE', 'LEAF', 'TIME', 'ROOT', 'INCLUSION'].map((code) => `PROOF_${code}`));
    const bad = vectors.filter(({ wantErr }) => withoutKeys.has(wantErr ?? ''));
    expect(bad.length).toBeGreaterThan(50);
    for (const { desc, json, wantErr } of bad) {
      expect({ desc, found: codeOf(() => redactProof(json)) }).toEqual({ desc, found: wantErr });
    }
  });
});

describe('buildProof', () => {
  it.each(positive)('$desc', (vector) => {
    const json = buildProof(parseProof(vector.json));
    expect(JSON.parse(json)).toEqual(JSON.parse(vector.json));
    expect(plain(checkProof(json, { ...heldOf(vector), verify: nodeVerifyEd25519 }))).toEqual(vector.want);
  });

  it('refuses every proof that does not hold for another reason than signatures and the keys that are held', () => {
    const needKeys = /^PROOF_(?:KEYS|SEAL_KEY|CHECKPOINT|COSIGNATURE|QUORUM|ORIGIN)$/;
    let refused = 0;
    for (const { desc, json, wantErr } of vectors) {
      if (wantErr === null || wantErr === 'PROOF_MALFORMED' || needKeys.test(wantErr)) continue;
      expect({ desc, found: codeOf(() => buildProof(parseProof(json))) }).toEqual({ desc, found: wantErr });
      refused++;
    }
    expect(refused).toBeGreaterThan(60);
  });

  it('refuses parts without a valid form', () => {
    const good = parseProof(make().json);
    const redacted = parseProof(make({ redacted: true }).json);
    const bad: Record<string, unknown>[] = [
      { ...good, previousLeaf: new Uint8Array(31) },
      { ...good, statement: Uint8Array.of(0xff) },
      { ...good, keys: [Uint8Array.of(0xff)] },
      { ...good, path: [new Uint8Array(33)] },
      { ...good, log: { ...good.log, index: -1 } },
      { ...good, log: { ...good.log, checkpoint: new Uint8Array(0) } },
      { ...redacted, offset: 0.5 },
      { ...redacted, offset: Number.NaN },
      { ...redacted, leaf: new Uint8Array(0) },
    ];
    for (const parts of bad) expectCode(() => buildProof(parts as unknown as ProofParts), 'PROOF_MALFORMED');
    expectCode(() => buildProof({ ...good, keys: [] }), 'PROOF_SEAL_KEY');
  });
});

describe('a proof', () => {
  // Every line of its checkpoint counts: the log's and just the two cosignatures that the quorum needs.
  const bytes = new Uint8Array(Buffer.from(make({ signatures: twoCosign }).json));

  /** The code of the refusal; null where the bytes are taken for a good proof. */
  function judge(changed: Uint8Array): string | null {
    return codeOf(() => checkProof(decodeUtf8(changed), held));
  }

  it('holds as it is', () => expect(judge(bytes)).toBeNull());

  it.each([0x01, 0x20, 0x80])('is refused with any one byte xor %d', (mask) => {
    const taken: number[] = [];
    const changed = bytes.slice();
    for (let at = 0; at < bytes.length; at++) {
      changed[at]! ^= mask;
      if (judge(changed) === null) taken.push(at);
      changed[at] = bytes[at]!;
    }
    expect(taken).toEqual([]);
  });

  it('is refused without any one byte, and with any one twice', () => {
    const taken: string[] = [];
    for (let at = 0; at < bytes.length; at++) {
      const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + 1)];
      if (judge(Buffer.concat([before, after])) === null) taken.push(`without ${at}`);
      if (judge(Buffer.concat([before, bytes.subarray(at, at + 1), bytes.subarray(at)])) === null)
        taken.push(`twice ${at}`);
    }
    expect(taken).toEqual([]);
  });

  it('is refused wherever it is cut off', () => {
    for (let end = 0; end < bytes.length; end++) expect(judge(bytes.subarray(0, end))).not.toBeNull();
  });

  it('says what was expected and found, in base64 and in few words', () => {
    const root = vectors.find(({ desc }) => desc === 'a byte of the value is another')!;
    const { evidence, cause, message } = coreErrorOf(() => checkProof(root.json, held));
    expect(evidence['expected']).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(evidence['found']).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(cause).toBeInstanceOf(CoreError);
    expect(message).toMatch(/^the proof does not hold: /);
  });

  it('asks for signatures only behind all that costs less', () => {
    const verify = () => expect.fail('a signature was checked');
    for (const { json, wantErr } of vectors) {
      if (!/MALFORMED|STATEMENT|ENTRY|PLACE|LEAF|TIME|ROOT/.test(wantErr ?? '')) continue;
      expect(codeOf(() => checkProof(json, { ...held, verify }))).toBe(wantErr);
    }
  });

  it('is refused in bounded time and memory, whatever it holds', () => {
    const hostile = [
      '['.repeat(5_000_000),
      `{"path":${'['.repeat(5_000_000)}`,
      `{"keys":[${'"x",'.repeat(2_000_000)}"x"]}`,
      `{${Array.from({ length: 200_000 }, (_, i) => `"m${i}":1`).join(',')}}`,
      `{"entry":"${'\\'.repeat(5_000_000)}"}`,
      `{"entry":"${'\\"'.repeat(5_000_000)}"}`,
      `{"offset":${'1'.repeat(5_000_000)}}`,
      ' '.repeat(5_000_000),
      `{"entry":"${'A'.repeat(100_000_000)}"}`,
    ];
    for (const json of hostile) {
      const start = performance.now();
      const { message, evidence } = coreErrorOf(() => checkProof(json, held));
      expect(performance.now() - start).toBeLessThan(20_000);
      expect(message.length + JSON.stringify(evidence).length).toBeLessThan(2000);
    }
  });

  it('ignores the cosignatures of strangers', () => {
    const json = make({ signatures: (text) => [...twoCosign(text), cosignatureLine(text, keys.w2, 9)] }).json;
    const two = { ...held, policy: parsePolicy(policyText.replace(/witness W2.*\n/, '').replace(' W2', '')) };
    expect(checkProof(json, two).cosigned.map(({ key }) => key.name)).toEqual([
      'witness.example/w1',
      'witness.example/w3',
    ]);
  });
});
