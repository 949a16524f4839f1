import { LedgerError } from '../errors.ts';

/** Sixteen lines of the longest signatures known (ML-DSA-44) are 53 KiB. */
const maxResponseBytes = 64 * 1024;

export interface BoundedResponse {
  readonly status: number;
  readonly contentType: string | null;
  /** At most 64 KiB. */
  readonly body: Uint8Array;
}

/**
 * One POST: no redirect is followed, the answer is bounded in bytes and time.
 * @throws LedgerError WITNESS_UNAVAILABLE (retriable) where there is no whole answer in time, WITNESS_INVALID where it is too long
 */
export async function postBytes(
  url: string,
  body: Uint8Array<ArrayBuffer>,
  { witness, timeoutMs, signal }: { witness: string; timeoutMs: number; signal?: AbortSignal },
): Promise<BoundedResponse> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const evidence = { witness, url };
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      // A redirect would let whoever answers choose whom we ask.
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    const bytes = await readBounded(response);
    if (bytes === null) {
      throw new LedgerError(
        'WITNESS_INVALID',
        `The witness ${witness} answered with more than ${maxResponseBytes} bytes: that is no cosignature.`,
        { evidence: { ...evidence, status: response.status } },
      );
    }
    return { status: response.status, contentType: response.headers.get('content-type'), body: bytes };
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    const why = timeout.aborted ? `gave no answer within ${timeoutMs} ms` : `does not answer: ${reasonOf(cause)}`;
    throw new LedgerError('WITNESS_UNAVAILABLE', `The witness ${witness} at ${url} ${why}.`, {
      evidence,
      cause,
      retriable: true,
    });
  }
}

/** Null where the body is longer than it may be: the rest is not read. */
async function readBounded(response: Response): Promise<Uint8Array | null> {
  if (response.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    // Leaving the loop cancels the stream.
    if (length > maxResponseBytes) return null;
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks, length));
}

/** `fetch failed` says nothing; what failed is its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
}
