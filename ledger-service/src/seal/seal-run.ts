import { CoreError } from '@tallystick/core/errors';
import type { ChainPoint } from '@tallystick/core/judge';
import type { SealStatement } from '@tallystick/core/statement-types';
import { KafkaError, type KafkaErrorCode } from '@tallystick/kafka/errors';
import { readPartition, type ReadChunk } from '@tallystick/kafka/strict-reader';
import { OpenBatch } from '../domain/open-batch.ts';
import { decide, evolve, type SealerState } from '../domain/seal-decider.ts';
import type { SealerContext } from './sealer-context.ts';
import type { WriteResult } from './statement-writer.ts';

/** After these the records read before are good, and are sealed before anything else. */
const goodUpToHere: ReadonlySet<KafkaErrorCode> = new Set([
  'BATCH_CRC',
  'BATCH_MAGIC',
  'BATCH_INVALID',
  'OFFSET_GAP',
  'RECORDS_DELETED',
]);

/** A seal that is not confirmed yet. */
interface UnderWay {
  readonly hash: string;
  readonly result: Promise<WriteResult>;
  settled: WriteResult | 'failed' | null;
}

/**
 * Reads and seals one partition from a point on, for as long as nobody else seals it. One seal is unconfirmed at a time; the next batch
 * is read and hashed meanwhile.
 */
export class SealRun {
  readonly #context: SealerContext;
  readonly #lastEpoch: number;
  readonly #signal: AbortSignal;
  readonly #batch: OpenBatch;
  /** The last accepted state that this run knows to be the records'. */
  #confirmed: ChainPoint;
  /** Where the next seal goes on, if the one under way is accepted. */
  #state: SealerState;
  #underWay: UnderWay | null = null;

  constructor(context: SealerContext, point: ChainPoint, lastEpoch: number, signal: AbortSignal) {
    const { origin, limits, codecs, sha256 } = context;
    const { topic, partition, generation, hash, nextSeal, nextIndex, nextOffset, head } = point;
    this.#context = context;
    this.#lastEpoch = lastEpoch;
    this.#signal = signal;
    this.#confirmed = point;
    this.#state = { origin, topic, partition, generation, previous: hash, nextSeal, nextIndex, nextOffset, head };
    this.#batch = new OpenBatch({ partition, limits, head, nextOffset, codecs, sha256 });
  }

  /** The last accepted state that is known to be the records'. */
  get confirmed(): ChainPoint {
    return this.#confirmed;
  }

  /** Whether a statement or its leaves could not be written. */
  get writeFailed(): boolean {
    return this.#underWay?.settled === 'failed';
  }

  /**
   * Seals until another ledger's statement is accepted, or `onRead` ends it.
   * @param onRead called after each fetch; says whether to go on
   * @returns the last state that is known to be the records'; what was accepted after it is to be recomputed
   */
  async seal(onRead: (chunk: ReadChunk) => boolean): Promise<ChainPoint> {
    const { log, pollMs, deadlineMs, clock } = this.#context;
    const { topic, topicId, partition, nextOffset: from } = this.#confirmed;
    const options = {
      log,
      topic,
      topicId,
      partition,
      from,
      lastEpoch: this.#lastEpoch,
      follow: true,
      maxWaitMs: pollMs,
      deadlineMs,
      // Events are hashed and forgotten.
      reuse: true,
      signal: this.#signal,
    };
    try {
      for await (const chunk of readPartition(options)) {
        if (!(await this.#take(chunk))) break;
        const goOn = onRead(chunk);
        if (this.#batch.due(clock.monotonic()) && !(await this.#close())) break;
        if (!goOn || this.#overtaken()) break;
      }
    } catch (error) {
      if (isGoodUpToHere(error) && this.#underWay?.settled !== 'failed' && this.#batch.count > 0) await this.#close();
      await this.#settle();
      throw error;
    }
    await this.#settle();
    return this.#confirmed;
  }

  /** @returns whether sealing goes on */
  async #take(chunk: ReadChunk): Promise<boolean> {
    for (const { bytes, header } of chunk.batches) {
      for (let more = true; more;) {
        more = this.#batch.add(bytes, header, this.#context.clock.monotonic());
        if (this.#batch.full && !(await this.#close())) return false;
      }
    }
    return true;
  }

  /** @returns whether sealing goes on */
  async #close(): Promise<boolean> {
    const closed = this.#batch.close();
    const seal = decide(this.#state, closed);
    this.#state = evolve(this.#state, seal);
    if (!(await this.#settle()) || this.#overtaken()) return false;
    this.#write(seal, this.#state.previous, closed.leaves);
    return true;
  }

  #write(seal: SealStatement, hash: string, leaves: Uint8Array): void {
    const result = this.#context.writer.write(seal, leaves);
    const underWay: UnderWay = { hash, result, settled: null };
    this.#underWay = underWay;
    result.then(
      (settled) => {
        underWay.settled = settled;
        if (settled === 'accepted') this.#accepted(seal, hash);
      },
      () => {
        underWay.settled = 'failed';
      },
    );
  }

  #accepted(seal: SealStatement, hash: string): void {
    const { view, onSeal } = this.#context;
    this.#confirmed = view.judge.point(seal.topic, seal.partition, hash) ?? this.#confirmed;
    onSeal(seal);
  }

  /**
   * Waits for the seal under way.
   * @returns whether it was accepted, or there is none
   * @throws what writing it threw
   */
  async #settle(): Promise<boolean> {
    if (this.#underWay === null) return true;
    return (await this.#underWay.result) === 'accepted';
  }

  /** Is something accepted that this run did not write, or did what it wrote lose or fail? */
  #overtaken(): boolean {
    const { settled, hash } = this.#underWay ?? { settled: null, hash: null };
    if (settled === 'lost' || settled === 'failed') return true;
    const now = this.#context.view.judge.partition(this.#confirmed.topic, this.#confirmed.partition)?.hash;
    return now !== this.#confirmed.hash && now !== hash;
  }
}

function isGoodUpToHere(error: unknown): boolean {
  if (error instanceof CoreError) return error.code === 'BATCH_MALFORMED';
  return error instanceof KafkaError && goodUpToHere.has(error.code);
}
