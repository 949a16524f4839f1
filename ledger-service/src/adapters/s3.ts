import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { LedgerError } from '../errors.ts';
import { tooLarge } from '../store-errors.ts';
import { s3Error } from './s3-errors.ts';

/** A bucket, and how to get at it. */
export interface S3Config {
  readonly bucket: string;
  /** What the keys of its objects begin with, such as `log/`; empty by default. */
  readonly prefix?: string | undefined;
  /** An S3-compatible service other than that of AWS: `https://s3.example.org`. */
  readonly endpoint?: string | undefined;
  /** Default us-east-1 with an endpoint, else as the AWS SDK finds one. */
  readonly region?: string | undefined;
  /** Both or neither; without them the AWS SDK looks for credentials in its own places. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** How long one request may take with all its tries, in ms; default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** An open connection to a bucket. Every request goes through `ask`, so each has a time limit and a coded error. */
export interface S3Bucket {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  /** `s3://bucket/prefix`, for messages. */
  readonly where: string;
  /** @throws LedgerError LOG_STORE_UNAVAILABLE, LOG_STORE_INVALID; `what` says in their messages what could not be done */
  ask<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

const tries = 3;
const connectMs = 5_000;

/** @throws LedgerError CONFIG_INVALID; its message holds no secret */
export function openS3(config: S3Config): S3Bucket {
  const { bucket, prefix = '', timeoutMs = 30_000 } = config;
  check(config);
  const client = new S3Client(clientConfig(config, timeoutMs));
  const secrets = [config.secretAccessKey, config.sessionToken, config.accessKeyId].filter((one) => one !== undefined);
  const where = `s3://${bucket}/${prefix}`;
  return {
    client,
    bucket,
    prefix,
    where,
    async ask(what, work) {
      try {
        return await work(AbortSignal.timeout(timeoutMs));
      } catch (error) {
        throw s3Error(error, `${what} (${where})`, secrets);
      }
    },
  };
}

/** The body of an answer, at most so many bytes of it; the rest is not fetched. */
export async function readBody(
  body: AsyncIterable<Uint8Array> & { destroy?: () => void },
  length: number | undefined,
  what: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const stop = () => body.destroy?.();
  signal.addEventListener('abort', stop);
  try {
    if (length !== undefined && length > maxBytes) throw tooLarge(what, maxBytes);
    const pieces: Uint8Array[] = [];
    let read = 0;
    for await (const piece of body) {
      read += piece.length;
      if (read > maxBytes) throw tooLarge(what, maxBytes);
      pieces.push(piece);
    }
    // A body that was destroyed may seem to have ended.
    signal.throwIfAborted();
    return new Uint8Array(Buffer.concat(pieces, read));
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

function clientConfig(config: S3Config, timeoutMs: number): S3ClientConfig {
  const { endpoint, accessKeyId, secretAccessKey, sessionToken } = config;
  const region = config.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  return {
    maxAttempts: tries,
    requestHandler: { connectionTimeout: connectMs, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
    ...(region === undefined ? {} : { region }),
    // Names of buckets as host names are a thing of AWS.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
  };
}

function check({ bucket, prefix = '', endpoint, accessKeyId, secretAccessKey, timeoutMs = 1 }: S3Config): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw invalid(`The bucket's name ${JSON.stringify(bucket)} is none that S3 allows.`);
  if (!/^(?:[A-Za-z0-9!_.*'()-]+\/)*$/.test(prefix) || prefix.length > 500)
    throw invalid(`The prefix ${JSON.stringify(prefix)} must be empty or end with "/", in plain characters.`);
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw invalid('Access key and secret go together: set both of them, or neither.');
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) throw invalid('The time limit must be a number of ms from 1.');
  if (endpoint === undefined) return;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid('The S3 endpoint must be an http or https URL.');
  if (url.username !== '' || url.password !== '')
    throw invalid('The S3 endpoint must not hold credentials: they have settings of their own.');
}

function invalid(message: string): LedgerError {
  return new LedgerError('CONFIG_INVALID', message);
}
