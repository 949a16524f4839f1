import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitRecords } from '../src/cloudtrail/record-splitter.ts';
import type { Piece } from '../src/cloudtrail/record-splitter.ts';

async function* chunked(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

const isRecord = (bytes: Uint8Array): boolean => {
  try {
    return 'r' in (JSON.parse(Buffer.from(bytes).toString()) as object);
  } catch {
    return false;
  }
};

async function split(text: string | Uint8Array, size = 7, longest = 10_000): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const piece of splitRecords(chunked(text, size), { longest, isRecord })) pieces.push(piece);
  return pieces;
}

/** Records as their text, broken ones as `!line:column`. */
async function shape(text: string | Uint8Array, size = 7, longest = 10_000): Promise<string[]> {
  return (await split(text, size, longest)).map(({ kind, bytes, line, column }) =>
    kind === 'broken' ? `!${String(line)}:${String(column)}` : Buffer.from(bytes).toString(),
  );
}

const a = '{"r":1,"x":{"y":[1,{"z":"}{][\\"\\\\"}]}}';
const b = '{"r":2}';
const c = '{ "r" : 3 }';

describe('splitRecords', () => {
  it.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['white space', ' \r\n\t\n', []],
    ['one object', a, [a]],
    ['lines', `${a}\n${b}\n`, [a, b]],
    ['lines without a last end', `${a}\n${b}`, [a, b]],
    ['lines with CRLF and empty ones', `\r\n${a}\r\n\r\n\n${b}\r\n`, [a, b]],
    ['a byte order mark', `\ufeff${a}\n${b}`, [a, b]],
    ['files joined, marks included', `\ufeff{"Records":[${a}]}\ufeff{"Records":[${b}]}${c}[${a}]`, [a, b, c, a]],
    ['Records', `{"Records":[${a},${b}]}`, [a, b]],
    ['pretty Records', `{\n  "Records" : [\n    ${a} ,\n    ${c}\n  ]\n}\n`, [a, c]],
    ['Records among other members', `{"v":{"Records":[9]},"w":"Records","Records":[${a}],"more":[1,2,{"q":3}]}`, [a]],
    ['no records', '{"Records":[]}', []],
    ['Records twice', `{"Records":[${a}],"Records":[${b}]}`, [a, b]],
    ['Records that is no list', '{"Records":{"r":1}}', ['{"Records":{"r":1}}']],
    ['Records written with escapes is another key', '{"\\u0052ecords":[1]}', ['{"\\u0052ecords":[1]}']],
    ['Records inside a record', `[{"r":1,"Records":[2]}]`, ['{"r":1,"Records":[2]}']],
    ['a list', `[${a},${b}]`, [a, b]],
    ['a list over lines', `[\n${a},\n${b}\n]`, [a, b]],
    ['objects back to back', `${a}${b} ${c}`, [a, b, c]],
    [
      'things in a list that are no objects',
      `[${c}, null, 1.5e3, "x", [${b}], ${a}]`,
      [c, 'null', '1.5e3', '"x"', `[${b}]`, a],
    ],
    ['an empty list', '[ ]', []],
  ])('reads %s', async (_, text, expected) => {
    for (const size of [1, 3, 64, 100_000]) expect(await shape(text, size)).toEqual(expected);
  });

  it.each<[string, string, string[]]>([
    ['a line of text', `hello world\n${b}`, ['!1:1', b]],
    ['lines of a log', `[INFO] starting\n[12:00] ready\n${b}`, ['!1:1', b]],
    ['a list behind dirt', `oops\n[${a},\n${b}]`, ['!1:1', a, b]],
    ['a broken line between good ones', `${a}\n{"r":}\n${b}`, [a, '!2:1', b]],
    ['a line cut off in a text', `{"r":"abc\n${b}\n${c}`, ['!1:1', b, c]],
    ['a line cut off after a colon', `{"r":\n${b}\n${c}`, ['!1:1', b, c]],
    ['a line cut off in a list', `{"r":[1,\n${b}\n${c}`, ['!1:1', b, c]],
    ['a line cut off before its end brace', `{"r":{"q":1\n${b}`, ['!1:1', b]],
    ['the last line cut off', `${b}\n{"r":[{"x":1},`, [b, '!2:1']],
    ['two objects in a line with dirt between', `${a} xyz\n${b}`, [a, '!1:40', b]],
    ['a stray end', `${b}\n]\n}\n${c}`, [b, '!2:1', c]],
    ['a broken record in Records', `{"Records":[${a},{"r":oops"},${b}]}`, [a, '!1:52', b]],
    ['a quote missing in Records', `{"Records":[${a},{"r:1,"x":{"y":"z"}},${b},${c}]}`, [a, '!1:52', b, c]],
    ['a brace missing in Records', `{"Records":[{"r":1,"x":{"y":2},${b},${c}]}`, ['!1:13', b, c]],
    [
      'a broken record in pretty Records',
      `{"Records": [\n  {"r": 1,,},\n  ${b}\n]}\n{"Records":[${c}]}`,
      ['!2:3', b, c],
    ],
    ['Records cut off', `{"Records":[${a},${b}`, [a, b, '!1:59']],
    ['Records cut off in a record', `{"Records":[${a},{"r":`, [a, '!1:52']],
    ['dirt after Records', `{"Records":[${b}]x}\n${c}`, [b, '!1:21', '!1:21', c]],
  ])('reports %s and reads the others', async (_, text, expected) => {
    for (const size of [1, 5, 100_000]) {
      const found = await shape(text, size);
      expect(found.filter((each) => !each.startsWith('!'))).toEqual(expected.filter((each) => !each.startsWith('!')));
      expect(found.filter((each) => each.startsWith('!')).length).toBeGreaterThan(0);
      expect(found[expected.findIndex((each) => each.startsWith('!'))]).toBe(
        expected.find((each) => each.startsWith('!')),
      );
    }
  });

  it('finds a new document behind one that breaks off', async () => {
    expect(await shape(`{"Records":[${a},{"r":"x\n{"Records":[${b}]}`)).toEqual([a, '!1:52', b]);
  });

  it('reports a record that is too long, holds little of it, and goes on behind it', async () => {
    const long = `{"r":"${'x'.repeat(5_000)}","s":{}}`;
    const pieces = await split(`{"Records":[${b},${long},${c}]}\n${long}\n${b}`, 64, 1_000);
    expect(pieces.map(({ kind }) => kind)).toEqual(['record', 'broken', 'record', 'broken', 'record']);
    expect(pieces[1]?.bytes.length).toBeLessThanOrEqual(200);
    expect(pieces[1]?.reason).toContain('more than 1000 bytes');
  });

  it('holds one record, not the file', async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('{"Records":[');
      for (let n = 0; n < 20_000; n++) {
        given += 1;
        yield await Promise.resolve(Buffer.from(`${n === 0 ? '' : ','}${a}`));
      }
      yield Buffer.from(']}');
    }
    let taken = 0;
    for await (const piece of splitRecords(endless(), { longest: 1_000, isRecord })) {
      expect(piece.kind).toBe('record');
      taken += 1;
      expect(given - taken).toBeLessThan(3);
    }
    expect(taken).toBe(20_000);
  });

  it('does not recurse or slow down on nesting without end', async () => {
    expect((await shape(`${'{"a":['.repeat(50_000)}\n${b}`, 4_096, 1_000_000)).at(-1)).toBe(b);
    expect((await shape(`{"Records":[${',{"a":[{}'.repeat(20_000)}\n${b}`, 4_096, 100_000)).at(-2)).toBe(b);
  });

  it('agrees with JSON.parse on any layout', async () => {
    const value = fc.jsonValue({ maxDepth: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.string(), value).filter((record) => !('Records' in record))),
        fc.constantFrom(undefined, 1, 2),
        fc.nat(3),
        fc.integer({ min: 1, max: 50 }),
        async (records, indent, layout, size) => {
          const texts = records.map((record) => JSON.stringify(record, null, indent));
          const file =
            [
              texts.join('\n'),
              `{"Records":[${texts.join(',')}]}`,
              JSON.stringify(records, null, indent),
              texts.join(''),
            ][layout] ?? '';
          const pieces = await split(file, size, 1_000_000);
          expect(
            pieces.map(
              ({ kind, bytes }) => (kind === 'record' ? JSON.parse(Buffer.from(bytes).toString()) : kind) as unknown,
            ),
          ).toEqual(texts.map((text) => JSON.parse(text) as unknown));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('comes to an end on any bytes', async () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '\n',
      ' ',
      '"Records"',
      '{"Records":[',
      '{"r":1}',
      'null',
      '1',
      'é',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(token, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), async (tokens, size) => {
        const text = tokens.join('');
        const pieces = await split(text, size);
        for (const { kind, bytes } of pieces)
          if (kind === 'record') expect(text).toContain(Buffer.from(bytes).toString());
        expect(pieces.map(({ number }) => number)).toEqual(pieces.map((_, index) => index + 1));
      }),
      { numRuns: 2_000 },
    );
  });

  it('finds a good line behind any broken one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(a.length - 1), fc.integer({ min: 1, max: 9 }), async (cut, size) => {
        const found = await shape(`${a.slice(0, cut)}\n${b}\n${c}\n`, size);
        expect(found.slice(-2)).toEqual([b, c]);
      }),
    );
  });
});
