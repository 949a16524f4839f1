import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addSignatures,
  cosign,
  cosignatureMessage,
  formatWitnessKey,
  parseWitnessKey,
  verifiedCosignatures,
  witnessKey,
  type WitnessSigner,
} from '@tallystick/core/cosignature';
import { publicKeyOf, signEd25519 } from '@tallystick/core/ed25519';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { CoreError } from '@tallystick/core/errors';
import { formatSignatureLine, parseNote, parseSignatureLine, parseVerifierKey } from '@tallystick/core/note';
import { readVectors } from './reference/testdata.ts';
import { codeOf, expectCode } from './reference/throws.ts';
import type { CosignatureVector, KeyVector, MessageVector } from './vectors/cosignatures.ts';

const utf8 = (text: string) => new Uint8Array(Buffer.from(text));
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const unbase64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const vectors = readVectors<CosignatureVector[]>('cosignatures/cosignatures.json');
const messages = readVectors<MessageVector[]>('cosignatures/messages.json');
const keys = readVectors<KeyVector[]>('cosignatures/keys.json');

function signerOf(name: string, seed: Uint8Array): WitnessSigner {
  return { key: witnessKey(name, publicKeyOf(seed)), sign: (message) => signEd25519(seed, message) };
}
const text = messages[1]!.text;
const w1 = signerOf('witness.example/w1', new Uint8Array(32).fill(1));
const w2 = signerOf('witness.example/w2', new Uint8Array(32).fill(2));

async function codeOfPromise(run: Promise<unknown>): Promise<string | null> {
  try {
    await run;
    return null;
  } catch (error) {
    if (error instanceof CoreError) return error.code;
    throw error;
  }
}

describe('cosignatures', () => {
  it.each(vectors)('$desc', ({ note, witnesses, wantErr, cosigned }) => {
    const known = witnesses.map(parseWitnessKey);
    for (const verify of [undefined, nodeVerifyEd25519]) {
      const check = () => verifiedCosignatures(parseNote(utf8(note)), known, verify);
      expect(codeOf(check)).toBe(wantErr);
      if (wantErr === null) expect(check().map(({ key, time }) => ({ vkey: key.vkey, time }))).toEqual(cosigned);
    }
  });

  it.each(messages)('what is signed: $desc', async (vector) => {
    expect(textOf(cosignatureMessage(vector.text, vector.time))).toBe(vector.message);
    if (vector.seed === undefined) return;
    const signer = signerOf('witness.example/w1', unbase64(vector.seed));
    expect(signer.key.vkey).toBe(vector.vkey);
    expect(`${formatSignatureLine(await cosign(vector.text, signer, vector.time))}\n`).toBe(vector.line);
  });
});

describe('keys', () => {
  it.each(keys)('$desc', ({ vkey, wantErr, name, publicKey }) => {
    expect(codeOf(() => parseWitnessKey(vkey))).toBe(wantErr);
    if (wantErr !== null) return;
    expect(parseWitnessKey(vkey)).toMatchObject({ name, publicKey: unbase64(publicKey!), vkey, type: 4 });
    expect(formatWitnessKey(name!, unbase64(publicKey!))).toBe(vkey);
    expectCode(() => parseVerifierKey(vkey), 'KEY_MALFORMED');
  });
});

describe('cosign', () => {
  it.each([0, -1, 0.5, Number.NaN, 2 ** 53, Infinity])('refuses the time %d', async (time) => {
    expect(await codeOfPromise(cosign(text, w1, time))).toBe('COSIGNATURE_INVALID');
  });

  it('refuses to sign what is no checkpoint', async () => {
    const sign = () => expect.fail('it was signed');
    for (const bad of ['', 'hello\n', text.trimEnd(), `${text}\n`, text.replace('\n7\n', '\n07\n')]) {
      expect(await codeOfPromise(cosign(bad, { ...w1, sign }, 5))).toBe('CHECKPOINT_MALFORMED');
    }
  });

  it('refuses a signer that gives no signature', async () => {
    expect(await codeOfPromise(cosign(text, { ...w1, sign: () => new Uint8Array(63) }, 5))).toBe('COSIGNATURE_INVALID');
  });

  it('and its check go together, and any flipped bit fails the note', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.nat(71),
        fc.nat(7),
        async (time, at, bit) => {
          const line = await cosign(text, w1, time);
          const check = (signature: Uint8Array) =>
            verifiedCosignatures({ text, signatures: [{ ...line, signature }] }, [w1.key], nodeVerifyEd25519);
          expect(check(line.signature)).toEqual([{ key: w1.key, time }]);
          const flipped = line.signature.slice();
          flipped[at]! ^= 1 << bit;
          expectCode(() => check(flipped), 'COSIGNATURE_INVALID');
        },
      ),
    );
  });
});

describe('addSignatures', () => {
  it('puts a new key at the end, and a newer line in the place of an older one of its key', async () => {
    const [first, second, newer] = [await cosign(text, w1, 5), await cosign(text, w2, 6), await cosign(text, w1, 7)];
    const foreign = parseSignatureLine('— other AAAAAAA=');
    let note: Uint8Array = utf8(`${text}\n— other AAAAAAA=\n`);
    note = addSignatures(note, [first]);
    note = addSignatures(note, [second]);
    expect(parseNote(note)).toEqual({ text, signatures: [foreign, first, second] });
    note = addSignatures(note, [newer]);
    expect(parseNote(note)).toEqual({ text, signatures: [foreign, second, newer] });
    expect(verifiedCosignatures(parseNote(note), [w1.key, w2.key])).toEqual([
      { key: w1.key, time: 7 },
      { key: w2.key, time: 6 },
    ]);
    expect(addSignatures(note, [])).toEqual(note);
  });

  it('refuses what would not be a note', () => {
    const note = utf8(`${text}\n— other AAAAAAA=\n`);
    const line = (name: string, signature = new Uint8Array(1)) => ({ name, keyId: new Uint8Array(4), signature });
    for (const bad of [line(''), line('a b'), line('a+b'), line('a\n— x'), line('a', new Uint8Array(0))]) {
      expectCode(() => addSignatures(note, [bad]), 'NOTE_MALFORMED');
    }
    expectCode(() => addSignatures(utf8(text), [line('a')]), 'NOTE_MALFORMED');
    const many = Array.from({ length: 99 }, (_, i) => line(`w${i}`));
    expect(parseNote(addSignatures(note, many)).signatures).toHaveLength(100);
    expectCode(() => addSignatures(note, [...many, line('one more')]), 'NOTE_MALFORMED');
  });
});
