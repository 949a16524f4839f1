import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { CoreError } from '@tallystick/core/errors';
import { noteSignedBy, parseNote, type VerifierKey } from '@tallystick/core/note';
import { parseStatement } from '@tallystick/core/statement';
import type { Statement } from '@tallystick/core/statement-types';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { Clock } from '../../ports/clock.ts';
import type { ReadLimits } from './kafka-events.ts';

/** Newest statements that are looked at. */
const looked = 1_000;
const freshMs = 500;

/**
 * How far the newest statements of the seals topic say that events are sealed: so that a client learns whether it waits for a seal or
 * for the log. It judges nothing: that a statement is well-signed is enough to say "not yet".
 */
export class PendingSeals {
  readonly #log: RecordLog;
  readonly #topic: string;
  readonly #origin: string;
  readonly #clock: Clock;
  #busy: Promise<ReadonlyMap<string, number>> | null = null;
  #known: ReadonlyMap<string, number> = new Map();
  #readAt = -Infinity;

  constructor(log: RecordLog, topic: string, origin: string, clock: Clock) {
    this.#log = log;
    this.#topic = topic;
    this.#origin = origin;
    this.#clock = clock;
  }

  /**
   * The last offset of a partition that a statement seals, -1 for none.
   * @throws KafkaError as the strict reader
   */
  async sealedOffset(
    topic: string,
    partition: number,
    keys: readonly VerifierKey[],
    limits: ReadLimits,
  ): Promise<number> {
    if (this.#clock.monotonic() - this.#readAt >= freshMs) {
      this.#busy ??= this.#read(keys, limits).finally(() => (this.#busy = null));
      this.#known = await this.#busy;
      this.#readAt = this.#clock.monotonic();
    }
    return this.#known.get(`${topic}/${partition}`) ?? -1;
  }

  async #read(keys: readonly VerifierKey[], limits: ReadLimits): Promise<ReadonlyMap<string, number>> {
    const sealed = new Map<string, number>();
    const topic = this.#topic;
    const { topicId } = await this.#log.describeTopic(topic);
    const { logStart, highWatermark: to } = await this.#log.bounds(topic, 0);
    const from = Math.max(logStart, to - looked);
    for await (const { batches } of readPartition({
      log: this.#log,
      topic,
      topicId,
      partition: 0,
      from,
      to,
      ...limits,
    })) {
      for (const { bytes, header } of batches) {
        const batch = header.control ? null : parseBatch(bytes, header, nodeCodecs);
        if (batch === null || !batch.parsed) continue;
        for (const { value } of recordsOf(batch)) {
          const statement = value === null ? null : this.#signed(value, keys);
          if (statement?.kind !== 'seal') continue;
          const name = `${statement.topic}/${statement.partition}`;
          sealed.set(name, Math.max(sealed.get(name) ?? -1, statement.offsets.last));
        }
      }
    }
    return sealed;
  }

  #signed(value: Uint8Array, keys: readonly VerifierKey[]): Statement | null {
    try {
      const note = parseNote(value);
      const statement = parseStatement(note.text);
      if (statement.origin !== this.#origin) return null;
      return keys.some((key) => noteSignedBy(note, key, nodeVerifyEd25519)) ? statement : null;
    } catch (error) {
      if (error instanceof CoreError) return null;
      throw error;
    }
  }
}
