import { CoreError } from '@tallystick/core/errors';
import type { NewFinding } from '../domain/findings.ts';
import { VerifierError } from '../errors.ts';
import type { ServedCheckpoint } from './open-checkpoint.ts';

/** A state of the log that somebody saw. */
export interface KnownRoot {
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** The checkpoint's note, base64: the evidence. null where it is not kept. */
  readonly note: string | null;
  /** By whom, or when. */
  readonly seen: string;
}

/** Two roots for one size: there are two histories. */
export function otherRoot(one: KnownRoot, other: KnownRoot): NewFinding {
  return {
    code: 'checkpoint',
    expected: one.root,
    found: other.root,
    message:
      `The log has two roots at size ${one.size}: ${one.root} (${one.seen}) and ${other.root} (${other.seen}). ` +
      `Its entries were changed, or two histories were signed. Keep both notes as evidence: they convict whoever signed them.`,
    detail: { size: one.size, notes: [one.note, other.note] },
  };
}

/** The log is smaller than it was, or gone. */
export function rolledBack(was: KnownRoot, now: ServedCheckpoint | null): NewFinding {
  const size = now?.checkpoint.size ?? 0;
  return {
    code: 'rollback',
    expected: `log ${was.size} ${was.root}`,
    found: now === null ? null : `log ${size} ${Buffer.from(now.checkpoint.root).toString('base64')}`,
    message:
      `The published log was taken back: a checkpoint of ${was.size} entries was ${was.seen}, ` +
      `${now === null ? 'now there is none' : `now one of ${size} is served`}. Keep both notes as evidence.`,
    detail: { notes: [was.note, now === null ? null : Buffer.from(now.note).toString('base64')] },
  };
}

/** The log signed more than it publishes, and the seals topic holds what it signed, as far as is known. */
export function notPublished(was: KnownRoot, now: ServedCheckpoint | null): NewFinding {
  const size = now?.checkpoint.size ?? 0;
  return {
    code: 'checkpoint-old',
    expected: `log ${was.size} ${was.root}`,
    found: `log ${size}`,
    message:
      `The log signed a checkpoint of ${was.size} entries (${was.seen}) and publishes ${now === null ? 'none' : `one of ${size}`}. ` +
      `As far as is known here the seals topic holds what it covers, so it may not have been published yet: ask again, and see the publisher's alarms. ` +
      `Where that stays, an older log is being served: treat it as a rollback, and keep both notes.`,
    detail: { notes: [was.note, now === null ? null : Buffer.from(now.note).toString('base64')] },
  };
}

export function tileWrong(path: string, why: string, values: { expected?: string; found?: string } = {}): NewFinding {
  return {
    code: 'tile',
    expected: values.expected === undefined ? path : `${path} ${values.expected}`,
    found: values.found ?? null,
    message: `${path} of the published log is wrong: ${why}. Whoever reads it gets proofs that fail; compare with another copy.`,
    detail: { path },
  };
}

/** A resource that the tree of the checkpoint has, and that is not there. @param size of the checkpoint */
export function notThere(path: string, place: string, size: number): NewFinding {
  return {
    code: 'unreadable',
    expected: path,
    message: `${path} of the log at ${place} is not there, though the checkpoint's tree (size ${size}) has it: not all of the log could be checked. Ask another copy; the ledger's operator can run tallystick log check.`,
    detail: { log: place },
  };
}

/** What it means that the log could not be read on. @throws the error, where it is not about the log */
export function notRead(error: unknown, place: string): NewFinding {
  if (error instanceof CoreError && (error.code === 'TILE_MALFORMED' || error.code === 'TILE_MISMATCH'))
    return {
      ...tileWrong(textOf(error.evidence['tile']), error.message),
      ...restUnread(textOf(error.evidence['tile'])),
    };
  if (!(error instanceof VerifierError)) throw error;
  const { code, message, evidence } = error;
  const path = textOf(evidence['path']);
  if (code === 'LOG_RESOURCE_TOO_LARGE') {
    // What is sent without an end says nothing of what is stored: it was not looked at.
    if (typeof evidence['size'] !== 'number')
      return { code: 'unreadable', expected: path, found: code, message, detail: { log: place } };
    const wrong =
      path === 'checkpoint' ? ({ code: 'checkpoint', found: code, message } as const) : tileWrong(path, message);
    return { ...wrong, ...restUnread(path) };
  }
  if (code !== 'LOG_UNAVAILABLE') throw error;
  return { code: 'unavailable', expected: path, found: code, message, detail: { code, log: place } };
}

/** What cannot be read on behind a resource that is wrong: who answers for that does not say what the rest of the log holds. */
export function restUnread(path: string): Pick<NewFinding, 'stays'> {
  const message = `What the published log holds could not be read, because ${path} is wrong: an acknowledgement does not cover it.`;
  return { stays: { code: 'unreadable', expected: path, found: 'the rest of the log', message } };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
