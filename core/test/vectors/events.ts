import { readFileSync } from 'node:fs';
import { canonical, encode, long, text, type Schema } from './avro.ts';
import { base64, sha256 } from './primitives.ts';

// Records of `audit.events`: schema, wire format, and what is the same event twice. protocol.md, section 8.

const own = readFileSync(new URL('../../../schemas/avro/audit-event.avsc', import.meta.url), 'utf8');
const schema = JSON.parse(own) as { readonly [name: string]: unknown; readonly fields: readonly Record<string, unknown>[] };
const changed = (change: Partial<Record<string, unknown>>): string => JSON.stringify({ ...schema, ...change });
const field = (name: string, change: Record<string, unknown>): string =>
  changed({ fields: schema.fields.map((each) => (each['name'] === name ? { ...each, ...change } : each)) });
const stripped = (value: unknown): unknown =>
  typeof value !== 'object' || value === null
    ? value
    : Array.isArray(value)
      ? value.map(stripped)
      : Object.fromEntries(Object.entries(value).flatMap(([name, inner]) => (name === 'doc' ? [] : [[name, stripped(inner)]])));
const evolved = changed({ fields: [...schema.fields, { name: 'later', type: ['null', 'string'], default: null }] });

const hashOf = (of: string): Buffer => sha256(canonical(JSON.parse(of) as Schema));
const good = (desc: string, of: string) => ({
  desc,
  schema: of,
  wantErr: null,
  canonical: canonical(JSON.parse(of) as Schema),
  sha256: base64(hashOf(of)),
});
const bad = (desc: string, of: string) => ({ desc, schema: of, wantErr: 'SCHEMA_INVALID' });

export const schemaVectors = [
  good('the event schema of this release', own),
  good('without its documentation: the same', JSON.stringify(stripped(schema))),
  good('without white space: the same', JSON.stringify(schema)),
  good('its attributes in another order: the same', JSON.stringify(Object.fromEntries(Object.entries(schema).toReversed()))),
  good('another default: the same', field('category', { default: null, aliases: ['group'] })),
  good('with one field more', evolved),
  good('a field by another name', field('action', { name: 'operation' })),
  good('two fields in another order', changed({ fields: [...schema.fields.slice(0, 2).toReversed(), ...schema.fields.slice(2)] })),
  good('another namespace', changed({ namespace: 'tallystick.other' })),
  good('a field of another type', field('epoch', { type: 'string' })),
  good('a full name in place of a namespace', '{"type":"record","name":"a.b.R","fields":[{"name":"x","type":["null","R"]}]}'),
  good('a fixed, an enum, a map and an array', '{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":16}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},{"name":"m","type":{"type":"map","values":{"type":"array","items":"F"}}}]}'),
  good('a primitive written as an object', '{"type":"record","name":"R","fields":[{"name":"x","type":{"type":"long"}}]}'),
  bad('no JSON', '{"type":"record"'),
  bad('a type that nobody defines', '{"type":"record","name":"R","fields":[{"name":"x","type":"Nothing"}]}'),
  bad('a record without a name and fields', '{"type":"record"}'),
  bad('a number', '7'),
  bad('an empty text', ''),
];

const event = {
  id: '0199c82c-c000-7000-8000-000000000001',
  action: 'invoice:approve',
  occurredAtMs: 1_760_000_000_000,
  source: 'billing',
  outcome: 'success',
  instance: 'billing-7f9c',
  epoch: 3,
  sequence: 41,
};
const rich = {
  ...event,
  id: '0199c82c-c000-7000-8000-000000000002',
  salt: Buffer.alloc(16, 7),
  category: 'management',
  actor: { type: 'user', id: 'u-1', roles: ['admin', 'auditor'] },
  onBehalfOf: { id: 'u-2' },
  resources: [{ type: 'invoice', id: 'i-9' }],
  tenant: 'Prüfung GmbH',
  readOnly: false,
  labels: { region: 'eu', '': '' },
  original: { format: 'aws.cloudtrail', version: '1.08', data: Buffer.from('{}') },
  sequence: 0,
  previousEpoch: 2,
  previousSequence: 17,
};

const id = 9;
const wire = (payload: Buffer, schemaId = id): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(schemaId, 1);
  return Buffer.concat([prefix, payload]);
};
const payload = encode(schema, event);
const pin = (of: string | Buffer = own): [string, Buffer | null] => ['avro-schema', typeof of === 'string' ? hashOf(of) : of];
const jsonOf = (of: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    ['id', 'action', 'category', 'occurredAtMs', 'source', 'tenant', 'outcome', 'readOnly', 'labels', 'instance', 'epoch', 'sequence', 'previousEpoch', 'previousSequence'].map(
      (name) => [name, of[name] ?? (name === 'labels' ? {} : null)],
    ),
  );

interface Given {
  /** What the registry holds under the value's id: the text, or null for none. */
  readonly registry?: string | null;
  readonly headers?: readonly (readonly [name: string, value: Buffer | null])[];
}
const vector = (desc: string, value: Buffer | null, { registry = own, headers = [pin()] }: Given, want: object) => ({
  desc,
  value: value === null ? null : base64(value),
  headers: headers.map(([name, bytes]) => [base64(Buffer.from(name)), bytes === null ? null : base64(bytes)]),
  // The text of this release is named, for it is long.
  registry: registry === own ? 'own' : registry,
  ...want,
});
const decodes = (desc: string, of: Record<string, unknown>, given: Given = {}, pinned = true, bytes = encode(schema, of)) =>
  vector(desc, wire(bytes), given, { wantErr: null, pinned, event: jsonOf(of) });
const refused = (desc: string, wantErr: string, value: Buffer | null, given: Given = {}) => vector(desc, value, given, { wantErr });
const malformed = (desc: string, bytes: Buffer) => refused(desc, 'AVRO_MALFORMED', wire(bytes));

/** The payload with the id replaced: its length and text as they are given. */
const idBytes = (bytes: Buffer): Buffer => Buffer.concat([bytes, payload.subarray(text(event.id).length)]);
const other = canonical(JSON.parse(field('action', { name: 'operation' })) as Schema);

export const valueVectors = [
  decodes('an event', event),
  decodes('an event with much in it', rich),
  decodes('whose schema the registry does not have: the hash is enough where the schema is known', event, { registry: null }),
  decodes('without the header: the registry’s word counts', event, { headers: [] }, false),
  decodes('beside headers of other names', event, { headers: [['h', null], pin(), ['avro-schemas', Buffer.alloc(3)]] }),
  decodes('of a later schema', event, { registry: evolved, headers: [pin(evolved)] }, true, encode(JSON.parse(evolved) as Schema, event)),
  decodes('lists and maps in several blocks, one with its size', { ...event, labels: { a: '1', b: '2' } }, {}, true, inBlocks()),
  refused('no value', 'WIRE_FORMAT', null),
  refused('an empty value', 'WIRE_FORMAT', Buffer.alloc(0)),
  refused('four bytes', 'WIRE_FORMAT', Buffer.alloc(4)),
  refused('another first byte', 'WIRE_FORMAT', Buffer.concat([Buffer.from([1]), wire(payload).subarray(1)])),
  refused('the payload without its prefix', 'WIRE_FORMAT', payload),
  refused('JSON', 'WIRE_FORMAT', Buffer.from(JSON.stringify(event))),
  malformed('nothing behind the prefix', Buffer.alloc(0)),
  malformed('a byte cut off', payload.subarray(0, -1)),
  malformed('a byte more', Buffer.concat([payload, Buffer.from([0])])),
  malformed('a text longer than the record', idBytes(Buffer.concat([long(1_000_000), Buffer.from(event.id)]))),
  malformed('a text of negative length', idBytes(Buffer.concat([long(-1), Buffer.from(event.id)]))),
  malformed('a text that is not UTF-8', idBytes(Buffer.concat([long(36), Buffer.alloc(36, 0xff)]))),
  malformed('a branch that the union has not', Buffer.concat([text(event.id), long(2), payload.subarray(text(event.id).length + 1)])),
  malformed('a negative branch', Buffer.concat([text(event.id), long(-1), payload.subarray(text(event.id).length + 1)])),
  malformed('a number that never ends', idBytes(Buffer.alloc(40, 0x80))),
  refused('two schema headers', 'SCHEMA_HEADER', wire(payload), { headers: [pin(), pin()] }),
  refused('a schema header of 31 bytes', 'SCHEMA_HEADER', wire(payload), { headers: [pin(hashOf(own).subarray(1))] }),
  refused('a schema header as text', 'SCHEMA_HEADER', wire(payload), { headers: [pin(Buffer.from(hashOf(own).toString('hex')))] }),
  refused('a schema header without a value', 'SCHEMA_HEADER', wire(payload), { headers: [['avro-schema', null]] }),
  refused('a hash that the registry’s text does not have', 'SCHEMA_HASH_MISMATCH', wire(payload), { headers: [pin(evolved)] }),
  refused('the hash of the text in place of its canonical form', 'SCHEMA_HASH_MISMATCH', wire(payload), { headers: [pin(sha256(own))] }),
  refused('no header and no schema in the registry', 'SCHEMA_UNKNOWN', wire(payload), { headers: [], registry: null }),
  refused('a schema that cannot be read as an event', 'SCHEMA_INCOMPATIBLE', wire(payload), {
    registry: other,
    headers: [pin(other)],
  }),
];

/** Labels in two blocks, the second with a negative count and its size in bytes, as Avro allows. */
function inBlocks(): Buffer {
  const at = schema.fields.findIndex(({ name }) => name === 'labels');
  const part = (from: number, to?: number) => encode({ ...schema, fields: schema.fields.slice(from, to) }, event);
  const label = (name: string, value: string) => Buffer.concat([text(name), long(1), text(value)]);
  const second = label('b', '2');
  const labels = [long(1), label('a', '1'), long(-1), long(second.length), second, long(0)];
  return Buffer.concat([part(0, at), ...labels, part(at + 1)]);
}

const encoded = (of: Record<string, unknown>): string => base64(wire(encode(schema, of)));
const pair = (desc: string, want: 'duplicate' | 'conflict' | 'different', change: Record<string, unknown>, of: Record<string, unknown> = rich) => ({
  desc,
  first: encoded(of),
  second: encoded({ ...of, ...change }),
  want,
});
/** Two records, both pinned to the event schema: the same event twice, one id with two contents, or two events. */
export const duplicateVectors = [
  pair('a resend keeps everything', 'duplicate', {}),
  pair('sent again by the same instance', 'duplicate', { sequence: 99 }),
  pair('sent again in the next life', 'duplicate', { epoch: 4, sequence: 0, previousEpoch: 3, previousSequence: 41 }),
  pair('sent again by another instance, which knows of no life before', 'duplicate', {
    instance: 'billing-1a2b',
    epoch: 0,
    sequence: 0,
    previousEpoch: null,
    previousSequence: null,
  }),
  pair('another action', 'conflict', { action: 'invoice:reject' }),
  pair('another time', 'conflict', { occurredAtMs: rich.occurredAtMs + 1 }),
  pair('another source', 'conflict', { source: 'payroll' }),
  pair('another salt', 'conflict', { salt: Buffer.alloc(16, 8) }),
  pair('without its salt', 'conflict', { salt: null }),
  pair('another role of its actor', 'conflict', { actor: { ...rich.actor, roles: ['admin'] } }),
  pair('a label more', 'conflict', { labels: { ...rich.labels, more: 'x' } }),
  pair('an empty text in place of none', 'conflict', { category: '' }, event),
  pair('a byte of the original', 'conflict', { original: { ...rich.original, data: Buffer.from('{ }') } }),
  pair('another content and another life', 'conflict', { outcome: 'failure', instance: 'billing-1a2b', epoch: 0, sequence: 0 }),
  pair('another id and nothing else', 'different', { id: '0199c82c-c000-7000-8000-000000000003' }),
  pair('another id in the same place of the sequence', 'different', { id: '0199c82c-c000-7000-8000-000000000003', action: 'invoice:reject' }),
];
