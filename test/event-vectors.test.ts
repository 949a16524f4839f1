import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventSchemaText, schemaHash } from '@tallystick/schemas/avro';
import { EventDecoder } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { contentHash } from '../verifier/src/content/event-content.ts';

// The vectors of core/testdata/events that are about schemas and values: `core` has no Avro, so they are run here.

const testdata = join(import.meta.dirname, '..', 'core', 'testdata', 'events');
const read = (name: string): unknown => JSON.parse(readFileSync(join(testdata, `${name}.json`), 'utf8'));
const bytes = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, 'base64'));

interface Schema {
  desc: string;
  schema: string;
  wantErr: string | null;
  sha256: string;
}
describe('schemas', () => {
  const schemas = read('schemas') as Schema[];
  it.each(schemas)('$desc', ({ schema, wantErr, sha256 }) => {
    const hash = () => Buffer.from(schemaHash(schema)).toString('base64');
    if (wantErr === null) expect(hash()).toBe(sha256);
    else expect(hash).toThrow(expect.objectContaining({ code: wantErr }) as Error);
  });

  it('begin with the text of this release', () => {
    expect(schemas[0]?.schema).toBe(eventSchemaText);
  });
});

interface Value {
  desc: string;
  value: string | null;
  headers: [name: string, value: string | null][];
  registry: string | null;
  wantErr: string | null;
  pinned: boolean;
  event: Record<string, unknown>;
}
function decoderWith(registry: string | null): EventDecoder {
  const text = registry === 'own' ? eventSchemaText : registry;
  const schemaById = (): Promise<string> =>
    text === null ? Promise.reject(new SchemasError('SCHEMA_UNKNOWN', 'none')) : Promise.resolve(text);
  return new EventDecoder({ schemaById });
}
describe('values', () => {
  it.each(read('values') as Value[])('$desc', async ({ value, headers, registry, wantErr, pinned, event }) => {
    const record = {
      value: bytes(value),
      headers: headers.map(([n, v]) => [bytes(n) ?? Buffer.alloc(0), bytes(v)] as const),
    };
    const content = await decoderWith(registry).decode(record);
    if (wantErr === null) expect(content).toMatchObject({ status: 'decoded', pinned, event });
    else expect(content).toMatchObject({ status: 'undecodable', code: wantErr });
  });
});

interface Pair {
  desc: string;
  first: string;
  second: string;
  want: 'duplicate' | 'conflict' | 'different';
}
describe('duplicates', () => {
  const decode = async (value: string): Promise<AuditEvent> => {
    const content = await decoderWith('own').decode({ value: bytes(value), headers: [] });
    if (content.status !== 'decoded') throw new Error(content.status);
    return content.event;
  };
  it.each(read('duplicates') as Pair[])('$desc', async ({ first, second, want }) => {
    const [one, two] = await Promise.all([decode(first), decode(second)]);
    const same = contentHash(one) === contentHash(two);
    expect(one.id !== two.id ? 'different' : same ? 'duplicate' : 'conflict').toBe(want);
  });
});
