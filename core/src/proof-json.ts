import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8 } from './encoding.ts';
import { CoreError } from './errors.ts';
import { parseFlatJson, type FlatValue } from './flat-json.ts';
import type { FullEvent, ProofParts, RedactedEvent } from './proof-types.ts';
import { maxStatementNoteBytes } from './statement.ts';
import { formatTlogProof, parseTlogProof } from './tlog-proof.ts';

// The JSON of a proof (protocol.md section 7) and its parts. What the parts say is not looked at here.

/** Characters that the JSON of a proof may have: the largest entry, of 64 MiB and a little, fits in base64. */
export const maxProofLength = 100_000_000;

/** A batch has at most 2^14 events. */
const maxBatchPath = 14;
const maxKeys = 256;
const shared = ['version', 'path', 'statement', 'keys', 'log'];
const membersOf = {
  full: [...shared, 'entry', 'previousLeaf'],
  redacted: [...shared, 'leaf', 'offset'],
};

type Members = ReadonlyMap<string, FlatValue>;

/**
 * Takes the JSON of a proof apart.
 * @throws CoreError PROOF_MALFORMED
 */
export function parseProof(json: string): ProofParts {
  if (json.length > maxProofLength) {
    throw malformed(`it has ${json.length} characters, more than ${maxProofLength}`);
  }
  const members = wrapped('JSON', () => parseFlatJson(json));
  const isRedacted = !members.has('entry') && (members.has('leaf') || members.has('offset'));
  const expected = membersOf[isRedacted ? 'redacted' : 'full'];
  const missing = expected.find((name) => !members.has(name));
  const unknown = [...members.keys()].find((name) => !expected.includes(name));
  if (unknown !== undefined) throw malformed(`it has a member ${JSON.stringify(unknown.slice(0, 80))}`);
  if (missing !== undefined) throw malformed(`it has no member "${missing}"`);
  if (members.get('version') !== 1) throw malformed('its version is not 1');
  return {
    ...(isRedacted ? redactedEvent(members) : fullEvent(members)),
    path: list(members, 'path', maxBatchPath).map((item) => wrapped('path', () => hash(item))),
    statement: note(text(members, 'statement'), 'statement'),
    keys: list(members, 'keys', maxKeys).map((key) => note(key, 'keys')),
    log: wrapped('log', () => parseTlogProof(text(members, 'log'))),
  };
}

/**
 * The JSON of these parts, in the order of members that the protocol prints, without white space.
 * @throws CoreError PROOF_MALFORMED where a part has no valid form
 */
export function formatProof(parts: ProofParts): string {
  const { path, statement, keys, log } = parts;
  const event =
    'entry' in parts
      ? { entry: encodeBase64(parts.entry), previousLeaf: encodeBase64(parts.previousLeaf) }
      : { leaf: encodeBase64(parts.leaf), offset: parts.offset };
  const json = JSON.stringify({
    version: 1,
    ...event,
    path: path.map(encodeBase64),
    statement: wrapped('statement', () => decodeUtf8(statement)),
    keys: keys.map((key) => wrapped('keys', () => decodeUtf8(key))),
    log: wrapped('log', () => formatTlogProof(log)),
  });
  parseProof(json);
  return json;
}

function fullEvent(members: Members): FullEvent {
  return {
    entry: wrapped('entry', () => decodeBase64(text(members, 'entry'))),
    previousLeaf: wrapped('previousLeaf', () => hash(text(members, 'previousLeaf'))),
  };
}

function redactedEvent(members: Members): RedactedEvent {
  const offset = members.get('offset');
  if (typeof offset !== 'number') throw malformed('its "offset" is not a number');
  return { leaf: wrapped('leaf', () => hash(text(members, 'leaf'))), offset };
}

function text(members: Members, name: string): string {
  const value = members.get(name);
  if (typeof value !== 'string') throw malformed(`its "${name}" is not a string`);
  return value;
}

function list(members: Members, name: string, most: number): readonly string[] {
  const value = members.get(name);
  if (typeof value !== 'object') throw malformed(`its "${name}" is not a list of strings`);
  if (value.length > most) throw malformed(`its "${name}" has ${value.length} items, more than ${most}`);
  return value;
}

function note(value: string, name: string): Uint8Array {
  const bytes = encodeUtf8(value);
  if (bytes.length > maxStatementNoteBytes) {
    throw malformed(`a note of "${name}" has ${bytes.length} bytes, more than ${maxStatementNoteBytes}`);
  }
  return bytes;
}

function hash(value: string): Uint8Array {
  const bytes = decodeBase64(value);
  if (bytes.length !== 32) throw malformed(`${bytes.length} bytes are no hash of 32`);
  return bytes;
}

function wrapped<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof CoreError && cause.code === 'PROOF_MALFORMED') throw cause;
    throw malformed(`its ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function malformed(why: string, cause?: unknown): CoreError {
  return new CoreError('PROOF_MALFORMED', `not a proof of one event: ${why}`, { cause });
}
