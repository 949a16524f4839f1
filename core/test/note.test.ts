import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyEd25519 } from '@tallystick/core/ed25519';
import { nodeSigner, nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import {
  maxNoteSignatures,
  noteSignedBy,
  openNote,
  parseNote,
  parseVerifierKey,
  signerFromSeed,
  signNote,
  type NoteSigner,
} from '@tallystick/core/note';
import { readVectors } from './reference/testdata.ts';
import { codeOf, coreErrorOf, expectCode } from './reference/throws.ts';

const utf8 = (text: string) => new Uint8Array(Buffer.from(text));
const seed = new Uint8Array(32).fill(5);
const signer = signerFromSeed('log.example/seal', seed);
const text = 'a statement\n\nwith an empty line\n';
let note: Uint8Array;
let line: string;

beforeAll(async () => {
  note = await signNote(text, signer);
  line = Buffer.from(note)
    .toString()
    .slice(text.length + 1);
});

/** A note of the same text with these lines. */
const of = (...lines: string[]) => parseNote(utf8(`${text}\n${lines.join('')}`));

/** A signature line of any name, key id and signature bytes. */
const lineOf = (name: string, bytes: Uint8Array) => `— ${name} ${Buffer.from(bytes).toString('base64')}\n`;

describe('published notes', () => {
  const vectors =
    readVectors<{ desc: string; vkey: string; note: string; want: 'signed' | 'unsigned' | 'malformed' }[]>(
      'notes/notes.json',
    );

  it.each(vectors)('$desc', ({ vkey, note: whole, want }) => {
    const key = parseVerifierKey(vkey);
    if (want === 'malformed') {
      expectCode(() => parseNote(utf8(whole)), 'NOTE_MALFORMED');
      return;
    }
    const parsed = parseNote(utf8(whole));
    expect(whole.startsWith(`${parsed.text}\n—`)).toBe(true);
    for (const verify of [verifyEd25519, nodeVerifyEd25519]) {
      expect(noteSignedBy(parsed, key, verify)).toBe(want === 'signed');
      expect(codeOf(() => openNote(utf8(whole), key, verify))).toBe(
        want === 'signed' ? null : 'NOTE_SIGNATURE_INVALID',
      );
    }
  });

  it("signs byte for byte as Go's sumdb/note", async () => {
    const go = vectors.find(({ desc }) => desc === 'Go: PeterNeumann')!;
    const peter = Buffer.from('gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=', 'base64');
    const body = parseNote(utf8(go.note)).text;
    expect(await signNote(body, signerFromSeed('PeterNeumann', peter))).toEqual(utf8(go.note));
    expect(await signNote(body, nodeSigner('PeterNeumann', peter))).toEqual(utf8(go.note));
  });
});

describe('signNote and parseNote', () => {
  it('go together', () => {
    const parsed = openNote(note, signer.key);
    expect(parsed.text).toBe(text);
    expect(parsed.signatures).toHaveLength(1);
    expect(parsed.signatures[0]).toMatchObject({ name: 'log.example/seal', keyId: signer.key.keyId });
    expect(parsed.signatures[0]!.signature).toHaveLength(64);
  });

  it('go together for any text that a note can have', async () => {
    const unit = fc.oneof(
      fc.constantFrom('\n', ' ', '—', '— ', '\u007f', '\u0085', '\u2028', '\ufeff'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.string({ unit, maxLength: 60 }), async (any) => {
        fc.pre(Array.from(any).every((char) => char >= ' ' || char === '\n'));
        const signed = await signNote(`${any}\n`, nodeSigner('k', seed));
        const parsed = parseNote(signed);
        expect(parsed.text).toBe(`${any}\n`);
        expect(noteSignedBy(parsed, signerFromSeed('k', seed).key, nodeVerifyEd25519)).toBe(true);
      }),
    );
  });

  it('find any changed byte', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = note.slice();
        changed[at % note.length]! ^= by;
        expect(codeOf(() => openNote(changed, signer.key, nodeVerifyEd25519))).toMatch(
          /^NOTE_(?:MALFORMED|SIGNATURE_INVALID)$/,
        );
      }),
      { numRuns: 1500 },
    );
  });

  it('find any byte cut off or added at the ends', () => {
    for (let length = 0; length < note.length; length++)
      expectCode(() => parseNote(note.subarray(0, length)), 'NOTE_MALFORMED');
    expectCode(() => parseNote(utf8(`${Buffer.from(note).toString()}\n`)), 'NOTE_MALFORMED');
    expectCode(() => openNote(note.subarray(1), signer.key), 'NOTE_SIGNATURE_INVALID');
    expectCode(() => openNote(utf8(`\n${Buffer.from(note).toString()}`), signer.key), 'NOTE_SIGNATURE_INVALID');
    expectCode(() => openNote(utf8(`\ufeff${Buffer.from(note).toString()}`), signer.key), 'NOTE_SIGNATURE_INVALID');
  });

  it.each(['', 'no newline at the end', 'tab\there\n', 'carriage\r\n', 'nul\0\n', 'half a pair \ud800\n'])(
    'does not sign %j',
    async (bad) => {
      await expect(signNote(bad, signer)).rejects.toMatchObject({ code: 'NOTE_MALFORMED' });
    },
  );

  it('does not take a signature of another length from a signer', async () => {
    for (const length of [0, 63, 65]) {
      const bad: NoteSigner = { key: signer.key, sign: () => Promise.resolve(new Uint8Array(length)) };
      await expect(signNote(text, bad)).rejects.toMatchObject({ code: 'NOTE_SIGNATURE_INVALID' });
    }
  });

  it('passes on what a signer throws', async () => {
    const bad: NoteSigner = { key: signer.key, sign: () => Promise.reject(new Error('the vault is closed')) };
    await expect(signNote(text, bad)).rejects.toThrow('the vault is closed');
  });
});

describe('form', () => {
  const five = new Uint8Array(5);

  it.each<[string, (good: string) => string]>([
    ['a hyphen for the dash', (good) => good.replace('—', '-')],
    ['an en dash', (good) => good.replace('—', '–')],
    ['no space after the dash', (good) => good.replace('— ', '—')],
    ['two spaces after the dash', (good) => good.replace('— ', '—  ')],
    ['two spaces after the name', (good) => good.replace('/seal ', '/seal  ')],
    ['a space at the end', (good) => good.replace('\n', ' \n')],
    ['no signature', () => '— log.example/seal\n'],
    ['an empty signature', () => '— log.example/seal \n'],
    ['a third part', (good) => good.replace('\n', ' AAAA\n')],
    ['no padding', (good) => good.replace(/=+\n/, '\n')],
    ['URL-safe base64', () => `— log.example/seal ${'-_-_'.repeat(17)}\n`],
    ['unused bits set', () => '— log.example/seal AAAAAAB=\n'],
    ['a key id and nothing else', () => lineOf('log.example/seal', new Uint8Array(4))],
    ['a plus in the name', () => lineOf('log+example', five)],
    ['a no-break space in the name', () => lineOf('log\u00a0example', five)],
    ['an ideographic space in the name', () => lineOf('log\u3000example', five)],
    ['U+0085 in the name', () => lineOf('log\u0085example', five)],
    ['an empty name', () => lineOf('', five)],
    ['a carriage return', (good) => good.replace('\n', '\r\n')],
  ])('refuses a signature line with %s', (_, change) => {
    expectCode(() => parseNote(utf8(`${text}\n${change(line)}`)), 'NOTE_MALFORMED');
    // Also where the other line is a good one.
    expectCode(() => parseNote(utf8(`${text}\n${line}${change(line)}`)), 'NOTE_MALFORMED');
  });

  it.each([
    ['not UTF-8', Uint8Array.of(0xff, 0x0a, 0x0a)],
    ['nothing', new Uint8Array(0)],
    ['two newlines', utf8('\n\n')],
    ['a signature line alone', utf8(lineOf('n', five))],
    ['a newline and a signature line', utf8(`\n${lineOf('n', five)}`)],
    ['a text with no newline before the empty line', utf8(`text${lineOf('n', five)}`)],
    ['an overlong newline', new Uint8Array([...utf8('a\n'), 0xc0, 0x8a, ...utf8(lineOf('n', five))])],
  ])('refuses %s', (_, bytes) => expectCode(() => parseNote(bytes), 'NOTE_MALFORMED'));

  it('refuses every control character but the newline, in text and signature lines', () => {
    for (let code = 0; code < 0x20; code++) {
      if (code === 0x0a) continue;
      const char = String.fromCharCode(code);
      expectCode(() => parseNote(utf8(`a${char}b\n\n${line}`)), 'NOTE_MALFORMED');
      expectCode(() => parseNote(utf8(`${text}\n${line.replace('seal', `se${char}al`)}`)), 'NOTE_MALFORMED');
    }
  });

  it('takes what C2SP allows: a text of one newline, foreign names and types, DEL and U+0085 in the text', () => {
    expect(parseNote(utf8(`\n\n${lineOf('n', five)}`)).text).toBe('\n');
    expect(parseNote(utf8(`\u007f\u0085\n\n${lineOf('zeuge.example/é', five)}`))).toEqual({
      text: '\u007f\u0085\n',
      signatures: [{ name: 'zeuge.example/é', keyId: new Uint8Array(4), signature: new Uint8Array(1) }],
    });
    // A post-quantum signature has nearly 5 kB.
    expect(parseNote(utf8(`t\n\n${lineOf('n', new Uint8Array(5000))}`)).signatures[0]!.signature).toHaveLength(4996);
  });

  it('takes the last empty line of all for the separator', () => {
    const inner = `inner\n\n${lineOf('n', five)}`;
    expect(parseNote(utf8(`${inner}\n${lineOf('m', five)}`))).toMatchObject({
      text: inner,
      signatures: [{ name: 'm' }],
    });
  });

  it('has at most as many signature lines as Go takes', () => {
    expect(maxNoteSignatures).toBe(100);
    expect(parseNote(utf8(`t\n\n${lineOf('n', five).repeat(100)}`)).signatures).toHaveLength(100);
    expectCode(() => parseNote(utf8(`t\n\n${lineOf('n', five).repeat(101)}`)), 'NOTE_MALFORMED');
  });
});

describe('noteSignedBy', () => {
  const other = signerFromSeed('log.example/seal', new Uint8Array(32).fill(6));

  it('ignores unknown keys, also those that share name or id', () => {
    const sharesName = lineOf(signer.key.name, new Uint8Array([...other.key.keyId, ...new Uint8Array(64)]));
    const sharesId = lineOf('someone.else', new Uint8Array([...signer.key.keyId, ...new Uint8Array(64)]));
    expect(noteSignedBy(of(sharesName, sharesId), signer.key)).toBe(false);
    expect(noteSignedBy(of(sharesName, line, sharesId), signer.key)).toBe(true);
    expect(noteSignedBy(of(sharesName, line, sharesId), other.key)).toBe(false);
  });

  it('takes a repeated line, and fails on any line of the key that does not verify, first or last', () => {
    const bad = lineOf(signer.key.name, new Uint8Array([...signer.key.keyId, ...new Uint8Array(64)]));
    expect(noteSignedBy(of(line, line), signer.key)).toBe(true);
    expect(noteSignedBy(of(line, bad), signer.key)).toBe(false);
    expect(noteSignedBy(of(bad, line), signer.key)).toBe(false);
    expect(noteSignedBy(of(bad), signer.key)).toBe(false);
  });

  it('asks the judge that it is given', () => {
    const asked: Uint8Array[] = [];
    const parsed = parseNote(note);
    expect(noteSignedBy(parsed, signer.key, (key, message) => asked.push(key, message) > 2)).toBe(false);
    expect(asked).toEqual([signer.key.publicKey, utf8(text)]);
  });

  it('fails for signatures of other lengths', () => {
    const bytes = Buffer.from(line.split(' ')[2]!, 'base64');
    for (const cut of [bytes.subarray(0, 67), Buffer.concat([bytes, Buffer.alloc(1)])]) {
      expect(noteSignedBy(of(lineOf(signer.key.name, cut)), signer.key)).toBe(false);
    }
  });
});

describe('openNote', () => {
  it('says which key was asked for and who signed', () => {
    const stranger = signerFromSeed('stranger', seed).key;
    const error = coreErrorOf(() => openNote(note, stranger));
    expect(error.code).toBe('NOTE_SIGNATURE_INVALID');
    expect(error.evidence).toEqual({ expected: stranger.vkey, found: ['log.example/seal'] });
  });
});
