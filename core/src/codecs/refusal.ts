import { CoreError } from '../errors.ts';

/**
 * What every decoder throws where bytes are not what the rule of protocol.md section 1 asks for, `Codecs` adapters
 * included. Only this makes a batch one that does not parse: any other error (memory, a bug) must reach the caller, for it
 * says nothing of the bytes.
 * @param reason what is wrong, as one clause: `gzip: the CRC-32 of the content is wrong`
 */
export function refusal(reason: string): CoreError {
  return new CoreError('BATCH_UNPARSED', reason);
}

/** Whether an error is a `refusal`. */
export function isRefusal(error: unknown): error is CoreError {
  return error instanceof CoreError && error.code === 'BATCH_UNPARSED';
}

/** The refusal of everything that decompresses to more than it may. */
export function tooLarge(codec: string, limit: number): CoreError {
  return refusal(`${codec}: decompresses to more than ${limit} bytes`);
}
