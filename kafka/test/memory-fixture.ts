import { encodeBatch } from '@tallystick/kafka/batch-encoder';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import { record } from './records.ts';

export const topic = 'audit.events';

/** An in-memory cluster with one topic of two partitions, a connection, and a reader's options for it. */
export function memoryFixture() {
  const cluster = new MemoryCluster({ now: () => 1_700_000_000_000 });
  const { topicId } = cluster.createTopic(topic, { partitions: 2 });
  const log = cluster.connect();
  return {
    cluster,
    topicId,
    log,
    /** Batches of two records: offsets 0-1, 2-3, … */
    fill(batches: number): void {
      for (let index = 0; index < batches; index += 1) {
        cluster.appendRaw(topic, 0, encodeBatch([record(String(index * 2)), record(String(index * 2 + 1))], 1));
      }
    },
    options: (changes: object = {}) => ({
      log,
      topic,
      topicId,
      partition: 0,
      from: 0,
      maxWaitMs: 5,
      deadlineMs: 300,
      ...changes,
    }),
    batch(index: number): Buffer {
      const found = cluster.batches(topic, 0)[index];
      if (found === undefined) throw new Error(`there is no batch ${index}`);
      return found;
    },
  };
}

/** Counts and may replace what is asked of the log. */
export function watched(inner: RecordLog, onFetch: (request: FetchRequest) => void): RecordLog {
  return {
    describeTopic: (name) => inner.describeTopic(name),
    fetch: (request) => {
      onFetch(request);
      return inner.fetch(request);
    },
    bounds: (name, partition) => inner.bounds(name, partition),
    createAppender: () => inner.createAppender(),
    close: () => inner.close(),
  };
}
