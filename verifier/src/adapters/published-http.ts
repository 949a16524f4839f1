import { VerifierError } from '../errors.ts';
import type { PublishedLog } from '../ports/published-log.ts';
import { checkLogPath, readAtMost, tooLarge, unavailable } from '../published/log-path.ts';

export interface HttpLogOptions {
  /** How long one read may take, all tries together, ms; default 30,000. */
  readonly deadlineMs?: number;
}

const tries = 3;

/**
 * The published log over HTTP: GET below its root, bytes as they are (C2SP tlog-tiles). No redirect is followed and no content encoding taken,
 * so that what is checked is what that server stores. 404 means that there is no such resource; 429 and 5xx are asked again within the deadline.
 * @param root of `/checkpoint` and `/tile`, http or https
 * @throws VerifierError OPTIONS_INVALID
 */
export function httpPublishedLog(root: string, { deadlineMs = 30_000 }: HttpLogOptions = {}): PublishedLog {
  const place = checkedRoot(root);
  const closing = new AbortController();
  return {
    place,
    async read(path, maxBytes) {
      const url = `${place}/${checkLogPath(path)}`;
      const signal = AbortSignal.any([AbortSignal.timeout(deadlineMs), closing.signal]);
      for (let attempt = 1; ; attempt += 1) {
        const answer = await ask(place, path, url, maxBytes, signal);
        if (!('retry' in answer)) return answer.bytes;
        if (attempt === tries) throw unavailable(place, path, answer.retry);
        await later(200 * attempt, signal).catch((cause: unknown) => {
          throw unavailable(place, path, wordsOf(cause, deadlineMs), cause);
        });
      }
    },
    async close() {
      closing.abort();
    },
  };

  async function ask(
    of: string,
    path: string,
    url: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<{ bytes: Uint8Array | null } | { retry: string }> {
    try {
      const headers = { 'accept-encoding': 'identity' };
      const response = await fetch(url, { redirect: 'manual', headers, signal });
      try {
        return await take(of, path, response, maxBytes);
      } finally {
        await response.body?.cancel().catch(() => undefined);
      }
    } catch (error) {
      if (error instanceof VerifierError) throw error;
      throw unavailable(of, path, wordsOf(error, deadlineMs), error);
    }
  }
}

async function take(
  place: string,
  path: string,
  response: Response,
  maxBytes: number,
): Promise<{ bytes: Uint8Array | null } | { retry: string }> {
  const { status, headers, body } = response;
  if (status === 404) return { bytes: null };
  if (status === 429 || status >= 500) return { retry: `the server answers ${status}` };
  if (status >= 300 && status < 400) {
    throw unavailable(
      place,
      path,
      `the server answers ${status}, a redirect, which is not followed: name the log's own root`,
    );
  }
  if (status !== 200) throw unavailable(place, path, `the server answers ${status}`);
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding !== 'identity') {
    throw unavailable(
      place,
      path,
      `the server sends it with the content encoding ${JSON.stringify(encoding.slice(0, 40))}`,
    );
  }
  const length = headers.get('content-length');
  if (length !== null && Number(length) > maxBytes) throw tooLarge(place, path, maxBytes, null);
  if (body === null) return { bytes: new Uint8Array() };
  return { bytes: await readAtMost(body, maxBytes, () => tooLarge(place, path, maxBytes, null)) };
}

function checkedRoot(root: string): string {
  const url = URL.canParse(root) ? new URL(root) : null;
  const plain = url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (url === null || !plain || !/^https?:$/.test(url.protocol)) {
    throw new VerifierError(
      'OPTIONS_INVALID',
      `The root of the log, ${JSON.stringify(root)}, must be an http or https URL without user, query and fragment.`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

async function later(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error('closed'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function wordsOf(error: unknown, deadlineMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no whole answer within ${deadlineMs} ms`;
  return error.cause instanceof Error ? `${error.message}, ${error.cause.message}` : error.message;
}
