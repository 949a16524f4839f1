import { tilePath } from '@tallystick/core/tiles';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LedgerError } from '../../src/errors.ts';
import type { LogStore } from '../../src/ports/log-store.ts';

/** Where a contract finds the stores it tries. */
export interface LogStoreWorld {
  /** A store on an empty log of its own; each call opens another one on the same log. */
  open(): LogStore;
  /** The service behind it sometimes refuses a write that meets a removal in its folder: retriable, and asked again. */
  readonly refusesInPassing?: true;
  /** Removes the log. */
  close(): Promise<void>;
}

export const bytesOf = (text: string) => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | null) => (bytes === null ? null : new TextDecoder().decode(bytes));

/** The code of what is thrown, or null where nothing is. */
export async function codeOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

export async function sorted(paths: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const path of paths) all.push(path);
  return all.sort();
}

/** Paths that no log has: each would lead out of it, or be another name for something in it. */
export const evilPaths = [
  '',
  '.',
  '..',
  '/checkpoint',
  'checkpoint/',
  './checkpoint',
  'Checkpoint',
  'checkpoints/00000000000000000001',
  '.tmp',
  '.tmp/x',
  'tile',
  'tile/',
  'tile/../checkpoint',
  'tile/0/../../../etc/passwd',
  'tile/0/..',
  'tile/0/0',
  'tile/0/0000',
  'tile/00/000',
  'tile/64/000',
  'tile/-1/000',
  'tile/0/x000/000',
  'tile/0/000.p',
  'tile/0/000.p/0',
  'tile/0/000.p/256',
  'tile/0/000.p/01',
  'tile/0/000.p/../1',
  'tile/0/000\n',
  'tile/0/000\u0000',
  'tile\\0\\000',
  'tile/entries/000.p/1/2',
  'tile/0/%2e%2e/000',
];

/** What every LogStore does, whatever stands behind it. */
export function logStoreContract(name: string, make: () => Promise<LogStoreWorld>): void {
  describe(`${name} keeps the contract of a log store`, () => {
    let world: LogStoreWorld;
    let store: LogStore;
    beforeAll(async () => {
      world = await make();
    });
    afterAll(async () => {
      await world.close();
    });
    beforeEach(async () => {
      store = world.open();
      await store.remove(await sorted(store.list('')));
    });

    it('reads null where nothing is', async () => {
      expect(await store.read('checkpoint', 100)).toBeNull();
      expect(await store.read('tile/0/x001/x234/067.p/9', 100)).toBeNull();
      expect(await sorted(store.list(''))).toEqual([]);
    });

    it('reads what was written, through any store on it, and what replaced it', async () => {
      await store.write('checkpoint', bytesOf('first'));
      expect(textOf(await world.open().read('checkpoint', 100))).toBe('first');
      await world.open().write('checkpoint', bytesOf('second'));
      expect(textOf(await store.read('checkpoint', 100))).toBe('second');
      await store.write('snapshot', new Uint8Array());
      expect(await store.read('snapshot', 0)).toEqual(new Uint8Array());
    });

    it('keeps every byte, and none that is changed afterwards', async () => {
      const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 7919) >> 3);
      const expected = bytes.slice();
      const writing = store.write('tile/0/000', bytes);
      await writing;
      bytes.fill(0);
      const read = await store.read('tile/0/000', 70_000);
      expect(read).toEqual(expected);
      read?.fill(1);
      expect(await store.read('tile/0/000', 70_000)).toEqual(expected);
    });

    it('writes many at once, and none', async () => {
      const objects = [0, 1, 255, 256, 999, 1_000, 1_234_067].flatMap((index) =>
        ([0, 5, 'entries'] as const).map((level) => {
          const path = tilePath({ level, index, width: index === 1 ? 3 : 256 });
          return { path, bytes: bytesOf(path) };
        }),
      );
      await store.writeAll(objects);
      await store.writeAll([]);
      for (const { path } of objects) expect(textOf(await store.read(path, 100))).toBe(path);
      expect(await sorted(store.list(''))).toEqual(objects.map(({ path }) => path).sort());
    });

    it('refuses a path that is given twice, and writes nothing then', async () => {
      const twice = ['checkpoint', 'tile/0/000', 'checkpoint'].map((path) => ({ path, bytes: bytesOf(path) }));
      expect(await codeOf(store.writeAll(twice))).toBe('LOG_STORE_INVALID');
      expect(await sorted(store.list(''))).toEqual([]);
    });

    it('reads up to the limit and nothing over it', async () => {
      await store.write('tile/0/000', new Uint8Array(1_000));
      expect(await store.read('tile/0/000', 1_000)).toHaveLength(1_000);
      expect(await codeOf(store.read('tile/0/000', 999))).toBe('LOG_STORE_INVALID');
      expect(await codeOf(store.read('tile/0/000', 0))).toBe('LOG_STORE_INVALID');
      await store.write('tile/0/001', new Uint8Array(3_000_000));
      expect(await codeOf(store.read('tile/0/001', 70_000))).toBe('LOG_STORE_INVALID');
      expect(await store.read('tile/0/000', 1_000)).toHaveLength(1_000);
    });

    it.each(evilPaths)('has no path %j', async (path) => {
      expect(await codeOf(store.read(path, 100))).toBe('LOG_STORE_INVALID');
      expect(await codeOf(store.write(path, bytesOf('x')))).toBe('LOG_STORE_INVALID');
      const all = [
        { path: 'checkpoint', bytes: bytesOf('x') },
        { path, bytes: bytesOf('x') },
      ];
      expect(await codeOf(store.writeAll(all))).toBe('LOG_STORE_INVALID');
      expect(await codeOf(store.remove(['checkpoint', path]))).toBe('LOG_STORE_INVALID');
      expect(await sorted(store.list(''))).toEqual([]);
    });

    it('lists what begins with a text', async () => {
      const paths = [
        'checkpoint',
        'snapshot',
        'tile/0/000',
        'tile/0/000.p/12',
        'tile/0/000.p/120',
        'tile/0/x001/000',
        'tile/0/x001/000.p/7',
        'tile/1/000.p/1',
        'tile/10/000.p/1',
        'tile/entries/000',
        'tile/entries/000.p/12',
      ];
      await store.writeAll(paths.map((path) => ({ path, bytes: bytesOf('x') })));
      const prefixes = [
        '',
        'c',
        'tile/',
        'tile/0/',
        'tile/1',
        'tile/1/',
        'tile/0/000',
        'tile/0/000.p/',
        'tile/0/000.p/12',
      ];
      for (const prefix of [
        ...prefixes,
        'tile/e',
        'tile/0/x001/000.p/7',
        '/',
        '..',
        '../',
        'tile/0/../',
        'tile//',
        'z',
      ])
        expect(await sorted(store.list(prefix)), prefix).toEqual(
          paths.filter((path) => path.startsWith(prefix)).sort(),
        );
    });

    it('removes, and does not mind what is not there', async () => {
      await store.write('tile/0/000.p/1', bytesOf('a'));
      await store.write('tile/0/000.p/2', bytesOf('b'));
      await store.write('tile/0/000', bytesOf('c'));
      await store.remove(['tile/0/000.p/1', 'tile/0/000.p/3', 'tile/5/x123/456', 'checkpoint']);
      await store.remove([]);
      expect(await sorted(store.list(''))).toEqual(['tile/0/000', 'tile/0/000.p/2']);
      await store.remove(['tile/0/000.p/2', 'tile/0/000.p/2']);
      expect(await sorted(store.list(''))).toEqual(['tile/0/000']);
      await store.write('tile/0/000.p/2', bytesOf('again'));
      expect(textOf(await store.read('tile/0/000.p/2', 10))).toBe('again');
    });

    it('lists and removes more than one page of a bucket', async () => {
      const objects = Array.from({ length: 1_100 }, (_, at) => ({
        path: tilePath({ level: 0, index: Math.floor(at / 255), width: (at % 255) + 1 }),
        bytes: bytesOf(String(at)),
      }));
      await store.writeAll(objects);
      expect(await sorted(store.list('tile/0/'))).toEqual(objects.map(({ path }) => path).sort());
      await store.remove(objects.map(({ path }) => path));
      expect(await sorted(store.list(''))).toEqual([]);
    });

    it('never shows a part of what is being replaced', async () => {
      const small = bytesOf('a'.repeat(100));
      const large = bytesOf('b'.repeat(200_000));
      await store.write('checkpoint', small);
      const reader = world.open();
      let writing = true;
      const writer = (async () => {
        for (let round = 0; round < 30; round += 1) await store.write('checkpoint', round % 2 === 0 ? large : small);
        writing = false;
      })();
      const seen = new Set<number>();
      while (writing) {
        const bytes = await reader.read('checkpoint', 300_000);
        seen.add(bytes?.length ?? -1);
        expect(new Set(bytes ?? []).size).toBe(1);
      }
      await writer;
      expect([...seen].filter((length) => length !== 100 && length !== 200_000)).toEqual([]);
    });

    it('writes and removes side by side in one folder, and fails neither', async () => {
      const stores = [world.open(), world.open(), world.open()];
      const passing = async (work: () => Promise<void>) => {
        for (let tries = 1; ; tries += 1) {
          try {
            return await work();
          } catch (error) {
            const passes = error instanceof LedgerError && error.retriable;
            if (world.refusesInPassing !== true || !passes || tries === 5) throw error;
          }
        }
      };
      await Promise.all(
        stores.map(async (one, at) => {
          for (let round = 0; round < 20; round += 1) {
            const path = tilePath({ level: 0, index: 7, width: at + 1 });
            await passing(async () => await one.write(path, bytesOf(`${at} ${round}`)));
            expect(textOf(await one.read(path, 100))).toBe(`${at} ${round}`);
            await passing(async () => await one.remove([path]));
          }
        }),
      );
      expect(await sorted(store.list(''))).toEqual([]);
    });
  });
}
