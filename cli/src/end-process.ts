/** How long lines that nobody takes from standard error may hold the process, ms. */
const longestMs = 5_000;

/**
 * Ends the process with `process.exitCode`, once what was written is out: whatever else still goes on does not hold it. Standard output is for
 * whoever reads the result, and is waited for; what is said beside it is waited for some seconds.
 */
export async function endProcess(): Promise<never> {
  // A write that fails says so in the next turn.
  await new Promise(setImmediate);
  await written(process.stdout);
  await Promise.race([written(process.stderr), new Promise((resolve) => setTimeout(resolve, longestMs))]);
  process.exit();
}

async function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
  });
}
