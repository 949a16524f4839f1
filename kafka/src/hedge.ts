/** None of the tries succeeded; why, in the order in which they failed. */
export class AllFailed extends Error {
  override readonly name = 'AllFailed';
  readonly failures: readonly unknown[];

  constructor(failures: readonly unknown[]) {
    super(`${failures.length} tries failed`);
    this.failures = failures;
  }
}

/**
 * Makes the tries one after the other, the next one when the one before failed or has not answered for `everyMs`: so one that hangs costs
 * that long, and not as long as it hangs. The first answer counts; what the others come to is dropped.
 * @param tries at least one
 * @param passes whether another try may do better; any other failure is thrown at once
 * @throws AllFailed
 */
export async function firstToAnswer<T>(
  tries: readonly (() => Promise<T>)[],
  everyMs: number,
  passes: (error: unknown) => boolean,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const failures: unknown[] = [];
  let next = 0;
  let over = false;
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    clearTimeout(timer);
    const run = tries[next];
    if (over || run === undefined) return;
    next += 1;
    if (next < tries.length) timer = setTimeout(start, everyMs);
    run().then(resolve, (error: unknown) => {
      failures.push(error);
      if (!passes(error)) reject(error);
      else if (failures.length === tries.length) reject(new AllFailed(failures));
      else start();
    });
  };
  start();
  try {
    return await promise;
  } finally {
    over = true;
    clearTimeout(timer);
  }
}
