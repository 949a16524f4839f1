import type { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';

const batchBytes = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + 8) + 12;
const lastOffset = (bytes: Buffer, at: number): number => Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23);

/**
 * A cluster in memory that finds offsets as a broker does: it goes through the stored bytes and begins with the first batch that says a
 * last offset not below the one asked for. (The memory cluster itself knows where each batch lies, whatever it says.)
 */
export function scanning(cluster: MemoryCluster, maxBytes = Infinity): RecordLog {
  const inner = cluster.connect();
  return Object.assign(Object.create(inner) as RecordLog, {
    fetch: async (request: FetchRequest): Promise<FetchResponse> => {
      const answer = await inner.fetch({ ...request, maxWaitMs: 0 });
      if (answer.error !== 0 || answer.diverging !== null) return answer;
      const stored = Buffer.concat(cluster.batches(request.topic, request.partition).map((batch) => batch));
      let at = 0;
      while (at < stored.length && lastOffset(stored, at) < request.offset) at += batchBytes(stored, at);
      if (at === stored.length) return { ...answer, records: new Uint8Array() };
      const most = Math.max(Math.min(request.maxBytes, maxBytes), batchBytes(stored, at));
      return { ...answer, records: new Uint8Array(stored.subarray(at, at + most)) };
    },
  });
}
