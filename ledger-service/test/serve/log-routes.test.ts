import { leafHash } from '@tallystick/core/merkle';
import { inclusionPathFromTiles, parseEntryBundle, rootFromTiles, tilePath } from '@tallystick/core/tiles';
import { readCheckpointNote } from '@tallystick/core/checkpoint';
import { describe, expect, it } from 'vitest';
import type { MemoryLogStore } from '../../src/adapters/memory-log-store.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import { topics, World } from '../world.ts';
import { problemAt, publishedWorld, raw, rawGet, serve } from './served-world.ts';

/** A store that remembers what it was asked for. */
class WatchedStore implements LogStore {
  readonly asked: string[] = [];
  readonly #inner: LogStore;
  constructor(inner: LogStore) {
    this.#inner = inner;
  }
  read: LogStore['read'] = async (path, maxBytes) => {
    this.asked.push(path);
    return await this.#inner.read(path, maxBytes);
  };
  write: LogStore['write'] = (path, bytes) => this.#inner.write(path, bytes);
  writeAll: LogStore['writeAll'] = (objects) => this.#inner.writeAll(objects);
  remove: LogStore['remove'] = (paths) => this.#inner.remove(paths);
  list: LogStore['list'] = (prefix) => this.#inner.list(prefix);
  close: LogStore['close'] = () => this.#inner.close();
}

const watched = (world: World) => {
  const store = new WatchedStore(world.stores.store);
  return { store, stores: { ...world.stores, store } };
};

describe('the served log', () => {
  it('is a C2SP tlog-tiles log: checkpoint, tiles and bundles lead to one root', async () => {
    const server = await serve(await publishedWorld(60, 2));
    const bytes = async (path: string) => new Uint8Array(await (await fetch(`${server.url}/${path}`)).arrayBuffer());
    const { checkpoint } = readCheckpointNote(await bytes('checkpoint'));
    const { size, root } = checkpoint;
    expect(await rootFromTiles(size, (tile) => bytes(tilePath(tile)))).toEqual(root);
    const bundle = await bytes(tilePath({ level: 'entries', index: 0, width: size }));
    const leaves = await bytes(tilePath({ level: 0, index: 0, width: size }));
    for (const [index, entry] of parseEntryBundle(bundle, size).entries())
      expect(leafHash(entry)).toEqual(leaves.slice(index * 32, index * 32 + 32));
    expect(await inclusionPathFromTiles(3, size, (tile) => bytes(tilePath(tile)))).not.toEqual([]);
    expect(Buffer.from(await bytes('snapshot')).toString()).toMatch(/^tallystick\/snapshot\/v1\n/);
  });

  it.each([
    ['checkpoint', 'text/plain; charset=utf-8', 'no-store'],
    ['snapshot', 'text/plain; charset=utf-8', 'no-store'],
    ['tile/0/000.p/1', 'application/octet-stream', 'public, max-age=60'],
    ['tile/entries/000.p/1', 'application/octet-stream', 'public, max-age=60'],
    ['tile/0/000', 'application/octet-stream', 'public, max-age=31536000, immutable'],
  ])('%s has the headers of the specification, with GET and with HEAD', async (path, type, cache) => {
    const world = new World();
    await fullTiles(world);
    for (const name of ['checkpoint', 'snapshot']) await world.stores.store.write(name, Buffer.from(`${name}\n`));
    const server = await serve(world);
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(`${server.url}/${path}`, { method });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe(type);
      expect(response.headers.get('cache-control')).toBe(cache);
      expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
      expect((await response.arrayBuffer()).byteLength > 0).toBe(method === 'GET');
    }
  });

  it('answers a partial tile that was collected from the first part of the full one', async () => {
    const world = new World();
    const { hashes, entries } = await fullTiles(world);
    const server = await serve(world);
    for (const width of [1, 2, 17, 255]) {
      const tile = await fetch(`${server.url}/tile/0/000.p/${width}`);
      expect(Buffer.from(await tile.arrayBuffer())).toEqual(hashes.subarray(0, width * 32));
      const bundle = await fetch(`${server.url}/tile/entries/000.p/${width}`);
      expect(parseEntryBundle(new Uint8Array(await bundle.arrayBuffer()), width)).toEqual(entries.slice(0, width));
    }
  });

  it('does not cut a full tile that is damaged', async () => {
    const world = new World();
    await world.stores.store.write('tile/0/000', new Uint8Array(255 * 32));
    await world.stores.store.write('tile/entries/000', Uint8Array.of(0, 9, 1));
    const server = await serve(world);
    for (const path of ['tile/0/000.p/3', 'tile/entries/000.p/3'])
      expect(await problemAt(`${server.url}/${path}`)).toMatchObject({ status: 503, code: 'LOG_DAMAGED' });
  });

  it.each([
    '/tile/0/000.p/0',
    '/tile/0/000.p/256',
    '/tile/0/000.p/257',
    '/tile/0/000.p/01',
    '/tile/0/000.p/',
    '/tile/0/000.p',
    '/tile/0/0',
    '/tile/0/1000',
    '/tile/0/x000/000',
    '/tile/0/x001/x002',
    '/tile/00/000',
    '/tile/64/000',
    '/tile/-1/000',
    '/tile/data/000',
    '/tile/0/000/',
    '/tile/0//000',
    '/tile//0/000',
    '//tile/0/000',
    '/tile/0/%3000',
    '/%74ile/0/000',
    '/tile/0/000%00',
    '/tile/../checkpoint',
    '/tile/%2e%2e/checkpoint',
    '/tile/..%2f..%2fcheckpoints%2f1',
    '/tile/0/../../../../etc/passwd',
    '/../checkpoint/../../etc/passwd',
    '/tile/entries/..',
    '/tile/0/\\..\\000',
    '/Checkpoint',
    '/checkpoint/',
    '/checkpoints/1',
    '/',
    '/status.json',
    '/tile/',
    `/tile/0/${'x000/'.repeat(100)}000`,
  ])('%s is not there, and never reaches the store', async (path) => {
    const world = await publishedWorld(2);
    const { store, stores } = watched(world);
    const server = await serve(world, { stores });
    expect(await rawGet(server, path)).toBe(404);
    expect(store.asked).toEqual([]);
  });

  it('takes no garbage for a path', async () => {
    const world = await publishedWorld(2);
    const { store, stores } = watched(world);
    const server = await serve(world, { stores });
    for (const path of ['/tile/0/000\0', '/tile/%', '/tile/%zz', '*', 'checkpoint', '/tile/0/0 00'])
      expect(await rawGet(server, path), path).toBeGreaterThanOrEqual(400);
    expect(store.asked).toEqual([]);
  });
});

describe('refusals', () => {
  it('of other methods, with what is allowed', async () => {
    const world = await publishedWorld(2);
    const { store, stores } = watched(world);
    const server = await serve(world, { stores });
    const paths = ['/checkpoint', '/snapshot', '/tile/0/000', `/v1/proofs/${topics.events}/0/0`, '/livez', '/metrics'];
    for (const path of paths) {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const body = method === 'POST' ? 'a small body' : null;
        const response = await fetch(server.url + path, { method, body });
        expect(response.status, `${method} ${path}`).toBe(405);
        expect(response.headers.get('allow')).toBe('GET, HEAD');
      }
    }
    expect(await problemAt(`${server.url}/nothing`, { method: 'POST' })).toMatchObject({ status: 404 });
    expect(store.asked).toEqual([]);
  });

  it('of bodies, paths and headers that are too large', async () => {
    const server = await serve(await publishedWorld(2));
    expect(await problemAt(`${server.url}/checkpoint`, { method: 'POST', body: 'x'.repeat(2000) })).toMatchObject({
      status: 413,
      code: 'HTTP_413',
    });
    expect(await problemAt(`${server.url}/tile/${'0'.repeat(2000)}`)).toMatchObject({ status: 414, code: 'HTTP_414' });
    const long = await raw(server, `GET /checkpoint HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(long).toMatch(/^HTTP\/1\.1 431 [\s\S]*"code":"HTTP_431"/);
    // Chunks, whose length nobody says beforehand.
    const chunk = `${(4096).toString(16)}\r\n${'x'.repeat(4096)}\r\n`;
    const chunked = await raw(
      server,
      `POST /checkpoint HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('of what is no HTTP', async () => {
    const server = await serve(await publishedWorld(2));
    expect(await raw(server, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json/);
    const smuggled =
      'GET /checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await raw(server, smuggled)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('of a store that fails, without telling of its place', async () => {
    const world = await publishedWorld(2);
    const { store, stores } = watched(world);
    store.read = async (path) => await Promise.reject(new Error(`EIO: /srv/secret/${path}`));
    const server = await serve(world, { stores });
    const problem = await problemAt(`${server.url}/checkpoint`);
    expect(problem).toMatchObject({ status: 500, code: 'UNEXPECTED' });
    expect(JSON.stringify(problem)).not.toContain('secret');
  });
});

/** A full tile and a full bundle, without partial ones. */
async function fullTiles(world: World): Promise<{ hashes: Buffer; entries: Uint8Array[] }> {
  const store = world.stores.store as MemoryLogStore;
  const entries = Array.from({ length: 256 }, (_, i) => Uint8Array.from({ length: i % 7 }, () => i));
  const hashes = Buffer.concat(entries.map(leafHash));
  await store.write('tile/0/000', hashes);
  const bundle = entries.map((entry) => Buffer.concat([Uint8Array.of(0, entry.length), entry]));
  await store.write('tile/entries/000', Buffer.concat(bundle));
  return { hashes, entries };
}
