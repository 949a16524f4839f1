import { batchField, sealCrc } from './batch-encoder.ts';
import { type Clock, systemClock } from './clock.ts';
import { brokerError } from './failures.ts';
import type { FetchRequest, FetchResponse } from './record-log.ts';

const appendTimeBit = 8;

export interface StoredBatch {
  bytes: Buffer;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** One partition of the in-memory cluster: what a broker's log does with batches, offsets and leader epochs. */
export class MemoryPartition {
  /** Where each batch lies is known beside its bytes, as from a broker's index: tampered headers are served as they are. */
  readonly batches: StoredBatch[] = [];
  logStart = 0;
  /** The offset that the next record gets (Kafka: log end offset). */
  end = 0;
  /** Where each leader epoch begins, ascending. */
  private epochs: { epoch: number; start: number }[] = [{ epoch: 0, start: 0 }];
  private held: number | null = null;
  private waiters = new Set<() => void>();

  get leaderEpoch(): number {
    return this.epochs.at(-1)?.epoch ?? 0;
  }

  get highWatermark(): number {
    return this.held ?? this.end;
  }

  /**
   * Stores a batch as a leader does: sets base offset and leader epoch and, for append time, the time.
   * @param now unix milliseconds for LogAppendTime; null keeps the attributes, timestamps and CRC of the batch as they are
   */
  append(batch: Uint8Array, now: number | null): number {
    const stored = Buffer.from(batch);
    const baseOffset = this.end;
    stored.writeBigInt64BE(BigInt(baseOffset), batchField.baseOffset);
    stored.writeInt32BE(this.leaderEpoch, batchField.leaderEpoch);
    if (now !== null) {
      stored.writeInt16BE(stored.readInt16BE(batchField.attributes) | appendTimeBit, batchField.attributes);
      stored.writeBigInt64BE(BigInt(now), batchField.maxTimestamp);
      sealCrc(stored);
    }
    const lastOffset = baseOffset + stored.readInt32BE(batchField.lastOffsetDelta);
    this.batches.push({ bytes: stored, baseOffset, lastOffset });
    this.end = lastOffset + 1;
    this.wake();
    return baseOffset;
  }

  /** What a broker answers at this moment; Kafka's Partition.readRecords is the model. */
  read(request: FetchRequest): FetchResponse {
    const { offset, lastFetchedEpoch, maxBytes } = request;
    const answer = (
      error: number,
      records: Uint8Array = new Uint8Array(),
      diverging: FetchResponse['diverging'] = null,
    ) => ({
      error,
      highWatermark: error === 0 ? this.highWatermark : -1,
      logStart: error === 0 ? this.logStart : -1,
      diverging,
      records,
    });
    if (lastFetchedEpoch >= 0) {
      const last = this.endOfEpoch(lastFetchedEpoch);
      if (last === null || offset < this.logStart) return answer(brokerError.offsetOutOfRange);
      if (last.epoch < lastFetchedEpoch || last.endOffset < offset) return answer(0, new Uint8Array(), last);
    }
    if (offset < this.logStart || offset > this.end) return answer(brokerError.offsetOutOfRange);
    const parts: Buffer[] = [];
    let bytes = 0;
    for (const batch of this.batches) {
      if (batch.lastOffset < offset) continue;
      if (batch.lastOffset >= this.highWatermark || (bytes > 0 && bytes >= maxBytes)) break;
      parts.push(batch.bytes);
      bytes += batch.bytes.length;
    }
    const whole = Buffer.concat(parts);
    // As a broker does: the first batch whole whatever its size, then up to maxBytes, which may cut the last one.
    return answer(0, new Uint8Array(whole.subarray(0, Math.max(maxBytes, parts[0]?.length ?? 0))));
  }

  /** Resolves when something may have changed, or after `ms`. */
  async changed(ms: number, clock: Clock = systemClock): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        this.waiters.delete(done);
        resolve();
      };
      const cancel = clock.after(ms, done);
      this.waiters.add(done);
    });
  }

  wake(): void {
    for (const waiter of this.waiters) waiter();
  }

  holdHighWatermark(at: number | null): void {
    this.held = at;
    this.wake();
  }

  bumpLeaderEpoch(): void {
    this.epochs.push({ epoch: this.leaderEpoch + 1, start: this.end });
    this.wake();
  }

  /** Cuts the log at `to`: whole batches go, so the end may lie lower. A new leader epoch begins there. */
  truncate(to: number): void {
    const epoch = this.leaderEpoch;
    for (let last = this.batches.at(-1); last !== undefined && last.lastOffset >= to; last = this.batches.at(-1)) {
      this.end = last.baseOffset;
      this.batches.pop();
    }
    this.epochs = this.epochs.filter(({ start }) => start < this.end);
    this.epochs.push({ epoch: epoch + 1, start: this.end });
    this.wake();
  }

  /** DeleteRecords: moves the log start; a batch that it falls into stays readable from its middle. */
  deleteRecords(below: number): void {
    this.logStart = Math.max(this.logStart, Math.min(below, this.highWatermark));
    while (this.batches[0] !== undefined && this.batches[0].lastOffset < this.logStart) this.batches.shift();
    this.wake();
  }

  /** The batch that holds the offset. */
  batchAt(offset: number): StoredBatch | undefined {
    return this.batches.find(({ baseOffset, lastOffset }) => baseOffset <= offset && offset <= lastOffset);
  }

  /** Where the records of the greatest epoch not above `epoch` end; null: the epoch is unknown here. */
  private endOfEpoch(epoch: number): { epoch: number; endOffset: number } | null {
    if (epoch === this.leaderEpoch) return { epoch, endOffset: this.end };
    const higher = this.epochs.find((entry) => entry.epoch > epoch);
    if (higher === undefined) return null;
    const floor = this.epochs.findLast((entry) => entry.epoch <= epoch);
    return { epoch: floor?.epoch ?? epoch, endOffset: higher.start };
  }
}
