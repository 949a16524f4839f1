import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { boundsOf, describeTopic } from '../ask-broker.ts';
import type { Patience } from '../deadline.ts';
import type { Bounds } from '../domain/shards.ts';
import { VerifierError } from '../errors.ts';
import type { CopiedPartition, CopiedTopic } from './copied-log.ts';

/** How many bytes may still be copied. Taken from as it goes. */
export interface Room {
  bytes: number;
}

/**
 * What of a partition is copied: the batches from the one that holds `from` to the one that holds the offset before `to`. Where `from` is not
 * below `to`, nothing but its bounds.
 */
export type CopyRange = (partition: number, bounds: Bounds) => { readonly from: number; readonly to: number };

/**
 * Copies a topic's stored bytes. What is not copied is not there: the copy begins and ends where it does.
 * @throws KafkaError where it cannot be read; VerifierError SELF_TEST_TOO_LARGE
 */
export async function copyTopic(
  log: RecordLog,
  name: string,
  patience: Patience,
  room: Room,
  range: CopyRange = (_, { logStart, highWatermark }) => ({ from: logStart, to: highWatermark }),
): Promise<CopiedTopic> {
  const { deadlineMs, signal } = patience;
  const asked = { log, deadlineMs, signal };
  const { topicId, partitions } = await describeTopic(asked, name);
  const copied: CopiedPartition[] = [];
  for (const { partition } of partitions.toSorted((a, b) => a.partition - b.partition)) {
    const bounds = await boundsOf(asked, name, partition);
    const { from, to } = range(partition, bounds);
    const end = Math.max(Math.min(to, bounds.highWatermark), bounds.logStart);
    const begin = Math.min(Math.max(from, bounds.logStart), end);
    const copy: CopiedPartition = { logStart: begin, highWatermark: end, batches: [] };
    const source = { log, topic: name, topicId, partition, deadlineMs, ...(signal === undefined ? {} : { signal }) };
    for await (const { batches } of readPartition({ ...source, from: begin, to: end })) {
      for (const { bytes, header } of batches) {
        room.bytes -= bytes.length;
        if (room.bytes < 0) throw tooLarge(name);
        copy.batches.push({ bytes: Buffer.from(bytes), first: header.baseOffset, last: header.lastOffset });
        copy.highWatermark = Math.max(copy.highWatermark, header.lastOffset + 1);
      }
    }
    copied[partition] = copy;
  }
  return { topicId, partitions: copied };
}

function tooLarge(topic: string): VerifierError {
  return new VerifierError(
    'SELF_TEST_TOO_LARGE',
    `Topic ${topic} holds more than a self-test copies into memory. Where many events wait to be sealed, try again once they are; a verification has no such limit.`,
    { evidence: { topic } },
  );
}
