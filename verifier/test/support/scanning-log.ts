import { batchField } from '@tallystick/kafka/batch-encoder';
import type { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';

export const lengthOf = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + batchField.batchLength) + 12;
const baseOf = (bytes: Buffer, at: number): number => Number(bytes.readBigInt64BE(at));
const lastOf = (bytes: Buffer, at: number): number =>
  baseOf(bytes, at) + bytes.readInt32BE(at + batchField.lastOffsetDelta);

/** Where in stored bytes the answer to a fetch begins; their length: it holds nothing. */
export type Lookup = (stored: Buffer, offset: number) => number;

/** The first batch that reaches to the offset. */
export function byLast(stored: Buffer, offset: number): number {
  let at = 0;
  while (at < stored.length && lastOf(stored, at) < offset) at += lengthOf(stored, at);
  return at;
}

/**
 * The first batch that begins at the offset; or else, of the first that begins behind it and the one before that, the one before if it
 * reaches to the offset.
 */
export function byBase(stored: Buffer, offset: number): number {
  let before = stored.length;
  for (let at = 0; at < stored.length; before = at, at += lengthOf(stored, at)) {
    if (baseOf(stored, at) === offset) return at;
    if (baseOf(stored, at) > offset) return before < stored.length && lastOf(stored, before) >= offset ? before : at;
  }
  return before < stored.length && lastOf(stored, before) >= offset ? before : stored.length;
}

/** How a broker finds an offset by what batches say: `FileRecords` of Kafka, which looks another way since 4.1 (KAFKA-18989). */
export const lookups: readonly (readonly [kafka: string, find: Lookup])[] = [
  ['before 4.1', byLast],
  ['4.1 and newer', byBase],
];

/**
 * A cluster in memory that finds offsets as a broker does: by what the stored batches say of themselves. (The memory cluster itself knows
 * where each batch lies, whatever it says.)
 */
export function scanning(cluster: MemoryCluster, maxBytes = Infinity, find: Lookup = byBase): RecordLog {
  const inner = cluster.connect();
  return Object.assign(Object.create(inner) as RecordLog, {
    fetch: async (request: FetchRequest): Promise<FetchResponse> => {
      const answer = await inner.fetch({ ...request, maxWaitMs: 0 });
      if (answer.error !== 0 || answer.diverging !== null) return answer;
      const stored = Buffer.concat(cluster.batches(request.topic, request.partition).map((batch) => batch));
      const at = find(stored, request.offset);
      if (at === stored.length) return { ...answer, records: new Uint8Array() };
      const most = Math.max(Math.min(request.maxBytes, maxBytes), lengthOf(stored, at));
      return { ...answer, records: new Uint8Array(stored.subarray(at, at + most)) };
    },
  });
}
