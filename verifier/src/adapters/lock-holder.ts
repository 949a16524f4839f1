import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';
import { processBegan } from '../process-began.ts';
import { codeOf } from './file-calls.ts';

/** Who holds a lock, as the lock's file says it. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, null where the system does not tell. A process id alone is used again, in containers at once. */
  readonly began: string | null;
  /** Of the process. */
  readonly thread: number;
  /** Of this one taking: no other lock has the same words. */
  readonly token: string;
}

/** Of the locks that this thread holds or is taking. */
const tokens = new Set<string>();

/** This thread, taking a lock now: until `letGo`. */
export function newHolder(): LockHolder {
  const token = randomUUID();
  tokens.add(token);
  return { pid: process.pid, host: hostname(), began: processBegan(process.pid), thread: threadId, token };
}

/** The lock is not taken, or is given back. Where its file could not be written any more, nobody here takes that for held. */
export function letGo({ token }: LockHolder): void {
  tokens.delete(token);
}

/** Whether the process ran on this machine and is no more, or it is this thread, which let go of it. Of one that ran elsewhere nobody here can tell. */
export function isGone(holder: Partial<Record<keyof LockHolder, unknown>>): boolean {
  const { pid, host, began } = holder;
  if (host !== hostname() || typeof pid !== 'number') return false;
  if (wasLetGo(holder)) return true;
  if (typeof began === 'string') return processBegan(pid) !== began;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

function wasLetGo({ pid, began, thread, token }: Partial<Record<keyof LockHolder, unknown>>): boolean {
  const isMine = pid === process.pid && thread === threadId && began === processBegan(process.pid);
  return isMine && typeof token === 'string' && !tokens.has(token);
}
