import { linkSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from './errors.ts';
import { hasErrno, readIfThere } from './files.ts';
import { isAlive, recordProcess } from './processes.ts';
import type { ProcessRecord } from './processes.ts';

export interface LockOptions {
  /** What the lock guards, for messages: "the stack in /x". */
  readonly what: string;
  readonly waitMs: number;
  readonly onProgress?: (line: string) => void;
}

/**
 * Runs the work while holding the lock file, which names the process that holds it. A lock whose process is gone is taken over. Waits
 * for a living holder and says so; STACK_BUSY after `waitMs`. Within one process too, the second caller waits.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + options.waitMs;
  let said = false;
  while (!tryLock(path)) {
    const holder = readHolder(path);
    if (holder !== null && !isAlive(holder)) {
      breakLock(path, holder);
      continue;
    }
    if (Date.now() > deadline) {
      throw new InfraError(
        'STACK_BUSY',
        `process ${holder?.pid ?? '?'} has been working on ${options.what} for more than ${Math.round(options.waitMs / 1000)} s; wait for it, or end it, and try again`,
        { evidence: { lock: path, pid: holder?.pid } },
      );
    }
    if (!said && holder !== null)
      options.onProgress?.(`${options.what}: process ${holder.pid} is working on it; waiting`);
    said ||= holder !== null;
    await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** A link appears with its content or not at all, so nobody ever reads half a lock. */
function tryLock(path: string): boolean {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, JSON.stringify(recordProcess(process.pid)), { mode: 0o600 });
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function readHolder(path: string): ProcessRecord | null {
  const text = readIfThere(path);
  if (text === null) return null;
  try {
    const holder: unknown = JSON.parse(text);
    if (typeof holder === 'object' && holder !== null && 'pid' in holder && 'began' in holder) {
      if (typeof holder.pid === 'number' && typeof holder.began === 'string')
        return { pid: holder.pid, began: holder.began };
    }
  } catch {
    // Not a lock of ours: as good as a lock whose holder is gone.
  }
  return { pid: 0, began: 'unreadable' };
}

/**
 * Removes the lock of a dead process. Only one process at a time may do so, and only after looking again: else two that saw the same
 * dead lock could remove each other's new one.
 */
function breakLock(path: string, seen: ProcessRecord): void {
  const guard = `${path}.breaking`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
    removeOldGuard(guard);
    return;
  }
  try {
    const now = readHolder(path);
    if (now !== null && now.pid === seen.pid && now.began === seen.began) rmSync(path, { force: true });
  } finally {
    rmdirSync(guard);
  }
}

/** The guard is held for a moment only; one that is older was left by a process that was killed in that moment. */
function removeOldGuard(guard: string): void {
  try {
    if (Date.now() - statSync(guard).mtimeMs > 5000) rmdirSync(guard);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}
