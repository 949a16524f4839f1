import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import registryClient from '@kafkajs/confluent-schema-registry';
import type { SchemaSource } from './decoder.ts';
import { SchemasError } from './errors.ts';
import { eventSchemaText } from './event-schema.ts';
import { requestRegistry, schemaTextOf } from './registry-http.ts';
import type { RegistryConfig } from './registry-http.ts';

export type { RegistryConfig } from './registry-http.ts';

/** The only level that lets every release read what any other wrote, in both directions. */
export const compatibility = 'FULL_TRANSITIVE';

/**
 * A Confluent-compatible schema registry. Schemas are registered with @kafkajs/confluent-schema-registry, always at
 * FULL_TRANSITIVE (its own default is BACKWARD). They are read with plain requests: that client has no deadline, keeps
 * every schema for ever and reports a broken connection as an HTTP status.
 */
export class SchemaRegistry implements SchemaSource {
  readonly place: string;
  readonly #config: RegistryConfig;
  // Ids never change their meaning.
  readonly #texts = new Map<number, string>();
  // Unknown ids may be registered later: they are believed unknown for a while, so that a flood of them costs few requests.
  readonly #unknown = new Map<number, number>();
  readonly #asking = new Map<number, Promise<string>>();

  constructor(config: RegistryConfig) {
    this.#config = config;
    this.place = config.url;
  }

  /**
   * Registers a schema under a subject, which is `<topic>-value` for a topic's values; a schema that is there already keeps its id.
   * @returns the schema's id
   * @throws SchemasError SCHEMA_INCOMPATIBLE where a reader could no longer read; REGISTRY_COMPATIBILITY where the subject is
   *   at another level; SCHEMA_INVALID, REGISTRY_UNREACHABLE, REGISTRY_NOT_AUTHORIZED, REGISTRY_PROTOCOL
   */
  async register(subject: string, schemaText: string = eventSchemaText): Promise<number> {
    await this.#checkLevel(subject);
    const { url, username, password, timeoutMs = 10_000 } = this.#config;
    const agent = url.startsWith('https:') ? new HttpsAgent() : new HttpAgent();
    // The client's retries would outlive the deadline; the caller may simply register again.
    const client = new registryClient.SchemaRegistry({
      host: url.replace(/\/$/, ''),
      agent,
      retry: { retries: 0 },
      ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
    });
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const late = new Promise<never>((_, reject) =>
        deadline.addEventListener('abort', () => reject(deadline.reason as Error)),
      );
      const schema = { type: registryClient.SchemaType.AVRO as const, schema: schemaText };
      const registering = client.register(schema, {
        subject,
        compatibility: registryClient.COMPATIBILITY[compatibility],
      });
      const { id } = await Promise.race([registering, late]);
      if (!Number.isInteger(id))
        throw new SchemasError('REGISTRY_PROTOCOL', `the registry at ${url} gave no schema id`);
      return id;
    } catch (error) {
      throw registrationError(error, subject, url);
    } finally {
      agent.destroy();
    }
  }

  async #checkLevel(subject: string): Promise<void> {
    const answer = await requestRegistry(this.#config, `/config/${encodeURIComponent(subject)}`);
    if (answer === null) return;
    const level = typeof answer === 'object' && 'compatibilityLevel' in answer ? answer.compatibilityLevel : undefined;
    if (level !== compatibility) {
      throw new SchemasError(
        'REGISTRY_COMPATIBILITY',
        `subject ${subject} is at compatibility ${String(level)}: set it to ${compatibility} in the registry`,
        {
          evidence: { subject, expected: compatibility, found: level },
        },
      );
    }
  }

  /** @see SchemaSource */
  async schemaById(id: number): Promise<string> {
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    if ((this.#unknown.get(id) ?? 0) > Date.now()) throw unknownSchema(id);
    const running = this.#asking.get(id);
    if (running !== undefined) return running;
    const asking = this.#fetchSchema(id).finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  async #fetchSchema(id: number): Promise<string> {
    const answer = await requestRegistry(this.#config, `/schemas/ids/${String(id)}`);
    const most = this.#config.cached ?? 1_000;
    if (answer === null) {
      setBounded(this.#unknown, id, Date.now() + unknownForMs, most);
      throw unknownSchema(id);
    }
    const text = schemaTextOf(answer, id);
    setBounded(this.#texts, id, text, most);
    return text;
  }
}

const unknownForMs = 30_000;

function unknownSchema(id: number): SchemasError {
  return new SchemasError('SCHEMA_UNKNOWN', `the registry has no schema with id ${String(id)}`, { evidence: { id } });
}

/** Adds to a map that holds at most so many; the oldest goes first. */
function setBounded<Value>(map: Map<number, Value>, id: number, value: Value, most: number): void {
  const oldest = map.keys().next();
  if (map.size >= most && oldest.done !== true) map.delete(oldest.value);
  map.set(id, value);
}

function registrationError(error: unknown, subject: string, url: string): SchemasError {
  if (error instanceof SchemasError) return error;
  const found = error instanceof Error ? error.message : String(error);
  const options = { cause: error, evidence: { subject, url, found } };
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (status === 409) {
    return new SchemasError(
      'SCHEMA_INCOMPATIBLE',
      `the registry refuses the schema for ${subject}: it is not ${compatibility} compatible with what is registered (${found})`,
      options,
    );
  }
  if (status === 422)
    return new SchemasError(
      'SCHEMA_INVALID',
      `the registry refuses the schema for ${subject} as invalid (${found})`,
      options,
    );
  if (status === 401 || status === 403) {
    return new SchemasError(
      'REGISTRY_NOT_AUTHORIZED',
      `the registry at ${url} refuses to let this user register ${subject}`,
      options,
    );
  }
  // A schema that does not parse is refused by the client itself, before it asks.
  if (error instanceof Error && error.name.startsWith('ConfluentSchemaRegistry')) {
    return new SchemasError('SCHEMA_INVALID', `the schema for ${subject} is no Avro schema (${found})`, options);
  }
  return new SchemasError(
    'REGISTRY_UNREACHABLE',
    `the registry at ${url} did not take the schema for ${subject} (${found}); try again`,
    options,
  );
}
