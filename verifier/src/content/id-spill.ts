import { closeSync, openSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

/** Words of one entry: the id (4), and the offset (low, high). */
export const entryWords = 6;
/** Entries are kept apart by this many values of an id's last word, so that each part can be joined in memory. */
export const buckets = 64;
const bucketWords = 2_730 * entryWords;
const firstWords = 40 * entryWords;
/** So few stay in memory. */
const keptEntries = 4_096;

/** Memory of the last shard that filled its buckets: new memory for each shard would keep the garbage collector busy. */
let spare: Uint32Array[] | null = null;

/** The ids of one shard, each with its offset, in the order of their offsets within a bucket. */
export interface SpilledIds {
  readonly count: number;
  /** Entries that are not in the file, by bucket. None where there is one. */
  readonly memory: readonly Uint32Array[];
  readonly file: string | null;
  /** By bucket: pairs of position and length in the file, in bytes. None where there is no file. */
  readonly chunks: readonly Float64Array[];
  /** Why ids are missing: the error's code. null: none is. */
  readonly failed: string | null;
}

/** Ids of so many events stay in memory, of one partition's shards together: 6 MB. */
const heldEntries = 250_000;

/** Bounds what the ids of many small shards take together: those of each are few, and stay in memory. */
export class HeldIds {
  private readonly tempDir: string;
  private readonly most: number;
  private held = 0;

  constructor(tempDir: string, most = heldEntries) {
    this.tempDir = tempDir;
    this.most = most;
  }

  /** @returns the same ids, in a file of their own where enough are held */
  take(ids: SpilledIds): SpilledIds {
    if (ids.file !== null || ids.count === 0) return ids;
    if (this.held + ids.count > this.most) {
      const spilled = inFile(ids, this.tempDir);
      if (spilled.failed === null) return spilled;
    }
    this.held += ids.count;
    return ids;
  }
}

function inFile({ memory }: SpilledIds, tempDir: string): SpilledIds {
  const spill = new IdSpill(tempDir);
  for (const words of memory)
    for (let at = 0; at < words.length; at += entryWords)
      spill.add(words.subarray(at, at + 4), (words[at + 5] ?? 0) * 2 ** 32 + (words[at + 4] ?? 0));
  return spill.finish(true);
}

/** Collects ids in bounded memory: at most 4 MiB, the rest goes to one file. */
export class IdSpill {
  private readonly words: Uint32Array[];
  private readonly filled = new Int32Array(buckets);
  private readonly chunks: number[][] = Array.from({ length: buckets }, () => []);
  private readonly path: string;
  private count = 0;
  private fd: number | null = null;
  private size = 0;
  private failed: string | null = null;

  constructor(tempDir: string) {
    this.words = spare ?? Array.from({ length: buckets }, () => new Uint32Array(firstWords));
    spare = null;
    this.path = join(tempDir, `ids-${randomUUID()}`);
  }

  add(id: Uint32Array, offset: number): void {
    const last = id[3] ?? 0;
    const bucket = last % buckets;
    let words = this.words[bucket];
    let at = this.filled[bucket] ?? 0;
    if (words === undefined) return;
    if (at === words.length) {
      words = this.makeRoom(bucket, words);
      at = this.filled[bucket] ?? 0;
    }
    words[at] = id[0] ?? 0;
    words[at + 1] = id[1] ?? 0;
    words[at + 2] = id[2] ?? 0;
    words[at + 3] = last;
    words[at + 4] = offset >>> 0;
    words[at + 5] = offset / 2 ** 32;
    this.filled[bucket] = at + entryWords;
    this.count += 1;
  }

  /** Nothing is added after this. @param toFile few ids too */
  finish(toFile = false): SpilledIds {
    const inMemory = !toFile && this.fd === null && this.count <= keptEntries;
    if (!inMemory) for (const [bucket, words] of this.words.entries()) this.write(bucket, words);
    if (this.fd !== null) closeSync(this.fd);
    const memory = inMemory ? this.words.map((words, bucket) => words.slice(0, this.filled[bucket])) : [];
    spare = this.words.splice(0);
    return {
      count: this.count,
      memory,
      file: this.fd === null ? null : this.path,
      chunks: this.fd === null ? [] : this.chunks.map((chunk) => Float64Array.from(chunk)),
      failed: this.failed,
    };
  }

  private makeRoom(bucket: number, words: Uint32Array): Uint32Array {
    if (words.length >= bucketWords) {
      this.write(bucket, words);
      return words;
    }
    const larger = new Uint32Array(Math.min(words.length * 4, bucketWords));
    larger.set(words);
    this.words[bucket] = larger;
    return larger;
  }

  private write(bucket: number, words: Uint32Array): void {
    const filled = this.filled[bucket] ?? 0;
    this.filled[bucket] = 0;
    if (filled === 0 || this.failed !== null) return;
    const bytes = new Uint8Array(words.buffer, 0, filled * 4);
    try {
      this.fd ??= openSync(this.path, 'wx', 0o600);
      for (let done = 0; done < bytes.length;) done += writeSync(this.fd, bytes, done, bytes.length - done);
      this.chunks[bucket]?.push(this.size, bytes.length);
      this.size += bytes.length;
    } catch (error) {
      // A full disk makes the verdict inconclusive; it does not end the run.
      this.failed = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    }
  }
}
