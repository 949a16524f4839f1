import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { EventDecoder } from '@tallystick/schemas/decoder';

export interface Stored {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly event: AuditEvent;
}

/** All events of a topic, decoded from what is stored, in order of partition and offset. */
export async function readEvents(log: RecordLog, topic: string): Promise<Stored[]> {
  const { topicId, partitions } = await log.describeTopic(topic);
  const decoder = new EventDecoder({ schemaById: () => Promise.reject(new Error('every record names its schema')) });
  const events: Stored[] = [];
  for (const { partition } of partitions) {
    for await (const chunk of readPartition({ log, topic, topicId, partition, from: 0, deadlineMs: 30_000 })) {
      for (const { bytes, header } of chunk.batches) {
        const parsed = parseBatch(bytes, header, nodeCodecs);
        if (!parsed.parsed) throw new Error('a batch does not parse');
        for (const record of recordsOf(parsed)) {
          const content = await decoder.decode(record);
          if (content.status !== 'decoded' || !content.pinned)
            throw new Error(`not an event: ${JSON.stringify(content)}`);
          const key = record.key === null ? null : Buffer.from(record.key).toString('hex');
          events.push({ partition, offset: record.offset, key, event: content.event });
        }
      }
    }
  }
  return events;
}

/** Sequences that are missing or carry two events, by instance, epoch and partition: there must be none. */
export function sequenceFaults(stored: readonly Stored[]): string[] {
  const lives = new Map<string, Map<number, string>>();
  const faults: string[] = [];
  for (const { partition, event } of stored) {
    const life = `${event.instance}/${String(event.epoch)}/${String(partition)}`;
    const numbers = lives.get(life) ?? new Map<number, string>();
    lives.set(life, numbers);
    const before = numbers.get(event.sequence);
    if (before !== undefined && before !== event.id) faults.push(`${life}: ${String(event.sequence)} twice`);
    if (before === undefined && event.sequence !== numbers.size)
      faults.push(`${life}: ${String(event.sequence)} after ${String(numbers.size)}`);
    numbers.set(event.sequence, event.id);
  }
  return faults;
}
