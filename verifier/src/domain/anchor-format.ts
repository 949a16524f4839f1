import { decodeUtf8, encodeBase64, encodeUtf8 } from '@tallystick/core/encoding';
import { sha256 } from '@tallystick/core/hash';
import { VerifierError } from '../errors.ts';
import type { Anchor, AnchoredPartition } from '../ports/anchor-store.ts';

// The file holds a checksum of its own content. It finds damage, not malice: who can write the file can write the checksum.
// Keep the file where the administrators of Kafka cannot write.
const formatVersion = 1;
const kinds = new Set(['genesis', 'seal', 'gap', 'prune']);

/** The bytes of an anchor file: JSON, one member a line for people who compare two of them. */
export function formatAnchor(anchor: Anchor): Uint8Array {
  return encodeUtf8(
    `${JSON.stringify({ tallystick: 'anchor', version: formatVersion, sha256: checksum(anchor), anchor }, null, 1)}\n`,
  );
}

/**
 * Reads an anchor file back.
 * @param where names the file in errors
 * @throws VerifierError ANCHOR_CORRUPT, ANCHOR_VERSION
 */
export function parseAnchor(bytes: Uint8Array, where: string): Anchor {
  const corrupt = (what: string, cause?: unknown): VerifierError =>
    new VerifierError(
      'ANCHOR_CORRUPT',
      `The anchor ${where} is damaged: ${what}. It was not changed. Put back a copy of it; if there is none, move it away and ` +
        `start a new one, knowing that whatever happened before can then no longer be told from the truth.`,
      { evidence: { where, what }, ...(cause === undefined ? {} : { cause }) },
    );
  let file: unknown;
  try {
    file = JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw corrupt('it is not JSON', cause);
  }
  if (!isObject(file) || file['tallystick'] !== 'anchor') throw corrupt('it is not an anchor of Tallystick');
  if (file['version'] !== formatVersion) {
    throw new VerifierError(
      'ANCHOR_VERSION',
      `The anchor ${where} has version ${String(file['version'])}; this release knows ${formatVersion}. Use the release that wrote it, or a newer one.`,
      { evidence: { where, version: file['version'] } },
    );
  }
  const anchor = file['anchor'];
  if (!isAnchor(anchor)) throw corrupt('a member is missing or has the wrong form');
  if (file['sha256'] !== checksum(anchor)) throw corrupt('its content does not have the checksum written in it');
  return anchor;
}

// Members in a fixed order, so that the checksum does not hang on how the file was written.
function checksum(anchor: Anchor): string {
  const content = [
    anchor.origin,
    anchor.rootKey,
    anchor.savedAt,
    [anchor.keys.number, anchor.keys.statement],
    anchor.partitions.map((each) => [
      each.topic,
      each.partition,
      each.generation,
      each.topicId,
      each.statement,
      each.kind,
      each.count,
      each.seal,
      each.index,
      each.offset,
      each.head,
    ]),
  ];
  return encodeBase64(sha256(encodeUtf8(JSON.stringify(content))));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isAnchor(value: unknown): value is Anchor {
  if (!isObject(value) || !isObject(value['keys']) || !Array.isArray(value['partitions'])) return false;
  return (
    typeof value['origin'] === 'string' &&
    typeof value['rootKey'] === 'string' &&
    isCount(value['savedAt']) &&
    isCount(value['keys']['number']) &&
    typeof value['keys']['statement'] === 'string' &&
    value['partitions'].every(isPartition) &&
    new Set(value['partitions'].map((each: AnchoredPartition) => `${each.partition} ${each.topic}`)).size ===
      value['partitions'].length
  );
}

function isPartition(value: unknown): value is AnchoredPartition {
  if (!isObject(value)) return false;
  return (
    ['topic', 'topicId', 'statement', 'head'].every((name) => typeof value[name] === 'string') &&
    ['partition', 'generation', 'count'].every((name) => isCount(value[name])) &&
    ['seal', 'index', 'offset'].every((name) => value[name] === null || isCount(value[name])) &&
    kinds.has(String(value['kind']))
  );
}
