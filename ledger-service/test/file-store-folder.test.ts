import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { fileCheckpointStore } from '../src/adapters/file-checkpoint-store.ts';
import { fileError } from '../src/adapters/file-errors.ts';
import { FileLogStore } from '../src/adapters/file-log-store.ts';
import { bytesOf, codeOf, sorted, textOf } from './support/log-store-contract.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tallystick-folder-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
let dir: string;
let outside: string;
let store: FileLogStore;
beforeEach(() => {
  count += 1;
  dir = join(folder, `${count}`, 'log');
  outside = join(folder, `${count}`, 'outside');
  mkdirSync(outside, { recursive: true });
  store = new FileLogStore(dir);
});

const mode = (path: string) => (statSync(join(dir, path)).mode & 0o7777).toString(8);

describe('the folder', () => {
  it('is not made before the first write, and reading does not make it', async () => {
    expect(await store.read('checkpoint', 10)).toBeNull();
    expect(await sorted(store.list(''))).toEqual([]);
    await store.remove(['checkpoint']);
    expect(existsSync(dir)).toBe(false);
  });

  it('holds exactly the paths of C2SP, for everybody to read whatever the umask, and what is being written for nobody', async () => {
    const before = process.umask(0o077);
    try {
      await store.write('checkpoint', bytesOf('c'));
      await store.write('tile/0/x001/x234/067.p/8', bytesOf('t'));
    } finally {
      process.umask(before);
    }
    expect(readFileSync(join(dir, 'tile/0/x001/x234/067.p/8'), 'utf8')).toBe('t');
    for (const path of ['checkpoint', 'tile/0/x001/x234/067.p/8']) expect(mode(path), path).toBe('644');
    for (const path of ['', 'tile', 'tile/0', 'tile/0/x001', 'tile/0/x001/x234', 'tile/0/x001/x234/067.p'])
      expect(mode(path), path).toBe('755');
    expect(mode('.tmp')).toBe('700');
    expect(readdirSync(join(dir, '.tmp'))).toEqual([]);
  });

  it('loses the folder of partial tiles with the last of them, and no other', async () => {
    await store.write('tile/0/x001/000.p/1', bytesOf('t'));
    await store.write('tile/0/x001/000.p/2', bytesOf('t'));
    await store.remove(['tile/0/x001/000.p/1']);
    expect(existsSync(join(dir, 'tile/0/x001/000.p'))).toBe(true);
    await store.remove(['tile/0/x001/000.p/2']);
    expect(readdirSync(join(dir, 'tile/0/x001'))).toEqual([]);
  });

  it('is made anew, open to all, where somebody removed it', async () => {
    await store.write('tile/0/000', bytesOf('1'));
    rmSync(dir, { recursive: true });
    await store.write('tile/0/000', bytesOf('2'));
    expect(textOf(await store.read('tile/0/000', 10))).toBe('2');
    expect([mode(''), mode('tile/0')]).toEqual(['755', '755']);
  });

  it('may itself be a link', async () => {
    symlinkSync(outside, dir);
    await store.write('tile/0/000', bytesOf('1'));
    expect(textOf(await store.read('tile/0/000', 10))).toBe('1');
    expect(await sorted(store.list(''))).toEqual(['tile/0/000']);
    expect(readFileSync(join(outside, 'tile/0/000'), 'utf8')).toBe('1');
  });

  it('leaves out what is no path of a log', async () => {
    await store.write('checkpoint', bytesOf('c'));
    for (const name of ['index.html', '.hidden', 'tile.txt']) writeFileSync(join(dir, name), 'x');
    mkdirSync(join(dir, '.well-known/tile/0'), { recursive: true });
    writeFileSync(join(dir, '.well-known/tile/0/000'), 'x');
    expect(await sorted(store.list(''))).toEqual(['checkpoint']);
  });

  it('loses what killed writers left, but not what is being written now', async () => {
    mkdirSync(join(dir, '.tmp'), { recursive: true });
    for (const name of ['old', 'new']) writeFileSync(join(dir, '.tmp', name), 'x');
    const hoursAgo = Date.now() / 1000 - 3 * 3600;
    utimesSync(join(dir, '.tmp/old'), hoursAgo, hoursAgo);
    await store.write('checkpoint', bytesOf('c'));
    expect(readdirSync(join(dir, '.tmp'))).toEqual(['new']);
  });
});

describe('links that somebody put into the folder', () => {
  beforeEach(async () => {
    await store.write('tile/0/000', bytesOf('t'));
    writeFileSync(join(outside, '001'), 'secret');
    writeFileSync(join(outside, '000'), 'secret');
  });

  it('in place of a file are not read, and are replaced by a write', async () => {
    symlinkSync(join(outside, '001'), join(dir, 'tile/0/001'));
    symlinkSync(join(outside, '001'), join(dir, 'checkpoint'));
    expect(await codeOf(store.read('tile/0/001', 100))).toBe('LOG_STORE_INVALID');
    expect(await codeOf(store.read('checkpoint', 100))).toBe('LOG_STORE_INVALID');
    expect(await sorted(store.list(''))).toEqual(['tile/0/000']);
    await store.write('checkpoint', bytesOf('c'));
    expect(textOf(await store.read('checkpoint', 100))).toBe('c');
    expect(readFileSync(join(outside, '001'), 'utf8')).toBe('secret');
  });

  it('in place of a folder are not gone through, by no method', async () => {
    symlinkSync(outside, join(dir, 'tile/1'));
    symlinkSync('0', join(dir, 'tile/2'));
    for (const level of [1, 2]) {
      expect(await codeOf(store.read(`tile/${level}/000`, 100))).toBe('LOG_STORE_INVALID');
      expect(await codeOf(store.write(`tile/${level}/000`, bytesOf('x')))).toBe('LOG_STORE_INVALID');
      expect(await codeOf(store.write(`tile/${level}/x001/000`, bytesOf('x')))).toBe('LOG_STORE_INVALID');
      expect(await codeOf(store.remove([`tile/${level}/000`]))).toBe('LOG_STORE_INVALID');
      expect(await sorted(store.list(`tile/${level}`))).toEqual([]);
    }
    expect(readdirSync(outside).sort()).toEqual(['000', '001']);
    expect(readFileSync(join(outside, '000'), 'utf8')).toBe('secret');
    expect(textOf(await store.read('tile/0/000', 10))).toBe('t');
  });

  it('in place of a checkpoint are not read', async () => {
    const checkpoints = join(dirname(dir), 'checkpoints');
    mkdirSync(checkpoints);
    symlinkSync(join(outside, '001'), join(checkpoints, '1'.padStart(20, '0')));
    // It is no file, so it does not count; nor can anybody store that version, so nothing goes on in silence.
    const both = fileCheckpointStore(checkpoints);
    expect(await both.newest()).toBeNull();
    expect(await codeOf(both.swap(null, bytesOf('1')))).toBe('LOG_STORE_INVALID');
  });
});

describe('what is not as it should be', () => {
  it('a pipe, a folder or a device in place of a file: refused at once', async () => {
    await store.write('checkpoint', bytesOf('c'));
    expect(spawnSync('mkfifo', [join(dir, 'snapshot')]).status).toBe(0);
    mkdirSync(join(dir, 'tile/0/000'), { recursive: true });
    expect(await codeOf(store.read('snapshot', 100))).toBe('LOG_STORE_INVALID');
    expect(await codeOf(store.read('tile/0/000', 100))).toBe('LOG_STORE_INVALID');
    expect(await codeOf(store.write('tile/0/000', bytesOf('x')))).toBe('LOG_STORE_INVALID');
    expect(readdirSync(join(dir, '.tmp'))).toEqual([]);
  });

  it('a file in place of a folder', async () => {
    await store.write('tile/0/000', bytesOf('x'));
    expect(await codeOf(store.write('tile/0/000.p/1', bytesOf('x')))).toBeNull();
    writeFileSync(join(dir, 'tile/1'), 'x');
    expect(await codeOf(store.read('tile/1/000', 100))).toBe('LOG_STORE_INVALID');
    expect(await codeOf(store.write('tile/1/000', bytesOf('x')))).toBe('LOG_STORE_INVALID');
    const inFile = new FileLogStore(join(dir, 'tile/1'));
    expect(await codeOf(inFile.write('checkpoint', bytesOf('x')))).toBe('LOG_STORE_INVALID');
    expect(await codeOf(fileCheckpointStore(join(dir, 'tile/1')).swap(null, bytesOf('x')))).toBe('LOG_STORE_INVALID');
  });

  it.each([
    ['ENOSPC', 'LOG_STORE_UNAVAILABLE', /make some/],
    ['EDQUOT', 'LOG_STORE_UNAVAILABLE', /quota/],
    ['EIO', 'LOG_STORE_UNAVAILABLE', /disk/],
    ['ESTALE', 'LOG_STORE_UNAVAILABLE', /tried again/],
    ['EACCES', 'LOG_STORE_INVALID', /ledger's user/],
    ['EPERM', 'LOG_STORE_INVALID', /hard links/],
    ['EROFS', 'LOG_STORE_INVALID', /read-only/],
    ['ELOOP', 'LOG_STORE_INVALID', /link/],
  ])('%s is %s', (code, expected, says) => {
    const error = fileError(Object.assign(new Error('from the system'), { code }), 'Writing failed');
    expect(error).toMatchObject({ code: expected, retriable: expected === 'LOG_STORE_UNAVAILABLE' });
    expect(error.message).toMatch(says);
    expect(error.message).toContain(code);
  });
});

// A file system of 64 KiB, seen by one process alone, which needs no rights where the system allows user namespaces.
const unshare = ['--user', '--map-root-user', '--mount', 'sh', '-c'];
const canMount =
  spawnSync('unshare', [...unshare, 'mount -t tmpfs -o size=64k none /mnt'], { stdio: 'ignore' }).status === 0;

it.skipIf(!canMount)(
  'a full disk is an error that passes: nothing is lost, and there is room again after a removal',
  () => {
    const script = `
    import { FileLogStore } from ${JSON.stringify(join(import.meta.dirname, '../src/adapters/file-log-store.ts'))};
    import { fileCheckpointStore } from ${JSON.stringify(join(import.meta.dirname, '../src/adapters/file-checkpoint-store.ts'))};
    const store = new FileLogStore('/mnt/log');
    const checkpoints = fileCheckpointStore('/mnt/checkpoints');
    const first = await checkpoints.swap(null, new Uint8Array(100).fill(49));
    await store.write('checkpoint', new Uint8Array(20_000).fill(49));
    const tried = [];
    const attempt = async (work) => { try { await work(); tried.push('done'); } catch (error) { tried.push(error.code + ' ' + error.retriable); } };
    await attempt(() => store.write('tile/0/000', new Uint8Array(100_000)));
    await attempt(() => store.writeAll([{ path: 'checkpoint', bytes: new Uint8Array(30_000) }, { path: 'snapshot', bytes: new Uint8Array(30_000) }]));
    await attempt(() => checkpoints.swap(first, new Uint8Array(60_000)));
    const old = (await store.read('checkpoint', 50_000)).every((byte) => byte === 49);
    await store.remove(['checkpoint']);
    await attempt(() => store.write('tile/0/000', new Uint8Array(20_000)));
    const newest = await checkpoints.newest();
    console.log(JSON.stringify({ tried, old, version: newest.version, next: (await checkpoints.swap(newest, new Uint8Array(100))).version }));`;
    const run = spawnSync(
      'unshare',
      [...unshare, 'mount -t tmpfs -o size=64k none /mnt && exec "$@"', 'sh', process.execPath].concat([
        '--conditions=@tallystick/source',
        '--input-type=module',
        '--eval',
        script,
      ]),
      { encoding: 'utf8', cwd: import.meta.dirname },
    );
    expect(run.stderr).toBe('');
    const full = 'LOG_STORE_UNAVAILABLE true';
    expect(JSON.parse(run.stdout)).toEqual({ tried: [full, full, full, 'done'], old: true, version: 1, next: 2 });
  },
);
