import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { KafkaError } from '@tallystick/kafka/errors';
import { inTime } from '../deadline.ts';

// A mount whose server is gone answers no call, and says nothing. So each wait for the file system ends.

/** How long the file system may take for one call, ms. A busy disk takes some seconds to write something down for good. */
export const fileDeadlineMs = 60_000;

/** By folder: calls that were given up and are not answered yet. */
const unanswered = new Map<string, number>();

/**
 * What a call of the file system comes to, if it comes in time. One that does not is left behind. It keeps one of the few threads that Node has for
 * files, so that folder is asked nothing more until it is answered.
 * @param folder in which the call works
 * @throws KafkaError TIMED_OUT; what the call rejects with
 */
export async function answered<T>(folder: string, call: () => Promise<T>): Promise<T> {
  if (unanswered.has(folder))
    throw new KafkaError('TIMED_OUT', `The file system of ${folder} still gives no answer to an earlier call.`, {
      retriable: true,
    });
  const answer = call();
  try {
    return await inTime(`The file system of ${folder}`, { deadlineMs: fileDeadlineMs, signal: undefined }, answer);
  } catch (error) {
    if (isTimeout(error)) leaveBehind(folder, answer);
    throw error;
  }
}

/** Whether `answered` gave up. */
export function isTimeout(error: unknown): boolean {
  return error instanceof KafkaError && error.code === 'TIMED_OUT';
}

/**
 * The bytes of a plain file. Anything else is refused: a pipe would be waited for until somebody writes into it.
 * @param most bytes that it may have
 * @throws RangeError; Error of node:fs; as `answered`
 */
export async function readPlain(file: string, most: number): Promise<Buffer> {
  return await answered(dirname(file), async () => {
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new RangeError(`${basename(file)} is no plain file`);
      if (found.size > most) throw new RangeError(`${basename(file)} has ${found.size} bytes, more than it can have`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  });
}

/** @returns null where there is no such file */
export async function readPlainIfThere(file: string, most: number): Promise<Buffer | null> {
  try {
    return await readPlain(file, most);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function leaveBehind(folder: string, answer: Promise<unknown>): void {
  unanswered.set(folder, (unanswered.get(folder) ?? 0) + 1);
  const settled = (): void => {
    const left = (unanswered.get(folder) ?? 1) - 1;
    if (left === 0) unanswered.delete(folder);
    else unanswered.set(folder, left);
  };
  answer.then(settled, settled);
}
