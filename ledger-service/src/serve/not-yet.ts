import type { RecordLog } from '@tallystick/kafka/record-log';
import type { ReadLimits } from './adapters/kafka-events.ts';
import type { PendingSeals } from './adapters/pending-seals.ts';
import type { EventRequest } from './domain/event-request.ts';
import type { LogIndex, PartitionIndex } from './domain/log-index.ts';
import { refuse } from './proof-errors.ts';

/** Says of an event that the published log does not cover whether it is there, sealed, or only not published. */
export class NotYet {
  readonly #log: RecordLog;
  readonly #pending: PendingSeals;

  constructor(log: RecordLog, pending: PendingSeals) {
    this.#log = log;
    this.#pending = pending;
  }

  /**
   * @returns LedgerError OFFSET_BEYOND_END, NOT_SEALED_YET, NOT_PUBLISHED_YET
   * @throws KafkaError
   */
  async whyNotYet(event: EventRequest, at: PartitionIndex, index: LogIndex, limits: ReadLimits): Promise<Error> {
    const { topic, partition, offset } = event;
    const { highWatermark } = await this.#log.bounds(topic, partition);
    if (offset >= highWatermark) {
      const message = `${topic}/${partition} ends before offset ${offset}: its next one is ${highWatermark}.`;
      return refuse('OFFSET_BEYOND_END', message, { evidence: { ...event, nextOffset: highWatermark } });
    }
    const keys = index.sealKeys.map(({ key }) => key);
    const pending = await this.#pending.sealedOffset(topic, partition, keys, limits);
    if (offset <= pending) return notPublished(event);
    const sealedOffset = Math.max(at.nextOffset - 1, pending);
    const far = sealedOffset < 0 ? 'none is' : `sealed is up to ${sealedOffset}`;
    return refuse('NOT_SEALED_YET', `Offset ${offset} of ${topic}/${partition} is not sealed yet; ${far}.`, {
      evidence: { ...event, sealedOffset },
    });
  }
}

export function notPublished(event: EventRequest): Error {
  const message = `Offset ${event.offset} is sealed, and the log that holds its seal is not published yet.`;
  return refuse('NOT_PUBLISHED_YET', message, { evidence: { ...event } });
}
