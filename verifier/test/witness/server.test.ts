import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Logger } from '@tallystick/kafka/logger';
import { memoryWitnessStore } from '../../src/witness/memory-store.ts';
import { startWitness, type RunningWitness } from '../../src/witness/server.ts';
import { timesOf, witnessSigner } from './a-witness.ts';
import { GrowingLog, requestBody, seeded } from './growing-log.ts';

const signer = witnessSigner();
const log = new GrowingLog().grow(8);
const lines: { level: string; message: string; fields: unknown }[] = [];
const note =
  (level: string) =>
  (message: string, fields?: unknown): void =>
    void lines.push({ level, message, fields });
const logger: Logger = { info: note('info'), warn: note('warn'), error: note('error') };

let witness: RunningWitness;
beforeAll(async () => {
  witness = await start();
});
afterAll(() => witness.stop());

function start(prefix = '/w1', store = memoryWitnessStore()): Promise<RunningWitness> {
  return startWitness({
    logs: [log.signer.key],
    signer,
    store,
    listen: { host: '127.0.0.1', port: 0 },
    prefix,
    logger,
  });
}

async function post(body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body), headers });
}

async function expectProblem(response: Response, status: number): Promise<void> {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(await response.json()).toMatchObject({ type: 'about:blank', title: expect.any(String), status });
}

/** Sends bytes as they are and gives what comes back until the other side closes. */
function raw(bytes: string | Uint8Array, end = false): Promise<string> {
  const { hostname, port } = new URL(witness.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes);
      if (end) socket.end();
    });
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('over HTTP', () => {
  it('every answer of the specification has its status, type and body', async () => {
    const first = await post(await log.request(0, 5));
    expect(first.status).toBe(200);
    expect(timesOf(log.text(5), await first.text(), signer.key)).toHaveLength(1);

    const conflict = await post(await log.request(0, 8));
    expect([conflict.status, conflict.headers.get('content-type')]).toEqual([409, 'text/x.tlog.size']);
    expect(await conflict.text()).toBe('5\n');

    await expectProblem(await post('old 5\n'), 400);
    await expectProblem(await post(await new GrowingLog('log.example/2').grow(1).request(0)), 404);
    await expectProblem(await post(requestBody(5, [], await log.checkpoint(8, seeded(log.origin, 'stranger')))), 403);
    await expectProblem(await post(await log.fork(4).grow(4, 'other ').request(5)), 422);
    expect((await post(await log.request(5, 8))).status).toBe(200);
  });

  it('takes whatever media type a client names, and none', async () => {
    const body = await log.request(8);
    for (const type of [
      'text/plain',
      'application/octet-stream',
      'application/json',
      'x',
      ';;;',
      'application/x-www-form-urlencoded',
    ]) {
      const { status } = await post(body, { 'content-type': type });
      expect([type, status]).toEqual([type, 200]);
    }
    const head = `POST /w1/add-checkpoint HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
    expect(await raw(Buffer.concat([Buffer.from(head), body]))).toMatch(/^HTTP\/1\.1 200 /);
    const chunked = `POST /w1/add-checkpoint HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`;
    expect(await raw(Buffer.concat([Buffer.from(chunked), body, Buffer.from('\r\n0\r\n\r\n')]))).toMatch(
      /^HTTP\/1\.1 200 /,
    );
  });

  it('has nothing elsewhere, and says which method a path takes', async () => {
    for (const path of [
      '/',
      '/w1',
      '/w1/',
      '/add-checkpoint',
      '/w1/add-checkpoint/x',
      '/w1/sign-subtree',
      '/livez',
      '/w1/%zz',
    ]) {
      const { origin } = new URL(witness.url);
      const response = await fetch(`${origin}${path}`, { method: 'POST', body: 'x' });
      expect([path, response.status]).toEqual([path, path === '/w1/%zz' ? 400 : 404]);
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']) {
      const response = await fetch(`${witness.url}/add-checkpoint`, { method });
      expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, 'POST']);
    }
    const response = await fetch(`${witness.url}/metrics`, { method: 'POST' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('serves monitors the checkpoint that it cosigned last', async () => {
    const hash = createHash('sha256').update(log.origin).digest('hex');
    const response = await fetch(`${witness.url}/${hash}/checkpoint`);
    const text = await response.text();
    expect(text.startsWith(new TextDecoder().decode(await log.checkpoint(8)))).toBe(true);
    expect(timesOf(log.text(8), text.slice(log.text(8).length + 1), signer.key)).toHaveLength(1);
    await expectProblem(await fetch(`${witness.url}/${'0'.repeat(64)}/checkpoint`), 404);
  });

  it('is alive and counts', async () => {
    const live = await fetch(`${witness.url}/livez`);
    expect([live.status, await live.text()]).toEqual([200, 'ok\n']);
    const metrics = await (await fetch(`${witness.url}/metrics`)).text();
    expect(metrics).toMatch(/^tallystick_witness_requests_total\{status="200"\} [1-9]\d*$/m);
    for (const status of [400, 403, 404, 405, 409, 422])
      expect(metrics).toMatch(new RegExp(`^tallystick_witness_requests_total\\{status="${status}"\\} [1-9]`, 'm'));
    expect(metrics).toMatch(/^tallystick_witness_log_size\{origin="log\.example\/1"\} 8$/m);
    expect(metrics).toMatch(/^tallystick_witness_log_time_seconds\{origin="log\.example\/1"\} 1\d{9}$/m);
  });

  it('says what it does in lines with fields, a fork with what proves it', async () => {
    expect(lines).toContainEqual({
      level: 'info',
      message: 'cosigned',
      fields: { origin: log.origin, size: 8, cosignedAt: expect.any(Number) },
    });
    lines.length = 0;
    const other = log.fork(7).grow(1, 'other ');
    expect((await post(await other.request(8))).status).toBe(422);
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'the log signed two trees of one size',
        fields: expect.objectContaining({ origin: log.origin, request: expect.stringContaining(other.text()) }),
      },
    ]);
  });
});

describe('what is no request', () => {
  it('is answered, or dropped, and never ends the witness', async () => {
    const answers = await Promise.all([
      raw('\r\n\r\n', true),
      raw('\0\0\0\0garbage\r\n\r\n'),
      raw('POST /w1/add-checkpoint HTTP/9.9\r\n\r\n'),
      raw('POST /w1/add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n'),
      raw('POST /w1/add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n'),
      raw('POST /w1/add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nold', true),
      raw(`GET /${'x'.repeat(70_000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
      raw(`GET / HTTP/1.1\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^(?:HTTP\/1\.1 4\d\d .*)?/);
    expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 400 ')).length).toBeGreaterThan(2);
    expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 431 ')).length).toBeGreaterThan(0);
    expect((await fetch(`${witness.url}/livez`)).status).toBe(200);
  });

  it('is refused with 413 where it is too long, with and without a length', async () => {
    await expectProblem(await post(Buffer.alloc(128 * 1024 + 1, 0x61)), 413);
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024).fill(0x61)),
    });
    const response = await fetch(`${witness.url}/add-checkpoint`, {
      method: 'POST',
      body: stream,
      duplex: 'half',
    } as RequestInit).catch((error: unknown) => error);
    // The witness closes while the client still writes: some clients see the answer, some the closed connection.
    if (response instanceof Response) expect(response.status).toBe(413);
    expect((await fetch(`${witness.url}/livez`)).status).toBe(200);
  });

  it('is ended where it does not come to its end in time', async () => {
    const begun = Date.now();
    const answers = await Promise.all([
      raw('POST /w1/add-checkpoint HTTP/1.1\r\nhost: x\r\n'),
      raw('POST /w1/add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nold 5'),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(Date.now() - begun).toBeLessThan(60_000);
  }, 120_000);
});

describe('start and stop', () => {
  it('answers what is under way, then lets go of the address', async () => {
    const memory = memoryWitnessStore();
    const writing = Promise.withResolvers<void>();
    const store = {
      ...memory,
      write: async (origin: string, text: Uint8Array) => {
        writing.resolve();
        await new Promise((resolve) => setTimeout(resolve, 20));
        await memory.write(origin, text);
      },
    };
    const second = await start('', store);
    const body = await log.request(0, 5);
    const asked = fetch(`${second.url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) });
    await writing.promise;
    const begun = Date.now();
    await second.stop();
    // A connection may be kept for the next request for longer than this.
    expect(Date.now() - begun).toBeLessThan(30_000);
    expect((await asked).status).toBe(200);
    await expect(fetch(`${second.url}/livez`)).rejects.toThrow();
  });

  it('says why it cannot listen, and lets go of its state', async () => {
    const { port } = new URL(witness.url);
    let closed = false;
    const store = {
      ...memoryWitnessStore(),
      close: () => {
        closed = true;
        return Promise.resolve();
      },
    };
    const options = { logs: [log.signer.key], signer, store, listen: { host: '127.0.0.1', port: Number(port) } };
    await expect(startWitness(options)).rejects.toMatchObject({ code: 'WITNESS_LISTEN' });
    expect(closed).toBe(true);
    await expect(startWitness({ ...options, prefix: 'w1/' })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });

  it('answers 500 where the store fails, and says nothing of why', async () => {
    const failing = await startWitness({
      logs: [log.signer.key],
      signer,
      store: { ...memoryWitnessStore(), write: () => Promise.reject(new Error('/secret/path is full')) },
      listen: { host: '127.0.0.1', port: 0 },
      logger,
    });
    try {
      const body = Buffer.from(await log.request(0, 5));
      const response = await fetch(`${failing.url}/add-checkpoint`, { method: 'POST', body });
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain('secret');
      expect(lines.at(-1)).toMatchObject({ level: 'error' });
      expect(await (await fetch(`${failing.url}/metrics`)).text()).toMatch(/status="500"\} 1$/m);
    } finally {
      await failing.stop();
    }
  });
});
