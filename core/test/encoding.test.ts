import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  concatBytes,
  decodeBase64,
  decodeUtf8,
  encodeBase64,
  encodeUtf8,
  equalBytes,
  excerpt,
  isKeyName,
  isName,
  isTopicId,
  parseDecimal,
} from '@tallystick/core/encoding';
import { codeOf, expectCode } from './reference/throws.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('base64', () => {
  it('is RFC 4648 section 10', () => {
    const vectors = {
      '': '',
      f: 'Zg==',
      fo: 'Zm8=',
      foo: 'Zm9v',
      foob: 'Zm9vYg==',
      fooba: 'Zm9vYmE=',
      foobar: 'Zm9vYmFy',
    };
    for (const [text, base64] of Object.entries(vectors)) {
      expect(encodeBase64(encodeUtf8(text))).toBe(base64);
      expect(decodeBase64(base64)).toEqual(encodeUtf8(text));
    }
  });

  it('is that of Node, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        expect(encodeBase64(data)).toBe(Buffer.from(data).toString('base64'));
        expect(decodeBase64(encodeBase64(data))).toEqual(data);
      }),
    );
  });

  it('has one text for one value: it decodes exactly what encodes to the same text', () => {
    const unit = fc.constantFrom('A', 'B', 'Q', 'w', '/', '+', '=', '8', '9', '-', '_', ' ', '\n', 'é', '\u0141');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 8 }), (text) => {
        const canonical = Buffer.from(text, 'base64').toString('base64') === text;
        expect(codeOf(() => decodeBase64(text))).toBe(canonical ? null : 'ENCODING_INVALID');
        if (canonical) expect(encodeBase64(decodeBase64(text))).toBe(text);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    'A',
    'AA',
    'AAA',
    'AAAAA',
    '====',
    'A===',
    '=AAA',
    'AA=A',
    'A=AA',
    'AB==',
    'AAB=',
    'AA==AAAA',
    'AAAA====',
    ' AAAA',
    'AAA\n',
    'AA-_',
    'AAAA\u0000AAA',
    'ÄAAA',
    '\u0141AAA',
    '😀AA',
  ])('refuses %j', (text) => expectCode(() => decodeBase64(text), 'ENCODING_INVALID'));
});

describe('UTF-8', () => {
  it('goes both ways, a byte order mark kept', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
    expect(decodeUtf8(bytes(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
    expect(encodeUtf8('\ufeffa')).toEqual(bytes(0xef, 0xbb, 0xbf, 0x61));
  });

  it.each([
    ['a lone continuation byte', bytes(0x80)],
    ['a cut-off character', bytes(0xe2, 0x80)],
    ['an overlong slash', bytes(0xc0, 0xaf)],
    ['a surrogate', bytes(0xed, 0xa0, 0x80)],
    ['above U+10FFFF', bytes(0xf4, 0x90, 0x80, 0x80)],
    ['ff', bytes(0x61, 0xff)],
  ])('refuses %s', (_, data) => expectCode(() => decodeUtf8(data), 'ENCODING_INVALID'));

  it.each(['\ud800', 'a\udc00b', '\udc00\ud800'])('refuses half a surrogate pair %#', (text) =>
    expectCode(() => encodeUtf8(text), 'ENCODING_INVALID'),
  );
});

describe('decimal numbers', () => {
  it.each([
    ['0', 0],
    ['7', 7],
    ['10', 10],
    ['9007199254740991', 2 ** 53 - 1],
  ])('reads %s', (text, value) => expect(parseDecimal(text)).toBe(value));

  it('reads what a number prints', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(parseDecimal(String(value))).toBe(value);
      }),
    );
  });

  it.each([
    '',
    '-',
    '-1',
    '-0',
    '+1',
    '00',
    '01',
    '1.0',
    '1e3',
    '1n',
    '0x1',
    ' 1',
    '1 ',
    '1\n',
    '1_000',
    '１',
    '٣',
    '9007199254740992',
    '9999999999999999',
    '18446744073709551616',
    'NaN',
    'Infinity',
  ])('refuses %j', (text) => expectCode(() => parseDecimal(text), 'ENCODING_INVALID'));
});

describe('names', () => {
  it.each(['a', '!', '~', 'audit.events', 's3://bucket/key', 'x'.repeat(255), 'tallystick.local/acme'])(
    'takes %s',
    (text) => {
      expect(isName(text)).toBe(true);
      expect(isKeyName(text)).toBe(true);
    },
  );

  it.each(['', ' ', 'a b', 'a\n', '\na', 'a\t', 'a\u007f', 'a\u0000', 'é', 'a\u00a0', '—', 'x'.repeat(256)])(
    'refuses %j',
    (text) => {
      expect(isName(text)).toBe(false);
      expect(isKeyName(text)).toBe(false);
    },
  );

  it('allows a plus but in the names of logs, sources and keys', () => {
    expect(isName('a+b')).toBe(true);
    expect(isKeyName('a+b')).toBe(false);
  });
});

describe('topic ids', () => {
  it('are 16 bytes in URL-safe base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (id) => {
        expect(isTopicId(Buffer.from(id).toString('base64url'))).toBe(true);
      }),
    );
  });

  it.each([
    '',
    'A'.repeat(21),
    'A'.repeat(23),
    `${'A'.repeat(21)}B`,
    `${'A'.repeat(20)}+A`,
    `${'A'.repeat(20)}/A`,
    `${'A'.repeat(22)}==`,
    `${'A'.repeat(22)}\n`,
  ])('refuse %j', (text) => expect(isTopicId(text)).toBe(false));
});

describe('bytes', () => {
  it('compare by content and length', () => {
    expect(equalBytes(bytes(), bytes())).toBe(true);
    expect(equalBytes(bytes(1, 2), Buffer.from([1, 2]))).toBe(true);
    expect(equalBytes(bytes(1, 2), bytes(1, 3))).toBe(false);
    expect(equalBytes(bytes(1, 2), bytes(1))).toBe(false);
    expect(equalBytes(bytes(1), bytes(1, 0))).toBe(false);
  });

  it('join into an array of their own', () => {
    const part = bytes(1, 2);
    const joined = concatBytes(part, bytes(), bytes(3));
    expect(joined).toEqual(bytes(1, 2, 3));
    part[0] = 9;
    expect(joined[0]).toBe(1);
    expect(concatBytes()).toEqual(bytes());
  });

  it('are quoted short and on one line in messages', () => {
    expect(excerpt('a\nb"')).toBe('"a\\nb\\""');
    expect(excerpt('x'.repeat(1000)).length).toBeLessThan(90);
  });
});
