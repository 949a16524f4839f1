import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { readStatementNote } from '@tallystick/core/judge';
import { signerFromSeed } from '@tallystick/core/note';
import { describe, expect, it } from 'vitest';
import { knownNotes, knownSignatures } from '../src/self-test/known-statements.ts';

const signer = signerFromSeed('known', new Uint8Array(32).fill(7));
const message = encodeUtf8('what was signed');
const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
};

describe('signatures that are known', () => {
  it('are checked once; with any byte altered, each is really checked', async () => {
    const { publicKey } = signer.key;
    const signature = await signer.sign(message);
    let calls = 0;
    const verify = knownSignatures((...given) => {
      calls += 1;
      return nodeVerifyEd25519(...given);
    });
    for (let times = 0; times < 3; times++)
      expect(verify(publicKey.slice(), message.slice(), signature.slice())).toBe(true);
    expect(calls).toBe(1);
    for (const [at] of message.entries()) expect(verify(publicKey, flipped(message, at), signature)).toBe(false);
    for (const [at] of signature.entries()) expect(verify(publicKey, message, flipped(signature, at))).toBe(false);
    for (const [at] of publicKey.entries()) expect(verify(flipped(publicKey, at), message, signature)).toBe(false);
    expect(calls).toBe(1 + message.length + 64 + 32);
    expect(verify(publicKey, message.subarray(1), signature)).toBe(false);
    expect(verify(publicKey, message, signature.subarray(1))).toBe(false);
    // The bytes that were asked about may be used again by whoever asked.
    const reused = message.slice();
    verify(publicKey, reused, signature);
    reused.fill(0);
    expect(verify(publicKey, reused, signature)).toBe(false);
    expect(verify(publicKey, message, signature)).toBe(true);
  });
});

describe('notes that are known', () => {
  it('are read once, whatever they say; other bytes that end the same are read', () => {
    let calls = 0;
    const read = knownNotes((...given) => {
      calls += 1;
      return readStatementNote(...given);
    });
    const tail = 'x'.repeat(64);
    const noteOf = (n: number) => encodeUtf8(`note ${n} ${tail}`);
    expect(read(noteOf(0), 'o')).toEqual(readStatementNote(noteOf(0), 'o'));
    expect(read(noteOf(0), 'o')).toBe(read(noteOf(0), 'o'));
    expect(calls).toBe(1);
    // Of many that end the same not all are kept.
    for (let n = 1; n < 40; n++) expect(read(noteOf(n), 'o')).toEqual(readStatementNote(noteOf(n), 'o'));
    expect(calls).toBe(40);
    expect(read(null, 'o').is).toBe('rubbish');
  });
});
