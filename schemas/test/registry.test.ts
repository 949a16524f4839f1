import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { SchemaRegistry } from '../src/registry.ts';
import { eventSchemaText } from '../src/event-schema.ts';

let server: Server | undefined;

/** A server on loopback that answers as told: for the answers that a real registry does not give on demand. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((started.address() as AddressInfo).port)}`;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

describe('reading schemas', () => {
  it('asks once, with the credentials, also when asked twice at once', async () => {
    const seen: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      seen.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
      json(response, 200, { schema: '"long"' });
    });
    const registry = new SchemaRegistry({ url: `${url}/`, username: 'u', password: 'p' });
    expect(await Promise.all([registry.schemaById(5), registry.schemaById(5)])).toEqual(['"long"', '"long"']);
    expect(await registry.schemaById(5)).toBe('"long"');
    expect(seen).toEqual([`/schemas/ids/5 Basic ${Buffer.from('u:p').toString('base64')}`]);
  });

  it.each<[string, number, unknown, string]>([
    ['a 401', 401, {}, 'REGISTRY_NOT_AUTHORIZED'],
    ['a 403', 403, {}, 'REGISTRY_NOT_AUTHORIZED'],
    ['a 500', 500, {}, 'REGISTRY_UNREACHABLE'],
    ["a 404 in the registry's words", 404, { error_code: 40403 }, 'SCHEMA_UNKNOWN'],
    ['a 404 of something else', 404, { what: 'no such page' }, 'REGISTRY_PROTOCOL'],
    ['another document', 200, { hello: 1 }, 'REGISTRY_PROTOCOL'],
    ['null', 200, null, 'REGISTRY_PROTOCOL'],
    ['a Protobuf schema', 200, { schema: 'x', schemaType: 'PROTOBUF' }, 'SCHEMA_INVALID'],
    ['a schema in parts', 200, { schema: '"X"', references: [{ name: 'X' }] }, 'SCHEMA_INVALID'],
    ['an answer without end', 200, { schema: 'x'.repeat(1_100_000) }, 'REGISTRY_PROTOCOL'],
  ])('gives a coded error for %s', async (_, status, body, code) => {
    const url = await serve((_request, response) => json(response, status, body));
    await expect(new SchemaRegistry({ url, retries: 0 }).schemaById(1)).rejects.toMatchObject({ code });
  });

  it('says that a page of HTML is no registry', async () => {
    const url = await serve((_, response) => response.end('<html>'));
    await expect(new SchemaRegistry({ url }).schemaById(1)).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
  });

  it('gives up on a server that never answers', async () => {
    const url = await serve(() => undefined);
    await expect(new SchemaRegistry({ url, timeoutMs: 50, retries: 0 }).schemaById(1)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
    await expect(new SchemaRegistry({ url, timeoutMs: 50, retries: 0 }).register('s')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });

  it('says that nothing listens there', async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    await expect(new SchemaRegistry({ url, retries: 1 }).schemaById(1)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
    await expect(new SchemaRegistry({ url, retries: 0 }).register('s')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });

  it('tries again what can pass', async () => {
    let asked = 0;
    const url = await serve((_, response) => json(response, ++asked === 1 ? 503 : 200, { schema: '"long"' }));
    expect(await new SchemaRegistry({ url }).schemaById(1)).toBe('"long"');
    expect(asked).toBe(2);
  });

  it('believes for a while that an id is unknown, and keeps a bounded number of schemas', async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/schemas/ids/9') json(response, 404, { error_code: 40403 });
      else json(response, 200, { schema: '"long"' });
    });
    const registry = new SchemaRegistry({ url, cached: 1 });
    await expect(registry.schemaById(9)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' });
    await expect(registry.schemaById(9)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' });
    for (const id of [1, 2, 1]) await registry.schemaById(id);
    expect(asked.map((path) => path.slice(-1))).toEqual(['9', '1', '2', '1']);
  });
});

describe('registering', () => {
  it('asks for FULL_TRANSITIVE, and sets it on a new subject', async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        seen.push(`${request.method ?? ''} ${request.url ?? ''}${request.method === 'PUT' ? body : ''}`);
        if (request.method === 'GET') json(response, 404, { error_code: 40408 });
        else json(response, 200, { id: 3 });
      });
    });
    expect(await new SchemaRegistry({ url }).register('t-value')).toBe(3);
    expect(seen.at(-1)).toBe('PUT /config/t-value{"compatibility":"FULL_TRANSITIVE"}');
  });

  it('refuses a subject at another level', async () => {
    const url = await serve((_, response) => json(response, 200, { compatibilityLevel: 'BACKWARD' }));
    await expect(new SchemaRegistry({ url }).register('t-value')).rejects.toMatchObject({
      code: 'REGISTRY_COMPATIBILITY',
    });
  });

  it.each([
    [409, 'SCHEMA_INCOMPATIBLE'],
    [422, 'SCHEMA_INVALID'],
    [401, 'REGISTRY_NOT_AUTHORIZED'],
    [500, 'REGISTRY_UNREACHABLE'],
  ])('gives a coded error for HTTP %d', async (status, code) => {
    const url = await serve((request, response) =>
      request.method === 'GET'
        ? json(response, 200, { compatibilityLevel: 'FULL_TRANSITIVE' })
        : json(response, status, { message: 'no' }),
    );
    await expect(new SchemaRegistry({ url }).register('t-value', eventSchemaText)).rejects.toMatchObject({ code });
  });
});
