import { createHash } from 'node:crypto';
import type { Actor, AuditEvent, Personal } from './event-types.ts';
import { dateTime64, hexText, int64 } from './row-cells.ts';
import type { Cell, CellType } from './row-cells.ts';
import { personalText, protectedFields } from './row-personal.ts';

export type { Cell, CellType } from './row-cells.ts';

/** What a record of the events topic turned out to be. */
export type RecordContent =
  /** An audit event. `pinned`: the record itself names its schema by hash; otherwise the registry's word counted. */
  | { readonly status: 'decoded'; readonly event: AuditEvent; readonly pinned: boolean; readonly schemaHash: string }
  /** Not an audit event: sealed like any other, kept as a row with its raw bytes. */
  | { readonly status: 'undecodable'; readonly code: string; readonly message: string }
  /** A control record of a transaction. */
  | { readonly status: 'control' }
  /** An offset of a batch that does not parse by the protocol's rule: there is no record to look at. */
  | { readonly status: 'unparsed'; readonly message: string };

/** A record and its place, as the row needs them. */
export interface RowSource {
  readonly topic: string;
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
  /** Kafka's append time, unix milliseconds, as the protocol's entry has it. */
  readonly timestamp: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly content: RecordContent;
}

export interface RowColumn {
  readonly name: string;
  /** ClickHouse's type, also to be used in the table's definition. */
  readonly type: CellType;
  readonly comment: string;
}

interface Mapping extends RowColumn {
  readonly of: (source: RowSource, event: AuditEvent | null) => Cell;
}

/** Of a value that is no event so much is kept in the row; the ledger keeps all of it. */
export const rawLimitBytes = 65_536;

function column(name: string, type: CellType, comment: string, of: Mapping['of']): Mapping {
  return { name, type, comment, of };
}

const text = (name: string, comment: string, of: (event: AuditEvent) => Personal | undefined): Mapping =>
  column(name, 'String', comment, (_, event) => (event === null ? '' : personalText(of(event))));

const word = (name: string, comment: string, of: (event: AuditEvent) => string | null | undefined): Mapping =>
  column(name, 'LowCardinality(String)', comment, (_, event) => (event === null ? '' : (of(event) ?? '')));

const number = (name: string, comment: string, of: (event: AuditEvent) => number): Mapping =>
  column(name, 'Int64', comment, (_, event) => (event === null ? 0 : of(event)));

const maybeNumber = (name: string, comment: string, of: (event: AuditEvent) => number | null | undefined): Mapping =>
  column(name, 'Nullable(Int64)', comment, (_, event) => (event === null ? null : (of(event) ?? null)));

const maybe = (name: string, comment: string, of: (event: AuditEvent) => boolean | null | undefined): Mapping =>
  column(name, 'Nullable(Bool)', comment, (_, event) => (event === null ? null : (of(event) ?? null)));

const flag = (name: string, comment: string, of: (event: AuditEvent) => boolean): Mapping =>
  column(name, 'Bool', comment, (_, event) => event !== null && of(event));

const list = (name: string, comment: string, of: (event: AuditEvent) => readonly (Personal | undefined)[]): Mapping =>
  column(name, 'Array(String)', comment, (_, event) => (event === null ? [] : of(event).map(personalText)));

function schemaHash(content: RecordContent): string {
  return content.status === 'decoded' ? content.schemaHash : '';
}

function decodeError(content: RecordContent): string {
  switch (content.status) {
    case 'undecodable':
      return `${content.code}: ${content.message}`;
    case 'unparsed':
      return content.message;
    case 'decoded':
    case 'control':
      return '';
  }
}

function rawValue(source: RowSource): string {
  if (source.content.status === 'decoded' || source.value === null) return '';
  return Buffer.from(source.value.subarray(0, rawLimitBytes)).toString('base64');
}

function originalText(event: AuditEvent): string {
  const data = event.original?.data;
  return data instanceof Uint8Array ? Buffer.from(data).toString('base64') : personalText(data);
}

const rolesOf = (actor: Actor | null | undefined): readonly Personal[] => actor?.roles ?? [];

const mapping: readonly Mapping[] = [
  // The place: every offset has exactly one row.
  column('topic', 'LowCardinality(String)', 'Kafka topic', (s) => s.topic),
  column('generation', 'UInt32', 'Generation of the partition', (s) => s.generation),
  column('partition', 'UInt32', 'Kafka partition', (s) => s.partition),
  column('offset', 'UInt64', 'Kafka offset', (s) => s.offset),
  column('appended_at', "DateTime64(3, 'UTC')", "Kafka's append time; tables are partitioned by it", (s) =>
    dateTime64(s.timestamp),
  ),
  column('appended_at_ms', 'Int64', 'The same, exact, unix ms', (s) => int64(s.timestamp)),
  column('record_key', 'String', 'Key of the record, hex: opaque, what orders events', (s) => hexText(s.key)),
  column('value_bytes', 'UInt32', 'Size of the value; 0 for none', (s) => s.value?.length ?? 0),
  column('value_sha256', 'String', 'SHA-256 of the value, hex; empty where there is none', (s) =>
    s.value === null ? '' : createHash('sha256').update(s.value).digest('hex'),
  ),
  column(
    'decode_status',
    'LowCardinality(String)',
    'decoded, undecodable, control or unparsed',
    (s) => s.content.status,
  ),
  column('decode_error', 'String', 'Why it is no event: code and message', (s) => decodeError(s.content)),
  column('schema_hash', 'LowCardinality(String)', "SHA-256 of the writer schema's Parsing Canonical Form, hex", (s) =>
    schemaHash(s.content),
  ),
  column(
    'schema_pinned',
    'Bool',
    'The record names its schema itself',
    (s) => s.content.status === 'decoded' && s.content.pinned,
  ),
  column('raw', 'String', `Value of a record that is no event, base64, first ${String(rawLimitBytes)} bytes`, rawValue),

  // Identity and order at the producer.
  text('id', 'Id of the event (UUID); two deliveries are two rows with one id', (e) => e.id),
  word('source', 'Service that emitted it', (e) => e.source),
  text('instance', 'Running copy of the source', (e) => e.instance),
  number('epoch', 'Life of the instance', (e) => e.epoch),
  number('sequence', 'Number in (instance, epoch, partition)', (e) => e.sequence),
  maybeNumber('previous_epoch', 'Epoch before, where known', (e) => e.previousEpoch),
  maybeNumber('previous_sequence', 'Its last sequence in this partition', (e) => e.previousSequence),

  // What, when.
  word('action', 'What was done', (e) => e.action),
  word('category', 'Group of actions', (e) => e.category),
  column('occurred_at', "DateTime64(3, 'UTC')", 'When, by the clock of the source', (_, e) =>
    dateTime64(BigInt(e?.occurredAtMs ?? 0)),
  ),
  number('occurred_at_ms', 'The same, exact, unix ms', (e) => e.occurredAtMs),

  // Who.
  word('actor_type', 'Kind of actor', (e) => e.actor?.type),
  text('actor_id', 'What tells this actor from all others', (e) => e.actor?.id),
  text('actor_name', 'Name of the actor', (e) => e.actor?.name),
  text('actor_email', 'E-mail address of the actor', (e) => e.actor?.email),
  text('actor_account', 'Account or realm of the actor', (e) => e.actor?.account),
  list('actor_roles', 'Roles that the actor acted in', (e) => rolesOf(e.actor)),
  word('on_behalf_of_type', 'Kind of the actor whose authority was used', (e) => e.onBehalfOf?.type),
  text('on_behalf_of_id', 'Actor whose authority was used', (e) => e.onBehalfOf?.id),
  text('on_behalf_of_name', 'Name of it', (e) => e.onBehalfOf?.name),
  word('auth_method', 'How the actor was known', (e) => e.authentication?.method),
  maybe('auth_mfa', 'With a second factor', (e) => e.authentication?.mfa),
  text('credential_id', 'Credential used', (e) => e.authentication?.credentialId),
  text('identity_provider', 'Who vouched for the actor', (e) => e.authentication?.identityProvider),
  maybeNumber('session_started_at_ms', 'Start of the session, unix ms', (e) => e.authentication?.sessionStartedAtMs),

  // On what, where.
  word('resource_type', 'Kind of the main resource', (e) => e.resources?.[0]?.type),
  text('resource_id', 'Main resource', (e) => e.resources?.[0]?.id),
  text('resource_name', 'Name of the main resource', (e) => e.resources?.[0]?.name),
  list('resource_ids', 'All resources', (e) => (e.resources ?? []).map((r) => r.id)),
  word('service', 'System acted on', (e) => e.service),
  text('tenant', 'Tenant', (e) => e.tenant),
  text('account', 'Account that the action took place in', (e) => e.account),
  word('region', 'Region', (e) => e.region),
  word('environment', 'Environment', (e) => e.environment),
  text('ip', 'IP address of the initiator', (e) => e.initiator?.ip),
  text('host', 'Host of the initiator', (e) => e.initiator?.host),
  text('user_agent', 'User agent', (e) => e.initiator?.userAgent),
  text('device_id', 'Device', (e) => e.initiator?.deviceId),
  text('country', 'Country of the initiator', (e) => e.initiator?.location?.country),
  text('location_region', 'Region of the initiator', (e) => e.initiator?.location?.region),
  text('city', 'City of the initiator', (e) => e.initiator?.location?.city),
  text('coordinates', 'latitude,longitude', (e) => e.initiator?.location?.coordinates),

  // Why, with what result.
  text('reason', 'Why', (e) => e.reason),
  word('outcome', 'success, failure, denied, unknown', (e) => e.outcome),
  flag('denied', 'It was refused', (e) => e.outcome === 'denied'),
  word('error_code', 'Error code', (e) => e.errorCode),
  text('error_message', 'Error message', (e) => e.errorMessage),
  maybe('read_only', 'Changed nothing', (e) => e.readOnly),
  flag('privileged', 'Touches rights, keys, secrets or the audit trail', (e) => e.privileged === true),
  text('before', 'State before, JSON', (e) => e.before),
  text('after', 'State after, JSON', (e) => e.after),
  text('request', 'What was asked for, JSON', (e) => e.request),
  text('response', 'What was answered, JSON', (e) => e.response),

  // Together with what.
  text('trace_id', 'Trace', (e) => e.correlation?.traceId),
  text('span_id', 'Span', (e) => e.correlation?.spanId),
  text('request_id', 'Request', (e) => e.correlation?.requestId),
  text('session_id', 'Session', (e) => e.correlation?.sessionId),
  text('parent_id', 'Event that caused this one', (e) => e.correlation?.parentId),
  text('group_id', 'Shared by the sides of one action', (e) => e.correlation?.groupId),
  word('guardrail_decision', 'allow, flag, deny, require-approval', (e) => e.guardrail?.decision),
  word('guardrail_mode', 'enforce or shadow', (e) => e.guardrail?.mode),
  word('guardrail_policy', 'Policy that decided', (e) => e.guardrail?.policy),
  list('guardrail_rules', 'Rules that decided', (e) => e.guardrail?.rules ?? []),
  flag('break_glass', 'Emergency access', (e) => e.guardrail?.breakGlass === true),
  column('labels', 'Map(String, String)', 'Labels', (_, e) =>
    Object.fromEntries(Object.entries(e?.labels ?? {}).map(([name, value]) => [name, personalText(value)])),
  ),

  // The record behind it.
  word('original_format', 'Format of the original record', (e) => e.original?.format),
  flag('original_is_base64', 'The original is no text', (e) => e.original?.data instanceof Uint8Array),
  column('original', 'String', 'The original record as it was', (_, e) => (e === null ? '' : originalText(e))),
  column('protected_fields', 'Array(String)', 'Fields that are encrypted, and empty here', (_, e) =>
    e === null ? [] : protectedFields(e),
  ),
];

/** The columns of the events table, in the order of {@link rowOf}. */
export const rowColumns: readonly RowColumn[] = mapping.map(({ name, type, comment }) => ({ name, type, comment }));

/**
 * The row of one offset, as cells in the order of {@link rowColumns}, ready for ClickHouse's JSONCompactEachRow. A pure
 * function of the record: worker and verifier share it. Integers beyond 2^53-1 are decimal strings.
 */
export function rowOf(source: RowSource): Cell[] {
  const event = source.content.status === 'decoded' ? source.content.event : null;
  return mapping.map((each) => each.of(source, event));
}
