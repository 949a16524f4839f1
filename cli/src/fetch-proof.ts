import { maxProofLength, proofMediaType } from '@tallystick/core/proof';
import { refusalOf, type EventRequest } from '@tallystick/ledger-service/prove';
import { CliError } from './errors.ts';

const answerMs = 30_000;

/**
 * Asks a server for a proof.
 * @param root of the served log
 * @throws CliError USAGE, SERVER_UNREACHABLE, SERVER_ANSWER; LedgerError with the reason that the server gives
 */
export async function fetchProof(root: string, { topic, partition, offset }: EventRequest): Promise<string> {
  const url = urlOf(root, `v1/proofs/${encodeURIComponent(topic)}/${partition}/${offset}`);
  let response: Response;
  let text: string;
  try {
    const signal = AbortSignal.timeout(answerMs);
    response = await fetch(url, { signal, redirect: 'error', headers: { accept: proofMediaType } });
    text = await limited(response);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('SERVER_UNREACHABLE', `${url.origin} does not answer: ${why}`, { cause });
  }
  if (response.status === 200) return text;
  throw reasonOf(text) ?? unknown(url, response.status);
}

function urlOf(root: string, path: string): URL {
  const base = URL.canParse(root) ? new URL(root.endsWith('/') ? root : `${root}/`) : null;
  if (base === null || !['http:', 'https:'].includes(base.protocol))
    throw new CliError('USAGE', `--url ${root}: must be the root of a served log, such as http://127.0.0.1:20080`);
  return new URL(path, base);
}

async function limited({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).length;
    if (length > maxProofLength)
      throw new CliError('SERVER_ANSWER', `the server sends more than the ${maxProofLength} bytes of a proof`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The reason in a problem (RFC 9457). */
function reasonOf(text: string): Error | null {
  try {
    const { code, detail } = JSON.parse(text) as { code?: unknown; detail?: unknown };
    const words = typeof detail === 'string' ? printable(detail.slice(0, 500)) : '';
    return typeof code === 'string' ? refusalOf(code, words) : null;
  } catch {
    return null; // no JSON: said by the caller
  }
}

/** It goes to a terminal: no control characters of somebody else's. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

function unknown(url: URL, status: number): CliError {
  const message = `${url.origin} answers ${status}, and gives no reason that this release knows`;
  return new CliError(status >= 500 ? 'SERVER_UNREACHABLE' : 'SERVER_ANSWER', message, { evidence: { status } });
}
