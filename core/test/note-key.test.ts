import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '@tallystick/core/ed25519';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import {
  formatSignerKey,
  formatVerifierKey,
  parseSignerKey,
  parseVerifierKey,
  signerFromSeed,
  splitVkey,
} from '@tallystick/core/note';
import { coreErrorOf, expectCode } from './reference/throws.ts';

// golang.org/x/mod/sumdb/note, note_test.go.
const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const skey = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';

describe('verifier keys', () => {
  it.each([
    vkey,
    'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop',
    'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  ])('reads and writes %s', (text) => {
    const key = parseVerifierKey(text);
    expect(key.vkey).toBe(text);
    expect(key.name).toBe(text.split('+')[0]);
    expect(Buffer.from(key.keyId).toString('hex')).toBe(text.split('+')[1]);
    expect(formatVerifierKey(key.name, key.publicKey)).toBe(text);
  });

  it('refuses every part of one, as Go does', () => {
    for (let from = 0; from <= vkey.length; from++) {
      for (let to = from; to <= vkey.length; to++) {
        if (from !== 0 || to !== vkey.length) expectCode(() => parseVerifierKey(vkey.slice(from, to)), 'KEY_MALFORMED');
      }
    }
  });

  it('refuses every changed character, as Go does', () => {
    for (let at = 0; at < vkey.length; at++) {
      for (const by of [1, -1, 32]) {
        const changed = vkey.slice(0, at) + String.fromCharCode(vkey.charCodeAt(at) + by) + vkey.slice(at + 1);
        expectCode(() => parseVerifierKey(changed), 'KEY_MALFORMED');
      }
    }
  });

  it.each([
    [
      'a key of another length with its own id',
      'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==',
    ],
    ['an unknown type with its own id', 'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['an id in upper case', vkey.replace('c74f20a3', 'C74F20A3')],
    ['a space at the end', `${vkey} `],
    ['a newline at the end', `${vkey}\n`],
    ['a space before', ` ${vkey}`],
    ['a fourth part', `${vkey}+AAAA`],
    ['two keys', `${vkey}${vkey}`],
    ['a signer key', skey],
  ])('refuses %s', (_, text) => expectCode(() => parseVerifierKey(text), 'KEY_MALFORMED'));

  it('refuses keys that are not canonical or of small order, and names that are none', () => {
    const key = publicKeyOf(new Uint8Array(32));
    for (const first of [0, 1])
      expectCode(() => formatVerifierKey('n', Uint8Array.of(first, ...new Uint8Array(31))), 'KEY_MALFORMED');
    expectCode(() => formatVerifierKey('n', new Uint8Array(32).fill(0xff)), 'KEY_MALFORMED');
    for (const bad of [key.subarray(1), new Uint8Array([...key, 0]), new Uint8Array(0)]) {
      expectCode(() => formatVerifierKey('n', bad), 'KEY_MALFORMED');
    }
    for (const name of ['', 'a b', 'a+b', 'é', 'a\n', 'x'.repeat(256)])
      expectCode(() => formatVerifierKey(name, key), 'KEY_MALFORMED');
  });

  it('refuses the text of such a key too, though its id is right', () => {
    const smallOrder = Uint8Array.of(1, ...new Uint8Array(31));
    const id = createHash('sha256').update('n\n').update(Uint8Array.of(1)).update(smallOrder).digest('hex').slice(0, 8);
    const text = `n+${id}+${Buffer.from([1, ...smallOrder]).toString('base64')}`;
    expect(splitVkey(text).material).toEqual(smallOrder);
    expectCode(() => parseVerifierKey(text), 'KEY_MALFORMED');
  });

  it('do not change with the memory they were made of', () => {
    const key = Buffer.from(publicKeyOf(new Uint8Array(32)));
    const text = formatVerifierKey('n', key);
    const seed = Buffer.alloc(32, 8);
    const signer = signerFromSeed('n', seed);
    const kept = Buffer.from(signer.key.publicKey);
    seed.fill(0);
    expect(signer.key.publicKey).toEqual(new Uint8Array(kept));
    expect(parseVerifierKey(text).publicKey).toEqual(new Uint8Array(key));
  });

  it('sign the same after their seed was wiped', async () => {
    const seed = Buffer.alloc(32, 8);
    const signers = [signerFromSeed('n', seed), nodeSigner('n', seed)];
    seed.fill(0);
    const again = signerFromSeed('n', Buffer.alloc(32, 8));
    for (const signer of signers)
      expect(await signer.sign(new Uint8Array(3))).toEqual(await again.sign(new Uint8Array(3)));
  });
});

describe('splitVkey', () => {
  it('takes other types apart without judging them', () => {
    expect(splitVkey('PeterNeumann+173116ae+ZRpc2Q==')).toEqual({
      name: 'PeterNeumann',
      keyId: Uint8Array.of(0x17, 0x31, 0x16, 0xae),
      type: 0x65,
      material: Uint8Array.of(0x1a, 0x5c, 0xd9),
    });
  });

  it.each([
    '',
    '+',
    '++',
    'n++AQ==',
    'n+01234567+',
    'n+01234567+AQ==',
    'n+0123456+AgAA',
    'n+01234567+Ag',
    '+01234567+AgAA',
    'n 1+01234567+AgAA',
  ])('refuses %j', (text) => expectCode(() => splitVkey(text), 'KEY_MALFORMED'));
});

describe('signer keys', () => {
  it('are those of Go', async () => {
    const { name, seed, key } = parseSignerKey(skey);
    expect(key.vkey).toBe(vkey);
    expect(formatSignerKey(name, seed)).toBe(skey);
    expect(signerFromSeed(name, seed).key).toEqual(key);
    expect(nodeSigner(name, seed).key).toEqual(key);
  });

  it('refuse every part of one and every changed character, and never quote the secret', () => {
    const secret = skey.split('+').at(-1)!;
    const changed = Array.from(
      skey,
      (char, at) => skey.slice(0, at) + String.fromCharCode(char.charCodeAt(0) + 1) + skey.slice(at + 1),
    );
    const parts = Array.from(skey, (_, at) => [skey.slice(at + 1), skey.slice(0, at)]).flat();
    for (const bad of [...changed, ...parts, skey.replace('AYEK', 'AoEK'), `${skey}\n`, `${skey}=`, vkey]) {
      const error = coreErrorOf(() => parseSignerKey(bad));
      expect(error.code).toBe('KEY_MALFORMED');
      expect(`${error.message}${JSON.stringify(error.evidence)}${String(error.cause)}`).not.toContain(
        secret.slice(8, 24),
      );
    }
  });
});
