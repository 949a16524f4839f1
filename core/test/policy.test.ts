import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { witnessKey, type Cosigned } from '@tallystick/core/cosignature';
import { publicKeyOf } from '@tallystick/core/ed25519';
import {
  maxPolicyLength,
  parsePolicy,
  quorumReached,
  quorumTime,
  type Policy,
  type Quorum,
} from '@tallystick/core/policy';
import { readVectors } from './reference/testdata.ts';
import { codeOf, coreErrorOf, expectCode } from './reference/throws.ts';
import type { PolicyVector } from './vectors/policies.ts';

const vectors = readVectors<PolicyVector[]>('policies/policies.json');

describe('policies', () => {
  it.each(vectors)('$desc', (vector) => {
    expect(codeOf(() => parsePolicy(vector.text))).toBe(vector.wantErr);
    if (vector.wantErr !== null) {
      expect(coreErrorOf(() => parsePolicy(vector.text)).evidence['line']).toBe(vector.line);
      return;
    }
    const policy = parsePolicy(vector.text);
    expect(policy.logs.map(({ key }) => key.vkey)).toEqual(vector.logs);
    expect(Object.fromEntries(policy.witnesses.map(({ name, key }) => [name, key.vkey]))).toEqual(vector.witnesses);
    expect(vector.quorums!.length).toBeGreaterThan(0);
    for (const { cosigned, reached, time } of vector.quorums!) {
      const by = Object.entries(cosigned).map(([name, when]) => ({
        key: policy.witnesses.find((witness) => witness.name === name)!.key,
        time: when,
      }));
      expect(quorumReached(policy, new Set(by.map(({ key }) => key.vkey)))).toBe(reached);
      expect(quorumTime(policy, by)).toBe(time);
    }
  });

  it('are mostly negative', () => {
    const negative = vectors.filter(({ wantErr }) => wantErr !== null).length;
    expect(negative).toBeGreaterThan(40);
    expect(negative).toBeGreaterThan(vectors.length - negative);
  });

  it('keep their URLs as they are written', () => {
    const vector = vectors.find(({ desc }) => desc.includes('URLs'))!;
    const { logs, witnesses } = parsePolicy(vector.text);
    expect([logs[0]!.url, witnesses[0]!.url]).toEqual(['https://log.example/', 'https://x1.example']);
    expect(parsePolicy(vectors[0]!.text).logs[0]!.url).toBeNull();
  });

  it('refuse half a surrogate pair, and a text that is too long, at once', () => {
    expectCode(() => parsePolicy('# \ud800\nquorum none\n'), 'POLICY_MALFORMED');
    expectCode(() => parsePolicy(`${'\n'.repeat(maxPolicyLength)}quorum none\n`), 'POLICY_MALFORMED');
    expect(parsePolicy(`${'\n'.repeat(maxPolicyLength - 12)}quorum none\n`).quorum).toBe('none');
  });

  it('give short errors on one line for hostile text', () => {
    for (const bad of [`${'x'.repeat(200_000)}\n`, `group ${'y '.repeat(100_000)}\n`, `# ${'\u0007'.repeat(9999)}\n`]) {
      const { message, evidence } = coreErrorOf(() => parsePolicy(bad));
      expect(message.length).toBeLessThan(600);
      expect(JSON.stringify(evidence).length).toBeLessThan(1000);
      expect(message).not.toContain('\n');
    }
  });
});

// A literal reading of C2SP's rule: a group witnesses if at least k of its n members do.
const witnessed = (node: Quorum, by: ReadonlySet<string>): boolean =>
  node.kind === 'witness'
    ? by.has(node.key.vkey)
    : node.members.filter((member) => witnessed(member, by)).length >= node.threshold;

const witnessKeys = Array.from({ length: 12 }, (_, i) =>
  witnessKey(`w${i}`, publicKeyOf(new Uint8Array(32).fill(i + 1))),
);

/** Any policy over 12 witnesses: they are put into groups until one is left. */
const anyPolicy = fc
  .array(fc.record({ size: fc.integer({ min: 1, max: 4 }), threshold: fc.nat(), at: fc.nat() }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((steps): Policy => {
    const lines = witnessKeys.map((key, i) => `witness w${i} ${key.vkey}`);
    let free = witnessKeys.map((_, i) => `w${i}`);
    let quorum = 'w0';
    for (const [i, { size, threshold, at }] of steps.entries()) {
      const from = at % free.length;
      const members = free.slice(from, from + size);
      quorum = `g${i}`;
      lines.push(`group ${quorum} ${(threshold % members.length) + 1} ${members.join(' ')}`);
      free = [...free.filter((name) => !members.includes(name)), quorum];
    }
    return parsePolicy(`${lines.join('\n')}\nquorum ${quorum}\n`);
  });
const anyCosigned: fc.Arbitrary<Cosigned[]> = fc
  .array(fc.record({ i: fc.nat(11), time: fc.integer({ min: 1, max: 30 }) }), { maxLength: 24 })
  .map((all) => all.map(({ i, time }) => ({ key: witnessKeys[i]!, time })));

describe('the quorum', () => {
  it('is what the rule says, and its time the newest at which it stands', () => {
    let reached = 0;
    fc.assert(
      fc.property(anyPolicy, anyCosigned, (policy, cosigned) => {
        const standsAt = (from: number) => {
          const by = new Set(cosigned.filter(({ time }) => time >= from).map(({ key }) => key.vkey));
          return policy.quorum !== 'none' && witnessed(policy.quorum, by);
        };
        const times = Array.from({ length: 31 }, (_, i) => i).filter(standsAt);
        if (times.length > 0) reached++;
        expect(quorumReached(policy, new Set(cosigned.map(({ key }) => key.vkey)))).toBe(times.length > 0);
        expect(quorumTime(policy, cosigned)).toBe(times.length > 0 ? Math.max(...times) : null);
      }),
      { numRuns: 1000 },
    );
    expect(reached).toBeGreaterThan(100);
  });
});
