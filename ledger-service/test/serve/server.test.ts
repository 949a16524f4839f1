import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { choosePort } from '../../../infra/local/ports.ts';
import { topics, until, World } from '../world.ts';
import { policy, prove, publishedWorld, serve } from './served-world.ts';

describe('health', () => {
  it('lives at once, and is ready once a checkpoint is published and Kafka answers', async () => {
    const server = await serve(new World());
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    const response = await fetch(`${server.url}/readyz`);
    expect([response.status, await response.json()]).toEqual([
      503,
      { ready: false, checks: { log: 'no checkpoint is published yet', kafka: 'ok' } },
    ]);
    const good = await serve(await publishedWorld(2));
    expect((await fetch(`${good.url}/readyz`)).status).toBe(200);
  });

  it('is not ready while Kafka is away', async () => {
    const world = await publishedWorld(2);
    world.cluster.down = true;
    const server = await serve(world);
    const response = await fetch(`${server.url}/readyz`);
    expect([response.status, await response.json()]).toEqual([
      503,
      { ready: false, checks: { log: 'ok', kafka: 'UNREACHABLE' } },
    ]);
  });
});

it('/metrics counts requests, lookups and the log', async () => {
  const world = await publishedWorld(12);
  const server = await serve(world, { policy });
  await prove(server, 3);
  await prove(server, 3);
  await fetch(`${server.url}/nothing`);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const size = world.judge().judge.size;
  expect(text).toContain('tallystick_http_requests_total{route="/v1/proofs/:topic/:partition/:offset",status="200"} 2');
  expect(text).toMatch(/tallystick_http_requests_total\{route="none",status="404"\} 1/);
  expect(text).toMatch(/tallystick_proof_cache_lookups\{cache="trees",result="hit"\} [1-9]/);
  expect(text).toContain(`tallystick_log_entries{checkpoint="stored"} ${size}`);
  expect(text).toContain(`tallystick_log_entries{checkpoint="published"} ${size}`);
  expect(text).toMatch(/tallystick_checkpoint_age_seconds \d/);
  expect(server.status()).toMatchObject({ url: server.url, published: size, requests: 4 });
});

it('a request without a Host header is a problem like any other', async () => {
  const server = await serve(new World());
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write('GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n');
  const answer = Buffer.concat(await socket.toArray()).toString();
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('application/problem+json');
  expect(answer).toContain('"code":"HTTP_400"');
});

describe('listening', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org', '128.0.0.1', ''])('%s is refused', async (host) => {
    await expect(serve(new World(), { listen: { host, port: 0 } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('on an address that is taken fails with what can pass', async () => {
    const world = new World();
    const { port } = new URL((await serve(world)).url);
    const again = serve(world, { listen: { host: '127.0.0.1', port: Number(port) } });
    await expect(again).rejects.toMatchObject({ code: 'SERVE_LISTEN', retriable: true });
  });

  it('ends at a stop, once, and with a connection that is idle', async () => {
    const server = await serve(await publishedWorld(2));
    await prove(server, 0);
    const { hostname, port } = new URL(server.url);
    const idle = connect(Number(port), hostname);
    await new Promise((resolve) => idle.once('connect', resolve));
    const began = performance.now();
    await Promise.all([server.stop(), server.stop(), server.done]);
    expect(performance.now() - began).toBeLessThan(30_000);
    idle.destroy();
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
  });

  it('does not begin where it is stopped already', async () => {
    const world = new World();
    const options = { listen: { host: '127.0.0.1', port: 0 }, signal: AbortSignal.abort(new Error('stopped')) };
    await expect(serve(world, options)).rejects.toThrow('stopped');
  });
});

it('a header that does not come ends the connection', async () => {
  const server = await serve(new World());
  const { hostname, port } = new URL(server.url);
  const slow = connect(Number(port), hostname);
  let answer = '';
  slow.on('data', (bytes: Buffer) => (answer += bytes.toString()));
  const closed = new Promise((resolve) => slow.once('close', resolve));
  slow.write('GET /checkpoint HTTP/1.1\r\nHost: local');
  await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
}, 120_000);

it('as a role of a ledger it is in its status, and is begun anew where its port is taken', async () => {
  const world = await publishedWorld(2);
  // None that a connection of somebody else is given once it is free.
  const port = await choosePort(undefined, new Set());
  const blocker = await serve(world, { listen: { host: '127.0.0.1', port } });
  const ledger = await world.start({ roles: ['publish', 'serve'], serve: { listen: { host: '127.0.0.1', port } } });
  await until(() => ledger.status().alarms.some(({ code }) => code === 'SERVE_LISTEN'), 'the alarm');
  await blocker.stop();
  await until(() => ledger.status().roles.serve === 'running', 'serving');
  expect(ledger.status().serve).toMatchObject({ url: `http://127.0.0.1:${port}` });
  expect(ledger.status().alarms).toEqual([]);
  expect((await fetch(`http://127.0.0.1:${port}/v1/proofs/${topics.events}/0/1`)).status).toBe(200);
});
