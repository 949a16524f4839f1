import { randomUUID } from 'node:crypto';
import registryClient from '@kafkajs/confluent-schema-registry';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { encodeEvent, eventSchemaHash, eventSchemaText, schemaHash } from '../src/avro.ts';
import { EventDecoder } from '../src/decoder.ts';
import { SchemaRegistry } from '../src/registry.ts';
import { full, small } from './samples.ts';

type Fields = { name: string; type: unknown; default?: unknown }[];

function evolved(change: (fields: Fields) => void): string {
  const schema = JSON.parse(eventSchemaText) as { fields: Fields };
  change(schema.fields);
  return JSON.stringify(schema);
}

const withExtra = evolved((fields) => fields.push({ name: 'extra', type: ['null', 'string'], default: null }));
const header = Buffer.from('avro-schema');

describe('a real registry', () => {
  let url: string;
  let registry: SchemaRegistry;
  beforeAll(() => {
    const stack = inject('stack');
    if (stack.registry === null) throw new Error('the stack has no registry');
    url = stack.registry.url;
    registry = new SchemaRegistry({ url });
  });
  const subject = (): string => `test-${randomUUID()}-value`;

  it('takes the schema, gives the same id again, and gives it back with the same hash', async () => {
    const name = subject();
    const id = await registry.register(name);
    expect(await registry.register(name)).toBe(id);
    expect(schemaHash(await registry.schemaById(id))).toEqual(eventSchemaHash);
  });

  it('takes a new optional field, so that old and new read each other', async () => {
    const name = subject();
    await registry.register(name);
    const id = await registry.register(name, withExtra);
    const { default: avsc } = await import('avsc');
    const newType = avsc.Type.forSchema(JSON.parse(withExtra) as Parameters<typeof avsc.Type.forSchema>[0]);

    // Old reads new.
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(id, 1);
    const value = Buffer.concat([prefix, newType.toBuffer({ ...small, extra: 'new' })]);
    const content = await new EventDecoder(registry).decode({ value, headers: [[header, schemaHash(withExtra)]] });
    expect(content).toMatchObject({ status: 'decoded', pinned: true, event: { id: small.id } });

    // New reads old.
    const oldType = avsc.Type.forSchema(JSON.parse(eventSchemaText) as Parameters<typeof avsc.Type.forSchema>[0]);
    const read: unknown = newType.fromBuffer(
      Buffer.from(encodeEvent(small, 1).subarray(5)),
      newType.createResolver(oldType),
    );
    expect(read).toMatchObject({ id: small.id, extra: null });
  });

  it.each([
    ['a field without a default', evolved((fields) => fields.push({ name: 'extra', type: 'string' }))],
    [
      'a wider union',
      evolved((fields) =>
        fields.splice(
          fields.findIndex(({ name }) => name === 'category'),
          1,
          { name: 'category', type: ['null', 'string', 'long'], default: null },
        ),
      ),
    ],
    [
      'another type',
      evolved((fields) =>
        fields.splice(
          fields.findIndex(({ name }) => name === 'action'),
          1,
          { name: 'action', type: 'long' },
        ),
      ),
    ],
    [
      'a required field less',
      evolved((fields) =>
        fields.splice(
          fields.findIndex(({ name }) => name === 'outcome'),
          1,
        ),
      ),
    ],
  ])('refuses %s', async (_, text) => {
    const name = subject();
    await registry.register(name);
    await expect(registry.register(name, text)).rejects.toMatchObject({ code: 'SCHEMA_INCOMPATIBLE' });
  });

  it('refuses a change that fits the last version but not an earlier one', async () => {
    const name = subject();
    await registry.register(name, withExtra);
    await registry.register(name);
    const other = evolved((fields) => fields.push({ name: 'extra', type: ['null', 'long'], default: null }));
    await expect(registry.register(name, other)).rejects.toMatchObject({ code: 'SCHEMA_INCOMPATIBLE' });
  });

  it('knows nothing of an id that was never given', async () => {
    await expect(registry.schemaById(2_000_000_000)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' });
  });

  it("gives events that the registry's usual client reads", async () => {
    const id = await registry.register(subject());
    const client = new registryClient.SchemaRegistry({ host: url });
    const read: unknown = await client.decode(Buffer.from(encodeEvent(full, id)));
    expect(read).toMatchObject({ id: full.id, action: full.action, reason: 'month end' });
  });

  it('reads with the registry alone where a record does not name its schema', async () => {
    const id = await registry.register(subject());
    const content = await new EventDecoder(registry).decode({ value: encodeEvent(small, id), headers: [] });
    expect(content).toMatchObject({ status: 'decoded', pinned: false });
  });
});
