import type { Worker } from 'node:worker_threads';

/** How long lines that nobody takes from standard error may hold the process, ms. */
const longestMs = 5_000;

/** The same of standard output, after an error that nobody expected: what the rest of the process does then is not known. */
export const longestAfterErrorMs = 5_000;

/** Threads that have not ended. */
const threads = new Set<Worker>();
process.on('worker', (thread) => {
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
});

/**
 * Ends the process with `process.exitCode`, once what was written is out: whatever else still goes on does not hold it. Standard output is for
 * whoever reads the result, and is waited for; what is said beside it is waited for some seconds.
 * @param outMs how long standard output is waited for; default: for ever
 */
export async function endProcess(outMs?: number): Promise<never> {
  // A write that fails says so in the next turn.
  await new Promise(setImmediate);
  await (outMs === undefined ? written(process.stdout) : within(outMs, process.stdout));
  await within(longestMs, process.stderr);
  // The last of the listeners: the others may still say with which code.
  process.on('exit', () => {
    if (mayHang()) becomeNothing();
  });
  process.exit();
}

/**
 * Node ends only once its threads have: one that waits for a file system that gives no answer, or for a name, is waited for, without a limit.
 */
function mayHang(): boolean {
  return threads.size > 0 || process.getActiveResourcesInfo().some((what) => /^(?:FSReq|GetAddrInfoReq)/.test(what));
}

/** Another program takes the place of this process, with all its threads, and ends at once with the same code. */
function becomeNothing(): void {
  const { execPath, exitCode } = process;
  try {
    process.execve?.(execPath, [execPath, '-e', `process.exit(${Number(exitCode ?? 0)})`], {});
  } catch {
    // Then it ends as Node ends it.
  }
}

async function within(ms: number, stream: NodeJS.WriteStream): Promise<void> {
  await Promise.race([written(stream), new Promise((resolve) => setTimeout(resolve, ms))]);
}

async function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
  });
}
