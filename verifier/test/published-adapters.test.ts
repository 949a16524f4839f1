import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { folderPublishedLog } from '../src/adapters/published-folder.ts';
import { httpPublishedLog } from '../src/adapters/published-http.ts';
import { memoryPublishedLog } from '../src/adapters/published-memory.ts';
import { s3PublishedLog } from '../src/adapters/published-s3.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0)) await each();
});

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'tallystick-published-'));
  cleanUp.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const hostile = [
  '',
  '/',
  'checkpoint/',
  '../checkpoint',
  'tile/../checkpoint',
  'tile/0/000/../../../x',
  'tile/0/0',
  'tile/0/x000/001',
  'tile/0/000.p/256',
  'tile/0/000\0',
  'tile/64/000',
  'TILE/0/000',
  'key',
];

describe('over HTTP', () => {
  test('reads what is there; 404 is nothing', async () => {
    const asked: string[] = [];
    const root = await serve(({ url, headers }, response) => {
      asked.push(`${url} ${headers['accept-encoding']}`);
      if (url === '/log/checkpoint') response.end('hello');
      else response.writeHead(404).end('no');
    });
    for (const place of [`${root}/log`, `${root}/log/`]) {
      const log = httpPublishedLog(place);
      expect(Buffer.from((await log.read('checkpoint', 5)) ?? []).toString()).toBe('hello');
      expect(await log.read('tile/0/000', 5)).toBeNull();
      await log.close();
    }
    expect(asked[0]).toBe('/log/checkpoint identity');
  });

  test.each<[string, RequestListener, string]>([
    ['a redirect', (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end(), 'LOG_UNAVAILABLE'],
    [
      'a content encoding',
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('hello')),
      'LOG_UNAVAILABLE',
    ],
    ['a part only', (_, response) => void response.writeHead(206).end('hel'), 'LOG_UNAVAILABLE'],
    ['no right', (_, response) => void response.writeHead(403).end(), 'LOG_UNAVAILABLE'],
    ['a server that fails for good', (_, response) => void response.writeHead(503).end(), 'LOG_UNAVAILABLE'],
    [
      'a length beyond the limit',
      (_, response) => void response.writeHead(200, { 'content-length': '6' }).end('hello!'),
      'LOG_RESOURCE_TOO_LARGE',
    ],
    [
      'a body without end',
      (_, response) => void setInterval(() => response.write(Buffer.alloc(1024)), 1).unref(),
      'LOG_RESOURCE_TOO_LARGE',
    ],
    ['an answer that never comes', () => undefined, 'LOG_UNAVAILABLE'],
    [
      'a body that stops',
      (_, response) => void response.writeHead(200, { 'content-length': '5' }).write('hel'),
      'LOG_UNAVAILABLE',
    ],
    [
      'a connection that breaks',
      (_, response) => void response.writeHead(200, { 'content-length': '5' }).write('hel', () => response.destroy()),
      'LOG_UNAVAILABLE',
    ],
  ])('%s is refused', async (_, listener, code) => {
    // Only what is unavailable may be so because no answer came in time.
    const deadlineMs = code === 'LOG_UNAVAILABLE' ? 1_500 : 60_000;
    const log = httpPublishedLog(await serve(listener), { deadlineMs });
    await expect(log.read('checkpoint', 5)).rejects.toMatchObject({ code });
    await log.close();
  });

  test('a server that fails once is asked again', async () => {
    let asked = 0;
    const log = httpPublishedLog(
      await serve((_, response) => (asked++ === 0 ? response.writeHead(500).end() : response.end('hello'))),
    );
    expect((await log.read('checkpoint', 5))?.length).toBe(5);
  });

  test('nobody answers', async () => {
    const log = httpPublishedLog('http://127.0.0.1:1', { deadlineMs: 2_000 });
    await expect(log.read('checkpoint', 5)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });

  test.each([
    '',
    'checkpoint',
    'ftp://host/log',
    'http://user:secret@host/log',
    'http://host/log?x=1',
    'http://host/#x',
    'file:///etc',
  ])('the root %j is refused', (root) => {
    expect(() => httpPublishedLog(root)).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }));
  });
});

describe('from a folder', () => {
  test('reads what is there', async () => {
    const root = folder();
    mkdirSync(join(root, 'tile', '0', 'x001'), { recursive: true });
    writeFileSync(join(root, 'checkpoint'), 'hello');
    writeFileSync(join(root, 'tile', '0', 'x001', '234'), 'tile');
    const link = join(folder(), 'link');
    symlinkSync(root, link);
    for (const place of [root, link]) {
      const log = folderPublishedLog(place);
      expect(Buffer.from((await log.read('checkpoint', 5)) ?? []).toString()).toBe('hello');
      expect(Buffer.from((await log.read('tile/0/x001/234', 5)) ?? []).toString()).toBe('tile');
      expect(await log.read('tile/0/000', 5)).toBeNull();
      expect(await log.read('tile/5/x001/234', 5)).toBeNull();
      await expect(log.read('checkpoint', 4)).rejects.toMatchObject({ code: 'LOG_RESOURCE_TOO_LARGE' });
    }
  });

  test('links, pipes and folders are refused', async () => {
    const [root, outside] = [folder(), folder()];
    writeFileSync(join(outside, '000'), 'secret');
    mkdirSync(join(root, 'tile', '1', '000'), { recursive: true });
    symlinkSync(join(outside, '000'), join(root, 'checkpoint'));
    symlinkSync(outside, join(root, 'tile', '0'));
    mkdirSync(join(root, 'tile', '2'));
    execFileSync('mkfifo', [join(root, 'tile', '2', '000')]);
    const log = folderPublishedLog(root);
    for (const path of ['checkpoint', 'tile/0/000', 'tile/1/000', 'tile/2/000'])
      await expect(log.read(path, 100)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });

  test('a folder that is not there is no empty log', async () => {
    const log = folderPublishedLog(join(folder(), 'nowhere'));
    for (const _ of [1, 2]) await expect(log.read('checkpoint', 5)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });
});

describe('from S3', () => {
  const options = {
    bucket: 'logs',
    prefix: 'a/',
    region: 'us-east-1',
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'verysecret',
  };

  test('reads with GetObject, and only that', async () => {
    const asked: string[] = [];
    const endpoint = await serve(({ method, url }, response) => {
      asked.push(`${method} ${url?.split('?')[0]}`);
      if (url?.startsWith('/logs/a/checkpoint') === true) return void response.end('hello');
      response
        .writeHead(404, { 'content-type': 'application/xml' })
        .end('<Error><Code>NoSuchKey</Code><Message>no</Message></Error>');
    });
    const log = s3PublishedLog({ ...options, endpoint });
    expect(Buffer.from((await log.read('checkpoint', 5)) ?? []).toString()).toBe('hello');
    expect(await log.read('tile/0/000', 5)).toBeNull();
    await expect(log.read('checkpoint', 4)).rejects.toMatchObject({ code: 'LOG_RESOURCE_TOO_LARGE' });
    expect(asked.slice(0, 2)).toEqual(['GET /logs/a/checkpoint', 'GET /logs/a/tile/0/000']);
    await log.close();
  });

  test('what is no answer is no empty log, and no secret is told', async () => {
    const endpoint = await serve(
      (_, response) =>
        void response
          .writeHead(404, { 'content-type': 'application/xml' })
          .end('<Error><Code>NoSuchBucket</Code><Message>verysecret</Message></Error>'),
    );
    const log = s3PublishedLog({ ...options, endpoint });
    const error = await log.read('checkpoint', 5).then(
      () => null,
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/verysecret|AKIDEXAMPLE/);
    await log.close();
  });

  test('an answer that never comes', async () => {
    const log = s3PublishedLog({ ...options, endpoint: await serve(() => undefined), deadlineMs: 300 });
    await expect(log.read('checkpoint', 5)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await log.close();
  });

  test.each([
    { bucket: '../x' },
    { prefix: 'a' },
    { prefix: '../x' },
    { endpoint: 'ftp://x' },
    { endpoint: 'http://u:p@x' },
  ])('%j is refused', (bad) => {
    expect(() => s3PublishedLog({ ...options, ...bad })).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }));
  });
});

test.each(hostile)('the path %j is never asked for', async (path) => {
  const root = folder();
  for (const log of [memoryPublishedLog(new Map()), folderPublishedLog(root), httpPublishedLog('http://127.0.0.1:1')])
    await expect(log.read(path, 5)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});
