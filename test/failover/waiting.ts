import { setTimeout as sleep } from 'node:timers/promises';

/** Looks until it holds; an error of the look, or the deadline, ends it. */
export async function eventually(
  look: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs: number,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await sleep(50);
  }
}

/** The same, where an error says only that it cannot be seen now. */
export async function eventuallyDespite(look: () => Promise<boolean>, what: string, deadlineMs: number): Promise<void> {
  let last: unknown = null;
  await eventually(
    async () => {
      try {
        return await look();
      } catch (error) {
        last = error;
        await sleep(200);
        return false;
      }
    },
    what,
    deadlineMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; the last error: ${String(last)}`, { cause: last });
  });
}
