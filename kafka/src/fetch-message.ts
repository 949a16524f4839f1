import type { FetchRequest, FetchResponse } from './record-log.ts';
import { WireReader, WireWriter } from './wire.ts';

/** Fetch version 13, the first by topic id (KIP-516): Kafka 3.1 and newer. */
export const fetchApi = { apiKey: 1, apiVersion: 13, apiName: 'Fetch' } as const;

/**
 * The body of a fetch of one partition, without a session, isolation level read_uncommitted.
 * @param leaderEpoch the leader epoch that the metadata named: a broker that leads no more, or not yet, says so
 */
export function encodeFetch(request: FetchRequest, leaderEpoch: number): Buffer {
  const consumer = -1;
  const minBytes = 1;
  return new WireWriter()
    .noTags() // end of the flexible request header, of which kafkajs writes version 1
    .int32(consumer)
    .int32(request.maxWaitMs)
    .int32(minBytes)
    .int32(request.maxBytes)
    .int8(0) // read_uncommitted
    .int32(0) // session id
    .int32(-1) // session epoch: none
    .compactArray(1)
    .uuid(request.topicId)
    .compactArray(1)
    .int32(request.partition)
    .int32(leaderEpoch)
    .int64(request.offset)
    .int32(request.lastFetchedEpoch)
    .int64(-1) // log start offset: for followers
    .int32(request.maxBytes)
    .noTags()
    .noTags()
    .compactArray(0) // forgotten topics
    .compactString('') // rack
    .noTags()
    .done();
}

/**
 * How long the broker holds everything back, in milliseconds, where an answer says that and names no topic; null where it says something.
 * @throws KafkaError PROTOCOL
 */
export function heldBackMs(payload: Buffer): number | null {
  const reader = new WireReader(payload, 'a fetch');
  reader.tags(); // response header version 1
  const throttleMs = reader.int32();
  const error = reader.int16();
  reader.int32(); // session id
  const topics = reader.unsignedVarint() - 1;
  return throttleMs > 0 && error === 0 && topics <= 0 ? throttleMs : null;
}

/** @throws KafkaError PROTOCOL */
export function decodeFetch(payload: Buffer, { topicId, partition }: FetchRequest): FetchResponse {
  const reader = new WireReader(payload, 'a fetch');
  reader.tags(); // response header version 1
  reader.int32(); // throttle time
  const error = reader.int16();
  reader.int32(); // session id
  const answers = reader.compactArray(() => {
    const id = reader.uuid();
    const partitions = reader.compactArray(() => decodePartition(reader));
    reader.tags();
    return { id, partitions };
  });
  reader.tags();
  if (error !== 0) return { error, highWatermark: -1, logStart: -1, diverging: null, records: new Uint8Array() };
  const answer = answers.find(({ id }) => id === topicId)?.partitions.find((entry) => entry.partition === partition);
  if (answer === undefined) throw reader.broken(`nothing about partition ${partition} of topic id ${topicId}`);
  return answer.response;
}

function decodePartition(reader: WireReader): { partition: number; response: FetchResponse } {
  const partition = reader.int32();
  const error = reader.int16();
  const highWatermark = reader.int64();
  reader.int64(); // last stable offset
  const logStart = reader.int64();
  reader.compactArray(() => {
    reader.int64(); // aborted transactions: producer id, first offset
    reader.int64();
    reader.tags();
  });
  reader.int32(); // preferred read replica
  const records = reader.compactBytes() ?? new Uint8Array();
  let diverging: FetchResponse['diverging'] = null;
  reader.tags({
    0: (field) => {
      const epoch = field.int32();
      const endOffset = field.int64();
      // Kafka's default of this tagged field, -1 and -1, means that nothing diverges.
      if (epoch >= 0 || endOffset >= 0) diverging = { epoch, endOffset };
    },
  });
  return { partition, response: { error, highWatermark, logStart, diverging, records } };
}
