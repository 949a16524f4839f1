import type { Worker } from 'node:worker_threads';
import { inTime } from '../deadline.ts';

/** How long a thread that is ended is waited for, ms. */
const deadlineMs = 2_000;

/** Ends a thread. One that waits for a file system that gives no answer ends only when that answers: it is not waited for. */
export async function endThread(worker: Worker): Promise<void> {
  await inTime('The end of a thread', { deadlineMs, signal: undefined }, worker.terminate()).catch(() => undefined);
}
