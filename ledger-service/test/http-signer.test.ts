import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { signerFromSeed } from '@tallystick/core/note';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openHttpSigner } from '../src/adapters/http-signer.ts';
import { describeSigner } from './signer-contract.ts';
import { startSignerServer, type SignerServer } from './signer-server.ts';
import { origin, sealSigner, seed } from './world.ts';

const { vkey } = sealSigner.key;
const servers: SignerServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(...options: Parameters<typeof startSignerServer>): Promise<SignerServer> {
  const server = await startSignerServer(...options);
  servers.push(server);
  return server;
}

describeSigner('a signer over HTTP', vkey, async () => openHttpSigner({ url: (await serve(sealSigner)).url, vkey }));

/** A server that gives its key and then answers `sign` like this. */
const answering = (answer: (response: ServerResponse) => void) =>
  serve(sealSigner, {
    answer: (request: IncomingMessage, response: ServerResponse) => {
      if (request.url !== '/v1/sign') return false;
      answer(response);
      return true;
    },
  });

describe('openHttpSigner', () => {
  it('sends the token with every request and to nobody else', async () => {
    const server = await serve(sealSigner, { token: 'secret' });
    const signer = await openHttpSigner({ url: `${server.url}/`, vkey, token: 'secret' });
    await signer.sign(encodeUtf8('x'));
    expect(server.requests).toEqual([
      { method: 'GET', path: '/v1/key', authorization: 'Bearer secret' },
      { method: 'POST', path: '/v1/sign', authorization: 'Bearer secret' },
    ]);
    await expect(openHttpSigner({ url: server.url, vkey, token: 'other' })).rejects.toMatchObject({
      code: 'SIGNER_REFUSED',
      retriable: false,
      evidence: { status: 401 },
    });
  });

  it('follows no redirect, so that nobody else is given the token', async () => {
    const elsewhere = await serve(sealSigner);
    const server = await answering((response) =>
      response.writeHead(307, { location: `${elsewhere.url}/v1/sign` }).end(),
    );
    const signer = await openHttpSigner({ url: server.url, vkey, token: 'secret' });
    await expect(signer.sign(encodeUtf8('x'))).rejects.toMatchObject({ code: 'SIGNER_INVALID' });
    expect(elsewhere.requests).toEqual([]);
  });

  it('refuses a signer with another key', async () => {
    const server = await serve(signerFromSeed(`${origin}/seal`, seed(9)));
    await expect(openHttpSigner({ url: server.url, vkey })).rejects.toMatchObject({
      code: 'SIGNER_INVALID',
      evidence: { expected: vkey },
    });
  });

  const invalid: [string, (response: ServerResponse) => void][] = [
    ['nothing', (response) => response.end()],
    ['63 bytes', (response) => response.end(Buffer.alloc(63))],
    ['65 bytes', (response) => response.end(Buffer.alloc(65))],
    ['64 bytes that are no signature', (response) => response.end(Buffer.alloc(64, 1))],
    ['base64', (response) => response.end(Buffer.alloc(64, 1).toString('base64'))],
    ['an answer of another kind', (response) => response.writeHead(204).end()],
  ];
  it.each(invalid)('gives nobody %s', async (_, answer) => {
    const signer = await openHttpSigner({ url: (await answering(answer)).url, vkey });
    await expect(signer.sign(encodeUtf8('x'))).rejects.toMatchObject({ code: 'SIGNER_INVALID', retriable: false });
  });

  it('gives nobody the signature of another message or another key', async () => {
    const other = await sealSigner.sign(encodeUtf8('another message'));
    const signer = await openHttpSigner({ url: (await answering((response) => response.end(other))).url, vkey });
    await expect(signer.sign(encodeUtf8('x'))).rejects.toMatchObject({ code: 'SIGNER_INVALID' });
    const stranger = await signerFromSeed(`${origin}/seal`, seed(9)).sign(encodeUtf8('x'));
    const second = await openHttpSigner({ url: (await answering((response) => response.end(stranger))).url, vkey });
    await expect(second.sign(encodeUtf8('x'))).rejects.toMatchObject({ code: 'SIGNER_INVALID' });
  });

  it('reads no more than a signature of an answer without end', async () => {
    let sent = 0;
    const server = await answering((response) => {
      const more = () => {
        while (sent < 1 << 28 && response.write(Buffer.alloc(1 << 16))) sent += 1 << 16;
      };
      response.on('drain', more);
      more();
    });
    const signer = await openHttpSigner({ url: server.url, vkey });
    await expect(signer.sign(encodeUtf8('x'))).rejects.toMatchObject({ code: 'SIGNER_INVALID' });
    expect(sent).toBeLessThan(1 << 26);
  });

  it.each([
    [400, 'SIGNER_REFUSED', false],
    [403, 'SIGNER_REFUSED', false],
    [404, 'SIGNER_REFUSED', false],
    [408, 'SIGNER_UNAVAILABLE', true],
    [429, 'SIGNER_UNAVAILABLE', true],
    [500, 'SIGNER_UNAVAILABLE', true],
    [503, 'SIGNER_UNAVAILABLE', true],
  ])('takes status %i for %s', async (status, code, retriable) => {
    const server = await answering((response) => response.writeHead(status).end('why'));
    const signer = await openHttpSigner({ url: server.url, vkey });
    await expect(signer.sign(encodeUtf8('x'))).rejects.toMatchObject({ code, retriable, evidence: { status } });
  });

  const silent: [string, (response: ServerResponse) => void][] = [
    ['no answer', () => undefined],
    ['a body that does not come', (response) => void response.writeHead(200).write(Buffer.alloc(1))],
  ];
  it.each(silent)('waits no longer than it should for %s', async (_, answer) => {
    const { url } = await answering(answer);
    // On a slow machine even its key may not come in so short a time.
    const opening = { timeout: 60_000, interval: 1 };
    const signer = await vi.waitFor(async () => await openHttpSigner({ url, vkey, timeoutMs: 200 }), opening);
    const began = performance.now();
    await expect(signer.sign(encodeUtf8('x'))).rejects.toMatchObject({ code: 'SIGNER_UNAVAILABLE', retriable: true });
    expect(performance.now() - began).toBeLessThan(30_000);
  });

  it('says that a connection was cut, and signs again when it can', async () => {
    let cut = true;
    const server = await serve(sealSigner, {
      answer: (request, response) => {
        if (request.url !== '/v1/sign' || !cut) return false;
        response.destroy();
        return true;
      },
    });
    const signer = await openHttpSigner({ url: server.url, vkey });
    await expect(signer.sign(encodeUtf8('x'))).rejects.toMatchObject({ code: 'SIGNER_UNAVAILABLE', retriable: true });
    cut = false;
    expect((await signer.sign(encodeUtf8('x'))).length).toBe(64);
  });

  it('says that nobody is there', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    await expect(openHttpSigner({ url: `http://127.0.0.1:${port}`, vkey })).rejects.toMatchObject({
      code: 'SIGNER_UNAVAILABLE',
      retriable: true,
    });
  });

  it.each([
    'http://signer.example.org',
    'http://10.0.0.1:8080',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org',
    'ftp://127.0.0.1',
    'file:///etc/passwd',
    'https://user:hunter2@signer.example.org',
    'https://signer.example.org/?x=1',
    'https://signer.example.org/#x',
    'signer',
  ])('does not use %s, and does not print it', async (url) => {
    const caught: unknown = await openHttpSigner({ url, vkey, token: 't' }).catch((error: unknown) => error);
    expect(caught).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(caught)).not.toContain('hunter2');
  });
});
