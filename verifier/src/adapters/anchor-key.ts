import { createHash, createHmac, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { appendFile, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Mac } from '../domain/anchor-format.ts';
import { VerifierError } from '../errors.ts';
import { answered, codeOf, isTimeout } from './file-calls.ts';
import { createWhole } from './whole-file.ts';

const keyBytes = 32;

/** HMAC-SHA256 under a key. */
export function macUnder(key: Uint8Array): Mac {
  return (text) => createHmac('sha256', key).update(text).digest('base64');
}

/** Stands in a key that is made here until an anchor is: who is killed in between leaves a key, and nobody removed an anchor. */
const unused = 'unused';

export type AnchorKey = Mac & {
  /** Whether an anchor was made with it. A key that says nothing of it is one of an older release, or of its user's own making. */
  readonly isUsed: boolean;
  /** Names, by `anchorName`, of the anchors that were made with it. */
  readonly made: ReadonlySet<string>;
};

/** A name of an anchor's file that tells nothing of its path. */
export function anchorName(file: string): string {
  return `anchor ${createHash('sha256').update(file).digest('hex')}`;
}

/** Writes beside the key that an anchor was made with it, so that one that is gone is missed. A key that cannot be written to notes nothing. */
export async function noteAnchor(path: string, file: string): Promise<void> {
  await answered(dirname(path), () => appendFile(path, `${anchorName(file)}\n`)).catch(() => undefined);
}

/**
 * The key of an anchor file: a line of base64, mode 0600, and behind it a line for each anchor that was made with it. null: there is no such file.
 * @throws VerifierError ANCHOR_KEY, ANCHOR_TIMED_OUT
 */
export async function readAnchorKey(path: string): Promise<AnchorKey | null> {
  try {
    return await answered(dirname(path), () => readKey(path));
  } catch (error) {
    if (error instanceof VerifierError) throw error;
    if (codeOf(error) === 'ENOENT') return null;
    throw unusable(path, error);
  }
}

async function readKey(path: string): Promise<AnchorKey> {
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const found = await handle.stat();
    if (!found.isFile() || found.size > 65_536) throw bad(path, 'it is no plain file of a few lines');
    if ((found.mode & 0o077) !== 0)
      throw bad(
        path,
        'others than its owner have rights to it: chmod 600, and make a new one if somebody could read it',
      );
    const [text = '', ...made] = (await handle.readFile('utf8')).trim().split('\n');
    const key = Buffer.from(text, 'base64');
    if (key.length !== keyBytes || key.toString('base64') !== text)
      throw bad(path, 'it does not hold a key of 32 bytes in base64');
    const names = new Set(made);
    const isUsed = !names.has(unused) || made.some((each) => each.startsWith('anchor '));
    return Object.assign(macUnder(key), { made: names, isUsed });
  } finally {
    await handle.close();
  }
}

/**
 * Makes a key where there is none; of two who do so at once one wins, and both use it.
 * @throws VerifierError ANCHOR_KEY, ANCHOR_TIMED_OUT
 */
export async function makeAnchorKey(path: string): Promise<Mac> {
  const key = randomBytes(keyBytes);
  try {
    if (await createWhole(path, `${key.toString('base64')}\n${unused}\n`, 0o600)) return macUnder(key);
  } catch (error) {
    throw unusable(path, error);
  }
  const theirs = await readAnchorKey(path);
  if (theirs !== null) return theirs;
  throw bad(path, 'it was there and is gone');
}

/** The file system of an anchor, or of its key, gave no answer. */
export function anchorTimedOut(path: string, cause: unknown): VerifierError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VerifierError('ANCHOR_TIMED_OUT', `The anchor's file ${path} cannot be read or replaced: ${why}`, {
    cause,
    evidence: { path },
  });
}

function unusable(path: string, cause: unknown): VerifierError {
  if (isTimeout(cause)) return anchorTimedOut(path, cause);
  return bad(path, cause instanceof Error ? cause.message : String(cause), cause);
}

function bad(path: string, why: string, cause?: unknown): VerifierError {
  return new VerifierError('ANCHOR_KEY', `The key of the anchor, ${path}, cannot be used: ${why}.`, {
    evidence: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}
