import { SchemasError } from './errors.ts';

/** How to reach a schema registry. Own certificate authorities: NODE_EXTRA_CA_CERTS. */
export interface RegistryConfig {
  /** Base address, with the path of the Confluent-compatible API, such as `http://127.0.0.1:8081/apis/ccompat/v7`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** For one request, milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** How often a request that got no answer, or a 5xx or 429, is made again. Default 3. */
  readonly retries?: number;
  /** Schemas kept in memory. Default 1,000. */
  readonly cached?: number;
}

const longestAnswer = 1_048_576;

/**
 * GETs one JSON document, with a deadline and retries.
 * @returns null for 404
 * @throws SchemasError REGISTRY_UNREACHABLE, REGISTRY_NOT_AUTHORIZED, REGISTRY_PROTOCOL
 */
export async function requestRegistry(config: RegistryConfig, path: string): Promise<unknown> {
  const retries = config.retries ?? 3;
  for (let attempt = 0; ; attempt++) {
    try {
      return await once(config, path);
    } catch (error) {
      const passing = error instanceof SchemasError && error.code === 'REGISTRY_UNREACHABLE';
      if (!passing || attempt >= retries) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt));
    }
  }
}

async function once(config: RegistryConfig, path: string): Promise<unknown> {
  const { username, password = '', timeoutMs = 10_000 } = config;
  const url = config.url.replace(/\/$/, '') + path;
  const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' };
  if (username !== undefined)
    headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const unreachable = (what: string, cause?: unknown): SchemasError =>
    new SchemasError(
      'REGISTRY_UNREACHABLE',
      `the schema registry at ${config.url} ${what}; check that it runs and that its address is right`,
      {
        cause,
        evidence: { url },
      },
    );
  let status: number;
  let body: string | null;
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
    status = response.status;
    body = await readBounded(response);
  } catch (error) {
    throw unreachable(
      error instanceof Error && error.name === 'TimeoutError'
        ? `gave no answer in ${String(timeoutMs)} ms`
        : 'cannot be reached',
      error,
    );
  }
  if (status === 401 || status === 403) {
    throw new SchemasError(
      'REGISTRY_NOT_AUTHORIZED',
      `the schema registry at ${config.url} refuses the credentials (HTTP ${String(status)})`,
      { evidence: { url, status } },
    );
  }
  if (status === 429 || status >= 500) throw unreachable(`answers with HTTP ${String(status)}`);
  if (body === null) {
    throw new SchemasError('REGISTRY_PROTOCOL', `the answer to ${url} has more than ${String(longestAnswer)} bytes`, {
      evidence: { url },
    });
  }
  return interpret(url, status, body);
}

/** A 404 says "no such schema" only in the registry's own words: one from a wrong address must not pass for it. */
function interpret(url: string, status: number, body: string): unknown {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch (error) {
    throw new SchemasError(
      'REGISTRY_PROTOCOL',
      `${url} answers HTTP ${String(status)} with something that is not JSON: is it a schema registry?`,
      {
        cause: error,
        evidence: { url, status },
      },
    );
  }
  if (status === 404 && typeof answer === 'object' && answer !== null && 'error_code' in answer) return null;
  if (status !== 200) {
    throw new SchemasError('REGISTRY_PROTOCOL', `${url} answers HTTP ${String(status)}: is it a schema registry?`, {
      evidence: { url, status },
    });
  }
  return answer ?? undefined;
}

async function readBounded(response: Response): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (response.body === null) return '';
  for await (const part of response.body as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > longestAnswer) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/**
 * The schema's text in an answer to `/schemas/ids/<id>`.
 * @throws SchemasError SCHEMA_INVALID if it is not Avro or refers to other schemas, REGISTRY_PROTOCOL
 */
export function schemaTextOf(answer: unknown, id: number): string {
  if (typeof answer !== 'object' || answer === null || !('schema' in answer) || typeof answer.schema !== 'string') {
    throw new SchemasError('REGISTRY_PROTOCOL', `the registry's answer for schema ${String(id)} holds no schema`, {
      evidence: { id },
    });
  }
  const type = 'schemaType' in answer ? answer.schemaType : 'AVRO';
  const references = 'references' in answer && Array.isArray(answer.references) ? answer.references.length : 0;
  if ((type !== 'AVRO' && type !== null && type !== undefined) || references > 0) {
    throw new SchemasError('SCHEMA_INVALID', `schema ${String(id)} is not a self-contained Avro schema`, {
      evidence: { id, type, references },
    });
  }
  return answer.schema;
}
