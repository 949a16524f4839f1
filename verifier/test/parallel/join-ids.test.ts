// Ids joined by several threads give the pairs that one thread finds, whatever becomes of the threads.
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { joinIds } from '../../src/content/id-join.ts';
import type { IdPair } from '../../src/content/id-join.ts';
import { IdSpill } from '../../src/content/id-spill.ts';
import type { SpilledIds } from '../../src/content/id-spill.ts';
import { joinShared } from '../../src/parallel/join-ids.ts';
import { ThreadPool } from '../../src/parallel/thread-pool.ts';
import type { PoolOptions } from '../../src/parallel/thread-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-join-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const options: PoolOptions = {
  threads: 1,
  reopen: { kind: 'bundle', file: join(folder, 'none') },
  deadlineMs: 20_000,
  schemas: null,
  signal: undefined,
  meter: { add: () => undefined },
  here: () => Promise.resolve(null),
};

/** Lists of ids of which some are drawn from a few, so that they repeat, and a last one that is too small for a file. */
function lists(each: number, common: number): SpilledIds[] {
  const few = Array.from({ length: 500 }, () => randomId());
  const spilled = [each, each, each, 50].map((count) => {
    const spill = new IdSpill(folder);
    for (let offset = 0; offset < count; offset++)
      spill.add(randomInt(each) < common ? few[randomInt(few.length)]! : randomId(), offset);
    return spill.finish();
  });
  expect(spilled.map(({ file }) => file !== null)).toEqual([true, true, true, false]);
  return spilled;
}

function randomId(): Uint32Array {
  const bytes = randomBytes(16);
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 16));
}

type Join = (lists: readonly SpilledIds[], each: (pair: IdPair) => void) => Promise<void>;

async function found(how: Join, of: readonly SpilledIds[]): Promise<string[]> {
  const pairs: string[] = [];
  await how(of, ({ first, firstOffset, second, secondOffset }) => {
    pairs.push(`${first}:${firstOffset} ${second}:${secondOffset}`);
  });
  return pairs.sort();
}

/** With a pool whose threads run this code; without, its own. */
async function shared(of: readonly SpilledIds[], code?: string, more: Partial<PoolOptions> = {}): Promise<string[]> {
  const entry = join(folder, `thread-${randomInt(2 ** 40)}.mjs`);
  writeFileSync(entry, `import { parentPort } from 'node:worker_threads';\n${code}`);
  const pool = new ThreadPool({ ...options, ...more, ...(code === undefined ? {} : { entry: pathToFileURL(entry) }) });
  try {
    return await found(async (each, pair) => await joinShared(pool, each, pair), of);
  } finally {
    await pool.close();
  }
}

describe('ids shared out among threads', () => {
  test('give the same pairs', async () => {
    const of = lists(30_000, 600);
    const alone = await found(joinIds, of);
    expect(alone.length).toBeGreaterThan(500);
    expect(await shared(of)).toEqual(alone);
    // Without the owner, so that the thread joins all of them.
    const { here: _here, ...others } = options;
    const pool = new ThreadPool(others);
    expect(await found(async (each, pair) => await joinShared(pool, each, pair), of)).toEqual(alone);
    await pool.close();
  });

  test('so many pairs that they are not sent around are found too', async () => {
    const same = randomId();
    const spill = new IdSpill(folder);
    for (let offset = 0; offset < 60_000; offset++) spill.add(same, offset);
    const of = [spill.finish()];
    const alone = await found(joinIds, of);
    expect(alone).toHaveLength(59_999);
    expect(await shared(of)).toEqual(alone);
  });

  test.each([
    ['dies', 'parentPort.on("message", () => { throw new Error("boom"); });'],
    ['ends', 'parentPort.on("message", () => process.exit(0));'],
    ['gives them back', given('pairs: null')],
    ['answers another question', given('pairs: []').replace("'joined'", "'done'")],
    ['answers with another number', given('pairs: []').replace('message.task.id', '77')],
  ])('a thread that %s costs no pair', async (_name, code) => {
    const of = lists(20_000, 400);
    expect(await shared(of, code)).toEqual(await found(joinIds, of));
  });

  test('a file that is gone is the error that it is for one', async () => {
    const of = lists(20_000, 400);
    rmSync(of[1]!.file!);
    await expect(found(joinIds, of)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(shared(of)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a run that is cancelled ends', async () => {
    const stop = new AbortController();
    const { here: _here, ...others } = options;
    const silent = join(folder, 'silent.mjs');
    writeFileSync(silent, 'setInterval(() => undefined, 1_000);');
    const pool = new ThreadPool({ ...others, signal: stop.signal, entry: pathToFileURL(silent) });
    const joined = found(async (each, pair) => await joinShared(pool, each, pair), lists(20_000, 400));
    setTimeout(() => stop.abort(), 50);
    await expect(joined).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    await pool.close();
  });
});

function given(fields: string): string {
  return `parentPort.on('message', (message) => parentPort.postMessage({ kind: 'joined', id: message.task.id, ${fields} }));`;
}
