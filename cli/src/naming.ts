import { CoreError } from '@tallystick/core/errors';

/** Does `work`; where it fails, the error says first which flag, setting or file it is about. */
export function naming<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new CoreError(cause.code, `${what}: ${cause.message}`, { cause, evidence: cause.evidence });
  }
}
