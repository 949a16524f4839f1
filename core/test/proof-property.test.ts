import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseVerifierKey } from '@tallystick/core/note';
import { parsePolicy } from '@tallystick/core/policy';
import { buildProof, checkProof, parseProof, redactProof } from '@tallystick/core/proof';
import { codeOf } from './reference/throws.ts';
import { keys, make, policy, type Event, type Steps } from './vectors/proof-world.ts';

const held = { rootKey: parseVerifierKey(keys.root.vkey), policy: parsePolicy(policy), verify: nodeVerifyEd25519 };
const bytes = fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all));
const event: fc.Arbitrary<Event> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(bytes, fc.option(bytes)), { maxLength: 3 }),
  timestamp: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  flags: fc.constantFrom(0, 8, 0x10, 0x20, 0x38),
});

/** Any ledger: any events, at any place, in a log of any size. */
const world: fc.Arbitrary<Partial<Steps>> = fc
  .record({
    events: fc.array(event, { minLength: 1, maxLength: 20 }),
    at: fc.nat(),
    firstOffset: fc.nat(1000),
    gaps: fc.nat(100),
    partition: fc.nat(2 ** 31 - 1),
    before: fc.nat(20),
    behind: fc.nat(20),
    redacted: fc.boolean(),
  })
  .map(({ events, at, firstOffset, gaps, partition, before, behind, redacted }) => ({
    events,
    position: at % events.length,
    firstIndex: firstOffset,
    firstOffset: firstOffset + gaps,
    partition,
    entries: (statement) => [
      ...Array.from({ length: before }, (_, i) => `before ${i}`),
      statement,
      ...Array.from({ length: behind }, (_, i) => `behind ${i}`),
    ],
    logIndex: before,
    redacted,
  }));

describe('proofs of any ledger', () => {
  it('hold, and say what was put in', () => {
    fc.assert(
      fc.property(world, (change) => {
        const made = make(change);
        const { events, position, firstOffset, firstIndex, redacted, logIndex } = made.steps;
        const checked = checkProof(made.json, held);
        expect(checked).toMatchObject({
          offset: firstOffset + position,
          index: firstIndex + position,
          redacted,
          logIndex,
        });
        expect(Buffer.from(checked.leaf)).toEqual(made.leaf);
        const { key, value, headers, timestamp } = events[position]!;
        if (!redacted) {
          const plain = (all: Uint8Array | null) => all && Buffer.from(all);
          expect(checked.timestamp).toBe(timestamp);
          expect(checked.record?.headers.map(([name, one]) => [plain(name), plain(one)])).toEqual(headers);
          expect([plain(checked.record!.key), plain(checked.record!.value)]).toEqual([key, value]);
        }
        expect(buildProof(parseProof(made.json))).toBe(made.json);
        expect(redactProof(made.json)).toBe(make({ ...change, redacted: true }).json);
      }),
      { numRuns: 150 },
    );
  });

  it('do not hold when a member is put in from the proof of another event', () => {
    const members = ['entry', 'previousLeaf', 'path', 'statement', 'log', 'leaf', 'offset'];
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(world, world, fc.subarray(members, { minLength: 1 }), (one, two, taken) => {
        const redacted = one.redacted ?? false;
        const [left, right] = [make(one).json, make({ ...two, redacted }).json].map(
          (json) => JSON.parse(json) as Record<string, unknown>,
        );
        const mixed = { ...left };
        for (const name of taken) if (Object.hasOwn(mixed, name)) mixed[name] = right![name];
        const json = JSON.stringify(mixed);
        const isWhole = json === JSON.stringify(left) || json === JSON.stringify(right);
        const code = codeOf(() => checkProof(json, held));
        expect({ json, holds: code === null }).toEqual({ json, holds: isWhole });
        if (code !== null) seen.set(code, (seen.get(code) ?? 0) + 1);
      }),
      { numRuns: 500 },
    );
    expect([...seen.keys()]).toEqual(expect.arrayContaining(['PROOF_PLACE', 'PROOF_ROOT', 'PROOF_INCLUSION']));
  });
});
