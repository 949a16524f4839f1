import { decodeBase64, encodeBase64, encodeUtf8, excerpt, parseDecimal, decodeUtf8 } from './encoding.ts';
import { CoreError } from './errors.ts';

// C2SP tlog-proof (https://c2sp.org/tlog-proof): that an entry is in a log, as a text that is checked offline.

/** Lines of an inclusion path at most: no tree is higher, as tlog-witness has it for its proofs. */
export const maxPathLength = 63;

const firstLine = 'c2sp.org/tlog-proof@v1';

/** An entry's index and path in the tree of a checkpoint. Nothing in it is checked yet. */
export interface TlogProof {
  /** Of the entry in the log, from 0. */
  readonly index: number;
  /** Sibling hashes of 32 bytes, from the leaf upwards. */
  readonly path: readonly Uint8Array[];
  /** Nobody vouches for it; null where there is none. */
  readonly extra: Uint8Array | null;
  /** The checkpoint's whole note. */
  readonly checkpoint: Uint8Array;
}

/**
 * The text of a proof.
 * @throws CoreError TLOG_PROOF_MALFORMED where a member has no valid form
 */
export function formatTlogProof({ index, path, extra, checkpoint }: TlogProof): string {
  const lines = [
    firstLine,
    ...(extra === null ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${index}`,
    ...path.map(encodeBase64),
    '',
  ];
  const text = `${lines.join('\n')}\n${readMember('checkpoint', checkpoint, decodeUtf8)}`;
  parseTlogProof(text);
  return text;
}

/**
 * Takes the text of a proof apart. What it accepts is exactly what {@link formatTlogProof} writes. The checkpoint is not looked
 * into.
 * @throws CoreError TLOG_PROOF_MALFORMED
 */
export function parseTlogProof(text: string): TlogProof {
  // The first empty line: neither the lines before it nor those of a checkpoint's text are empty.
  const end = text.indexOf('\n\n');
  if (end < 0) throw malformed('there is no empty line before the checkpoint');
  const checkpoint = text.slice(end + 2);
  if (checkpoint === '') throw malformed('there is no checkpoint');
  const [first = '', ...lines] = text.slice(0, end).split('\n', maxPathLength + 4);
  if (first !== firstLine) throw malformed(`it does not begin with ${excerpt(firstLine)} but ${excerpt(first)}`);
  const extra = lines[0]?.startsWith('extra ') === true ? readExtra(lines.shift() ?? '') : null;
  const index = lines.shift() ?? '';
  if (!index.startsWith('index ')) throw malformed(`${excerpt(index)} stands where the index belongs`);
  if (lines.length > maxPathLength) throw malformed(`a path has at most ${maxPathLength} hashes`);
  return {
    index: readMember('index', index.slice('index '.length), parseDecimal),
    path: lines.map((line, i) => readMember(`hash ${i + 1} of the path`, line, decodeHash)),
    extra,
    checkpoint: readMember('checkpoint', checkpoint, encodeUtf8),
  };
}

function readExtra(line: string): Uint8Array {
  const extra = readMember('extra', line.slice('extra '.length), decodeBase64);
  if (extra.length === 0) throw malformed('a line for extra data holds none');
  return extra;
}

function decodeHash(text: string): Uint8Array {
  const hash = decodeBase64(text);
  if (hash.length !== 32) throw new CoreError('ENCODING_INVALID', `${hash.length} bytes are no hash of 32`);
  return hash;
}

function readMember<T, U>(what: string, value: U, read: (value: U) => T): T {
  try {
    return read(value);
  } catch (cause) {
    throw malformed(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function malformed(why: string, cause?: unknown): CoreError {
  return new CoreError('TLOG_PROOF_MALFORMED', `not a proof of inclusion: ${why}`, { cause });
}
