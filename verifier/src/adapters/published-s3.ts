import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { VerifierError } from '../errors.ts';
import type { PublishedLog } from '../ports/published-log.ts';
import { checkLogPath, readAtMost, tooLarge, unavailable } from '../published/log-path.ts';
import { boundErrorBodies } from './s3-error-bodies.ts';

export interface S3LogOptions {
  readonly bucket: string;
  /** What the keys of its objects begin with, such as `log/`; empty by default. */
  readonly prefix?: string | undefined;
  /** An S3-compatible service other than that of AWS. */
  readonly endpoint?: string | undefined;
  /** Default us-east-1 with an endpoint, else as the AWS SDK finds one. */
  readonly region?: string | undefined;
  /** Both or neither; without them the AWS SDK looks for credentials in its own places. s3:GetObject and s3:ListBucket are enough. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  /** How long one read may take, all tries together, ms; default 30,000. */
  readonly deadlineMs?: number | undefined;
}

/**
 * The published log in a bucket: GetObject, nothing else. Errors hold no secret and no signed request.
 * @throws VerifierError OPTIONS_INVALID
 */
export function s3PublishedLog(options: S3LogOptions): PublishedLog {
  const { bucket, prefix = '', deadlineMs = 30_000 } = options;
  check(options);
  const client = clientOf(options, deadlineMs);
  const place = `s3://${bucket}/${prefix}`;
  const closing = new AbortController();
  return {
    place,
    async read(path, maxBytes) {
      const command = new GetObjectCommand({ Bucket: bucket, Key: `${prefix}${checkLogPath(path)}` });
      const abortSignal = AbortSignal.any([AbortSignal.timeout(deadlineMs), closing.signal]);
      try {
        const { Body, ContentLength, ContentEncoding } = await client.send(command, { abortSignal });
        // Whatever becomes of a body, also when it is not read and the connection ends under it: an error that nobody hears of would end the process.
        if (Body instanceof Readable) Body.on('error', () => undefined);
        try {
          if (ContentLength !== undefined && ContentLength > maxBytes) throw tooLarge(place, path, maxBytes, null);
          if (ContentEncoding !== undefined && ContentEncoding !== '' && ContentEncoding !== 'aws-chunked') {
            const named = JSON.stringify(ContentEncoding.slice(0, 40));
            throw unavailable(place, path, `the object has the content encoding ${named}`);
          }
          if (Body === undefined) return new Uint8Array();
          return await whole(Body.transformToWebStream(), abortSignal, (body) =>
            readAtMost(body, maxBytes, () => tooLarge(place, path, maxBytes, null)),
          );
        } finally {
          if (Body instanceof Readable) Body.destroy();
        }
      } catch (error) {
        if (error instanceof VerifierError) throw error;
        const name = error instanceof Error ? error.name : 'Error';
        // By its code, not by status 404: a missing bucket or a proxy can answer that too.
        if (name === 'NoSuchKey') return null;
        // The SDK's own error carries the request, its signature and the access key: only its name is kept.
        throw unavailable(place, path, abortSignal.aborted ? `no whole answer within ${deadlineMs} ms` : name);
      }
    },
    async close() {
      closing.abort();
      client.destroy();
    },
  };
}

/** What `read` makes of a body, which is cancelled with the signal. */
async function whole(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  read: (body: ReadableStream<Uint8Array>) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const stop = (): void => void body.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const bytes = await read(body);
    // A body that was cancelled may seem to have ended.
    signal.throwIfAborted();
    return bytes;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function clientOf({ endpoint, region, accessKeyId, secretAccessKey }: S3LogOptions, deadlineMs: number): S3Client {
  const where = region ?? (endpoint === undefined ? undefined : 'us-east-1');
  const client = new S3Client({
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: deadlineMs, throwOnRequestTimeout: true },
    ...(where === undefined ? {} : { region: where }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey } }),
  });
  boundErrorBodies(client);
  return client;
}

function check({ bucket, prefix = '', endpoint, accessKeyId, secretAccessKey }: S3LogOptions): void {
  const bad = (message: string): VerifierError => new VerifierError('OPTIONS_INVALID', message);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw bad(`The bucket's name ${JSON.stringify(bucket)} is none that S3 allows.`);
  if (!/^(?:[A-Za-z0-9!_.*'()-]+\/)*$/.test(prefix) || prefix.length > 500)
    throw bad(`The prefix ${JSON.stringify(prefix)} must be empty or end with "/", in plain characters.`);
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw bad('Access key and secret go together: set both of them, or neither.');
  if (endpoint === undefined) return;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw bad('The S3 endpoint must be an http or https URL without credentials.');
}
