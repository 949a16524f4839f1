import { PutObjectCommand } from '@aws-sdk/client-s3';
import { setTimeout as sleep } from 'node:timers/promises';
import { NumberedCheckpointStore } from '../numbered-checkpoints.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { OnceFiles } from '../ports/once-files.ts';
import { storeInvalid, storeUnavailable } from '../store-errors.ts';
import { statusOf } from './s3-errors.ts';
import { getObject, keysOf, removeObjects } from './s3-objects.ts';
import type { S3Bucket } from './s3.ts';

const folder = 'checkpoints/';
/** An object that is there only to try whether the service refuses to make it twice. */
const trialName = 'conditional-writes';
const conflictTries = 5;

/**
 * The checkpoint store in a bucket, under `<prefix>checkpoints/`, for publishers on any number of machines. It rests on conditional
 * writes (`If-None-Match: *`), as AWS S3 has them since 2024. A service that takes the header and does not heed it would let two
 * publishers win, so that is tried before the first swap.
 */
export function s3CheckpointStore(
  s3: S3Bucket,
  options: { readonly onWarning?: ((error: unknown) => void) | undefined } = {},
): CheckpointStore {
  return new NumberedCheckpointStore(new OnceObjects(s3), options);
}

class OnceObjects implements OnceFiles {
  readonly where: string;
  readonly #s3: S3Bucket;
  #trial: Promise<void> | null = null;

  constructor(s3: S3Bucket) {
    this.#s3 = s3;
    this.where = s3.where + folder;
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    this.#trial ??= this.#tryConditions();
    try {
      await this.#trial;
    } catch (error) {
      this.#trial = null;
      throw error;
    }
    return await this.#put(name, bytes);
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array | null> {
    return await getObject(this.#s3, folder + name, maxBytes);
  }

  async list(after: string): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const name of keysOf(this.#s3, folder, folder + after)) names.push(name.slice(folder.length));
    return names;
  }

  async remove(names: readonly string[]): Promise<void> {
    await removeObjects(
      this.#s3,
      names.map((name) => folder + name),
    );
  }

  async settle(): Promise<void> {
    // An object that can be read is stored.
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.#s3.client.destroy();
    await Promise.resolve();
  }

  async #put(name: string, bytes: Uint8Array): Promise<boolean> {
    const { client, bucket, prefix } = this.#s3;
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: prefix + folder + name,
      Body: bytes,
      ContentType: 'text/plain; charset=utf-8',
      CacheControl: 'no-store',
      IfNoneMatch: '*',
    });
    for (let tries = 1; tries <= conflictTries; tries += 1) {
      const answer = await this.#s3.ask(`checkpoints/${name} could not be written`, async (abortSignal) => {
        try {
          await client.send(command, { abortSignal });
          return 'made';
        } catch (error) {
          const status = statusOf(error);
          if (status === 412) return 'there';
          // Another write of the same key is under way, and nobody knows yet who wins.
          if (status === 409) return 'conflict';
          throw error;
        }
      });
      if (answer !== 'conflict') return answer === 'made';
      await sleep(20 * 2 ** tries);
    }
    throw storeUnavailable(`${this.where}${name} is being written by others again and again. It is tried again.`);
  }

  async #tryConditions(): Promise<void> {
    const text = new TextEncoder().encode('Written twice with If-None-Match: the second time must be refused.\n');
    // Where it was there already, this one refusal says all.
    if (!(await this.#put(trialName, text)) || !(await this.#put(trialName, text))) return;
    throw storeInvalid(
      `The service of ${this.where} takes If-None-Match and replaces the object all the same: two publishers would both win. Use a service that has conditional writes, or a folder (log.checkpointDir).`,
      { evidence: { where: this.where, expected: 412, found: 200 } },
    );
  }
}
