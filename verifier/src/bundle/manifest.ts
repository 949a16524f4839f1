import type { TopicNames } from '@tallystick/kafka/record-log';
import { VerifierError } from '../errors.ts';
import type { Scope, ScopeRange } from '../scope.ts';
import { maxManifestBytes } from './limits.ts';
import { folderPattern, maxPartition } from './member-names.ts';

/** The first member of a bundle: what is in it, as its maker says. Nobody vouches for any of it. */
export interface BundleManifest {
  /** ISO 8601, the maker's clock. */
  readonly made: string;
  readonly origin: string;
  /** What was asked for, as it was given; null where nothing was. */
  readonly asked: { readonly from: string | null; readonly to: string | null; readonly partition: number | null };
  /** The events that were chosen: a checker verifies with this scope. */
  readonly scope: Scope;
  readonly topics: TopicNames;
  readonly stored: readonly StoredTopic[];
  /** Topics that statements or the configuration name and the cluster did not have. */
  readonly missing: readonly string[];
  /** Where the published log was read, and the size in its checkpoint (null: it names none); null: the bundle holds none. */
  readonly log: { readonly place: string; readonly size: number | null } | null;
  /** Whether a schema registry was asked. */
  readonly schemas: boolean;
  /** vkeys, for information: a checker takes its keys from elsewhere. */
  readonly keys: { readonly root: string; readonly log: readonly string[] };
}

/** One topic as the cluster had it. */
export interface StoredTopic {
  /** Of its members' names. */
  readonly folder: string;
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly StoredPartition[];
}

export interface StoredPartition {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly logStart: number;
  readonly highWatermark: number;
  /** The offsets that were copied: `from` (inclusive) to `to` (exclusive); equal where there are none. */
  readonly from: number;
  readonly to: number;
}

const format = 'tallystick/bundle';
const version = 1;

export function formatManifest(manifest: BundleManifest): Buffer {
  const { scope } = manifest;
  const plain = scope.kind === 'all' ? scope : { ...scope, ranges: scope.ranges.map(plainRange) };
  return Buffer.from(`${JSON.stringify({ format, version, ...manifest, scope: plain }, null, 1)}\n`);
}

function plainRange({ partition, first, last }: ScopeRange): object {
  return { partition, first, last: last === Infinity ? null : last };
}

/** @throws VerifierError BUNDLE_MANIFEST naming the member that is wrong, BUNDLE_VERSION */
export function parseManifest(bytes: Uint8Array): BundleManifest {
  if (bytes.length > maxManifestBytes) throw refused(`is larger than ${maxManifestBytes} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refused('is no JSON', cause);
  }
  const all = object(parsed, 'it');
  if (all['format'] !== format) throw refused(`is not that of a bundle: format is not ${format}`);
  if (all['version'] !== version) {
    throw new VerifierError(
      'BUNDLE_VERSION',
      `The bundle is of version ${JSON.stringify(all['version'])}; this release reads version ${version}. Use the release that wrote it, or a newer one.`,
      { evidence: { expected: version, found: all['version'] } },
    );
  }
  const asked = object(all['asked'], 'asked');
  const topics = object(all['topics'], 'topics');
  const keys = object(all['keys'], 'keys');
  const log = all['log'] === null ? null : object(all['log'], 'log');
  const stored = list(all['stored'], 'stored').map(readTopic);
  for (const [what, values] of [
    ['folder', stored.map(({ folder }) => folder)],
    ['name', stored.map(({ name }) => name)],
    ['topicId', stored.map(({ topicId }) => topicId)],
  ] as const) {
    if (new Set(values).size !== values.length) throw refused(`names a ${what} of stored twice`);
  }
  return {
    made: text(all['made'], 'made'),
    origin: text(all['origin'], 'origin'),
    asked: {
      from: orNull(asked['from'], (value) => text(value, 'asked.from')),
      to: orNull(asked['to'], (value) => text(value, 'asked.to')),
      partition: orNull(asked['partition'], (value) => whole(value, 'asked.partition')),
    },
    scope: readScope(object(all['scope'], 'scope')),
    topics: {
      events: text(topics['events'], 'topics.events'),
      seals: text(topics['seals'], 'topics.seals'),
      leaves: text(topics['leaves'], 'topics.leaves'),
    },
    stored,
    missing: list(all['missing'], 'missing').map((name) => text(name, 'missing')),
    log:
      log === null
        ? null
        : { place: text(log['place'], 'log.place'), size: orNull(log['size'], (value) => whole(value, 'log.size')) },
    schemas: flag(all['schemas'], 'schemas'),
    keys: {
      root: text(keys['root'], 'keys.root'),
      log: list(keys['log'], 'keys.log').map((key) => text(key, 'keys.log')),
    },
  };
}

function readScope(scope: Record<string, unknown>): Scope {
  if (scope['kind'] === 'all') return { kind: 'all' };
  if (scope['kind'] !== 'ranges') throw refused('has a scope that is neither all nor ranges');
  const ranges = list(scope['ranges'], 'scope.ranges').map((each): ScopeRange => {
    const range = object(each, 'scope.ranges');
    const first = whole(range['first'], 'first');
    const last = range['last'] === null ? Infinity : whole(range['last'], 'last');
    if (last < first) throw refused('has a range in scope that ends before it begins');
    return { partition: whole(range['partition'], 'partition', maxPartition), first, last };
  });
  return { kind: 'ranges', ranges };
}

function readTopic(value: unknown): StoredTopic {
  const topic = object(value, 'stored');
  const folder = text(topic['folder'], 'folder');
  const topicId = text(topic['topicId'], 'topicId');
  if (!folderPattern.test(folder)) throw refused(`names a folder that no bundle has`);
  if (!/^[\w-]{22}$/.test(topicId)) throw refused(`names a topic id that is none`);
  const partitions = list(topic['partitions'], 'partitions').map(readPartition);
  for (const [index, { partition }] of partitions.entries()) {
    if (index > 0 && (partitions[index - 1]?.partition ?? -1) >= partition)
      throw refused('names partitions that do not ascend');
  }
  return { folder, name: text(topic['name'], 'name'), topicId, partitions };
}

function readPartition(value: unknown): StoredPartition {
  const fields = object(value, 'partitions');
  const logStart = whole(fields['logStart'], 'logStart');
  const highWatermark = whole(fields['highWatermark'], 'highWatermark');
  const from = whole(fields['from'], 'from');
  const to = whole(fields['to'], 'to');
  if (!(logStart <= from && from <= to && to <= highWatermark))
    throw refused('has offsets that do not ascend from logStart over from and to up to highWatermark');
  return {
    partition: whole(fields['partition'], 'partition', maxPartition),
    leader: epoch(fields['leader'], 'leader'),
    leaderEpoch: epoch(fields['leaderEpoch'], 'leaderEpoch'),
    logStart,
    highWatermark,
    from,
    to,
  };
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(`lacks the object ${name}`);
  return value as Record<string, unknown>;
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw refused(`lacks the list ${name}`);
  return value;
}

/** Printable, so that it can be shown as it is. */
function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || !/^[\x20-\x7e\u00a0-\ud7ff]{1,1000}$/.test(value))
    throw refused(`has no ${name} of 1 to 1,000 printable characters`);
  return value;
}

function whole(value: unknown, name: string, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0) || value > most)
    throw refused(`has no ${name} that is a whole number from 0 to ${most}`);
  return value;
}

function epoch(value: unknown, name: string): number {
  return value === -1 ? -1 : whole(value, name, 0x7fffffff);
}

function flag(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw refused(`has no ${name} that is true or false`);
  return value;
}

function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value);
}

function refused(what: string, cause?: unknown): VerifierError {
  return new VerifierError(
    'BUNDLE_MANIFEST',
    `The manifest of the bundle ${what}. It was altered, or not written by tallystick: ask for the bundle again.`,
    cause === undefined ? {} : { cause },
  );
}
