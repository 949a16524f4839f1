import { parseBatch, slicesOf } from '@tallystick/core/batch';
import { encodeBatchEntry, encodeRecordEntry, unparsedTimestamp } from '@tallystick/core/entry';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError, type KafkaErrorCode } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition, type ReadBatch } from '@tallystick/kafka/strict-reader';
import type { SealStatement } from '@tallystick/core/statement-types';
import { BatchCache, type JudgedBatch } from '../domain/batch-cache.ts';
import { refuse } from '../proof-errors.ts';

/** The record is not there any more: pruned, deleted, or its topic is another one now. */
const gone: ReadonlySet<KafkaErrorCode> = new Set([
  'RECORDS_DELETED',
  'OFFSET_OUT_OF_RANGE',
  'OFFSET_GAP',
  'TOPIC_RECREATED',
  'TOPIC_MISSING',
  'LOG_DIVERGED',
]);
/** It is there, and is not what it was. */
const damaged: ReadonlySet<KafkaErrorCode> = new Set(['BATCH_CRC', 'BATCH_MAGIC', 'BATCH_INVALID']);

/** One event's place; the topic by the id that it had when the event was sealed. */
export interface EventPlace {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
}

export interface ReadLimits {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

export interface CacheCounts {
  hits: number;
  misses: number;
}

/** The events as Kafka has them, with a bounded number of bytes kept. */
export class KafkaEvents {
  readonly #log: RecordLog;
  readonly #batches: BatchCache;
  readonly counts: CacheCounts = { hits: 0, misses: 0 };

  constructor(log: RecordLog, cacheBytes: number) {
    this.#log = log;
    this.#batches = new BatchCache(cacheBytes);
  }

  /** The canonical bytes of an event (protocol, section 1) where its batch is kept. */
  kept(place: EventPlace): Uint8Array | null {
    const batch = this.#batches.get(nameOf(place), place.offset);
    if (batch !== null) this.counts.hits += 1;
    return batch === null ? null : entryOf(batch, place.partition, place.offset);
  }

  /**
   * The same from Kafka, or null where the record is not there any more.
   * @throws LedgerError RECORDS_DISAGREE for a batch whose bytes were damaged; KafkaError as the strict reader
   */
  async read(place: EventPlace, limits: ReadLimits): Promise<Uint8Array | null> {
    this.counts.misses += 1;
    const batch = await this.#read(place, limits);
    return batch === null ? null : entryOf(batch, place.partition, place.offset);
  }

  /** Loads the records of a seal ahead. @throws KafkaError as the strict reader */
  async load(seal: SealStatement, topicId: string, limits: ReadLimits): Promise<void> {
    const { topic, partition, offsets } = seal;
    const name = nameOf({ topicId, partition });
    let from = offsets.first;
    for (let kept = this.#batches.get(name, from); kept !== null; kept = this.#batches.get(name, from))
      from = kept.header.lastOffset + 1;
    const to = offsets.last + 1;
    if (from >= to) return;
    const reader = readPartition({ log: this.#log, topic, topicId, partition, from, to, maxBytes: 1 << 18, ...limits });
    for await (const { batches } of reader) for (const batch of batches) this.#keep(name, batch);
  }

  async #read(place: EventPlace, limits: ReadLimits): Promise<JudgedBatch | null> {
    const { topic, topicId, partition, offset } = place;
    // One byte is asked for: the broker then sends the one batch that holds the offset, whole.
    const options = { log: this.#log, topic, topicId, partition, from: offset, to: offset + 1, maxBytes: 1, ...limits };
    try {
      for await (const { batches } of readPartition(options)) {
        const judged = batches.map((batch) => this.#keep(nameOf(place), batch));
        const found = judged.find(({ header }) => header.baseOffset <= offset && offset <= header.lastOffset);
        if (found !== undefined) return found;
      }
      return null;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (gone.has(error.code)) return null;
      if (!damaged.has(error.code)) throw error;
      throw refuse('RECORDS_DISAGREE', `What Kafka holds at offset ${offset} is damaged: ${error.message}`, {
        cause: error,
        evidence: { topic, partition, offset },
      });
    }
  }

  #keep(name: string, { bytes, header }: ReadBatch): JudgedBatch {
    // A copy: a view would keep the whole answer of the broker.
    const own = Buffer.from(bytes);
    const judged = parseBatch(own, header, nodeCodecs);
    const data = judged.parsed && judged.data.buffer !== own.buffer ? judged.data.length : 0;
    this.#batches.add(name, judged, own.length + data);
    return judged;
  }
}

function nameOf({ topicId, partition }: Pick<EventPlace, 'topicId' | 'partition'>): string {
  return `${topicId}/${partition}`;
}

function entryOf(batch: JudgedBatch, partition: number, offset: number): Uint8Array {
  const { header } = batch;
  const { appendTime, transactional, control } = header;
  const place = { partition, offset, appendTime, transactional, control };
  if (!batch.parsed) return encodeBatchEntry({ ...place, timestamp: unparsedTimestamp(header) }, batch.batchHash);
  for (const slice of slicesOf(batch))
    if (slice.offset === offset) return encodeRecordEntry({ ...place, timestamp: slice.timestamp }, slice.body);
  throw new RangeError(`a batch of ${header.baseOffset} to ${header.lastOffset} has no record ${offset}`);
}
