import { encodeBase64 } from './encoding.ts';
import { CoreError, type CoreErrorCode } from './errors.ts';

/** What a proof is refused for. */
export type ProofErrorCode = CoreErrorCode & `PROOF_${string}`;

/** The error of a proof that does not hold. Hashes in the evidence become base64. */
export function proofError(
  code: ProofErrorCode,
  why: string,
  options: { readonly expected?: unknown; readonly found?: unknown; readonly cause?: unknown } = {},
): CoreError {
  const { expected, found, cause } = options;
  return new CoreError(code, `the proof does not hold: ${why}`, {
    evidence: { expected: shown(expected), found: shown(found) },
    cause,
  });
}

/** Runs a step whose own coded errors mean this failure of the proof. */
export function proofStep<T>(code: ProofErrorCode, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    const { expected, found } = cause.evidence;
    throw proofError(code, cause.message, { expected, found, cause });
  }
}

function shown(value: unknown): unknown {
  return value instanceof Uint8Array ? encodeBase64(value) : value;
}
