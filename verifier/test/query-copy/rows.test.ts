// What the reader of the copy does with a server that lies, breaks off or does not answer.
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { rowColumns, rowOf } from '@tallystick/schemas/row';
import { clickHouseRows } from '../../src/query-copy/clickhouse-rows.ts';
import { compareCells } from '../../src/query-copy/compare-cells.ts';
import type { CopiedCell } from '../../src/query-copy/compare-cells.ts';
import { linesOf } from '../../src/query-copy/lines.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function answering(answer: (response: ServerResponse, url: URL) => void, deadlineMs = 300) {
  const server = createServer((request, response) => answer(response, new URL(request.url ?? '', 'http://h'))).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const rows = clickHouseRows({ url: `http://127.0.0.1:${port}`, database: 'd', deadlineMs });
  closing.push(
    async () => await rows.close(),
    async () => await new Promise((resolve) => server.close(resolve).closeAllConnections()),
  );
  return rows;
}

const place = { topic: 't', generation: 0, partition: 0 };
const row = rowOf({
  ...{ ...place, offset: 0, timestamp: 1n, key: null, value: null },
  content: { status: 'undecodable', code: 'C', message: 'm' },
}).map((cell): CopiedCell =>
  cell !== null && typeof cell === 'object' && !Array.isArray(cell) ? [] : (cell as CopiedCell),
);

describe('a server', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    ['that never answers', () => undefined],
    ['that stops in the middle', (response) => void response.writeHead(200).write(`${JSON.stringify(row)}\n[1,`)],
    ['that breaks off', (response) => void response.writeHead(200, { 'content-length': '99' }).end('[1]\n')],
    [
      'that answers an error',
      (response) => void response.writeHead(500).end('Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)'),
    ],
    ['that answers no JSON', (response) => void response.end('hello\n')],
    ['that answers an object', (response) => void response.end('{"a":1}\n')],
    ['that answers too few cells', (response) => void response.end('["t",0,0,"0"]\n')],
    ['that answers rows before those asked for', (response) => void response.end(`${JSON.stringify(row)}\n`)],
  ])('%s is unavailable, in time', async (_, answer) => {
    const rows = await answering(answer);
    const reading = async () => {
      for await (const each of rows.rows(place, 5, 10)) expect(each).toBeNull();
    };
    await expect(reading()).rejects.toMatchObject({ code: 'COPY_UNAVAILABLE' });
  });

  it('gives rows in slices, and says which rows were looked up together', async () => {
    const at = rowColumns.findIndex(({ name }) => name === 'offset');
    const line = (offset: number) => `${JSON.stringify(row.with(at, String(offset)))}\n`;
    const rows = await answering((response, url) => {
      const from = Number(url.searchParams.get('param_from'));
      response.end(Array.from({ length: from === 0 ? 20_000 : 5 }, (_, i) => line(from + i)).join(''));
    }, 30_000);
    const slices: (number | undefined)[] = [];
    for await (const { offset, slice } of rows.rows(place, 0, 30_000)) slices[offset] = slice;
    expect(slices).toHaveLength(20_005);
    expect(new Set(slices.slice(0, 20_000))).toEqual(new Set([0]));
    expect(slices.slice(20_000)).toEqual([1, 1, 1, 1, 1]);
  });

  it('whose list of partitions never ends is unavailable, in bounded memory', async () => {
    const line = '[0,"1","1","0","0"]\n'.repeat(5_000);
    const rows = await answering((response) => {
      const more = (): void =>
        void (response.destroyed || (response.write(line) ? setImmediate(more) : response.once('drain', more)));
      more();
    });
    await expect(rows.extents('t')).rejects.toMatchObject({ code: 'COPY_UNAVAILABLE' });
  });

  it('whose other topics never end is unavailable, in bounded memory', async () => {
    const line = '["61","1",0,"1","1","0","0"]\n'.repeat(5_000);
    const rows = await answering((response) => {
      const more = (): void =>
        void (response.destroyed || (response.write(line) ? setImmediate(more) : response.once('drain', more)));
      more();
    });
    const reading = async () => {
      for await (const each of rows.others('t')) expect(each).toMatchObject({ topic: 'a', rows: 1 });
    };
    await expect(reading()).rejects.toMatchObject({ code: 'COPY_UNAVAILABLE' });
  });

  it.each(['["61","1",0,"1","1","0"]', '["61","1",null,"1","1","0","0"]', '["61","1",-1,"1","1","0","0"]'])(
    'that answers the other topic %s is unavailable',
    async (line) => {
      const rows = await answering((response) => void response.end(line));
      const reading = async () => {
        for await (const each of rows.others('t')) expect(each).toBeNull();
      };
      await expect(reading()).rejects.toMatchObject({ code: 'COPY_UNAVAILABLE' });
    },
  );

  it('is told to give all rows, whatever the settings of the user are', async () => {
    const asked: URL[] = [];
    const rows = await answering((response, url) => {
      asked.push(url);
      response.end();
    }, 60_000);
    await rows.extents('t');
    expect(Object.fromEntries(asked[0]?.searchParams ?? [])).toMatchObject({
      ...{ additional_table_filters: '{}', additional_result_filter: '', limit: '0', offset: '0', final: '0' },
      ...{ read_overflow_mode: 'throw', result_overflow_mode: 'throw', timeout_overflow_mode: 'throw' },
      ...{ group_by_overflow_mode: 'throw', sort_overflow_mode: 'throw' },
    });
  });

  it.each(['ftp://x', 'nowhere', 'http://'])('%s is refused', (url) => {
    expect(() => clickHouseRows({ url, database: 'd' })).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }));
  });

  it('a database name that is SQL is refused', () => {
    expect(() => clickHouseRows({ url: 'http://h', database: 'd; DROP' })).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    );
  });
});

describe('lines', () => {
  const read = async (chunks: readonly string[], maxLineBytes = 100): Promise<string[]> => {
    const lines: string[] = [];
    const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
    for await (const line of linesOf(stream, { maxLineBytes, waitMs: 60_000 })) lines.push(line.toString());
    return lines;
  };

  it('are put together from any chunks', async () => {
    expect(await read(['a', 'b\nc', '\n\nd\n', 'e'])).toEqual(['ab', 'c', '', 'd', 'e']);
  });

  it('never grow without end', async () => {
    await expect(read(['x'.repeat(60), 'x'.repeat(60)])).rejects.toThrow('more than 100 bytes');
  });
});

describe('cells', () => {
  const columns = [
    { name: 'a', type: 'Int64', comment: '' },
    { name: 'b', type: 'Map(String, String)', comment: '' },
    { name: 'c', type: 'Nullable(Bool)', comment: '' },
  ] as const;

  it('are equal across the ways numbers are written', () => {
    expect(compareCells(columns, [7, { k: 'v' }, null], ['7', [['k', 'v']], null])).toEqual([]);
    expect(compareCells(columns, ['9007199254740993', {}, true], ['9007199254740993', [], true])).toEqual([]);
  });

  it.each<[string, CopiedCell[]]>([
    ['a', ['8', [['k', 'v']], null]],
    ['a', [null, [['k', 'v']], null]],
    ['b', ['7', [['k', 'w']], null]],
    [
      'b',
      [
        '7',
        [
          ['k', 'v'],
          ['k', 'v'],
        ],
        null,
      ],
    ],
    ['b', ['7', [], null]],
    ['c', ['7', [['k', 'v']], false]],
    ['c', ['7', [['k', 'v']], 'null']],
  ])('column %s is named in %j', (column, found) => {
    expect(compareCells(columns, [7, { k: 'v' }, null], found).map((each) => each.column)).toEqual([column]);
  });

  it('are shown cut', () => {
    const [altered] = compareCells(columns, [7, {}, null], ['9'.repeat(5_000), [], null]);
    expect(altered?.found.length).toBeLessThan(300);
    expect(rowColumns.length).toBeGreaterThan(60);
  });
});
