import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../deadline.ts';
import { answered, fileDeadlineMs, readPlainIfThere } from './file-calls.ts';
import { giveUp, isGone, newHolder } from './lock-holder.ts';
import type { LockHolder } from './lock-holder.ts';
import { createWhole, removeIfThere, replaceWhole } from './whole-file.ts';

// One process at a time holds a folder. The lock is a file `lock-<n>`: who takes it over from a dead process creates the next
// number, which only one can do, and the highest number is the one that counts. So no lock of a living process is ever
// removed by one who was slow to look, as it would be where a stale file is deleted and made again.

export interface FolderLock {
  /** Does this process still hold the folder? Not so where somebody deleted the file, or the folder, and another process started. */
  held(): Promise<boolean>;
  release(): Promise<void>;
  /** Where its file system fails: this process can take it again, whatever its file says. */
  giveUp(): void;
}

interface Lock extends LockHolder {
  readonly released?: true;
}

/** Where another process holds the folder: its own words, and the file that they stand in. */
export interface HeldElsewhere {
  readonly holder: string;
  readonly file: string;
}

/** Of a lock, bytes. */
const largestLock = 65_536;
const lockMode = 0o600;

const lockName = /^lock-([1-9][0-9]{0,14})$/;
/** Of a lock: one more would have a name that is none. */
const largestNumber = 999_999_999_999_999;
/** Others that come and go at once explain no more rounds than this: behind them there is a wait before each. */
const roundsAtOnce = 100;
const betweenMs = 20;

/**
 * Takes the folder.
 * @throws RangeError where what lies there can be no lock of ours; Error of node:fs; KafkaError TIMED_OUT
 */
export async function lockFolder(folder: string): Promise<FolderLock | HeldElsewhere> {
  const mine: Lock = newHolder();
  try {
    return await takeAs(mine, folder);
  } catch (error) {
    giveUp(mine);
    throw error;
  }
}

async function takeAs(mine: Lock, folder: string): Promise<FolderLock | HeldElsewhere> {
  const words = JSON.stringify(mine);
  const until = performance.now() + fileDeadlineMs;
  for (let round = 0; ; round += 1) {
    if (round >= roundsAtOnce) await pause(betweenMs, undefined);
    const [newest = 0, ...older] = await numbers(folder);
    if (performance.now() > until) throw neverTaken(newest);
    const file = join(folder, `lock-${newest}`);
    if (newest > 0) {
      const holder = await readIfThere(file);
      if (holder === null) continue; // a later one took over and cleaned up
      if (!isFree(holder)) return { holder, file };
    }
    if (newest === largestNumber) throw new RangeError(`lock-${newest} has the largest number of all; delete it`);
    const own = join(folder, `lock-${newest + 1}`);
    if (!(await createWhole(own, words, lockMode))) continue;
    const [highest] = await numbers(folder);
    if (highest !== newest + 1) {
      // We looked before others had come, gone and cleaned up.
      await removeIfThere(own);
      continue;
    }
    for (const number of [newest, ...older]) if (number > 0) await removeIfThere(join(folder, `lock-${number}`));
    return {
      held: async () => (await readIfThere(own)) === words && (await numbers(folder))[0] === newest + 1,
      release: async () => {
        try {
          // The number stays, so that it is never given twice.
          await replaceWhole(own, JSON.stringify({ ...mine, released: true }), lockMode);
        } catch (error) {
          giveUp(mine);
          throw error;
        }
      },
      giveUp: () => giveUp(mine),
    };
  }
}

/** What is listed and cannot be read, such as a link that leads nowhere, is no lock that somebody takes or gives back. */
function neverTaken(newest: number): RangeError {
  const what = newest > 0 ? `lock-${newest}` : 'a lock';
  return new RangeError(
    `${what} comes and goes, or leads nowhere, for ${fileDeadlineMs} ms; delete it if it is no plain file`,
  );
}

/** The numbers of the locks that are there, highest first. */
async function numbers(folder: string): Promise<number[]> {
  const names = await answered(folder, () => readdir(folder));
  return names
    .map((name) => Number(lockName.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => b - a);
}

/** Nobody holds it: it was released, or its process is no more. What is not understood is held. */
function isFree(text: string): boolean {
  try {
    const lock = JSON.parse(text) as Partial<Lock>;
    return lock.released === true || isGone(lock);
  } catch {
    return false;
  }
}

async function readIfThere(file: string): Promise<string | null> {
  return (await readPlainIfThere(file, largestLock))?.toString('utf8') ?? null;
}
