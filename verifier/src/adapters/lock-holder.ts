import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { processBegan } from '../process-began.ts';
import { codeOf } from './whole-file.ts';

/** Who holds a lock, as the lock's file says it. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, null where the system does not tell. A process id alone is used again, in containers at once. */
  readonly began: string | null;
  /** Of this one taking: no other lock has the same words. */
  readonly token: string;
}

/** This process, taking a lock now. */
export function newHolder(): LockHolder {
  return { pid: process.pid, host: hostname(), began: processBegan(process.pid), token: randomUUID() };
}

/** Whether the process ran on this machine and is no more. Of one that ran elsewhere nobody here can tell. */
export function isGone({ pid, host, began }: { pid?: unknown; host?: unknown; began?: unknown }): boolean {
  if (host !== hostname() || typeof pid !== 'number') return false;
  if (typeof began === 'string') return processBegan(pid) !== began;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}
