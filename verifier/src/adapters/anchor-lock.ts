import { randomUUID } from 'node:crypto';
import { link, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { VerifierError } from '../errors.ts';
import { answered, codeOf, readPlainIfThere } from './file-calls.ts';
import { giveUp, isGone, newHolder } from './lock-holder.ts';
import type { LockHolder } from './lock-holder.ts';
import { createWhole, removeIfThere } from './whole-file.ts';

/** A lock that nobody can read is of a process that was killed while it wrote it, ms. */
const unreadableAgeMs = 10_000;
/** Of a lock, bytes. */
const largestLock = 65_536;

export interface AnchorLock {
  /** Whether it is still this run's. */
  held(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Takes the lock that one file stands for; that of a process which is gone is taken over. Who took a living one's by mistake, because two looked at a dead
 * one at once, puts it back; if that comes too late, the other one sees by `held` that it lost it.
 * @throws VerifierError ANCHOR_LOCKED; Error of node:fs; KafkaError TIMED_OUT
 */
export async function takeAnchorLock(file: string, waitMs: number): Promise<AnchorLock> {
  const holder = newHolder();
  try {
    return await takeAs(holder, file, waitMs);
  } catch (error) {
    giveUp(holder);
    throw error;
  }
}

async function takeAs(holder: LockHolder, file: string, waitMs: number): Promise<AnchorLock> {
  const mine = JSON.stringify(holder);
  const until = Date.now() + waitMs;
  while (!(await createWhole(file, mine, 0o644, false))) {
    const other = await readLock(file);
    if (other === null) continue;
    if (await isDead(file, other)) {
      await removeDead(file, other);
      continue;
    }
    if (Date.now() >= until) {
      throw new VerifierError(
        'ANCHOR_LOCKED',
        `Another run holds ${file} (${other}). Wait for it to end; if no other run is alive, delete that file.`,
        { evidence: { lock: file, holder: other } },
      );
    }
    await wait(20);
  }
  return {
    held: async () => (await readLock(file)) === mine,
    release: async () => {
      try {
        if ((await readLock(file)) === mine) await removeIfThere(file);
      } catch (error) {
        giveUp(holder);
        throw error;
      }
    },
  };
}

/** Whether a run that lives holds the lock. @throws Error of node:fs; KafkaError TIMED_OUT */
export async function isLocked(file: string): Promise<boolean> {
  const holder = await readLock(file);
  return holder !== null && !(await isDead(file, holder));
}

async function readLock(file: string): Promise<string | null> {
  return (await readPlainIfThere(file, largestLock))?.toString('utf8') ?? null;
}

async function removeDead(file: string, dead: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await answered(dirname(file), () => rename(file, aside));
    // Another one was faster, and this is its lock.
    if ((await readLock(aside)) !== dead) await answered(dirname(file), () => link(aside, file));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await removeIfThere(aside);
  }
}

/** Whether the lock's process is no more. */
async function isDead(file: string, lock: string): Promise<boolean> {
  try {
    return isGone(JSON.parse(lock) as Partial<LockHolder>);
  } catch {
    return await isOld(file);
  }
}

async function isOld(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await answered(dirname(file), () => stat(file));
    return Date.now() - mtimeMs > unreadableAgeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
