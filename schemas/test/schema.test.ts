import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import { lifeFields } from '../src/audit-event.ts';
import { eventSchemaHash, schemaHash } from '../src/avro.ts';
import { eventSchema, eventSchemaText } from '../src/event-schema.ts';
import type { FieldSchema, FieldType } from '../src/event-schema.ts';

function fieldsOf(type: FieldType, path: string): { path: string; field: FieldSchema }[] {
  if (typeof type === 'string') return [];
  if (Array.isArray(type)) return type.flatMap((each: FieldType) => fieldsOf(each, path));
  const one = type as Exclude<FieldType, string | readonly FieldType[]>;
  if (one.type === 'array') return fieldsOf(one.items, path);
  if (one.type === 'map') return fieldsOf(one.values, path);
  if (one.type !== 'record') return [];
  return one.fields.flatMap((field) => [
    { path: path + field.name, field },
    ...fieldsOf(field.type, `${path}${field.name}.`),
  ]);
}

const fields = fieldsOf(eventSchema, '');
const shortName = (type: FieldType): unknown => (typeof type === 'object' && 'name' in type ? type.name : type);

describe('the event schema', () => {
  // What was written can only be read for ever if a change of the schema is a decision. Then this hash is changed too.
  it('has the Parsing Canonical Form that was released', () => {
    expect(Buffer.from(eventSchemaHash).toString('hex')).toBe(
      '1bfbb7d13bd66f4c7c6b199093cfa9a753ddc9758aa38731c15fa0f2e7303ada',
    );
    expect(schemaHash(eventSchemaText)).toEqual(eventSchemaHash);
  });

  it('uses nothing that cannot grow: no enums, no logical types', () => {
    expect(eventSchemaText).not.toMatch(/"enum"|logicalType/);
  });

  it('names the unit of every time', () => {
    const longs = fields.filter(
      ({ field }) => JSON.stringify([field.type].flat()).match(/^\["(null",")?long"\]$/) !== null,
    );
    const times = longs.map(({ path }) => path).filter((path) => !/epoch|sequence/i.test(path));
    expect(times).toEqual(['occurredAtMs', 'authentication.sessionStartedAtMs']);
  });

  it.each([
    'actor.id',
    'actor.name',
    'actor.email',
    'actor.account',
    'resources.id',
    'resources.name',
    'initiator.ip',
    'initiator.host',
    'initiator.userAgent',
    'initiator.deviceId',
    'initiator.location.country',
    'initiator.location.city',
    'initiator.location.coordinates',
    'authentication.credentialId',
    'reason',
    'errorMessage',
    'before',
    'after',
    'request',
    'response',
    'tenant',
    'account',
    'correlation.sessionId',
    'correlation.requestId',
    'guardrail.reason',
    'guardrail.approvedBy',
  ])('has room for a protected %s', (path) => {
    const type = fields.find((each) => each.path === path)?.field.type;
    expect(Array.isArray(type) ? type.map(shortName) : type).toEqual(['null', 'string', 'Protected']);
  });

  it('has room for protected roles, labels and originals', () => {
    expect(JSON.stringify(fields.find(({ path }) => path === 'actor.roles')?.field.type)).toContain(
      '["null","string","Protected"]',
    );
    expect(JSON.stringify(fields.find(({ path }) => path === 'labels')?.field.type)).toContain(
      '["null","string","Protected"]',
    );
    expect(fields.find(({ path }) => path === 'original.data')?.field.type).toEqual([
      'null',
      'string',
      'bytes',
      'Protected',
    ]);
  });

  it('ends with the life of the producer', () => {
    expect(eventSchema.fields.slice(-lifeFields.length).map(({ name }) => name)).toEqual([...lifeFields]);
  });

  it('is read by a reader of avsc that knows nothing of this package', () => {
    expect(() =>
      avsc.Type.forSchema(JSON.parse(eventSchemaText) as Parameters<typeof avsc.Type.forSchema>[0]),
    ).not.toThrow();
  });
});
