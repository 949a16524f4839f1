import { verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import {
  decodeBase64,
  encodeBase64,
  encodeUtf8,
  equalBytes,
  excerpt,
  isKeyName,
  isTopicId,
  parseDecimal,
} from './encoding.ts';
import { CoreError } from './errors.ts';
import { sha256 } from './hash.ts';
import { readJudgeState, type JudgeState } from './judge-state.ts';
import { hashLength } from './merkle-input.ts';
import { noteSignedBy, parseNote, type SignedNote, type VerifierKey } from './note.ts';
import { joinPeaks } from './tile-proofs.ts';

// The snapshot beside the checkpoint (protocol, section 6): what a restart goes on from, so that it does not read the log from its start.

/** Bytes that the note of a snapshot may have: some 15,000 partitions. */
export const maxSnapshotBytes = 16 * 1024 * 1024;

/** Of these, what is left for its signature lines. */
const signatureBytes = 64 * 1024;

const firstLine = 'tallystick/snapshot/v1';

/** The state of log and judge at one size. */
export interface Snapshot {
  /** The log's name. */
  readonly origin: string;
  /** Entries of the log. */
  readonly size: number;
  readonly root: Uint8Array;
  /** Roots of the complete subtrees from left to right, one for each bit of the size that is set: they give the root. */
  readonly frontier: readonly Uint8Array[];
  /** What was accepted when the log had this size: `judge.size` is it. */
  readonly judge: JudgeState;
  /** From where `audit.seals` is read on, and which topic that was. */
  readonly position: { readonly topicId: string; readonly offset: number };
}

/**
 * The text that the log key signs: five lines, the state as one line of JSON in its one form.
 * @throws CoreError SNAPSHOT_MALFORMED where the parts contradict each other or are too large, so that nothing is signed that nobody takes
 */
export function formatSnapshot({ origin, size, root, frontier, judge, position }: Snapshot): string {
  const { topicId, offset } = position;
  const state = { frontier: frontier.map(encodeBase64), position: { topicId, offset }, judge };
  const text = `${firstLine}\norigin ${origin}\nsize ${size}\nroot ${encodeBase64(root)}\nstate ${JSON.stringify(state)}\n`;
  const bytes = encodeUtf8(text).length;
  if (bytes > maxSnapshotBytes - signatureBytes) throw malformed(`${bytes} bytes are more than it may have`);
  parseSnapshot(text);
  return text;
}

/**
 * Opens a snapshot: its signature by one of the log's keys first, then its form, and the frontier against size and root. Whether it
 * belongs to the stored checkpoint is the caller's to see (size and root are its), what the judge's state says that of `Judge.restore`.
 * @throws CoreError SNAPSHOT_MALFORMED, SNAPSHOT_UNSIGNED
 */
export function openSnapshot(
  note: Uint8Array,
  options: { readonly origin: string; readonly keys: readonly VerifierKey[]; readonly verify?: Ed25519Verify },
): Snapshot {
  const { origin, keys, verify = verifyEd25519 } = options;
  if (note.length > maxSnapshotBytes) throw malformed(`${note.length} bytes are more than it may have`);
  let signed: SignedNote;
  try {
    signed = parseNote(note);
  } catch (cause) {
    throw malformed('it is no signed note', cause);
  }
  if (!keys.some((key) => noteSignedBy(signed, key, verify))) {
    throw new CoreError('SNAPSHOT_UNSIGNED', 'the snapshot carries no valid signature of a log key given', {
      evidence: { expected: keys.map(({ vkey }) => vkey), found: signed.signatures.map(({ name }) => name) },
    });
  }
  const snapshot = parseSnapshot(signed.text);
  if (snapshot.origin === origin) return snapshot;
  throw malformed(`it is of the log ${excerpt(snapshot.origin)}, not of ${excerpt(origin)}`);
}

/** Reads a snapshot's text. What it accepts is exactly what {@link formatSnapshot} writes. */
function parseSnapshot(text: string): Snapshot {
  const lines = text.split('\n');
  const [first = '', ...rest] = lines;
  if (first !== firstLine || lines.length !== 6 || lines[5] !== '') throw malformed('it has not the five lines of one');
  const [origin = '', size = '', root = '', line = ''] = rest;
  const made = readParts(value(origin, 'origin'), value(size, 'size'), value(root, 'root'), value(line, 'state'));
  const { judge, position } = made;
  if (!isKeyName(made.origin)) throw malformed(`${excerpt(made.origin)} is no name of a log`);
  if (!isTopicId(position.topicId)) throw malformed(`${excerpt(position.topicId)} is no topic id`);
  if (judge.size !== made.size) throw malformed(`it has ${made.size} entries, but ${judge.size} were accepted`);
  if (judge.offset > position.offset) throw malformed('it goes on before what was judged');
  checkFrontier(made);
  return made;
}

function readParts(origin: string, sizeText: string, rootText: string, line: string): Snapshot {
  try {
    const size = parseDecimal(sizeText);
    const root = decodeBase64(rootText);
    const parsed: unknown = JSON.parse(line);
    const { frontier: hashes, position, judge: judgeValue } = record(parsed);
    const { topicId, offset } = record(position);
    const judge = readJudgeState(judgeValue);
    if (!Array.isArray(hashes) || !hashes.every(isText) || !isText(topicId) || !isOffset(offset))
      throw malformed('its state has not the members of one');
    // One text for one state: no other order, no member more, none twice, no other spelling.
    if (JSON.stringify({ frontier: hashes, position: { topicId, offset }, judge }) !== line)
      throw malformed('its state is not in its one form');
    return { origin, size, root, frontier: hashes.map(decodeBase64), judge, position: { topicId, offset } };
  } catch (cause) {
    if (cause instanceof CoreError && cause.code === 'SNAPSHOT_MALFORMED') throw cause;
    throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function checkFrontier({ size, root, frontier }: Snapshot): void {
  let peaks = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) peaks += rest % 2;
  if ([root, ...frontier].some(({ length }) => length !== hashLength)) throw malformed('a hash has not 32 bytes');
  if (frontier.length !== peaks) throw malformed(`a tree of ${size} leaves has a frontier of ${peaks} hashes`);
  const found = peaks === 0 ? sha256(new Uint8Array(0)) : joinPeaks(frontier);
  if (!equalBytes(found, root))
    throw malformed('its frontier leads to another root', undefined, { expected: root, found });
}

function value(line: string, name: string): string {
  if (!line.startsWith(`${name} `)) throw malformed(`${excerpt(line)} stands where its ${name} belongs`);
  return line.slice(name.length + 1);
}

function record(of: unknown): Readonly<Record<string, unknown>> {
  if (typeof of !== 'object' || of === null) throw malformed('its state has not the members of one');
  return Object.fromEntries(Object.entries(of));
}

function isText(of: unknown): of is string {
  return typeof of === 'string';
}

function isOffset(of: unknown): of is number {
  return typeof of === 'number' && Number.isSafeInteger(of) && of >= 0;
}

function malformed(why: string, cause?: unknown, evidence: Record<string, unknown> = {}): CoreError {
  return new CoreError('SNAPSHOT_MALFORMED', `not a snapshot: ${why}`, { cause, evidence });
}
