/** How long lines that nobody takes from standard error may hold the process, ms. */
const longestMs = 5_000;

/** The same of standard output, after an error that nobody expected: what the rest of the process does then is not known. */
export const longestAfterErrorMs = 5_000;

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
  process.exit();
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
