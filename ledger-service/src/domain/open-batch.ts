import type { BatchHeader } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import { decodeBase64 } from '@tallystick/core/encoding';
import type { Sha256 } from '@tallystick/core/hash';
import { LeafChain } from '@tallystick/core/leaf';
import { rootInPlace } from '@tallystick/core/merkle';
import type { BatchLimits } from './limits.ts';
import type { ClosedBatch } from './seal-decider.ts';

const leafLength = 32;

export interface OpenBatchOptions {
  readonly partition: number;
  readonly limits: BatchLimits;
  /** Leaf before the next event, base64. */
  readonly head: string;
  readonly nextOffset: number;
  readonly codecs: Codecs;
  readonly sha256: Sha256;
}

/**
 * The batch that is being filled: events are chained into leaves as they are read and forgotten at once. What it holds is 32 bytes an
 * event, in one buffer for all its life.
 */
export class OpenBatch {
  readonly #limits: BatchLimits;
  readonly #sha256: Sha256;
  readonly #chain: LeafChain;
  readonly #leaves: Buffer;
  #firstOffset: number;
  #count = 0;
  #bytes = 0;
  #openedAt = 0;
  #epoch = -1;
  #time = 0n;

  constructor({ partition, limits, head, nextOffset, codecs, sha256 }: OpenBatchOptions) {
    this.#limits = limits;
    this.#sha256 = sha256;
    this.#chain = new LeafChain({ sha256, codecs, partition, previous: decodeBase64(head) });
    this.#leaves = Buffer.allocUnsafeSlow(limits.events * leafLength);
    this.#firstOffset = nextOffset;
  }

  get count(): number {
    return this.#count;
  }

  /** The next offset that it takes. */
  get nextOffset(): number {
    return this.#firstOffset + this.#count;
  }

  get full(): boolean {
    return this.#count >= this.#limits.events || this.#bytes >= this.#limits.bytes;
  }

  /** Is it to be closed now because of its age? */
  due(now: number): boolean {
    return this.#count > 0 && now - this.#openedAt >= this.#limits.ageMs;
  }

  /**
   * Takes events of a Kafka batch from `nextOffset` on, as many as fit.
   * @param now milliseconds, for the age of its first event
   * @returns whether there are more in this Kafka batch
   * @throws CoreError BATCH_MALFORMED
   */
  add(bytes: Uint8Array, header: BatchHeader, now: number): boolean {
    const from = this.nextOffset;
    if (from > header.lastOffset) return false;
    const to = Math.min(header.lastOffset, from + this.#limits.events - this.#count - 1);
    const taken = this.#chain.append(bytes, header, from, to, this.#leaves, this.#count * leafLength);
    if (this.#count === 0) this.#openedAt = now;
    this.#count += taken;
    this.#bytes += (header.totalLength * taken) / (header.lastOffsetDelta + 1);
    this.#epoch = header.leaderEpoch;
    this.#time = this.#chain.lastTimestamp;
    return to < header.lastOffset;
  }

  /** Closes it and begins the next one behind it. `leaves` is a copy: 32 bytes an event, in order. */
  close(): ClosedBatch & { readonly leaves: Buffer } {
    if (this.#count === 0) throw new RangeError('an empty batch is not closed');
    const length = this.#count * leafLength;
    const leaves = Buffer.allocUnsafeSlow(length);
    this.#leaves.copy(leaves, 0, 0, length);
    const closed = {
      firstOffset: this.#firstOffset,
      count: this.#count,
      root: rootInPlace(this.#leaves, this.#count, this.#sha256),
      head: leaves.subarray(length - leafLength),
      epoch: this.#epoch,
      time: this.#time,
      leaves,
    };
    this.#firstOffset += this.#count;
    this.#count = 0;
    this.#bytes = 0;
    return closed;
  }
}
