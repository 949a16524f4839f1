import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { storeInvalid, storeUnavailable } from '../store-errors.ts';
import { readBody, type S3Bucket } from './s3.ts';

// The most that one DeleteObjects takes.
const removedAtOnce = 1_000;

/** The object's bytes, or null where there is none. `name` is its key without the prefix; more than `maxBytes` are LOG_STORE_INVALID. */
export async function getObject(s3: S3Bucket, name: string, maxBytes: number): Promise<Uint8Array | null> {
  const command = new GetObjectCommand({ Bucket: s3.bucket, Key: s3.prefix + name });
  return await s3.ask(`${name} could not be read`, async (abortSignal) => {
    try {
      const { Body, ContentLength } = await s3.client.send(command, { abortSignal });
      if (Body === undefined) return new Uint8Array();
      // In Node a body is a stream; the SDK's type also has those of browsers.
      const body = Body as unknown as AsyncIterable<Uint8Array> & { destroy?: () => void };
      return await readBody(body, ContentLength, `${s3.where}${name}`, maxBytes, abortSignal);
    } catch (error) {
      // By its code, not by status 404: a missing bucket, an unknown user or a proxy can answer that too, and none of them says that
      // there is no such object.
      if (error instanceof Error && error.name === 'NoSuchKey') return null;
      throw error;
    }
  });
}

/** The names (keys without the prefix) that begin with `start`, those after `after` only, in the order of their characters. */
export async function* keysOf(s3: S3Bucket, start: string, after = ''): AsyncGenerator<string> {
  let token: string | undefined;
  do {
    const command = new ListObjectsV2Command({
      Bucket: s3.bucket,
      Prefix: s3.prefix + start,
      ...(after === '' ? {} : { StartAfter: s3.prefix + after }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    const page = await s3.ask(
      'its objects could not be listed',
      async (abortSignal) => await s3.client.send(command, { abortSignal }),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key.slice(s3.prefix.length);
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** Removes the objects of these names; one that is not there is fine. */
export async function removeObjects(s3: S3Bucket, names: readonly string[]): Promise<void> {
  for (let from = 0; from < names.length; from += removedAtOnce) {
    const Objects = names.slice(from, from + removedAtOnce).map((name) => ({ Key: s3.prefix + name }));
    const command = new DeleteObjectsCommand({ Bucket: s3.bucket, Delete: { Objects, Quiet: true } });
    const { Errors } = await s3.ask(
      'objects could not be removed',
      async (abortSignal) => await s3.client.send(command, { abortSignal }),
    );
    // The request as a whole succeeds where single objects were refused.
    const refused = Errors?.find(({ Code }) => Code !== 'NoSuchKey');
    if (refused === undefined) continue;
    const message = `${refused.Key ?? 'an object'} could not be removed (${s3.where}): ${refused.Code ?? 'unknown error'}.`;
    const evidence = { found: refused.Code, key: refused.Key };
    throw refused.Code === 'AccessDenied'
      ? storeInvalid(`${message} Give these credentials s3:DeleteObject.`, { evidence })
      : storeUnavailable(`${message} It is tried again.`, { evidence });
  }
}
