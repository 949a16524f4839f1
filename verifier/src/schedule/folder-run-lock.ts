import { randomUUID } from 'node:crypto';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { inTime } from '../deadline.ts';
import { answered, codeOf } from '../adapters/file-calls.ts';
import { lockFolder, type FolderLock, type HeldElsewhere } from '../adapters/folder-lock.ts';
import { newHolder } from '../adapters/lock-holder.ts';
import { createWhole, removeDrafts, removeIfThere, replaceWhole } from '../adapters/whole-file.ts';
import { VerifierError } from '../errors.ts';
import type { HeldLock, RunLock } from './run-lock.ts';

export interface FolderRunLockOptions {
  /** How often a holder shows that it lives, ms. Default 10,000. */
  readonly beatMs?: number;
  /** A holder on another machine that has shown nothing for so long is gone, ms. Default 90,000. */
  readonly leaseMs?: number;
}

/** How long giving the lock back may take, ms: the process is to end soon. */
const releaseMs = 5_000;

/**
 * A lock in a folder, which is made where it is missing. Its file names the process and when that began: on the same machine a killed
 * holder is noticed at once. What a process of another machine (another container) does cannot be seen, so a holder also writes the file `alive`
 * again and again, and one that stopped doing so is taken for dead. Ages are told by the clock of the file system alone.
 */
export function folderRunLock(folder: string, options: FolderRunLockOptions = {}): RunLock {
  const { beatMs = 10_000, leaseMs = 90_000 } = options;
  return {
    async take() {
      try {
        await answered(dirname(folder), () => mkdir(folder, { recursive: true }));
        for (let attempt = 0; ; attempt++) {
          const lock = await lockFolder(folder);
          if ('release' in lock) return await hold(folder, lock, beatMs);
          if (attempt === 3 || !(await isGone(folder, lock, leaseMs))) return { holder: lock.holder.slice(0, 500) };
          await takeFromDead(folder, lock.file);
        }
      } catch (cause) {
        throw unusable(folder, cause);
      }
    },
  };
}

/** Makes the folder of a schedule's state where it is missing. @throws VerifierError SCHEDULE_STATE */
export async function makeStateFolder(folder: string): Promise<void> {
  try {
    await answered(dirname(folder), () => mkdir(folder, { recursive: true }));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VerifierError('SCHEDULE_STATE', `The folder ${folder} cannot be made: ${why}.`, {
      cause,
      evidence: { folder },
    });
  }
}

async function hold(folder: string, lock: FolderLock, beatMs: number): Promise<HeldLock> {
  await removeDrafts(join(folder, aliveName));
  try {
    await beat(folder);
  } catch (error) {
    // Else it would stay held for as long as this process lives.
    await lock.release().catch(() => undefined);
    throw error;
  }
  const lost = new AbortController();
  let busy: Promise<void> | null = null;
  const look = async (): Promise<void> => {
    try {
      if (!(await lock.held())) lost.abort();
      else await beat(folder);
    } catch {
      // A full disk for a moment is not a lost lock: who takes it over meanwhile is seen by the next look.
    }
    busy = null;
  };
  const timer = setInterval(() => {
    busy ??= look();
  }, beatMs);
  timer.unref();
  const release = async (): Promise<void> => {
    await busy;
    try {
      if (await lock.held()) await lock.release();
    } catch (error) {
      lock.giveUp();
      throw error;
    }
  };
  return {
    lost: lost.signal,
    release: async () => {
      clearInterval(timer);
      try {
        await inTime(`The file system of ${folder}`, { deadlineMs: releaseMs, signal: undefined }, release());
      } catch (cause) {
        throw unusable(folder, cause);
      }
    },
  };
}

const aliveName = 'alive';

/** Written anew, not touched: so the time comes from the file system, which may be on another machine. */
async function beat(folder: string): Promise<void> {
  await replaceWhole(join(folder, aliveName), `${process.pid}\n`, 0o644, undefined, false);
}

async function isGone(folder: string, { holder, file }: HeldElsewhere, leaseMs: number): Promise<boolean> {
  // Of a process of this machine the lock itself knows better.
  if (hostOf(holder) === hostname()) return false;
  const probe = join(folder, `.now-${process.pid}-${randomUUID()}`);
  await answered(folder, () => writeFile(probe, '', { flag: 'wx' }));
  try {
    const now = await changedAt(probe);
    const shown = Math.max(await changedAt(file), await changedAt(join(folder, aliveName)));
    return now - shown > leaseMs;
  } finally {
    await removeIfThere(probe);
  }
}

/** Unix ms by the file system's clock; 0: it is not there. */
async function changedAt(file: string): Promise<number> {
  try {
    return (await answered(dirname(file), () => stat(file))).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

function hostOf(holder: string): string | null {
  try {
    const { host } = JSON.parse(holder) as { host?: unknown };
    return typeof host === 'string' ? host : null;
  } catch {
    return null;
  }
}

/**
 * Puts a released lock with the next number behind the dead one: of several that do so one succeeds, and none can remove the lock of a living
 * process that was faster.
 */
async function takeFromDead(folder: string, file: string): Promise<void> {
  const number = Number(/^lock-(\d+)$/.exec(basename(file))?.[1]);
  const next = join(folder, `lock-${number + 1}`);
  await createWhole(next, JSON.stringify({ ...newHolder(), released: true }), 0o600);
}

function unusable(folder: string, cause: unknown): VerifierError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VerifierError('SCHEDULE_STATE', `The lock in ${folder} cannot be taken or released: ${why}.`, {
    cause,
    evidence: { folder },
  });
}
