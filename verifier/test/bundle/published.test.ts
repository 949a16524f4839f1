import { afterAll, expect, test } from 'vitest';
import type { PublishedLog } from '../../src/ports/published-log.ts';
import { VerifierError } from '../../src/errors.ts';
import { World } from '../support/world.ts';
import { BundleFolder, membersOf, withBundle } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

/** A log of so many entries, of which the tiles hold nothing but their names; partial ones may be gone. */
function logOf(size: number | string, { gone = [] as string[], large = '' } = {}): PublishedLog & { asked: string[] } {
  const asked: string[] = [];
  const note = `test.example/log\n${size}\n${Buffer.alloc(32).toString('base64')}\n\n— test.example/log ${Buffer.alloc(68).toString('base64')}\n`;
  return {
    place: 'a test',
    asked,
    read: (path, maxBytes) => {
      asked.push(path);
      if (path === large)
        return Promise.reject(new VerifierError('LOG_RESOURCE_TOO_LARGE', `more than ${maxBytes} bytes`));
      return Promise.resolve(gone.includes(path) ? null : Buffer.from(path === 'checkpoint' ? note : path));
    },
    close: () => Promise.resolve(),
  };
}

const logMembers = (bytes: Buffer): string[] =>
  [...membersOf(bytes).keys()].filter((name) => name.startsWith('log/')).map((name) => name.slice(4));

test('checkpoint and every tile of its tree are in the bundle, and nothing else', async () => {
  const world = await World.small();
  const { file } = await folder.export(world, { published: logOf(600) });
  const paths = [
    'checkpoint',
    'tile/0/000',
    'tile/0/001',
    'tile/0/002.p/88',
    'tile/1/000.p/2',
    'tile/entries/000',
    'tile/entries/001',
    'tile/entries/002.p/88',
  ];
  await withBundle(file, async ({ published, manifest }) => {
    expect(manifest.log).toEqual({ place: 'a test', size: 600 });
    for (const path of paths.slice(1))
      expect(Buffer.from((await published?.read(path, 100)) ?? []).toString()).toBe(path);
    expect(await published?.read('tile/0/003', 100)).toBeNull();
    expect(await published?.read('../MANIFEST.json', 100)).toBeNull();
    await expect(published?.read('tile/entries/000', 3)).rejects.toMatchObject({ code: 'LOG_RESOURCE_TOO_LARGE' });
  });
});

test('a log of many tiles has names that ascend', async () => {
  const world = await World.make();
  const bytes = await folder.bytesOf(world, { published: logOf(256 * 1_003 + 1) });
  expect(logMembers(bytes)).toHaveLength(1 + 1_004 + 4 + 1 + 1_004);
  expect(logMembers(bytes)).toContain('tile/entries/x001/003.p/1');
});

test('a partial tile that is gone is the full one; what is not there is left out and told', async () => {
  const world = await World.make();
  const notices: string[] = [];
  const bytes = await folder.bytesOf(world, {
    published: logOf(300, { gone: ['tile/0/001.p/44', 'tile/entries/000'], large: 'tile/1/000.p/1' }),
    onNotice: (message) => void notices.push(message),
  });
  expect(logMembers(bytes)).toEqual(['checkpoint', 'tile/0/000', 'tile/0/001', 'tile/1/000', 'tile/entries/001.p/44']);
  expect(notices).toEqual([expect.stringMatching(/^1 tiles/)]);
});

test('a log without a checkpoint is none', async () => {
  const world = await World.make();
  const { file, manifest } = await folder.export(world, { published: logOf(1, { gone: ['checkpoint'] }) });
  expect(manifest.log).toBeNull();
  await withBundle(file, ({ published }) => Promise.resolve(expect(published).toBeNull()));
});

test('a checkpoint with an absurd size, or that is none, is copied as it is, and nothing else of the log', async () => {
  const world = await World.small();
  for (const size of ['9007199254740991', '1e3']) {
    const log = logOf(size);
    const notices: string[] = [];
    const { file, manifest } = await folder.export(world, {
      published: log,
      onNotice: (each) => void notices.push(each),
    });
    expect(log.asked).toEqual(['checkpoint']);
    expect(manifest.log?.size).toBe(size === '1e3' ? null : Number(size));
    expect(notices).toHaveLength(1);
    await withBundle(file, async ({ published }) => {
      expect(Buffer.from((await published?.read('checkpoint', 1_000)) ?? []).toString()).toContain(`\n${size}\n`);
    });
  }
});

test('a log that has hardly any tile is not asked for all of them', async () => {
  const log = logOf(256 * 400_000);
  const asked: string[] = [];
  const read: PublishedLog['read'] = (path, most) => {
    asked.push(path);
    return path === 'checkpoint' ? log.read(path, most) : Promise.resolve(null);
  };
  await folder.export(await World.make(), { published: { ...log, read } });
  expect(asked.length).toBeLessThan(1_100);
});

test('a log that is away ends the export', async () => {
  const away: PublishedLog = {
    ...logOf(1_000),
    read: (path, maxBytes) =>
      path === 'tile/0/001'
        ? Promise.reject(new VerifierError('LOG_UNAVAILABLE', 'away'))
        : logOf(1_000).read(path, maxBytes),
  };
  await expect(folder.export(await World.make(), { published: away })).rejects.toMatchObject({
    code: 'LOG_UNAVAILABLE',
  });
});
