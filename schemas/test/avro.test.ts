import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeBody,
  encodeEvent,
  encodeLife,
  eventHeaders,
  eventSchemaHash,
  eventSchemaText,
  joinEvent,
  schemaHash,
} from '../src/avro.ts';
import { EventDecoder } from '../src/decoder.ts';
import { SchemasError } from '../src/errors.ts';
import type { RecordContent } from '../src/row.ts';
import { full, small } from './samples.ts';

const header = Buffer.from('avro-schema');
const pinned = [[header, eventSchemaHash]] as const;

/** A registry in memory that counts what it is asked. */
function registryOf(texts: Record<number, string>): { asked: number[]; schemaById(id: number): Promise<string> } {
  const asked: number[] = [];
  return {
    asked,
    schemaById: async (id) => {
      asked.push(id);
      const text = texts[id];
      if (text === undefined) throw new SchemasError('SCHEMA_UNKNOWN', `no ${String(id)}`);
      return await Promise.resolve(text);
    },
  };
}

type Fields = { name: string; type: unknown; default?: unknown }[];

function evolved(change: (fields: Fields) => void): string {
  const schema = JSON.parse(eventSchemaText) as { fields: Fields };
  change(schema.fields);
  return JSON.stringify(schema);
}

async function codeOf(
  decoder: EventDecoder,
  value: Uint8Array | null,
  headers: readonly (readonly [Uint8Array, Uint8Array | null])[] = pinned,
): Promise<string> {
  const content: RecordContent = await decoder.decode({ value, headers });
  return content.status === 'undecodable' ? content.code : content.status;
}

describe('encoding and decoding', () => {
  it('gives back what was encoded, and asks no registry for its own schema', async () => {
    const registry = registryOf({});
    const content = await new EventDecoder(registry).decode({ value: encodeEvent(full, 9), headers: pinned });
    expect(content).toMatchObject({
      status: 'decoded',
      pinned: true,
      schemaHash: Buffer.from(eventSchemaHash).toString('hex'),
    });
    expect(content.status === 'decoded' && { ...content.event }).toEqual(full);
    expect(registry.asked).toEqual([]);
  });

  it('writes the Confluent wire format', () => {
    const value = encodeEvent(small, 0x01020304);
    expect([...value.subarray(0, 5)]).toEqual([0, 1, 2, 3, 4]);
    expect(eventHeaders).toEqual([['avro-schema', eventSchemaHash]]);
    expect(() => encodeEvent(small, -1)).toThrow(/schema id/);
    expect(() => encodeEvent(small, 2 ** 32)).toThrow(/schema id/);
  });

  it('makes an event of its body and its life, joined', () => {
    const { instance, epoch, sequence, previousEpoch = null, previousSequence = null, ...body } = full;
    const life = { instance, epoch, sequence, previousEpoch, previousSequence };
    expect(joinEvent(3, encodeBody(body), encodeLife(life))).toEqual(encodeEvent(full, 3));
  });
});

describe('the schema header', () => {
  const value = encodeEvent(small, 7);
  const decoder = (): EventDecoder => new EventDecoder(registryOf({ 7: eventSchemaText }));

  it('may be missing: then the registry counts, with a warning', async () => {
    const content = await decoder().decode({ value, headers: [[Buffer.from('other'), null]] });
    expect(content).toMatchObject({ status: 'decoded', pinned: false });
  });

  it('must not be there twice, even if both are right', async () => {
    expect(await codeOf(decoder(), value, [pinned[0], pinned[0]])).toBe('SCHEMA_HEADER');
  });

  it('must be 32 bytes', async () => {
    expect(await codeOf(decoder(), value, [[header, null]])).toBe('SCHEMA_HEADER');
    expect(await codeOf(decoder(), value, [[header, new Uint8Array(0)]])).toBe('SCHEMA_HEADER');
    expect(await codeOf(decoder(), value, [[header, eventSchemaHash.subarray(1)]])).toBe('SCHEMA_HEADER');
  });

  it('decides: a registry that gives another schema is refused', async () => {
    const other = evolved((fields) => fields.push({ name: 'extra', type: ['null', 'string'], default: null }));
    const registry = registryOf({ 7: eventSchemaText });
    expect(await codeOf(new EventDecoder(registry), value, [[header, schemaHash(other)]])).toBe('SCHEMA_HASH_MISMATCH');
  });

  it('is found by its bytes: a name that is not UTF-8 is another header', async () => {
    const content = await decoder().decode({
      value,
      headers: [
        [Buffer.from([0xff, 0xfe]), eventSchemaHash],
        [new Uint8Array(0), null],
      ],
    });
    expect(content).toMatchObject({ status: 'decoded', pinned: false });
  });
});

describe('other versions of the schema', () => {
  const newer = evolved((fields) => fields.splice(3, 0, { name: 'extra', type: ['null', 'string'], default: null }));
  const older = evolved((fields) =>
    fields.splice(
      fields.findIndex(({ name }) => name === 'labels'),
      1,
    ),
  );

  it.each([
    ['newer', newer],
    ['older', older],
  ])('reads what a %s release wrote', async (_, text) => {
    const { default: avsc } = await import('avsc');
    const type = avsc.Type.forSchema(JSON.parse(text) as Parameters<typeof avsc.Type.forSchema>[0]);
    const { labels: _labels, ...rest } = { ...small, extra: 'x' } as Record<string, unknown>;
    const value = joinEvent(4, type.toBuffer(rest), new Uint8Array(0));
    const registry = registryOf({ 4: text });
    const decoder = new EventDecoder(registry);
    const first = await decoder.decode({ value, headers: [[header, schemaHash(text)]] });
    expect(first).toMatchObject({ status: 'decoded', event: { id: small.id, sequence: 0, labels: {} } });
    // The second answer is at hand without waiting.
    expect(decoder.decode({ value, headers: [[header, schemaHash(text)]] })).not.toBeInstanceOf(Promise);
    expect(registry.asked).toEqual([4]);
  });

  it('does not read another record, or garbage, under the id', async () => {
    const other = JSON.stringify({ type: 'record', name: 'Other', fields: [] });
    const decoder = new EventDecoder(
      registryOf({
        1: other,
        2: 'nonsense',
        3: '['.repeat(100_000),
        4: `${'['.repeat(500)}${']'.repeat(500)}`,
        5: '"long"',
      }),
    );
    const value = (id: number): Uint8Array => joinEvent(id, new Uint8Array([0]), new Uint8Array(0));
    expect(await codeOf(decoder, value(1), [])).toBe('SCHEMA_INCOMPATIBLE');
    expect(await codeOf(decoder, value(2), [])).toBe('SCHEMA_INVALID');
    expect(await codeOf(decoder, value(3), [])).toBe('SCHEMA_INVALID');
    expect(await codeOf(decoder, value(4), [])).toBe('SCHEMA_INVALID');
    expect(await codeOf(decoder, value(5), [])).toBe('SCHEMA_INCOMPATIBLE');
    expect(await codeOf(decoder, value(6), [])).toBe('SCHEMA_UNKNOWN');
  });

  it('throws, and does not judge the record, while the registry is away', async () => {
    const away = {
      schemaById: (): Promise<string> => Promise.reject(new SchemasError('REGISTRY_UNREACHABLE', 'away')),
    };
    await expect(async () =>
      new EventDecoder(away).decode({ value: encodeEvent(small, 1), headers: [] }),
    ).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('keeps no more schemas than it was told to', async () => {
    const registry = registryOf({ 1: eventSchemaText, 2: eventSchemaText });
    const decoder = new EventDecoder(registry, { cached: 1 });
    for (const id of [1, 2, 1]) expect(await codeOf(decoder, encodeEvent(small, id), [])).toBe('decoded');
    expect(registry.asked).toEqual([1, 2, 1]);
  });
});

describe('hostile values', () => {
  const decoder = new EventDecoder(registryOf({}));
  const wire = (payload: readonly number[]): Uint8Array => Uint8Array.from([0, 0, 0, 0, 1, ...payload]);

  it('are no events', async () => {
    expect(await codeOf(decoder, null)).toBe('WIRE_FORMAT');
    expect(await codeOf(decoder, new Uint8Array(0))).toBe('WIRE_FORMAT');
    expect(await codeOf(decoder, Uint8Array.from([0, 0, 0, 0]))).toBe('WIRE_FORMAT');
    expect(await codeOf(decoder, Buffer.from('{"json":true}'))).toBe('WIRE_FORMAT');
    expect(await codeOf(decoder, new Uint8Array(1_048_576))).toBe('AVRO_MALFORMED');
    expect(await codeOf(decoder, wire([]))).toBe('AVRO_MALFORMED');
    // A text of 2^52 bytes, one of negative length, one whose length takes more than ten bytes.
    expect(await codeOf(decoder, wire([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]))).toBe('AVRO_MALFORMED');
    expect(await codeOf(decoder, wire([0x01]))).toBe('AVRO_MALFORMED');
    expect(await codeOf(decoder, wire(Array.from({ length: 20 }, () => 0xff)))).toBe('AVRO_MALFORMED');
  });

  it('may not have anything after the event, nor lack its end', async () => {
    const value = encodeEvent(full, 1);
    expect(await codeOf(decoder, Buffer.concat([value, Buffer.from([0])]))).toBe('AVRO_MALFORMED');
    for (let length = 5; length < value.length; length++)
      expect(await codeOf(decoder, value.subarray(0, length))).toBe('AVRO_MALFORMED');
  });

  it('may not hold text that is not UTF-8', async () => {
    const value = Buffer.from(encodeEvent({ ...small, reason: 'marker' }, 1));
    value[value.indexOf('marker')] = 0xff;
    expect(await codeOf(decoder, value)).toBe('AVRO_MALFORMED');
  });

  async function withSchema(schema: object, payload: readonly number[]): Promise<string> {
    return codeOf(new EventDecoder(registryOf({ 1: JSON.stringify(schema) })), wire(payload), []);
  }

  it('cannot make a reader loop or recurse for ever through a schema of their own', async () => {
    const base = JSON.parse(eventSchemaText) as { fields: Fields };
    const schema = (type: unknown): object => ({ ...base, fields: [{ name: 'bomb', type }, ...base.fields] });
    const huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f];
    expect(await withSchema(schema({ type: 'array', items: 'null' }), huge)).toBe('AVRO_MALFORMED');
    expect(await withSchema(schema({ type: 'array', items: { type: 'record', name: 'E', fields: [] } }), huge)).toBe(
      'AVRO_MALFORMED',
    );
    // A block of minus one items that says it has a negative size, or another than it has.
    expect(await withSchema(schema({ type: 'array', items: 'long' }), [0x01, 0x01, 0x02, 0])).toBe('AVRO_MALFORMED');
    expect(await withSchema(schema({ type: 'array', items: 'long' }), [0x01, 0x06, 0x02, 0])).toBe('AVRO_MALFORMED');
    const linked = { type: 'record', name: 'N', fields: [{ name: 'next', type: ['null', 'N'] }] };
    expect(
      await withSchema(
        schema(linked),
        Array.from({ length: 100_000 }, () => 2),
      ),
    ).toBe('AVRO_MALFORMED');
    const endless = { type: 'record', name: 'F', fields: [{ name: 'next', type: 'F' }] };
    expect(['AVRO_MALFORMED', 'SCHEMA_INVALID', 'SCHEMA_INCOMPATIBLE']).toContain(
      await withSchema(schema(endless), [0]),
    );
  });

  it('a block with a negative count and the right size is what Avro allows', async () => {
    const base = JSON.parse(eventSchemaText) as { fields: Fields };
    const schema = { ...base, fields: [{ name: 'numbers', type: { type: 'array', items: 'long' } }, ...base.fields] };
    const rest = encodeEvent(small, 1).subarray(5);
    expect(await withSchema(schema, [0x03, 0x04, 2, 4, 0, ...rest])).toBe('decoded');
  });

  it('never give anything but an event or AVRO_MALFORMED', async () => {
    const value = encodeEvent(full, 1);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(value.length - 6), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const broken = Buffer.from(value);
          for (const [at, byte] of changes) broken[5 + at] = byte;
          expect(['decoded', 'AVRO_MALFORMED']).toContain(await codeOf(decoder, broken));
        },
      ),
      { numRuns: 2_000 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (payload) => {
        expect(['decoded', 'AVRO_MALFORMED']).toContain(await codeOf(decoder, wire([...payload])));
      }),
      { numRuns: 2_000 },
    );
  });
});
