import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';
import { processBegan } from './process-began.ts';
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

/** Of locks that this thread gave up and could not remove. */
const givenUp = new Set<string>();

/** This thread, taking a lock now. */
export function newHolder(): LockHolder {
  return {
    pid: process.pid,
    host: hostname(),
    began: processBegan(process.pid),
    thread: threadId,
    token: randomUUID(),
  };
}

/**
 * The lock could not be taken or given back, because its file system failed: its file may be there, or come to be there. Nobody in this process takes
 * it for held. Not for one that was given back: who read it a moment before would take its successor's for it.
 */
export function giveUp({ token }: LockHolder): void {
  givenUp.add(token);
}

/** Whether the process ran on this machine and is no more, or it is this thread, which gave it up. Of one that ran elsewhere nobody here can tell. */
export function isGone(holder: Partial<Record<keyof LockHolder, unknown>>): boolean {
  const { pid, host, began } = holder;
  if (host !== hostname() || typeof pid !== 'number') return false;
  if (wasGivenUp(holder)) return true;
  if (typeof began === 'string') return processBegan(pid) !== began;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

function wasGivenUp({ pid, began, thread, token }: Partial<Record<keyof LockHolder, unknown>>): boolean {
  const isMine = pid === process.pid && thread === threadId && began === processBegan(process.pid);
  return isMine && typeof token === 'string' && givenUp.has(token);
}
