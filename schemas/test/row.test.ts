import { describe, expect, it } from 'vitest';
import { encodeEvent, eventSchemaHash } from '../src/avro.ts';
import { EventDecoder } from '../src/decoder.ts';
import { rawLimitBytes, rowColumns, rowOf } from '../src/row.ts';
import type { Cell, RecordContent, RowSource } from '../src/row.ts';
import { full, small } from './samples.ts';

const place = {
  topic: 'audit.events',
  generation: 0,
  partition: 3,
  offset: 12,
  timestamp: 1_722_375_081_123n,
  key: Buffer.from([1, 255]),
};

function byName(source: RowSource): Record<string, Cell> {
  const cells = rowOf(source);
  expect(cells).toHaveLength(rowColumns.length);
  return Object.fromEntries(rowColumns.map(({ name }, index) => [name, cells[index] ?? null]));
}

async function decodedRow(event: typeof full): Promise<Record<string, Cell>> {
  const value = encodeEvent(event, 1);
  const decoder = new EventDecoder({ schemaById: () => Promise.reject(new Error('not asked')) });
  const content = await decoder.decode({ value, headers: [[Buffer.from('avro-schema'), eventSchemaHash]] });
  return byName({ ...place, value, content });
}

describe('rowOf', () => {
  it('maps every member of an event', async () => {
    const row = await decodedRow(full);
    expect(row).toMatchObject({
      topic: 'audit.events',
      generation: 0,
      partition: 3,
      offset: 12,
      appended_at: '2024-07-30 21:31:21.123',
      appended_at_ms: 1_722_375_081_123,
      record_key: '01ff',
      decode_status: 'decoded',
      decode_error: '',
      schema_pinned: true,
      raw: '',
      id: full.id,
      source: 'billing',
      instance: 'billing-1',
      epoch: 1_722_375_081_000_123,
      sequence: 41,
      previous_epoch: 4,
      previous_sequence: 9,
      action: 'invoice:approve',
      category: 'management',
      occurred_at: '2024-07-30 21:31:21.000',
      actor_type: 'user',
      actor_id: 'u-1',
      actor_name: '',
      actor_email: 'a@example.org',
      actor_roles: ['admin', ''],
      on_behalf_of_id: 'u-2',
      resource_type: 'invoice',
      resource_id: 'inv-1',
      resource_name: 'Straße 🚀',
      resource_ids: ['inv-1', ''],
      ip: '192.0.2.1',
      city: 'München',
      coordinates: '48.137,11.575',
      reason: 'month end',
      outcome: 'success',
      denied: false,
      read_only: false,
      privileged: true,
      auth_mfa: true,
      response: '',
      trace_id: 't',
      group_id: 'g',
      break_glass: true,
      guardrail_rules: ['amount'],
      labels: { team: 'finance', owner: '', empty: '' },
      original_is_base64: true,
      original: '/wA=',
    });
    expect(row['protected_fields']).toEqual([
      'actor.name',
      'actor.roles.1',
      'resources.1.id',
      'response',
      'labels.owner',
    ]);
  });

  it('leaves empty what an event does not have', async () => {
    const row = await decodedRow(small);
    expect(row).toMatchObject({
      previous_epoch: null,
      read_only: null,
      privileged: false,
      actor_id: '',
      actor_roles: [],
      labels: {},
      original: '',
      protected_fields: [],
    });
  });

  it('marks a denial', async () => {
    expect(await decodedRow({ ...small, outcome: 'denied' })).toMatchObject({ denied: true, outcome: 'denied' });
  });

  it.each<[string, RecordContent, string]>([
    ['undecodable', { status: 'undecodable', code: 'WIRE_FORMAT', message: 'no' }, 'WIRE_FORMAT: no'],
    ['control', { status: 'control' }, ''],
    ['unparsed', { status: 'unparsed', message: 'bad gzip' }, 'bad gzip'],
  ])('gives a row to an offset that is %s', (status, content, error) => {
    const row = byName({ ...place, key: null, value: status === 'unparsed' ? null : Buffer.from('abc'), content });
    expect(row).toMatchObject({
      decode_status: status,
      decode_error: error,
      raw: status === 'unparsed' ? '' : 'YWJj',
      record_key: '',
      id: '',
      sequence: 0,
      occurred_at: '1970-01-01 00:00:00.000',
    });
    expect(row['value_bytes']).toBe(status === 'unparsed' ? 0 : 3);
  });

  it('keeps the hash and size of a large value, and the beginning of its bytes', () => {
    const value = new Uint8Array(rawLimitBytes + 1);
    const row = byName({ ...place, value, content: { status: 'undecodable', code: 'X', message: 'y' } });
    expect(row['value_bytes']).toBe(rawLimitBytes + 1);
    expect(Buffer.from(String(row['raw']), 'base64')).toHaveLength(rawLimitBytes);
    expect(row['value_sha256']).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    [-(2n ** 63n), '1900-01-01 00:00:00.000', '-9223372036854775808'],
    [2n ** 63n - 1n, '2299-12-31 23:59:59.999', '9223372036854775807'],
    [-1n, '1969-12-31 23:59:59.999', -1],
  ])('clamps the time %s and keeps it exact beside', (timestamp, time, exact) => {
    const row = byName({ ...place, timestamp, value: null, content: { status: 'control' } });
    expect(row).toMatchObject({ appended_at: time, appended_at_ms: exact });
  });

  it('has columns with unique names, types and comments', () => {
    expect(new Set(rowColumns.map(({ name }) => name)).size).toBe(rowColumns.length);
    for (const { name, comment } of rowColumns) expect(name + comment).toMatch(/^[a-z0-9_]+.+/);
  });

  it('is not misled by labels that look like a protected value', async () => {
    expect((await decodedRow({ ...small, labels: { keyId: 'a', ciphertext: 'b' } }))['protected_fields']).toEqual([]);
  });
});
