import { createHash, createPrivateKey, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import {
  checkEventSignature,
  eventSignatureLength,
  eventSignatureMessage,
  signEvent,
  type SignedEvent,
} from '@tallystick/core/event-signature';
import { signerFromSeed } from '@tallystick/core/note';
import { codeOfAsync } from './reference/throws.ts';

const signer = signerFromSeed('billing', new Uint8Array(32).fill(7));
const other = signerFromSeed('billing', new Uint8Array(32).fill(8));
const event: SignedEvent = {
  origin: 'example.org/ledger',
  topic: 'audit.events',
  key: Uint8Array.of(1, 2, 3),
  value: Uint8Array.of(0, 0, 0, 0, 9, 0xff),
};
const keys = [other.key, signer.key];

describe('the message', () => {
  it('is the line, then lengths and bytes', () => {
    const hex = Buffer.from(eventSignatureMessage({ origin: 'o', topic: 'té', key: null, value: Uint8Array.of(5) }));
    expect(hex.toString('hex')).toBe(
      `${Buffer.from('tallystick/event/v1\n').toString('hex')}00000001` +
        '6f' +
        '0000000374c3a9' +
        'ffffffff' +
        '0000000105',
    );
  });

  it('tells null from empty, and where one part ends from where the next begins', () => {
    const empty = new Uint8Array(0);
    const messages = [
      event,
      { ...event, key: null },
      { ...event, key: empty },
      { ...event, value: null },
      { ...event, value: empty },
      { ...event, key: null, value: null },
      { ...event, origin: 'example.org/ledgera', topic: 'udit.events' },
      { ...event, key: Uint8Array.of(1, 2), value: Uint8Array.of(3, 0, 0, 0, 0, 9, 0xff) },
    ].map((each) => Buffer.from(eventSignatureMessage(each)).toString('hex'));
    expect(new Set(messages).size).toBe(messages.length);
  });
});

describe('a signature', () => {
  it('is key id and what OpenSSL signs', async () => {
    const header = await signEvent(event, signer);
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]);
    const secret = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    const material = Buffer.concat([Buffer.of(1), signer.key.publicKey]);
    const id = createHash('sha256').update('billing\n').update(material).digest().subarray(0, 4);
    expect(Buffer.from(header)).toEqual(Buffer.concat([id, sign(null, eventSignatureMessage(event), secret)]));
    expect(header).toHaveLength(eventSignatureLength);
  });

  it('counts under its key, in both implementations of Ed25519', async () => {
    const header = await signEvent(event, signer);
    expect(checkEventSignature(event, header, keys)).toBe('valid');
    expect(checkEventSignature(event, header, keys, nodeVerifyEd25519)).toBe('valid');
  });

  it('does not count with any bit of it, or of what it covers, changed', async () => {
    const header = await signEvent(event, signer);
    fc.assert(
      fc.property(fc.nat({ max: eventSignatureLength * 8 - 1 }), (bit) => {
        const bad = flip(header, bit);
        expect(checkEventSignature(event, bad, keys, nodeVerifyEd25519)).toBe(bit < 32 ? 'key' : 'signature');
      }),
    );
    const changes: Partial<SignedEvent>[] = [
      { origin: 'example.org/ledgeR' },
      { topic: 'audit.event' },
      { key: null },
      { key: Uint8Array.of(1, 2, 2) },
      { value: null },
      { value: Uint8Array.of(0, 0, 0, 0, 9, 0xfe) },
    ];
    for (const change of changes) expect(checkEventSignature({ ...event, ...change }, header, keys)).toBe('signature');
  });

  it('does not count with another length, none at all, or no key of its id', async () => {
    const header = await signEvent(event, signer);
    for (const bad of [
      null,
      new Uint8Array(0),
      header.subarray(1),
      header.subarray(0, 67),
      Buffer.concat([header, header]),
      Buffer.concat([header, Buffer.of(0)]),
    ])
      expect(checkEventSignature(event, bad, keys)).toBe('length');
    expect(checkEventSignature(event, header, [])).toBe('key');
    expect(checkEventSignature(event, header, [other.key])).toBe('key');
    // The same public key under another name has another id.
    expect(checkEventSignature(event, header, [signerFromSeed('audit', new Uint8Array(32).fill(7)).key])).toBe('key');
  });

  it('has to be of one of the keys that share its id', async () => {
    const header = await signEvent(event, signer);
    const twin = { ...other.key, keyId: signer.key.keyId };
    expect(checkEventSignature(event, header, [twin])).toBe('signature');
    expect(checkEventSignature(event, header, [twin, signer.key])).toBe('valid');
  });

  it('is not made from what a signer gives that is no signature', async () => {
    const broken = { key: signer.key, sign: () => Promise.resolve(new Uint8Array(63)) };
    expect(await codeOfAsync(signEvent(event, broken))).toBe('NOTE_SIGNATURE_INVALID');
  });
});

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = new Uint8Array(bytes);
  flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}
