import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { VerifierError } from '../errors.ts';
import type { Anchor } from '../ports/anchor-store.ts';
import type { VerifyOptions } from '../verify-options.ts';

/** Progress of a run that was begun longer ago is not used, ms: what it checked may have been altered since. */
const oldestProgressMs = 7 * 86_400_000;
/** How far the clock of the run before may have been ahead, ms. */
const clockSlackMs = 60_000;

const { version: release } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/**
 * How records are read and judged, as a number: raise it with every change that could make of the same stored bytes something else than before, a
 * mended check above all. What a part says was said by the code that kept it, and the release is the same for many builds.
 */
export const judgingVersion = 2;

/** What stands before the parts of a run: what they are bound to. */
export interface FirstPart {
  readonly version: 2;
  /** As `judgingVersion` was. */
  readonly judging: number;
  /** Of this package: another one may judge records otherwise. */
  readonly release: string;
  /** Of everything that has to be the same for what was checked to count. */
  readonly binding: string;
  /** Unix ms. */
  readonly begunAt: number;
}

/** What the records of one run are read from, and what it began with. */
export interface JudgedBy {
  readonly anchor: Anchor | null;
  readonly mode: 'full' | 'incremental';
  /** As `nameSource` says. */
  readonly source: string | null;
}

/** All that what is checked of records hangs on, but the statements: those are named by each part. */
function bindingOf(
  { origin, rootKey, topics, maxClockSkewMs, schemas }: VerifyOptions,
  { anchor, mode, source }: JudgedBy,
): string {
  const schemasOf = schemas === undefined ? null : (schemas.place ?? 'of no known place');
  const of = [judgingVersion, source, origin, rootKey.vkey, topics, mode, maxClockSkewMs ?? null, schemasOf, anchor];
  return createHash('sha256').update(JSON.stringify(of)).digest('base64');
}

/** Of the run that begins now. @param now unix ms */
export function firstPartNow(options: VerifyOptions, judged: JudgedBy, now: number): FirstPart {
  return { version: 2, judging: judgingVersion, release, binding: bindingOf(options, judged), begunAt: now };
}

/**
 * Of a run that did not end, where what it left may be taken over by the one that begins now.
 * @throws VerifierError PROGRESS_FOREIGN, PROGRESS_OLD
 */
export function firstPartBefore(bytes: Uint8Array, now: FirstPart): FirstPart {
  const before = parseFirstPart(bytes);
  if (before.binding !== now.binding)
    throw new VerifierError(
      'PROGRESS_FOREIGN',
      'The progress of a run that did not end is of another log, source or anchor, or that run had other options.',
    );
  const age = now.begunAt - before.begunAt;
  if (age > oldestProgressMs || age < -clockSlackMs)
    throw new VerifierError(
      'PROGRESS_OLD',
      `The progress of the run that began at ${new Date(before.begunAt).toISOString()} is ${age < 0 ? "ahead of this machine's clock" : 'more than 7 days old'}.`,
    );
  return before;
}

function parseFirstPart(bytes: Uint8Array): FirstPart {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as FirstPart;
    if (
      value.version === 2 &&
      value.judging === judgingVersion &&
      value.release === release &&
      typeof value.binding === 'string' &&
      Number.isSafeInteger(value.begunAt)
    )
      return value;
  } catch {
    // It carries our code: it is of another release.
  }
  throw otherRelease();
}

export function otherRelease(): VerifierError {
  return new VerifierError(
    'PROGRESS_FOREIGN',
    'The progress of a run that did not end was written by another release.',
  );
}
