import { PutObjectCommand } from '@aws-sdk/client-s3';
import { cacheControlOf, checkDistinct, checkLogPath, isLogPath, mediaTypeOf } from '../domain/log-paths.ts';
import type { LogObject, LogStore } from '../ports/log-store.ts';
import { forEachBounded } from './bounded.ts';
import { getObject, keysOf, removeObjects } from './s3-objects.ts';
import type { S3Bucket } from './s3.ts';

const atOnce = 16;

/** The published log as objects of a bucket, with the headers that a web server in front of it passes on. */
export class S3LogStore implements LogStore {
  readonly #s3: S3Bucket;

  constructor(s3: S3Bucket) {
    this.#s3 = s3;
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    checkLogPath(path);
    return await getObject(this.#s3, path, maxBytes);
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    checkLogPath(path);
    const { client, bucket, prefix } = this.#s3;
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: prefix + path,
      Body: bytes,
      ContentType: mediaTypeOf(path),
      CacheControl: cacheControlOf(path),
    });
    await this.#s3.ask(
      `${path} could not be written`,
      async (abortSignal) => await client.send(command, { abortSignal }),
    );
  }

  async writeAll(objects: readonly LogObject[]): Promise<void> {
    checkDistinct(objects.map(({ path }) => path));
    await forEachBounded(objects, atOnce, async ({ path, bytes }) => {
      await this.write(path, bytes);
    });
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) checkLogPath(path);
    await removeObjects(this.#s3, paths);
  }

  async *list(prefix: string): AsyncGenerator<string> {
    for await (const path of keysOf(this.#s3, prefix)) if (isLogPath(path)) yield path;
  }

  async close(): Promise<void> {
    this.#s3.client.destroy();
    await Promise.resolve();
  }
}
