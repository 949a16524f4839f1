import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCheckpoint, openCheckpoint, parseCheckpoint, type Checkpoint } from '@tallystick/core/checkpoint';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseVerifierKey, signerFromSeed, signNote } from '@tallystick/core/note';
import { readVectors } from './reference/testdata.ts';
import { codeOf, coreErrorOf, expectCode } from './reference/throws.ts';
import type { NoteVector, TextVector } from './vectors/checkpoints.ts';

const utf8 = (text: string) => new Uint8Array(Buffer.from(text));
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const texts = readVectors<TextVector[]>('checkpoints/texts.json');
const notes = readVectors<NoteVector[]>('checkpoints/notes.json');

describe('texts', () => {
  it.each(texts)('$desc', ({ text, wantErr, origin, size, root, extensions }) => {
    expect(codeOf(() => parseCheckpoint(text))).toBe(wantErr);
    if (wantErr !== null) return;
    const checkpoint = parseCheckpoint(text);
    expect({ ...checkpoint, root: base64(checkpoint.root) }).toEqual({ origin, size, root, extensions });
    expect(formatCheckpoint(checkpoint)).toBe(text);
  });
});

describe('notes', () => {
  it.each(notes)('$desc', ({ note, origin, keys, wantErr, size, root, key }) => {
    const held = keys.map(parseVerifierKey);
    const open = () => openCheckpoint(utf8(note), { origin, keys: held });
    expect(codeOf(open)).toBe(wantErr);
    expect(codeOf(() => openCheckpoint(utf8(note), { origin, keys: held, verify: nodeVerifyEd25519 }))).toBe(wantErr);
    if (wantErr !== null) return;
    const opened = open();
    expect(opened.checkpoint).toMatchObject({ origin, size, extensions: [] });
    expect(base64(opened.checkpoint.root)).toBe(root);
    expect(opened.key.vkey).toBe(key);
    expect(note.startsWith(opened.signed.text)).toBe(true);
  });

  it('are refused where they are not UTF-8', () => {
    const [{ note, origin, keys }] = notes as [NoteVector];
    const bytes = utf8(note);
    bytes[0] = 0xff;
    expectCode(() => openCheckpoint(bytes, { origin, keys: keys.map(parseVerifierKey) }), 'CHECKPOINT_MALFORMED');
  });
});

it('the vectors are mostly negative', () => {
  const all = [...texts, ...notes];
  expect(all.filter(({ wantErr }) => wantErr !== null).length).toBeGreaterThan(50);
  expect(texts.filter(({ wantErr }) => wantErr !== null).length).toBeGreaterThan(texts.length / 2);
  expect(notes.filter(({ wantErr }) => wantErr !== null).length).toBeGreaterThan(notes.length / 2);
});

// C2SP's rules as one expression: what it takes is what the parser must take, and nothing else.
const literal = /^(?:[^\n]+\n)(?:0|[1-9][0-9]*)\n[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\n(?:[^\n]+\n)*$/;
// oxlint-disable-next-line no-control-regex -- which is the rule
const control = /[\u0000-\u0009\u000b-\u001f]/;
const isCheckpoint = (text: string) =>
  literal.test(text) && !control.test(text) && text.isWellFormed() && BigInt(text.split('\n')[1]!) < 2n ** 53n;

const line = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .map((text) => text.replaceAll(/[\u0000-\u001f]/g, '·')); // oxlint-disable-line no-control-regex
const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc.record({
  origin: line,
  size: fc.oneof(fc.maxSafeNat(), fc.nat(3)),
  root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  extensions: fc.array(line, { maxLength: 3 }),
});

describe('the parser', () => {
  it('reads back what is written', () => {
    fc.assert(
      fc.property(anyCheckpoint, (checkpoint) => {
        const text = formatCheckpoint(checkpoint);
        expect(isCheckpoint(text)).toBe(true);
        expect(parseCheckpoint(text)).toEqual(checkpoint);
      }),
    );
  });

  it('takes what the rules take, after any change', () => {
    let taken = 0;
    const change = fc.record({
      at: fc.nat(),
      drop: fc.nat(2),
      put: fc.oneof(
        fc.constantFrom('', '\n', '0', '9', '-', '=', 'A', ' ', '\r', '\t', '\u007f', '\ufeff'),
        fc.string({ unit: 'binary', maxLength: 2 }),
      ),
    });
    fc.assert(
      fc.property(anyCheckpoint, change, (checkpoint, { at, drop, put }) => {
        const text = formatCheckpoint(checkpoint);
        const where = at % (text.length + 1);
        const changed = text.slice(0, where) + put + text.slice(where + drop);
        const code = codeOf(() => parseCheckpoint(changed));
        expect({ changed, code }).toEqual({ changed, code: isCheckpoint(changed) ? null : 'CHECKPOINT_MALFORMED' });
        if (code === null && changed !== text) taken++;
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});

describe('formatCheckpoint', () => {
  const good: Checkpoint = { origin: 'log.example', size: 7, root: new Uint8Array(32), extensions: [] };
  it.each<[string, Partial<Checkpoint>]>([
    ['an empty origin', { origin: '' }],
    ['an origin of two lines', { origin: 'a\n5' }],
    ['an origin that brings a whole checkpoint', { origin: `a\n5\n${'A'.repeat(43)}=` }],
    ['half a surrogate pair', { origin: '\ud800' }],
    ['a negative size', { size: -1 }],
    ['half a leaf', { size: 0.5 }],
    ['a size of 2^53', { size: 2 ** 53 }],
    ['no number', { size: Number.NaN }],
    ['a root of 31 bytes', { root: new Uint8Array(31) }],
    ['an empty extension line', { extensions: [''] }],
    ['two extension lines in one', { extensions: ['a\nb'] }],
  ])('refuses %s', (_, change) => expectCode(() => formatCheckpoint({ ...good, ...change }), 'CHECKPOINT_MALFORMED'));
});

describe('openCheckpoint', () => {
  const signer = signerFromSeed('log.example', new Uint8Array(32).fill(3));

  it('says who was asked for and who signed, in few words', async () => {
    const text = formatCheckpoint({
      origin: 'log.example',
      size: 1,
      root: new Uint8Array(32),
      extensions: ['x'.repeat(9999)],
    });
    const note = await signNote(text, signerFromSeed(`thief.example/${'y'.repeat(200)}`, new Uint8Array(32).fill(4)));
    const error = coreErrorOf(() => openCheckpoint(note, { origin: 'log.example', keys: [signer.key] }));
    expect(error.code).toBe('CHECKPOINT_UNSIGNED');
    expect(error.evidence['expected']).toEqual([signer.key.vkey]);
    expect(JSON.stringify(error.evidence).length).toBeLessThan(500);
  });

  it('asks for no signature where origin or form say no', async () => {
    const verify = () => expect.fail('a signature was checked');
    const note = await signNote(`other.example\n1\n${'A'.repeat(43)}=\n`, signer);
    expectCode(() => openCheckpoint(note, { origin: 'log.example', keys: [signer.key], verify }), 'CHECKPOINT_ORIGIN');
    const broken = await signNote('log.example\n1\n', signer);
    expectCode(
      () => openCheckpoint(broken, { origin: 'log.example', keys: [signer.key], verify }),
      'CHECKPOINT_MALFORMED',
    );
  });
});
