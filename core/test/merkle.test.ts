import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portableSha256 } from '@tallystick/core/hash';
import {
  consistencyPath,
  inclusionPath,
  leafHash,
  nodeHash,
  root,
  rootInPlace,
  verifyConsistency,
  verifyInclusion,
} from '@tallystick/core/merkle';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { mth, path, proof, sha256, UniformTree } from './reference/rfc6962.ts';
import { expectCode } from './reference/throws.ts';

const leafAt = (i: number) => sha256(Uint8Array.of(0), Buffer.from(`event ${i}`));
const leaves = Array.from({ length: 130 }, (_, i) => leafAt(i));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const flip = (hash: Uint8Array, bit: number) => {
  const other = hash.slice();
  other[bit >> 3]! ^= 1 << (bit & 7);
  return other;
};

describe('hashes', () => {
  it('prefixes a leaf by 00 and a node by 01', () => {
    // RFC 6962's empty tree and empty leaf.
    expect(hex(root([]))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hex(leafHash(new Uint8Array(0)))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    const [left, right] = [leafAt(1), leafAt(2)];
    expect(nodeHash(left, right)).toEqual(sha256(Uint8Array.of(1), left, right));
    expect(leafHash(Buffer.from('x'))).toEqual(sha256(Uint8Array.of(0), Buffer.from('x')));
  });

  it('refuses children that are no hashes', () => {
    for (const bad of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33), new Uint8Array(64)]) {
      expectCode(() => nodeHash(bad, leafAt(0)), 'MERKLE_BAD_INPUT');
      expectCode(() => nodeHash(leafAt(0), bad), 'MERKLE_BAD_INPUT');
      expectCode(() => root([leafAt(0), bad]), 'MERKLE_BAD_INPUT');
    }
  });
});

describe('against the literal RFC 6962', () => {
  it('gives the same roots, alone and in place, with both hashes', () => {
    for (let n = 0; n <= 70; n++) {
      const some = leaves.slice(0, n);
      const expected = mth(some);
      expect(root(some)).toEqual(expected);
      for (const hash of [portableSha256, nodeSha256]) {
        expect(rootInPlace(Buffer.concat(some), n, hash)).toEqual(expected);
        // A view into a larger array, with room after the leaves that must stay as it is.
        const around = new Uint8Array(7 + n * 32 + 5).fill(0xaa);
        around.set(Buffer.concat(some), 7);
        expect(rootInPlace(around.subarray(7, 7 + n * 32), n, hash)).toEqual(expected);
        expect(hex(around.subarray(0, 7))).toBe('aa'.repeat(7));
        expect(hex(around.subarray(7 + n * 32))).toBe('aa'.repeat(5));
      }
    }
  });

  it('gives a root that stays when the buffer is used again', () => {
    const buffer = Buffer.concat(leaves.slice(0, 9));
    const kept = rootInPlace(buffer, 9, nodeSha256);
    buffer.fill(0);
    expect(kept).toEqual(mth(leaves.slice(0, 9)));
  });

  it('leaves the leaves that it is given as they are', () => {
    const copies = leaves.map((leaf) => leaf.slice());
    root(leaves);
    inclusionPath(leaves, 77);
    consistencyPath(leaves, 77);
    expect(leaves).toEqual(copies);
  });

  it('gives and accepts the same inclusion paths, and no others', () => {
    for (let n = 1; n <= 34; n++) {
      const some = leaves.slice(0, n);
      const whole = mth(some);
      for (let index = 0; index < n; index++) {
        const expected = path(index, some);
        expect(inclusionPath(some, index)).toEqual(expected);
        verifyInclusion({ index, size: n, leaf: leafAt(index), path: expected, root: whole });
        for (let other = 0; other < n; other++) {
          if (other === index) continue;
          expectCode(
            () => verifyInclusion({ index: other, size: n, leaf: leafAt(index), path: expected, root: whole }),
            'MERKLE_PROOF_INVALID',
          );
        }
      }
    }
  });

  it('gives and accepts the same consistency paths, and for no other old size', () => {
    for (let n = 1; n <= 34; n++) {
      const newRoot = mth(leaves.slice(0, n));
      for (let m = 1; m <= n; m++) {
        const expected = proof(m, leaves.slice(0, n));
        expect(consistencyPath(leaves.slice(0, n), m)).toEqual(expected);
        const oldRoot = mth(leaves.slice(0, m));
        verifyConsistency({ oldSize: m, newSize: n, oldRoot, newRoot, path: expected });
        for (let other = 1; other < n; other++) {
          if (other === m || expected.length === 0) continue;
          expectCode(
            () => verifyConsistency({ oldSize: other, newSize: n, oldRoot, newRoot, path: expected }),
            'MERKLE_PROOF_INVALID',
          );
        }
      }
    }
  });

  it('gives the same on larger trees', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.nat(), fc.nat(), (n, a, b) => {
        const some = Array.from({ length: n }, (_, i) => leafAt(i));
        expect(root(some)).toEqual(mth(some));
        expect(inclusionPath(some, a % n)).toEqual(path(a % n, some));
        expect(consistencyPath(some, 1 + (b % n))).toEqual(proof(1 + (b % n), some));
      }),
      { numRuns: 25 },
    );
  });
});

describe('trees beyond 32 bits', () => {
  const tree = new UniformTree(leafAt(0));
  const size = fc.oneof(
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: 0, max: 52 }).map((power) => 2 ** power),
    fc.integer({ min: 1, max: 53 }).map((power) => 2 ** power - 1),
    fc.integer({ min: 1, max: 52 }).map((power) => 2 ** power + 1),
    fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 32 + 2 ** 31, Number.MAX_SAFE_INTEGER),
  );

  it('checks inclusion', () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (n, at) => {
        const index = at % n;
        const good = { index, size: n, leaf: tree.leaf, path: tree.path(index, n), root: tree.mth(n) };
        verifyInclusion(good);
        expectCode(() => verifyInclusion({ ...good, root: flip(good.root, at % 256) }), 'MERKLE_PROOF_INVALID');
      }),
    );
  });

  it('checks consistency', () => {
    fc.assert(
      fc.property(size, size, (a, b) => {
        const [oldSize, newSize] = [Math.min(a, b), Math.max(a, b)];
        const good = {
          oldSize,
          newSize,
          oldRoot: tree.mth(oldSize),
          newRoot: tree.mth(newSize),
          path: tree.proof(oldSize, newSize),
        };
        verifyConsistency(good);
        expectCode(() => verifyConsistency({ ...good, newRoot: flip(good.newRoot, a % 256) }), 'MERKLE_PROOF_INVALID');
        expectCode(() => verifyConsistency({ ...good, oldRoot: flip(good.oldRoot, b % 256) }), 'MERKLE_PROOF_INVALID');
      }),
    );
  });
});

describe('changed proofs', () => {
  const anyCase = fc.record({ n: fc.integer({ min: 2, max: 130 }), a: fc.nat(), bit: fc.nat(), where: fc.nat() });

  it('do not verify: inclusion', () => {
    fc.assert(
      fc.property(anyCase, ({ n, a, bit, where }) => {
        const some = leaves.slice(0, n);
        const index = a % n;
        const good = { index, size: n, leaf: leafAt(index), path: inclusionPath(some, index), root: mth(some) };
        const at = where % good.path.length;
        const changed = good.path.map((node, i) => (i === at ? flip(node, bit % 256) : node));
        const cases = [
          { ...good, path: changed },
          { ...good, leaf: flip(good.leaf, bit % 256) },
          { ...good, root: flip(good.root, bit % 256) },
          { ...good, path: [...good.path, leafAt(0)] },
          { ...good, path: [leafAt(0), ...good.path] },
          // A path of two or more without one of its nodes; the empty one is another error.
          ...(good.path.length > 1 ? [{ ...good, path: good.path.filter((_, i) => i !== at) }] : []),
        ];
        for (const one of cases) expectCode(() => verifyInclusion(one), 'MERKLE_PROOF_INVALID');
      }),
    );
  });

  it('do not verify where the path leads on to the root of a deeper tree', () => {
    for (const n of [1, 2, 3, 7, 8]) {
      const some = leaves.slice(0, n);
      const path = inclusionPath(some, n - 1);
      const deeper = nodeHash(leafAt(99), mth(some));
      const leaf = leafAt(n - 1);
      expectCode(
        () => verifyInclusion({ index: n - 1, size: n, leaf, path: [...path, leafAt(99)], root: deeper }),
        'MERKLE_PROOF_INVALID',
      );
    }
  });

  it('do not verify: consistency', () => {
    fc.assert(
      fc.property(anyCase, ({ n, a, bit, where }) => {
        const some = leaves.slice(0, n);
        const oldSize = 1 + (a % (n - 1));
        const good = {
          oldSize,
          newSize: n,
          oldRoot: mth(some.slice(0, oldSize)),
          newRoot: mth(some),
          path: consistencyPath(some, oldSize),
        };
        const at = where % good.path.length;
        const cases = [
          { ...good, path: good.path.map((node, i) => (i === at ? flip(node, bit % 256) : node)) },
          { ...good, oldRoot: flip(good.oldRoot, bit % 256) },
          { ...good, newRoot: flip(good.newRoot, bit % 256) },
          { ...good, oldRoot: good.newRoot, newRoot: good.oldRoot },
          { ...good, path: [...good.path, leafAt(0)] },
          ...(good.path.length > 1 ? [{ ...good, path: good.path.filter((_, i) => i !== at) }] : []),
        ];
        for (const one of cases) expectCode(() => verifyConsistency(one), 'MERKLE_PROOF_INVALID');
      }),
    );
  });
});

describe('input that makes no sense', () => {
  const nonsense = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), 1e300];
  const five = leaves.slice(0, 5);
  const inclusion = { index: 2, size: 5, leaf: leafAt(2), path: inclusionPath(five, 2), root: mth(five) };
  const consistency = {
    oldSize: 3,
    newSize: 5,
    oldRoot: mth(five.slice(0, 3)),
    newRoot: mth(five),
    path: consistencyPath(five, 3),
  };

  it.each(nonsense)('refuses the number %d', (bad) => {
    expectCode(() => inclusionPath(five, bad), 'MERKLE_BAD_INPUT');
    expectCode(() => consistencyPath(five, bad), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyInclusion({ ...inclusion, index: bad }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyInclusion({ ...inclusion, size: bad }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyConsistency({ ...consistency, oldSize: bad }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyConsistency({ ...consistency, newSize: bad }), 'MERKLE_BAD_INPUT');
    expectCode(() => rootInPlace(new Uint8Array(64), bad, portableSha256), 'MERKLE_BAD_INPUT');
  });

  it('refuses sizes and indices that do not go together', () => {
    expectCode(() => inclusionPath([], 0), 'MERKLE_BAD_INPUT');
    expectCode(() => inclusionPath(five, 5), 'MERKLE_BAD_INPUT');
    expectCode(() => consistencyPath(five, 6), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyInclusion({ ...inclusion, index: 5 }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyInclusion({ ...inclusion, index: 0, size: 0 }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyConsistency({ ...consistency, oldSize: 6 }), 'MERKLE_BAD_INPUT');
    expectCode(() => rootInPlace(new Uint8Array(95), 3, portableSha256), 'MERKLE_BAD_INPUT');
  });

  it('refuses an empty path where one is needed', () => {
    expectCode(() => verifyInclusion({ ...inclusion, path: [] }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyConsistency({ ...consistency, path: [] }), 'MERKLE_BAD_INPUT');
    // Even where the old root is the first half of the new one, something must be shown.
    expectCode(
      () =>
        verifyConsistency({
          oldSize: 4,
          newSize: 8,
          oldRoot: mth(leaves.slice(0, 4)),
          newRoot: mth(leaves.slice(0, 8)),
          path: [],
        }),
      'MERKLE_BAD_INPUT',
    );
  });

  it('refuses consistency with the empty tree, which says nothing', () => {
    expectCode(() => consistencyPath(five, 0), 'MERKLE_BAD_INPUT');
    expectCode(() => consistencyPath([], 0), 'MERKLE_BAD_INPUT');
    for (const newSize of [0, 1, 5]) {
      const newRoot = mth(five.slice(0, newSize));
      expectCode(
        () => verifyConsistency({ oldSize: 0, newSize, oldRoot: mth([]), newRoot, path: [] }),
        'MERKLE_BAD_INPUT',
      );
    }
  });

  it('accepts the same tree with an empty path, and refuses two roots of one size', () => {
    expect(consistencyPath(five, 5)).toEqual([]);
    const same = { oldSize: 5, newSize: 5, oldRoot: mth(five), newRoot: mth(five), path: [] };
    verifyConsistency(same);
    expectCode(() => verifyConsistency({ ...same, newRoot: leafAt(0) }), 'MERKLE_PROOF_INVALID');
    expectCode(() => verifyConsistency({ ...same, path: [leafAt(0)] }), 'MERKLE_PROOF_INVALID');
    const nothing = new Uint8Array(0);
    expectCode(() => verifyConsistency({ ...same, oldRoot: nothing, newRoot: nothing }), 'MERKLE_BAD_INPUT');
  });

  it.each([0, 31, 33, 64])('refuses a hash of %d bytes', (length) => {
    const bad = new Uint8Array(length);
    expectCode(() => verifyInclusion({ ...inclusion, leaf: bad }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyInclusion({ ...inclusion, root: bad }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyInclusion({ ...inclusion, path: [bad, ...inclusion.path.slice(1)] }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyConsistency({ ...consistency, oldRoot: bad }), 'MERKLE_BAD_INPUT');
    expectCode(() => verifyConsistency({ ...consistency, newRoot: bad }), 'MERKLE_BAD_INPUT');
    expectCode(
      () => verifyConsistency({ ...consistency, path: [...consistency.path.slice(1), bad] }),
      'MERKLE_BAD_INPUT',
    );
  });
});
