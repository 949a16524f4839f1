import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseBatch } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { mergeContent, openContentCheck } from '../../src/content/content-check.ts';
import { signEvent } from '@tallystick/core/event-signature';
import { signerFromSeed } from '@tallystick/core/note';
import type { NoteSigner } from '@tallystick/core/note';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import { encodeEvent, eventHeaders, eventSchemaText, schemaHash } from '@tallystick/schemas/avro';
import { SchemasError } from '@tallystick/schemas/errors';
import type { ProducerKey } from '../../src/content/content-types.ts';
import { Records, appendedAt, check, event, life, origin, record, topic } from './support.ts';

const ownHash = eventHeaders[0]![1];
const bad = (changes: Partial<RecordToAppend>): RecordToAppend => ({ ...record(event()), ...changes });

describe('records that are no events', () => {
  it('are warnings by code, with the first offset and how many', async () => {
    const value = encodeEvent(event({ sequence: 1 }), 1);
    const records = new Records().add([
      event(),
      bad({ value: null }),
      bad({ value: Buffer.from('hello') }),
      bad({ value: Buffer.alloc(4) }),
      bad({ value: value.subarray(0, -1) }),
      bad({ value: Buffer.concat([value, Buffer.of(0)]) }),
      bad({ headers: [...eventHeaders, ...eventHeaders] }),
      bad({ headers: [['avro-schema', ownHash.subarray(1)]] }),
      bad({ headers: [['avro-schema', null]] }),
      event({ sequence: 1 }),
    ]);
    const { findings, merged } = await check(records);
    expect(findings.map(({ code, place, found, detail }) => [code, place, found, detail])).toEqual([
      ['undecodable', 'offsets 1-1', 'WIRE_FORMAT', { count: 3 }],
      ['undecodable', 'offsets 4-4', 'AVRO_MALFORMED', { count: 2 }],
      ['undecodable', 'offsets 6-6', 'SCHEMA_HEADER', { count: 3 }],
    ]);
    // Of altered records it is true too: the content is judged before it is known whether they are what was sealed.
    expect(findings.map(({ message }) => message)[1]).toBe(
      '2 records are no audit event (AVRO_MALFORMED), the first at offset 4: nobody can read them as events. That alone is no tampering; what is not as it was sealed is a finding of its own.',
    );
    expect(merged.counts).toMatchObject({
      records: 10,
      decoded: 2,
      undecodable: { WIRE_FORMAT: 3, AVRO_MALFORMED: 2, SCHEMA_HEADER: 3 },
    });
  });

  it('of control batches and of batches that do not parse are counted', async () => {
    const records = new Records().add([event()]).add([bad({ value: null })], { attributes: 0x38 });
    records.add([event(), event()], { attributes: 0x0d });
    const { codes, merged } = await check(records);
    expect(codes).toEqual([]);
    expect(merged.counts).toMatchObject({ records: 4, decoded: 1, control: 1, unparsed: 2 });
  });

  it('hide nothing: a number that one of them may have had is missing', async () => {
    const records = new Records().add([...life([0]), bad({ value: null }), ...life([2])]);
    expect((await check(records)).codes).toEqual(['undecodable', 'sequence-hole']);
  });
});

it('headers are read as they stand, also where those of the record before were alike', async () => {
  type Headers = NonNullable<RecordToAppend['headers']>;
  const own = ['avro-schema', ownHash] as const;
  const source = ['source', Buffer.from('a')] as const;
  const other = Buffer.from(ownHash).fill(0, 0, 1);
  const long = ['source', Buffer.alloc(2000)] as const;
  const of: Headers[] = [
    [own, source],
    [own, source],
    // As many bytes, in another order, with another value, with another hash, without a name that counts.
    [source, own],
    [own, ['source', Buffer.from('b')]],
    [own, ['source', null]],
    [['avro-schemb', ownHash], source],
    [own, source],
    [['avro-schema', other], source],
    [own, source],
    [own, own],
    [own, long],
    [own, long],
    [own],
  ];
  const records = new Records();
  const each = of.map((headers, sequence) => ({ ...record(event({ sequence })), headers }));
  const batches = [...each, ...each.toReversed()].map((_, i, all) => all.slice(i, i + 5));
  for (const some of batches) records.add(some);
  const { merged } = await check(records, { schemas: null });
  const times = (wanted: (headers: Headers) => boolean) =>
    batches.flat().filter(({ headers }) => wanted(headers)).length;
  const hashes = (headers: Headers) => headers.filter(([name]) => name === 'avro-schema');
  const isOwn = (headers: Headers) => hashes(headers).length === 1 && hashes(headers)[0]![1] !== other;
  expect(merged.counts).toMatchObject({
    records: batches.flat().length,
    decoded: times(isOwn),
    unsigned: batches.flat().length,
    undecodable: { SCHEMA_HEADER: times((headers) => hashes(headers).length === 2) },
    unavailable: times((headers) => hashes(headers)[0]?.[1] === other || hashes(headers).length === 0),
  });
});

it('nothing of a batch is kept once it was looked at: its memory is used again', async () => {
  const records = new Records().add(life([0, 1])).add(life([2, 3]));
  const [first, second] = records.batches;
  const memory = Buffer.alloc(Math.max(first!.bytes.length, second!.bytes.length));
  const tempDir = mkdtempSync(join(tmpdir(), 'content-'));
  const options = { topic, partition: 0, origin, schemas: null, producerKeys: [], maxClockSkewMs: null };
  const shard = openContentCheck({ ...options, tempDir });
  for (const { bytes, header } of [first!, second!]) {
    memory.set(bytes);
    const judged = parseBatch(memory.subarray(0, bytes.length), header, nodeCodecs);
    await shard.batch(judged, 0, header.lastOffset);
    memory.fill(0x41);
  }
  const { findings, counts, state } = mergeContent([await shard.finish()], null);
  rmSync(tempDir, { recursive: true });
  expect(findings).toEqual([]);
  expect(counts.decoded).toBe(4);
  expect(state.lives).toEqual([{ instance: 'billing-1', epoch: 5, next: 4, lastOffset: 3 }]);
});

describe('other schemas', () => {
  const later = eventSchemaText.replace(
    '"fields": [',
    '"fields": [{"name":"later","type":["null","string"],"default":null},',
  );
  /** As a later release writes it: one more field, first. */
  const foreign = (of = event(), headers: RecordToAppend['headers'] = [['avro-schema', schemaHash(later)]]) => {
    const value = encodeEvent(of, 9);
    return { key: null, value: Buffer.concat([value.subarray(0, 5), Buffer.of(0), value.subarray(5)]), headers };
  };
  const registry = (asked: number[] = []) => ({
    schemaById(id: number): Promise<string> {
      asked.push(id);
      if (id === 9) return Promise.resolve(later);
      if (id === 1) return Promise.resolve(eventSchemaText);
      return Promise.reject(new SchemasError('SCHEMA_UNKNOWN', `no schema ${id}`));
    },
  });

  it('are read with the registry: their sequences and ids count like all others', async () => {
    const first = event({ sequence: 1 });
    const records = new Records().add([event(), foreign(first), foreign(event({ sequence: 3 })), first]);
    const { findings, compared } = await check(records, { schemas: registry() });
    expect(findings.map(({ code, place }) => [code, place])).toEqual([
      ['sequence-hole', 'offsets 1-2'],
      ['duplicate', 'offsets 3-3'],
    ]);
    expect(compared).toMatchObject({ compared: 4, duplicates: 1 });
  });

  it('without a registry are not looked at, and nothing is said of what may be in them', async () => {
    const { findings, merged } = await check(
      new Records().add([event(), foreign(event({ sequence: 1 })), ...life([2])]),
    );
    expect(findings.map(({ code, found }) => [code, found])).toEqual([
      ['unavailable', 'NO_REGISTRY'],
      ['unreadable', 'sequences'],
    ]);
    expect(merged.counts).toMatchObject({ decoded: 2, unavailable: 1, missing: 0 });
  });

  it('that the registry does not have, or has otherwise, are no events', async () => {
    const other = foreign(event(), [['avro-schema', schemaHash('"string"')]]);
    const unknown = { ...foreign(), value: Buffer.concat([Buffer.of(0, 0, 0, 0, 77), Buffer.alloc(9)]) };
    const asked: number[] = [];
    const { findings } = await check(new Records().add([other, unknown, unknown, unknown]), {
      schemas: registry(asked),
    });
    expect(findings.map(({ code, found }) => [code, found])).toEqual([
      ['undecodable', 'SCHEMA_HASH_MISMATCH'],
      ['undecodable', 'SCHEMA_UNKNOWN'],
    ]);
    expect(asked).toEqual([9, 77]);
  });

  it('that are the word of the registry alone are a warning', async () => {
    const records = new Records().add([event(), { ...record(event({ sequence: 1 })), headers: [] }]);
    const { findings, merged } = await check(records, { schemas: registry() });
    expect(findings).toEqual([expect.objectContaining({ code: 'unpinned-schema', place: 'offsets 1-1' })]);
    expect(merged.counts).toMatchObject({ decoded: 2, unpinned: 1 });
  });

  it('are asked for once where the registry does not answer, and no longer than the deadline', async () => {
    let asked = 0;
    const refuses = { schemaById: () => (asked++, Promise.reject(new SchemasError('REGISTRY_NOT_AUTHORIZED', 'no'))) };
    const silent = { schemaById: () => (asked++, new Promise<string>(() => undefined)) };
    for (const [schemas, found] of [
      [refuses, 'REGISTRY_NOT_AUTHORIZED'],
      [silent, 'REGISTRY_UNREACHABLE'],
    ] as const) {
      asked = 0;
      const records = new Records().each(Array.from({ length: 5 }, () => foreign()));
      const { findings } = await check(records, { schemas, deadlineMs: 20 });
      expect(findings).toEqual([expect.objectContaining({ code: 'unavailable', found, detail: { count: 5 } })]);
      expect(asked).toBe(1);
    }
  });

  it('are not asked for without end', async () => {
    const asked: number[] = [];
    const value = (id: number) => Buffer.from([0, 0, id >> 16, id >> 8, id]);
    const records = new Records().add(
      Array.from({ length: 1_005 }, (_, i) => ({ key: null, value: value(1_000 + i), headers: [] })),
    );
    const { findings } = await check(records, { schemas: registry(asked) });
    expect(asked.length).toBe(1_000);
    expect(findings.map(({ code, found, detail }) => [code, found, detail])).toEqual([
      ['undecodable', 'SCHEMA_UNKNOWN', { count: 1_000 }],
      ['unavailable', 'TOO_MANY_SCHEMAS', { count: 5 }],
    ]);
  });

  it('errors of another kind are not swallowed', async () => {
    const schemas = { schemaById: () => Promise.reject(new TypeError('a fault of ours')) };
    await expect(check(new Records().add([foreign()]), { schemas })).rejects.toThrow('a fault of ours');
  });
});

describe('signatures', () => {
  const billing = signerFromSeed('billing', new Uint8Array(32).fill(1));
  const retired = signerFromSeed('billing', new Uint8Array(32).fill(2));
  const audit = signerFromSeed('audit', new Uint8Array(32).fill(3));
  const producerKeys: ProducerKey[] = [
    { key: billing.key, added: 4, retired: null },
    { key: retired.key, added: 2, retired: 9 },
    { key: audit.key, added: 1, retired: null },
  ];
  const signed = async (signer: NoteSigner, of = event(), changes: Partial<RecordToAppend> = {}) => {
    const { key, value } = record(of);
    const header = await signEvent({ origin, topic, key, value }, signer);
    return { key, value, headers: [...eventHeaders, ['sig', header]] as const, ...changes };
  };

  it('under a key of the source that is valid at the place of the seal count', async () => {
    const records = new Records().add([await signed(billing)]).add([await signed(retired, event({ sequence: 1 }))]);
    const { codes, merged } = await check(records, {
      producerKeys,
      places: new Map([
        [0, 5],
        [1, 8],
      ]),
    });
    expect(codes).toEqual([]);
    expect(merged.counts).toMatchObject({ signed: 2, unsigned: 0, badSignatures: 0 });
  });

  it.each([
    ['before its key was added', 4, () => signed(billing)],
    ['after its key was retired', 9, () => signed(retired)],
    ['in the tail, under a retired key', Infinity, () => signed(retired)],
    ['under the key of another source', 20, () => signed(audit)],
    ['under a key that nobody added', 20, () => signed(signerFromSeed('billing', new Uint8Array(32).fill(9)))],
    ['of another value', 20, () => signed(billing, event(), { value: record(event()).value })],
    ['of another key', 20, () => signed(billing, event(), { key: null })],
    ['cut short', 20, () => signed(billing, event(), { headers: [...eventHeaders, ['sig', Buffer.alloc(67)]] })],
    ['that is null', 20, () => signed(billing, event(), { headers: [...eventHeaders, ['sig', null]] })],
  ] as const)('%s does not count', async (_, place, make) => {
    const { findings, merged } = await check(new Records().add([await make()]), {
      producerKeys,
      places: new Map([[0, place]]),
    });
    expect(findings).toEqual([
      expect.objectContaining({ code: 'bad-signature', place: 'offsets 0-0', expected: 'signed by "billing"' }),
    ]);
    expect(merged.counts).toMatchObject({ signed: 0, badSignatures: 1, decoded: 1 });
  });

  it('two of them do not count, be they good', async () => {
    const good = await signed(billing);
    const twice = { ...good, headers: [...good.headers, good.headers[1]!] };
    const { findings } = await check(new Records().add([twice]), { producerKeys, places: new Map([[0, 20]]) });
    expect(findings).toEqual([expect.objectContaining({ code: 'bad-signature', found: '2 headers sig' })]);
  });

  it('on what is no event has to be of some producer', async () => {
    const value = Buffer.from('hello');
    const header = await signEvent({ origin, topic, key: null, value }, audit);
    const mute = { key: null, value, headers: [['sig', header]] as const };
    const places = new Map([[0, 20]]);
    expect((await check(new Records().add([mute]), { producerKeys, places })).codes).toEqual(['undecodable']);
    expect(
      (await check(new Records().add([{ ...mute, value: Buffer.from('hallo') }]), { producerKeys, places })).codes,
    ).toEqual(['undecodable', 'bad-signature']);
  });

  it('of which many are bad are listed up to a number', async () => {
    const headers = [...eventHeaders, ['sig', Buffer.alloc(3)]] as const;
    const records = new Records().add(
      life(Array.from({ length: 1_003 }, (_, i) => i)).map((of) => ({ ...record(of), headers })),
    );
    const { findings } = await check(records);
    expect(findings.length).toBe(1_001);
    expect(findings.at(-1)).toMatchObject({ code: 'bad-signature', found: '3 more' });
  });
});

describe('clocks', () => {
  const late = (ms: number, sequence: number) => event({ occurredAtMs: appendedAt + ms, sequence });

  it('are not compared without a limit', async () => {
    const records = new Records().add([late(1e9, 0)]).add([late(0, 1)], { time: appendedAt - 1e9 });
    expect((await check(records)).codes).toEqual([]);
  });

  it('of producers that are ahead of the broker are one finding, with the worst', async () => {
    const records = new Records().add([late(1_000, 0), late(1_001, 1), late(5_000, 2), late(-1e12, 3), late(2_000, 4)]);
    const { findings } = await check(records, { maxClockSkewMs: 1_000 });
    expect(findings).toEqual([
      expect.objectContaining({
        code: 'clock-skew',
        found: 'producer',
        place: 'offsets 1-1',
        detail: { count: 3, worstMs: 5_000, worstOffset: 2 },
      }),
    ]);
  });

  it('of brokers that go back are one finding, also between shards and between runs', async () => {
    const at = (ms: number) => ({ time: appendedAt + ms });
    const make = () =>
      new Records()
        .add([late(-1e6, 0)], at(5_000))
        .add([late(-1e6, 1)], at(4_500))
        .add([late(-1e6, 2)], at(1_000));
    const settings = { maxClockSkewMs: 1_000 };
    const whole = await check(make(), settings);
    expect(whole.findings).toEqual([
      expect.objectContaining({
        code: 'clock-skew',
        found: 'broker',
        place: 'offsets 2-2',
        detail: { count: 1, worstMs: 3_500, worstOffset: 2 },
      }),
    ]);
    expect((await check(make(), { ...settings, cuts: [1, 2] })).findings).toEqual(whole.findings);
    const later = new Records(0, 3).add([late(-1e6, 3)], at(-3_000));
    const { findings } = await check(later, { ...settings, before: whole.merged.state });
    expect(findings).toEqual([expect.objectContaining({ code: 'clock-skew', found: 'broker', place: 'offsets 3-3' })]);
  });

  it("of producers' batches are not compared: nobody's word stands against them", async () => {
    const records = new Records().add([late(5_000, 0)], { attributes: 0 });
    expect((await check(records, { maxClockSkewMs: 1 })).codes).toEqual([]);
  });
});
