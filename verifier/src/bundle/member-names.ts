import { parseTilePath } from '@tallystick/core/tiles';

// The names of a bundle's members. Each has one form, and in the file they ascend byte by byte, so that none can stand there twice.

export const manifestName = 'MANIFEST.json';
export const policyName = 'POLICY.txt';
export const sumsName = 'sha256sums';

/** What a member is, by its name. */
export type Member =
  | { readonly kind: 'manifest' }
  | { readonly kind: 'policy' }
  /** `path` below the root of the published log. */
  | { readonly kind: 'log'; readonly path: string }
  | RecordsMember
  | { readonly kind: 'schema'; readonly id: number }
  | { readonly kind: 'sums' };

/** Record batches as stored; `base` is the offset with which the first begins, or behind damage the one that is due where it lies. */
export interface RecordsMember {
  readonly kind: 'records';
  readonly folder: string;
  readonly partition: number;
  readonly base: number;
  /** null: batches in the order in which they are stored. Else what a broker answers for the offsets `base` to `last`, where it has no good batch. */
  readonly broken: { readonly last: number; readonly error: number } | null;
}

/** Folder of a topic's records: those of today's three topics, or of one that an accepted genesis names besides. */
export const folderPattern = /^(events|leaves|seals|other-[0-9]{2})$/;

/** Names hold partitions of up to 7 digits. */
export const maxPartition = 9_999_999;

const offsetDigits = 16;

export function logName(path: string): string {
  return `log/${path}`;
}

export function schemaName(id: number): string {
  return `schemas/${String(id).padStart(10, '0')}.json`;
}

export function recordsName({ folder, partition, base, broken }: Omit<RecordsMember, 'kind'>): string {
  const start = `records/${folder}/${String(partition).padStart(7, '0')}/${digits(base)}`;
  return broken === null ? start : `${start}-${digits(broken.last)}.error-${broken.error}`;
}

/** What the member with this name is; null: no bundle has one. */
export function parseMemberName(name: string): Member | null {
  if (name === manifestName) return { kind: 'manifest' };
  if (name === policyName) return { kind: 'policy' };
  if (name === sumsName) return { kind: 'sums' };
  if (name.startsWith('log/')) {
    const path = name.slice('log/'.length);
    return path === 'checkpoint' || parseTilePath(path) !== null ? { kind: 'log', path } : null;
  }
  const schema = /^schemas\/([0-9]{10})\.json$/.exec(name);
  if (schema !== null) {
    const id = Number(schema[1]);
    return id <= 0xffffffff ? { kind: 'schema', id } : null;
  }
  return parseRecordsName(name);
}

function parseRecordsName(name: string): RecordsMember | null {
  const match = /^records\/([a-z0-9-]+)\/([0-9]{7})\/([0-9]{16})(?:-([0-9]{16})\.error-(0|-?[1-9][0-9]{0,4}))?$/.exec(
    name,
  );
  if (match === null) return null;
  const [, folder = '', partition, base, last, error] = match;
  const member: RecordsMember = {
    kind: 'records',
    folder,
    partition: Number(partition),
    base: Number(base),
    broken: last === undefined ? null : { last: Number(last), error: Number(error) },
  };
  const ends = member.broken?.last ?? member.base;
  if (!folderPattern.test(folder) || !Number.isSafeInteger(member.base) || !Number.isSafeInteger(ends)) return null;
  return ends < member.base ? null : member;
}

function digits(offset: number): string {
  return String(offset).padStart(offsetDigits, '0');
}
