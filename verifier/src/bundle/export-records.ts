import type { BatchHeader } from '@tallystick/core/batch';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { inTime } from '../deadline.ts';
import { readThrough } from '../read-through.ts';
import type { Hole, Source } from '../read-through.ts';
import type { BundleWriter } from './bundle-writer.ts';
import { chunkBytes } from './limits.ts';
import { recordsName } from './member-names.ts';
import type { RecordsMember } from './member-names.ts';

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
 * Copies one partition's record batches as they are stored, in chunks cut at batch borders. Damage is copied too, as the answer that
 * its offsets get, so that who checks the bundle finds what he would find at the broker.
 * @throws KafkaError where the partition cannot be read; VerifierError BUNDLE_WRITE, BUNDLE_LIMIT, VERIFY_ABORTED
 */
export async function exportRecords(source: Source, writer: BundleWriter, options: RecordsExport): Promise<void> {
  const chunks = new Chunks(writer, options.folder, source.partition);
  for await (const piece of readThrough({ ...source, reuse: true }, options.from, options.to)) {
    if (piece.kind === 'batches') {
      for (const { bytes, header } of piece.batches) {
        await chunks.batch(bytes, header.baseOffset);
        options.onBatch?.(bytes, header);
      }
      continue;
    }
    options.onDamage?.(piece.damage.error.message);
    const answer = isAnswered(piece) ? await answerAt(source, piece.first) : null;
    if (answer !== null) await chunks.broken(piece.first, Math.max(piece.first, piece.last), answer);
  }
  await chunks.flush();
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

async function answerAt(
  { log, topic, topicId, partition, deadlineMs, signal }: Source,
  offset: number,
): Promise<{ error: number; bytes: Uint8Array }> {
  const what = `A fetch of ${topic}/${partition} at ${offset}`;
  const request: Parameters<RecordLog['fetch']>[0] = {
    topic,
    topicId,
    partition,
    offset,
    lastFetchedEpoch: -1,
    maxBytes: askedBytes,
    maxWaitMs: 0,
  };
  const { error, records } = await inTime(what, { deadlineMs, signal }, log.fetch(request));
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const length = records.length < 12 ? records.length : view.getInt32(8) + 12;
  // The bad batch alone where its length may be right: what follows it is copied as good.
  return { error, bytes: records.slice(0, length >= 61 && length <= records.length ? length : records.length) };
}

/** Gathers batches until a chunk is full. */
class Chunks {
  private readonly writer: BundleWriter;
  private readonly folder: string;
  private readonly partition: number;
  private readonly buffer = Buffer.allocUnsafe(chunkBytes);
  private used = 0;
  private base = 0;
  /** Of the last member: names ascend, whatever batches say of themselves. */
  private before = -1;

  constructor(writer: BundleWriter, folder: string, partition: number) {
    this.writer = writer;
    this.folder = folder;
    this.partition = partition;
  }

  async batch(bytes: Uint8Array, baseOffset: number): Promise<void> {
    if (this.used + bytes.length > chunkBytes) await this.flush();
    if (this.used === 0) this.base = Math.max(baseOffset, this.before + 1);
    if (bytes.length > chunkBytes) {
      await this.member({ base: this.base, broken: null }, bytes);
      return;
    }
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  async broken(first: number, last: number, { error, bytes }: { error: number; bytes: Uint8Array }): Promise<void> {
    await this.flush();
    const base = Math.max(first, this.before + 1);
    await this.member({ base, broken: { last: Math.max(base, last), error } }, bytes);
  }

  async flush(): Promise<void> {
    if (this.used === 0) return;
    const bytes = this.buffer.subarray(0, this.used);
    this.used = 0;
    await this.member({ base: this.base, broken: null }, bytes);
  }

  private async member(place: Pick<RecordsMember, 'base' | 'broken'>, bytes: Uint8Array): Promise<void> {
    const { folder, partition } = this;
    this.before = place.base;
    await this.writer.member(recordsName({ folder, partition, ...place }), bytes);
  }
}
