import { encodeBase64, encodeUtf8, excerpt } from './encoding.ts';
import { CoreError } from './errors.ts';
import { sha256 } from './hash.ts';
import { gapLines, genesisLines, keyLines, pruneLines, sealLines, type Line } from './statement-lines.ts';
import { formError } from './statement-rules.ts';
import type { Base64Hash, Statement } from './statement-types.ts';

// The text of a statement (protocol, section 5): exactly these lines in exactly this order.

export type * from './statement-types.ts';
export { keyRefusal, maxBatchEvents } from './statement-rules.ts';

/** Bytes that the note of a statement may have as a record of the seals topic. */
export const maxStatementNoteBytes = 65_535;

const family = 'tallystick/';
const linesOfKind: Readonly<Record<Statement['kind'], readonly Pick<Line<never>, 'name' | 'member' | 'read'>[]>> = {
  key: keyLines,
  genesis: genesisLines,
  seal: sealLines,
  gap: gapLines,
  prune: pruneLines,
};
const firstLines = new Map<string, Statement['kind']>([
  ['tallystick/key/v1', 'key'],
  ['tallystick/genesis/v1', 'genesis'],
  ['tallystick/seal/v1', 'seal'],
  ['tallystick/gap/v1', 'gap'],
  ['tallystick/prune/v1', 'prune'],
]);

/**
 * The statement's one text, final newline included.
 * @throws CoreError STATEMENT_MALFORMED where a member has no valid form, so that nothing is signed that no reader takes
 */
export function formatStatement(statement: Statement): string {
  const text = `${family}${statement.kind}/v1\n${linesOf(statement).join('')}`;
  parseStatement(text);
  return text;
}

function linesOf(statement: Statement): readonly string[] {
  switch (statement.kind) {
    case 'key':
      return write(keyLines, statement);
    case 'genesis':
      return write(genesisLines, statement);
    case 'seal':
      return write(sealLines, statement);
    case 'gap':
      return write(gapLines, statement);
    case 'prune':
      break;
  }
  return write(pruneLines, statement);
}

function write<S>(lines: readonly Line<S>[], statement: S): readonly string[] {
  return lines.map((line) => `${line.name} ${line.write(statement)}\n`);
}

/**
 * Reads a statement's text. What it accepts is exactly what {@link formatStatement} writes.
 * @throws CoreError STATEMENT_UNKNOWN where the first line begins with `tallystick/` and is of no kind and version that this
 *   release knows (a later release may: the verdict is inconclusive); STATEMENT_MALFORMED for every other text that is not one
 */
export function parseStatement(text: string): Statement {
  const [first = '', ...rest] = text.split('\n');
  const kind = firstLines.get(first);
  if (kind === undefined) {
    if (first.startsWith(family)) {
      throw new CoreError('STATEMENT_UNKNOWN', `this release does not know statements of the kind ${excerpt(first)}`, {
        evidence: { found: excerpt(first) },
      });
    }
    throw malformed(1, `the first line ${excerpt(first)} is not that of a statement`, first);
  }
  const lines = linesOfKind[kind];
  const members: Record<string, unknown> = { kind };
  for (const [i, { name, member, read }] of lines.entries()) {
    const line = rest[i] ?? '';
    const prefix = `${name} `;
    if (!line.startsWith(prefix)) {
      throw malformed(i + 2, `${excerpt(line)} stands where a line "${name}" of a ${kind} statement belongs`, line);
    }
    try {
      members[member] = read(line.slice(prefix.length));
    } catch (cause) {
      throw malformed(i + 2, `${name}: ${cause instanceof Error ? cause.message : String(cause)}`, line, cause);
    }
  }
  // After the last line comes its newline and nothing more: one empty rest.
  if (rest.length !== lines.length + 1 || rest[lines.length] !== '') {
    const line = rest.length === lines.length ? 'the end of the text' : excerpt(rest[lines.length] ?? '');
    throw malformed(
      lines.length + 2,
      `${line} stands where a ${kind} statement ends with a newline`,
      rest[lines.length] ?? '',
    );
  }
  // The table of lines gives every member of its kind; the tests hold it to the types.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const statement = members as unknown as Statement;
  const error = formError(statement);
  if (error !== null) {
    throw new CoreError('STATEMENT_MALFORMED', `not a ${kind} statement: ${error}`, { evidence: { found: text } });
  }
  return statement;
}

/** SHA-256 of the text, in base64: what the next statement's `previous` holds, and the place of findings on it. */
export function statementHash(text: string): Base64Hash {
  return encodeBase64(sha256(encodeUtf8(text)));
}

function malformed(line: number, why: string, found: string, cause?: unknown): CoreError {
  return new CoreError('STATEMENT_MALFORMED', `line ${line}: ${why}`, {
    evidence: { line, found: excerpt(found) },
    cause,
  });
}
