import { batchHeaderLength } from '@tallystick/core/batch';
import type { BatchHeader } from '@tallystick/core/batch';
import { batchLengthAt, lengthFieldEnd, viewOf } from '@tallystick/kafka/batch-encoder';
import { fetchAt } from '../ask-broker.ts';
import { VerifierError } from '../errors.ts';
import { readThrough } from '../records/read-through.ts';
import type { Hole, Source } from '../records/read-through.ts';
import type { BundleWriter } from './bundle-writer.ts';
import { chunkBytes, maxMemberBytes } from './limits.ts';
import { recordsName } from './member-names.ts';
import type { RecordsMember } from './member-names.ts';
import { StoredBytes } from './stored-bytes.ts';

export interface RecordsExport {
  readonly folder: string;
  /** The offsets to copy: `from` to `to` (exclusive). */
  readonly from: number;
  readonly to: number;
  /** Sees each good batch before its bytes are used again. */
  readonly onBatch?: (bytes: Uint8Array, header: BatchHeader) => void;
  /** What stands in the place of records that a broker does not give as it should: it goes into the bundle as it was given. */
  readonly onDamage?: (message: string) => void;
}

/**
 * Copies one partition's record batches as they are stored, in chunks cut at batch borders. From the first damage on, all that is stored is
 * copied in its order, whatever batches say of themselves; where the broker gives an error in place of records, that error is. So who checks
 * the bundle finds what he would find at the broker.
 * @throws KafkaError where the partition cannot be read, LOG_DIVERGED where what was copied last is not shown any more; VerifierError
 *   BUNDLE_WRITE, BUNDLE_LIMIT, VERIFY_ABORTED
 */
export async function exportRecords(source: Source, writer: BundleWriter, options: RecordsExport): Promise<void> {
  const { to } = options;
  const chunks = new Chunks(writer, options.folder, source.partition, to);
  const stored = new StoredBytes(source, options.from, to);
  for (let from: number | null = options.from; from !== null && from < to;)
    from = await copyFrom(source, options, { from, chunks, stored });
  await chunks.flush();
}

interface Copying {
  readonly from: number;
  readonly chunks: Chunks;
  readonly stored: StoredBytes;
}

/** Copies up to where the broker shows no more in a row. @returns where it is to be read on; null: it is at the end */
async function copyFrom(
  source: Source,
  { to, onBatch, onDamage }: RecordsExport,
  { from, chunks, stored }: Copying,
): Promise<number | null> {
  for await (const piece of readThrough({ ...source, reuse: true }, from, to)) {
    if (piece.kind === 'batches') {
      for (const { bytes, header } of piece.batches) {
        await chunks.batch(bytes, header.baseOffset);
        onBatch?.(bytes, header);
      }
      const last = piece.batches.at(-1);
      if (last !== undefined) stored.follow(last.bytes, last.header);
      continue;
    }
    // Nothing in the bundle would tell of what could not be looked at.
    if (piece.damage.cause === 'parted') throw piece.damage.error;
    onDamage?.(piece.damage.error.message);
    if (!isAnswered(piece)) continue;
    const answer = await answerAt(source, Math.min(piece.first, to - 1));
    let copied = 0;
    if (answer.error === 0) {
      for await (const { bytes, due, header } of stored.rest()) {
        await chunks.batch(bytes, due);
        if (header !== null) onBatch?.(bytes, header);
        copied += 1;
      }
    }
    if (copied === 0) {
      // An error, or bytes of which nobody can tell where they end: what was given stands for the offsets that it was given for.
      if (piece.last >= piece.first) await chunks.broken(piece.first, piece.last, answer);
      continue;
    }
    const next = Math.max(stored.due, piece.first + 1);
    if (next >= to) return null;
    const behind = await answerAt(source, next);
    // What is served for it was copied, where it is no error, nothing that comes late, and nothing that ends nowhere.
    return behind.error === 0 && behind.bytes.length > 0 && stored.unreadable === null ? null : next;
  }
  return null;
}

/** Does the broker give something for these offsets that is not plainly what comes behind them? */
function isAnswered({ last, damage }: Hole): boolean {
  if (damage.cause === 'deleted' || damage.cause === 'truncated') return false;
  if (damage.cause !== 'missing') return true;
  const { found } = damage.error.evidence;
  return found !== null && found !== last + 1;
}

/** As the strict reader asks, so that the bundle answers it alike. */
const askedBytes = 1024 * 1024;

async function answerAt(source: Source, offset: number): Promise<{ error: number; bytes: Uint8Array }> {
  const { error, records } = await fetchAt(source, offset, askedBytes);
  const length = records.length < lengthFieldEnd ? 0 : batchLengthAt(viewOf(records), 0);
  // One batch where its length may be right: what follows it is copied by itself.
  const isBatch = length >= batchHeaderLength && length <= records.length;
  return { error, bytes: records.slice(0, isBatch ? length : records.length) };
}

/** Gathers batches until a chunk is full. */
class Chunks {
  private readonly writer: BundleWriter;
  private readonly folder: string;
  private readonly partition: number;
  private readonly to: number;
  private buffer = Buffer.allocUnsafe(chunkBytes);
  private used = 0;
  private base = 0;
  /** Of the last member: names ascend, whatever batches say of themselves. */
  private before = -1;

  constructor(writer: BundleWriter, folder: string, partition: number, to: number) {
    this.writer = writer;
    this.folder = folder;
    this.partition = partition;
    this.to = to;
  }

  /** @param offset of the first record, or the one that is due where the batch lies */
  async batch(bytes: Uint8Array, offset: number): Promise<void> {
    const name = this.used === 0 ? this.before : this.base;
    // A chunk that can have no name of its own is one with that before it.
    const isNamed = Math.max(offset, name + 1) < this.to;
    if (this.used + bytes.length > chunkBytes && isNamed) await this.flush();
    if (this.used === 0) this.base = Math.min(Math.max(offset, this.before + 1), this.to - 1);
    if (this.used === 0 && bytes.length > chunkBytes) {
      await this.member({ base: this.base, broken: null }, bytes);
      return;
    }
    this.makeRoom(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** An error that the broker gives for offsets, both inclusive. */
  async broken(first: number, last: number, { error, bytes }: { error: number; bytes: Uint8Array }): Promise<void> {
    await this.flush();
    const base = Math.max(first, this.before + 1);
    if (base >= this.to) return;
    await this.member({ base, broken: { last: Math.min(Math.max(base, last), this.to - 1), error } }, bytes);
  }

  async flush(): Promise<void> {
    if (this.used === 0) return;
    const bytes = this.buffer.subarray(0, this.used);
    this.used = 0;
    await this.member({ base: this.base, broken: null }, bytes);
  }

  private makeRoom(length: number): void {
    const needed = this.used + length;
    if (needed <= this.buffer.length) return;
    if (needed > maxMemberBytes)
      throw new VerifierError(
        'BUNDLE_LIMIT',
        `More than ${maxMemberBytes} bytes are stored in partition ${this.partition} where no offset is left for them.`,
      );
    const larger = Buffer.allocUnsafe(Math.min(2 * needed, maxMemberBytes));
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }

  private async member(place: Pick<RecordsMember, 'base' | 'broken'>, bytes: Uint8Array): Promise<void> {
    const { folder, partition } = this;
    this.before = place.base;
    await this.writer.member(recordsName({ folder, partition, ...place }), bytes);
  }
}
