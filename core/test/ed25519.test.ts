import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCanonicalPublicKey, publicKeyOf, signEd25519, verifyEd25519 } from '@tallystick/core/ed25519';
import { nodeSigner, nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { signerFromSeed } from '@tallystick/core/note';
import { readVectors } from './reference/testdata.ts';
import { expectCode } from './reference/throws.ts';

const unhex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const text = (value: string) => new Uint8Array(Buffer.from(value));

const sOf = (signature: Uint8Array) =>
  signature.subarray(32).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** Both judges' word, which must be one. */
function judge(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const portable = verifyEd25519(key, message, signature);
  expect(nodeVerifyEd25519(key, message, signature)).toBe(portable);
  return portable;
}

describe('RFC 8032, section 7.1', () => {
  const vectors = readVectors<{ seed: string; key: string; msg: string; sig: string }[]>('ed25519/rfc8032.json');

  it.each(vectors)('$seed', async ({ seed, key, msg, sig }) => {
    expect(hex(publicKeyOf(unhex(seed)))).toBe(key);
    expect(hex(signEd25519(unhex(seed), unhex(msg)))).toBe(sig);
    expect(hex(await nodeSigner('n', unhex(seed)).sign(unhex(msg)))).toBe(sig);
    expect(judge(unhex(key), unhex(msg), unhex(sig))).toBe(true);
  });
});

describe('"Taming the many EdDSAs" (speccheck)', () => {
  const cases = readVectors<{ message: string; pub_key: string; signature: string }[]>('ed25519/speccheck.json');
  // 0, 1: key of small order. 2: R of small order, but all is well by the rule. 3: mixed orders that cancel out. 4, 5: only with
  // the cofactor. 6, 7: S above L. 8, 9: R not canonical. 10, 11: key not canonical.
  const accepted = new Set([2, 3]);

  it.each(cases.map((one, i) => ({ i, ...one })))('case $i', ({ i, message, pub_key, signature }) => {
    expect(judge(unhex(pub_key), unhex(message), unhex(signature))).toBe(accepted.has(i));
  });
});

describe('C2SP CCTV', () => {
  const vectors =
    readVectors<{ number: number; key: string; sig: string; msg: string; flags: string[] | null }[]>(
      'ed25519/cctv.json',
    );
  const refused = new Set(['low_order_A', 'non_canonical_A', 'non_canonical_R', 'low_order_residue']);

  it('has both kinds of vectors', () => {
    expect(vectors).toHaveLength(914);
    expect(vectors.filter(({ flags }) => !(flags ?? []).some((flag) => refused.has(flag)))).toHaveLength(86);
  });

  it('is judged by the rule, alike by both', () => {
    for (const { number, key, sig, msg, flags } of vectors) {
      const expected = !(flags ?? []).some((flag) => refused.has(flag));
      expect({ number, valid: judge(unhex(key), text(msg), unhex(sig)) }).toEqual({ number, valid: expected });
    }
  });
});

describe('public keys', () => {
  // All encodings of points of small order, C2SP CCTV's list: eight points, six of them with further encodings.
  const smallOrder = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000080',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  ];

  it.each(smallOrder)('refuses %s, of small order', (key) => {
    expect(isCanonicalPublicKey(unhex(key))).toBe(false);
    // R = 0 and S = 0 would be a "signature" of anything under some of them.
    expect(judge(unhex(key), text('anything'), unhex(`01${'00'.repeat(63)}`))).toBe(false);
  });

  it('refuses every encoding with y at or above p', () => {
    // p = 2^255-19, so the lowest byte runs from ed to ff.
    for (let low = 0xed; low <= 0xff; low++) {
      for (const top of ['7f', 'ff']) {
        expect(isCanonicalPublicKey(unhex(`${low.toString(16)}${'ff'.repeat(30)}${top}`))).toBe(false);
      }
    }
  });

  it('refuses what is no point of the curve, and other lengths', () => {
    expect(isCanonicalPublicKey(unhex(`02${'00'.repeat(31)}`))).toBe(false);
    const key = publicKeyOf(new Uint8Array(32).fill(7));
    expect(isCanonicalPublicKey(key)).toBe(true);
    for (const other of [new Uint8Array(0), key.subarray(1), new Uint8Array([...key, 0])]) {
      expect(isCanonicalPublicKey(other)).toBe(false);
      expect(judge(other, text('m'), new Uint8Array(64))).toBe(false);
    }
  });

  it('takes a key with a small-order component, as the rule does', () => {
    expect(isCanonicalPublicKey(unhex('cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d'))).toBe(true);
  });
});

describe('signatures', () => {
  const seed = new Uint8Array(32).fill(9);
  const key = publicKeyOf(seed);
  const message = text('a statement\n');
  const good = signEd25519(seed, message);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;

  const withS = (s: bigint) => {
    const other = good.slice();
    for (let i = 0; i < 32; i++) other[32 + i] = Number((s >> BigInt(8 * i)) & 255n);
    return other;
  };

  it('refuses every S at or above L, so that nobody can make a second signature from a first', () => {
    expect(judge(key, message, withS(sOf(good)))).toBe(true);
    for (let times = 1n; sOf(good) + times * order < 2n ** 256n; times++) {
      expect(judge(key, message, withS(sOf(good) + times * order))).toBe(false);
    }
    expect(judge(key, message, withS(order))).toBe(false);
    expect(judge(key, message, withS(2n ** 256n - 1n))).toBe(false);
    expect(judge(key, message, withS(0n))).toBe(false);
  });

  it('refuses any flipped bit of signature and key, and other lengths', () => {
    for (let bit = 0; bit < 512; bit += 5) {
      const other = good.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(judge(key, message, other)).toBe(false);
    }
    for (let bit = 0; bit < 256; bit += 5) {
      const other = key.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(judge(other, message, good)).toBe(false);
    }
    for (const length of [0, 1, 63, 65, 128]) expect(judge(key, message, new Uint8Array(length))).toBe(false);
  });

  it('is the same from both signers, and verifies, for any seed and message', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 300 }),
        async (any, data) => {
          const portable = signerFromSeed('n', any);
          const node = nodeSigner('n', any);
          expect(node.key).toEqual(portable.key);
          const signature = await portable.sign(data);
          expect(await node.sign(data)).toEqual(signature);
          expect(judge(portable.key.publicKey, data, signature)).toBe(true);
          expect(judge(portable.key.publicKey, new Uint8Array([...data, 0]), signature)).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('refuses seeds of other lengths without showing them', () => {
    for (const length of [0, 31, 33, 64]) {
      const bad = new Uint8Array(length).fill(0xab);
      expectCode(() => publicKeyOf(bad), 'KEY_MALFORMED');
      expectCode(() => signEd25519(bad, message), 'KEY_MALFORMED');
      expectCode(() => nodeSigner('n', bad), 'KEY_MALFORMED');
    }
  });

  it('keeps judging right when more keys pass by than it remembers', () => {
    for (let i = 0; i < 300; i++)
      expect(
        nodeVerifyEd25519(
          Uint8Array.from({ length: 32 }, (_, j) => (j < 2 ? i >> (8 * j) : 3)),
          message,
          good,
        ),
      ).toBe(false);
    expect(nodeVerifyEd25519(key, message, good)).toBe(true);
    expect(nodeVerifyEd25519(unhex(smallest), message, good)).toBe(false);
  });
  const smallest = '0100000000000000000000000000000000000000000000000000000000000000';
});
