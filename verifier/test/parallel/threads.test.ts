// Real threads over a bundle: the verdict of one, of several, and of several of which one dies.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SchemasError } from '@tallystick/schemas/errors';
import { afterAll, describe, expect, test } from 'vitest';
import { ThreadPool } from '../../src/parallel/thread-pool.ts';
import type { PoolOptions } from '../../src/parallel/thread-pool.ts';
import type { ShardTask } from '../../src/parallel/shard-message.ts';
import type { Verdict } from '../../src/verdict.ts';
import { BundleFolder, withBundle } from '../bundle/bundles.ts';
import { summary, topics, World } from '../support/world.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

async function verdictOf(file: string, workers: number): Promise<Verdict> {
  return await withBundle(file, ({ records, manifest }) =>
    folderWorld.verify({ log: records, scope: manifest.scope, workers, reopen: { kind: 'bundle', file } }),
  );
}
const folderWorld = new World();

/** A verdict without what differs from run to run. */
function plain({ startedAt: _startedAt, durationMs: _durationMs, rates: _rates, ...verdict }: Verdict): object {
  return verdict;
}

describe('a bundle read by threads', () => {
  test('one, two and three threads give one verdict', async () => {
    const world = await World.small({ partitions: 3 });
    const { file } = await folder.export(world);
    const alone = await verdictOf(file, 1);
    expect(alone).toMatchObject({ exitCode: 0, checked: { events: 24 } });
    for (const workers of [2, 3]) expect(plain(await verdictOf(file, workers))).toEqual(plain(alone));
  });

  test('damage is found and named as by one', async () => {
    const world = await World.small({ partitions: 3 });
    world.cluster.flipByte(topics.events, 0, { offset: 2, at: -3, mendCrc: true });
    world.cluster.flipByte(topics.events, 1, { offset: 5 });
    const { file } = await folder.export(world);
    const alone = await verdictOf(file, 1);
    expect(alone.exitCode).toBe(1);
    expect(summary(alone).map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(['altered', 'bad-crc']));
    expect(plain(await verdictOf(file, 2))).toEqual(plain(alone));
  });

  test('a source that cannot be opened again is inconclusive, not verified', async () => {
    const world = await World.small();
    const { file } = await folder.export(world);
    const verdict = await withBundle(file, ({ records, manifest }) =>
      world.verify({
        log: records,
        scope: manifest.scope,
        workers: 2,
        reopen: { kind: 'bundle', file: join(folder.path, 'nothing') },
      }),
    );
    expect(verdict).toMatchObject({ exitCode: 3, checked: { events: 0 } });
    expect(verdict.findings).toMatchObject([{ code: 'unavailable', partition: 0, found: 'WORKER_FAILED' }]);
  });
});

/** Threads that run this code. */
function pool(code: string, options: Partial<PoolOptions> = {}): ThreadPool {
  const entry = join(folder.path, `thread-${++modules}.mjs`);
  writeFileSync(entry, `import { parentPort, threadId } from 'node:worker_threads';\n${code}`);
  return new ThreadPool({
    threads: 2,
    reopen: { kind: 'bundle', file: '' },
    deadlineMs: 20_000,
    schemas: null,
    signal: undefined,
    meter: { add: () => undefined },
    entry: pathToFileURL(entry),
    ...options,
  });
}
let modules = 0;

// The pool looks at none of it.
const task = {} as Omit<ShardTask, 'id'>;
const answering = `parentPort.on('message', (message) => {
  if (message.kind === 'shard') parentPort.postMessage({ kind: 'done', id: message.task.id, result: null });
});`;

describe('ThreadPool', () => {
  test('reads more shards than there are threads', async () => {
    const threads = pool(answering);
    expect(await Promise.all(Array.from({ length: 20 }, () => threads.read(task)))).toEqual(Array(20).fill(null));
    await threads.close();
  });

  test.each([
    ['throws', 'setTimeout(() => { throw new Error("boom"); }, 20);', /died: boom/],
    ['ends', 'parentPort.on("message", () => process.exit(0));', /ended by itself with code 0/],
    ['does not load', 'import "./nothing.mjs";', /died: /],
    [
      'has an error',
      answering.replace(/kind: 'done'.*result: null/, "kind: 'failed', id: message.task.id, message: 'no room'"),
      /no room/,
    ],
    ['answers another question', answering.replace('message.task.id', '77'), /was not asked/],
  ])('one that %s ends all, and nothing is read afterwards', async (_name, code, message) => {
    const threads = pool(code);
    const all = await Promise.allSettled([threads.read(task), threads.read(task), threads.read(task)]);
    for (const each of all) {
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'WORKER_FAILED' } });
      if (each.status === 'rejected') expect(String(each.reason)).toMatch(message);
    }
    await expect(threads.read(task)).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    await threads.close();
  });

  test('one that is silent for too long ends all', async () => {
    const threads = pool('parentPort.on("message", () => undefined);', { silentMs: 200 });
    await expect(threads.read(task)).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    await threads.close();
  });

  test('threads that are started before they are needed read as others do, and one that dies first is not passed over', async () => {
    const threads = pool(answering);
    threads.warmUp();
    expect(await Promise.all([threads.read(task), threads.read(task), threads.read(task)])).toEqual([null, null, null]);
    await threads.close();
    const dying = pool('import "./nothing.mjs";');
    dying.warmUp();
    await expect(dying.read(task)).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    await dying.close();
    const unused = pool(answering);
    unused.warmUp();
    await unused.close();
  });

  test('its owner reads too, one shard at a time, while the threads have theirs', async () => {
    let reading = 0;
    const most: number[] = [];
    const here = async () => {
      most.push(++reading);
      await new Promise((resolve) => setImmediate(resolve));
      reading -= 1;
      return null;
    };
    const threads = pool(answering, { threads: 1, here });
    expect(threads.size).toBe(2);
    await Promise.all(Array.from({ length: 30 }, () => threads.read(task)));
    expect(new Set(most)).toEqual(new Set([1]));
    await threads.close();
  });

  test('one that has much to do has its next before it is done, and no more than that; the last ones go to whoever is free', async () => {
    const waiting: number[] = [];
    const meter = { add: (bytes: number) => void waiting.push(bytes) };
    const threads = pool(
      `let has = 0;
      parentPort.on('message', (message) => {
        has += 1;
        parentPort.postMessage({ kind: 'progress', bytes: has, events: 0 });
        setTimeout(() => {
          has -= 1;
          parentPort.postMessage({ kind: 'done', id: message.task.id, result: null });
        }, 5);
      });`,
      { threads: 1, meter },
    );
    await Promise.all(Array.from({ length: 20 }, () => threads.read(task)));
    expect(waiting).toHaveLength(20);
    expect(Math.max(...waiting)).toBe(2);
    expect(waiting.at(-1)).toBe(1);
    await threads.close();
  });

  test('one that dies takes with it what it was given ahead', async () => {
    const threads = pool('let has = 0; parentPort.on("message", () => { if (++has === 2) process.exit(1); });', {
      threads: 1,
    });
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => threads.read(task)));
    for (const each of all) expect(each).toMatchObject({ status: 'rejected', reason: { code: 'WORKER_FAILED' } });
    await threads.close();
  });

  test('what its owner cannot read ends all', async () => {
    const here = () => Promise.reject(new TypeError('boom'));
    const threads = pool('parentPort.on("message", () => undefined);', { threads: 1, here });
    const all = await Promise.allSettled([threads.read(task), threads.read(task), threads.read(task)]);
    for (const each of all) expect(each).toMatchObject({ status: 'rejected', reason: { code: 'WORKER_FAILED' } });
    await threads.close();
  });

  test('closing it tells its owner to stop, and waits for that', async () => {
    let stopped = false;
    const here = async (_task: unknown, signal: AbortSignal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setImmediate(resolve));
      stopped = true;
      return null;
    };
    const threads = pool(answering, { threads: 0, here });
    const reading = expect(threads.read(task)).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    await new Promise((resolve) => setImmediate(resolve));
    await threads.close();
    expect(stopped).toBe(true);
    await reading;
  });

  test('an abort ends all', async () => {
    const stop = new AbortController();
    const threads = pool('parentPort.on("message", () => undefined);', { signal: stop.signal });
    const reading = threads.read(task);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    await expect(threads.read(task)).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    await threads.close();
  });

  test('closing it leaves no thread and no answer open', async () => {
    const threads = pool('parentPort.on("message", () => undefined);');
    const reading = threads.read(task);
    const seen = expect(reading).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    await threads.close();
    await seen;
  });

  test('progress and schemas go through it', async () => {
    const added: number[][] = [];
    const code = `parentPort.on('message', (message) => {
      if (message.kind === 'shard') {
        id = message.task.id;
        parentPort.postMessage({ kind: 'progress', bytes: 7, events: 3 });
        for (const schemaId of [1, 2]) parentPort.postMessage({ kind: 'schema', request: schemaId, schemaId });
      } else {
        seen.push(message);
        if (seen.length === 2) parentPort.postMessage({ kind: 'failed', id, message: JSON.stringify(seen) });
      }
    });
    let id; const seen = [];`;
    const threads = pool(code, {
      meter: { add: (...each) => void added.push(each) },
      schemas: {
        schemaById: async (id) => {
          await Promise.resolve();
          if (id === 1) return '"string"';
          throw new SchemasError('SCHEMA_UNKNOWN', 'there is none');
        },
      },
    });
    const failure = await threads.read(task).catch(String);
    expect(failure).toContain('{"kind":"schema","request":1,"text":"\\"string\\""}');
    expect(failure).toContain('{"kind":"no-schema","request":2,"code":"SCHEMA_UNKNOWN","message":"there is none"}');
    expect(added).toEqual([[7, 3]]);
    await threads.close();
  });
});
