import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../src/audit-event.ts';
import { typeOfFields } from '../src/avro-schema.ts';
import { encodeEvent, eventHeaders, eventSchemaHash, eventSchemaText, schemaHash } from '../src/avro.ts';
import { EventDecoder } from '../src/decoder.ts';
import { EventScan, assertScanned, eventNumber } from '../src/event-scan.ts';
import { eventFields } from '../src/event-schema.ts';
import type { FieldType } from '../src/event-schema.ts';
import { full, small } from './samples.ts';

const scan = new EventScan();
const decoder = new EventDecoder({ schemaById: () => Promise.reject(new Error('no schema is asked for')) });
const headers = eventHeaders.map(([name, value]) => [Buffer.from(name), value] as const);

/** The decoder's word, or null where it refuses. */
function decode(payload: Uint8Array): AuditEvent | null {
  const value = Buffer.concat([Buffer.alloc(5), payload]);
  const content = decoder.decode({ value, headers });
  if (content instanceof Promise) throw new Error('the own schema was asked for');
  return content.status === 'decoded' ? content.event : null;
}

/** What the scan says of a payload that lies between others, at any alignment. */
function scanned(payload: Uint8Array, before = 3, after: Uint8Array = Buffer.alloc(40)) {
  const bytes = Buffer.concat([Buffer.alloc(before, 0xff), payload, after]);
  if (!scan.scan(bytes, before, before + payload.length)) return null;
  const number = (name: keyof typeof eventNumber) => {
    const value = scan.numbers[eventNumber[name]]!;
    return Number.isNaN(value) ? null : value;
  };
  return {
    id: bytes.toString('utf8', scan.idAt, scan.idEnd),
    source: bytes.toString('utf8', scan.sourceAt, scan.sourceEnd),
    instance: bytes.toString('utf8', scan.instanceAt, scan.instanceEnd),
    occurredAtMs: number('occurredAtMs'),
    epoch: number('epoch'),
    sequence: number('sequence'),
    previousEpoch: number('previousEpoch'),
    previousSequence: number('previousSequence'),
  };
}

const noted = ({
  id,
  source,
  instance,
  occurredAtMs,
  epoch,
  sequence,
  previousEpoch,
  previousSequence,
}: AuditEvent) => ({
  id,
  source,
  instance,
  occurredAtMs,
  epoch,
  sequence,
  previousEpoch: previousEpoch ?? null,
  previousSequence: previousSequence ?? null,
});

const payloadOf = (event: AuditEvent) => Buffer.from(encodeEvent(event, 1)).subarray(5);

const text = fc.string({ unit: 'grapheme', maxLength: 80 });
const personal = fc.oneof(fc.constant(null), text, fc.constant(full.response ?? null));
const events: fc.Arbitrary<AuditEvent> = fc
  .record(
    {
      category: fc.option(text),
      salt: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 })),
      actor: fc.option(fc.record({ id: personal, name: personal, roles: fc.array(personal, { maxLength: 4 }) })),
      resources: fc.array(fc.record({ type: fc.option(text), id: personal }), { maxLength: 3 }),
      initiator: fc.constant(full.initiator ?? null),
      authentication: fc.option(
        fc.record({
          mfa: fc.option(fc.boolean()),
          sessionStartedAtMs: fc.option(fc.integer({ min: -(2 ** 45), max: 2 ** 45 })),
        }),
      ),
      reason: personal,
      labels: fc.dictionary(text, personal, { maxKeys: 3 }),
      guardrail: fc.constant(full.guardrail ?? null),
      original: fc.option(fc.record({ format: text, data: fc.oneof(personal, fc.uint8Array({ maxLength: 300 })) })),
      occurredAtMs: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
      instance: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }),
      epoch: fc.maxSafeNat().map((n) => Math.floor(n / 2)),
      sequence: fc.nat(),
      previousEpoch: fc.option(fc.nat()),
      previousSequence: fc.option(fc.nat()),
    },
    { requiredKeys: [] },
  )
  .map((changes) => ({ ...small, ...changes }) as AuditEvent);

/** Anything that a type of the schema can hold. Records are drawn field by field, so that every field meets each of its branches. */
function valuesOf(type: FieldType, named = new Map<string, fc.Arbitrary<unknown>>()): fc.Arbitrary<unknown> {
  if (Array.isArray(type)) return fc.oneof(...(type as readonly FieldType[]).map((branch) => valuesOf(branch, named)));
  if (typeof type === 'string') {
    const known: Record<string, fc.Arbitrary<unknown>> = {
      null: fc.constant(null),
      boolean: fc.boolean(),
      long: fc.oneof(fc.integer({ min: -70, max: 70 }), fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
      bytes: fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes)),
      string: fc.oneof(text, fc.string({ maxLength: 8 })),
    };
    const values = known[type] ?? named.get(type);
    if (values === undefined) throw new Error(`no values of ${type}`);
    return values;
  }
  const of = type as Exclude<FieldType, string | readonly FieldType[]>;
  if (of.type === 'array') return fc.array(valuesOf(of.items, named), { maxLength: 3 });
  if (of.type === 'map') return fc.dictionary(text, valuesOf(of.values, named), { maxKeys: 3 });
  const values =
    of.type === 'fixed'
      ? fc.uint8Array({ minLength: of.size, maxLength: of.size }).map((bytes) => Buffer.from(bytes))
      : fc.record(Object.fromEntries(of.fields.map((field) => [field.name, valuesOf(field.type, named)])));
  named.set(of.name, values);
  return values;
}

/** Payloads of any values, also ones that no producer of ours would send, and with few fields that are not null. */
const payloads: fc.Arbitrary<Buffer> = (() => {
  const whole = typeOfFields(eventFields);
  const named = new Map<string, fc.Arbitrary<unknown>>();
  const fields = eventFields.map(({ name, type }) => {
    const values = valuesOf(type, named);
    const empty = Array.isArray(type) && type[0] === 'null' ? fc.constant(null) : values;
    return [name, fc.oneof(values, empty)] as const;
  });
  return fc.record(Object.fromEntries(fields)).map((value) => whole.toBuffer(value));
})();

describe('what an event says is found without decoding it', () => {
  it('in the smallest and in the fullest', () => {
    for (const event of [small, full, { ...full, previousEpoch: null }])
      expect(scanned(payloadOf(event))).toEqual(noted(event));
  });

  it('as the decoder finds it, wherever it lies', () => {
    fc.assert(
      fc.property(events, fc.nat({ max: 9 }), (event, before) => {
        const payload = payloadOf(event);
        expect(scanned(payload, before)).toEqual(noted(decode(payload)!));
      }),
    );
  });

  it('with anything in any field, and whatever bytes are changed in it', () => {
    const counts = { taken: 0, changed: 0, refused: 0 };
    const change = fc.tuple(fc.nat(), fc.oneof(fc.integer({ min: 0, max: 8 }), fc.nat(255)));
    fc.assert(
      fc.property(payloads, fc.nat({ max: 9 }), fc.array(change, { maxLength: 20 }), (payload, before, changes) => {
        expect(scanned(payload, before)).toEqual(noted(decode(payload)!));
        counts.taken += 1;
        for (const [at, byte] of changes) {
          const bad = Buffer.from(payload);
          bad[at % bad.length] = byte;
          const found = scanned(bad, before);
          const event = decode(bad);
          if (event === null) counts.refused += 1;
          else counts.changed += 1;
          // Numbers and indices that are longer than they need be are left to the decoder.
          if (found !== null) expect(found).toEqual(event === null ? 'refused' : noted(event));
        }
      }),
      { numRuns: 400 },
    );
    expect(counts.taken).toBe(400);
    expect(Math.min(counts.changed, counts.refused)).toBeGreaterThan(100);
  });

  it('in numbers of all sizes that are written', () => {
    for (const epoch of [0, 63, 64, 8191, 8192, 2 ** 27, 2 ** 28 - 1, 2 ** 35, 2 ** 51, 2 ** 52 - 1])
      expect(scanned(payloadOf({ ...small, epoch }))).toEqual(noted({ ...small, epoch }));
    for (const occurredAtMs of [-1, -64, -65, -(2 ** 27), -(2 ** 28) - 1, -(2 ** 40)])
      expect(scanned(payloadOf({ ...small, occurredAtMs }))).toEqual(noted({ ...small, occurredAtMs }));
  });
});

describe('what the decoder refuses is not taken', () => {
  const same = (payload: Uint8Array, before?: number, after?: Uint8Array) => {
    const found = scanned(payload, before, after);
    const event = decode(payload);
    // What is left to the decoder costs time only; what is taken must be what the decoder takes.
    if (found !== null) expect(found).toEqual(event === null ? 'refused' : noted(event));
    return found !== null;
  };

  it('with any one bit turned', () => {
    let taken = 0;
    for (const event of [small, full]) {
      const payload = payloadOf(event);
      for (let bit = 0; bit < payload.length * 8; bit++) {
        const bad = Buffer.from(payload);
        bad[bit >>> 3] = bad[bit >>> 3]! ^ (1 << (bit & 7));
        if (same(bad)) taken += 1;
      }
    }
    expect(taken).toBeGreaterThan(100);
  });

  it('cut off anywhere, whatever comes after it, and with anything behind it', () => {
    const payload = payloadOf(full);
    for (let length = 0; length < payload.length; length++) {
      for (const after of [Buffer.alloc(0), Buffer.alloc(500), payload.subarray(length)])
        expect(same(payload.subarray(0, length), 1, after)).toBe(false);
    }
    for (const more of [Buffer.of(0), payload]) expect(same(Buffer.concat([payload, more]))).toBe(false);
  });

  it('with pieces replaced by anything', () => {
    const payload = payloadOf(full);
    fc.assert(
      fc.property(fc.nat(payload.length), fc.nat(8), fc.uint8Array({ maxLength: 12 }), (at, gone, piece) => {
        same(Buffer.concat([payload.subarray(0, at), piece, payload.subarray(at + gone)]));
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void same(bytes)));
  });

  it('with text that is not UTF-8, at every place of text', () => {
    const payload = payloadOf({ ...full, action: 'x'.repeat(70), reason: 'y'.repeat(33) });
    const text = payload.toString('latin1');
    let tried = 0;
    for (const word of ['x', 'y', 'invoice', 'finance', 'amount', 'billing', 'eu-central', 'AES-256', 'DE', 'admin']) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
        const bad = Buffer.from(payload);
        bad[at] = 0xff;
        expect(same(bad)).toBe(false);
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(100);
  });

  it('nor waited for: lists of 2^52 values end with the payload, or with the batch', () => {
    const payload = payloadOf(small);
    // resources is the first list of the smallest event: the field after onBehalfOf, before service.
    const at = payload.indexOf(Buffer.from('billing')) + 'billing'.length + 2;
    const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    for (const count of [huge, Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])]) {
      const bad = Buffer.concat([payload.subarray(0, at), count, Buffer.alloc(20)]);
      const started = performance.now();
      for (let i = 0; i < 1_000; i++)
        expect(scan.scan(Buffer.concat([bad, Buffer.alloc(100_000)]), 0, bad.length)).toBe(false);
      expect(performance.now() - started).toBeLessThan(30_000);
    }
  });
});

it('of another schema nothing is scanned: the scan is written for one', () => {
  expect(() => assertScanned(eventSchemaHash)).not.toThrow();
  const renamed = eventSchemaText.replace('"outcome"', '"result"');
  expect(() => assertScanned(schemaHash(renamed))).toThrow(TypeError);
});
