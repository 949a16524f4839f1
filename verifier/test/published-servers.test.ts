// A verification that reads the published log from a server that misbehaves: in bounded time and memory, it says that it could not look.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { httpPublishedLog } from '../src/adapters/published-http.ts';
import { s3PublishedLog } from '../src/adapters/published-s3.ts';
import type { PublishedLog } from '../src/ports/published-log.ts';
import type { Verdict } from '../src/verdict.ts';
import { LogWorld } from './support/log-world.ts';
import { pathOf } from './support/tiny-log.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** For who does not answer in time. */
const shortMs = 1_500;
/** For who does, on a loaded machine too. */
const longMs = 20_000;
const mebibyte = Buffer.alloc(1 << 20, 'x');

type Answer = (response: ServerResponse, bytes: Buffer, request: IncomingMessage) => void;

/** A server of these files, which answers as it likes for one of them. */
async function serve(files: ReadonlyMap<string, Uint8Array>, strange: string, answer: Answer) {
  const server = createServer((request, response) => {
    const path = /^\/(?:logs\/)?(.*?)(?:\?.*)?$/.exec(request.url ?? '')?.[1] ?? '';
    const bytes = files.get(path);
    if (path === strange) return answer(response, Buffer.from(bytes ?? []), request);
    if (bytes !== undefined) return void response.end(bytes);
    response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error><Code>NoSuchKey</Code></Error>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Open = (url: string, deadlineMs: number) => PublishedLog;
const adapters: readonly (readonly [name: string, open: Open])[] = [
  ['HTTP', (url, deadlineMs) => httpPublishedLog(url, { deadlineMs })],
  [
    'S3',
    (endpoint, deadlineMs) =>
      s3PublishedLog({ bucket: 'logs', endpoint, accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 's', deadlineMs }),
  ],
];

/** What a verification says of a small log on such a server. */
async function check(open: Open, strange: string, answer: Answer, ms = longMs): Promise<Verdict> {
  const world = await LogWorld.published();
  const published = open(await serve(world.files, strange, answer), ms);
  closing.push(async () => await published.close());
  return await world.check({ published, deadlineMs: longMs });
}

let sent = 0;
/** Writes for as long as anybody reads; counts what was taken. */
function endless(response: ServerResponse): void {
  sent = 0;
  const more = (): void => {
    if (response.destroyed) return;
    sent += mebibyte.length;
    if (response.write(mebibyte)) setImmediate(more);
    else response.once('drain', more);
  };
  more();
}

/** Writes a byte at a time, so that no wait for the next one is long. */
function drip(response: ServerResponse, bytes: Uint8Array): void {
  let at = 0;
  const timer = setInterval(() => {
    if (response.destroyed) clearInterval(timer);
    else response.write(Buffer.of(bytes[at++ % bytes.length] ?? 0));
  }, 50);
}

const bomb = gzipSync(Buffer.alloc(64 << 20));
const cases: readonly (readonly [what: string, answer: Answer, code: 'unavailable' | 'unreadable'])[] = [
  ['never answers', () => undefined, 'unavailable'],
  [
    'stalls in the middle',
    (response, bytes) =>
      void response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, bytes.length / 2)),
    'unavailable',
  ],
  ['sends a byte now and then, for ever', (response) => drip(response, Buffer.of(97)), 'unavailable'],
  [
    'sends a byte now and then, of what it announced',
    (response, bytes) => drip(response.writeHead(200, { 'content-length': bytes.length }), bytes),
    'unavailable',
  ],
  [
    'breaks off',
    (response, bytes) =>
      void response
        .writeHead(200, { 'content-length': bytes.length })
        .write(bytes.subarray(1), () => response.destroy()),
    'unavailable',
  ],
  ['sends a body without end', (response) => endless(response), 'unreadable'],
  [
    'announces an absurd length',
    (response) => endless(response.writeHead(200, { 'content-length': 9_007_199_254_740_991 })),
    'unreadable',
  ],
  [
    'sends more than there can be, and a checksum of it',
    (response) =>
      void response
        .writeHead(200, { 'content-length': 20 << 20, 'x-amz-checksum-crc32': 'AAAAAA==' })
        .end(Buffer.alloc(20 << 20)),
    'unreadable',
  ],
  ['refuses with a body without end', (response) => endless(response.writeHead(403)), 'unavailable'],
  ['is broken, with a body without end', (response) => endless(response.writeHead(500)), 'unavailable'],
  [
    'refuses, a byte now and then',
    (response) => drip(response.writeHead(403, { 'content-type': 'application/xml' }), Buffer.of(97)),
    'unavailable',
  ],
  [
    'redirects to itself',
    (response, _, { url }) => void response.writeHead(302, { location: url }).end(),
    'unavailable',
  ],
  [
    'redirects to a file',
    (response) => void response.writeHead(301, { location: 'file:///etc/passwd' }).end(),
    'unavailable',
  ],
  [
    'sends what is compressed, and a bomb',
    (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    'unavailable',
  ],
  [
    'says that it is compressed ten times',
    (response) =>
      void response.writeHead(200, { 'content-encoding': Array.from({ length: 10 }, () => 'gzip').join() }).end(bomb),
    'unavailable',
  ],
  [
    'sends headers of a mebibyte',
    (response, bytes) => void response.writeHead(200, { 'x-long': mebibyte.toString() }).end(bytes),
    'unavailable',
  ],
  ['speaks no HTTP', (response) => void response.socket?.end('220 mail.example ESMTP\r\n\r\n'), 'unavailable'],
];

describe.each(adapters)('over %s', (_, open) => {
  describe.each([
    ['the checkpoint', 'checkpoint'],
    ['a tile of hashes', pathOf('0', 0, 4)],
    ['a bundle of entries', pathOf('entries', 0, 4)],
  ])('asked for %s, a server that', (__, path) => {
    test.each(cases)('%s', async (what, answer, code) => {
      sent = 0;
      const verdict = await check(open, path, answer, code === 'unavailable' ? shortMs : longMs);
      expect(verdict).toMatchObject({ exitCode: 3, verdict: 'inconclusive', findings: [{ code, expected: path }] });
      // The rest was looked at all the same.
      expect(verdict.checked.events).toBe(7);
      expect(verdict.durationMs, what).toBeLessThan(10_000);
      expect(sent).toBeLessThan(64 << 20);
    });

    test('sends something else, whole, is wrong', async () => {
      const whole: Answer = (response, bytes) => void response.end(Buffer.concat([bytes, bytes]));
      expect((await check(open, path, whole)).exitCode).toBe(1);
    });
  });

  test('a tile that is a byte longer than any has is wrong, not unread', async () => {
    const world = await LogWorld.make();
    for (let n = 0; n < 255; n += 1) {
      await world.emit(0, 1);
      await world.seal(0, { leaves: false });
    }
    world.publish();
    const path = pathOf('0', 0, 256);
    const longer: Answer = (response, bytes) => void response.end(Buffer.concat([bytes, Buffer.of(0)]));
    const published = open(await serve(world.files, path, longer), longMs);
    closing.push(async () => await published.close());
    const { exitCode, findings } = await world.check({ published });
    expect({ exitCode, found: findings.filter(({ code }) => code === 'tile').length }).toEqual({
      exitCode: 1,
      found: 1,
    });
  });

  test('does not go where a redirect leads', async () => {
    let met = 0;
    const elsewhere = await serve(new Map(), 'checkpoint', (response) => void ((met += 1), response.end('hello')));
    const away: Answer = (response) => void response.writeHead(307, { location: `${elsewhere}/checkpoint` }).end();
    expect((await check(open, 'checkpoint', away)).exitCode).toBe(3);
    expect(met).toBe(0);
  });
});
