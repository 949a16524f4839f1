import { CoreError, type CoreErrorCode } from '@tallystick/core/errors';
import { expect } from 'vitest';

/** The CoreError that `run` throws, or null where it throws none. Another kind of error is no answer: it is thrown on. */
function caught(run: () => unknown): CoreError | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof CoreError) return error;
    throw error;
  }
}

/** The code of the CoreError that `run` throws, or null where it throws none. */
export function codeOf(run: () => unknown): CoreErrorCode | null {
  return caught(run)?.code ?? null;
}

/** The CoreError that `run` throws; fails where it throws none. */
export function coreErrorOf(run: () => unknown): CoreError {
  return caught(run) ?? expect.fail('nothing was thrown');
}

/** Expects a CoreError of this code with a message that says something. */
export function expectCode(run: () => unknown, code: CoreErrorCode): void {
  const error = coreErrorOf(run);
  expect(error.code).toBe(code);
  expect(error.message.length).toBeGreaterThan(10);
}

/** The code of the CoreError that the promise rejects with, or null where it resolves. */
export async function codeOfAsync(promise: Promise<unknown>): Promise<CoreErrorCode | null> {
  try {
    await promise;
    return null;
  } catch (error) {
    if (error instanceof CoreError) return error.code;
    throw error;
  }
}
