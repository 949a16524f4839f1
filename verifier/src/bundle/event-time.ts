import { parseBatch, slicesOf } from '@tallystick/core/batch';
import { unparsedTimestamp } from '@tallystick/core/entry';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { TopicDescription } from '@tallystick/kafka/record-log';
import { readThrough } from '../records/read-through.ts';
import type { Source } from '../records/read-through.ts';
import type { TopicsToExport } from './export-topics.ts';

/** The time of one record as stored, unix ms; or why it cannot be read, in a sentence. */
export type EventTime = { readonly time: bigint } | { readonly time: null; readonly why: string };

/**
 * The timestamp that the entry of a sealed offset has (protocol.md section 1). It is what the broker serves: nothing has checked it.
 * @param topic null: there is none
 * @param sealed topicId: of the topic that was sealed
 * @throws KafkaError where the partition cannot be read; VerifierError VERIFY_ABORTED
 */
export async function eventTime(
  topics: TopicsToExport,
  topic: TopicDescription | null,
  { topicId, partition, offset }: { topicId: string; partition: number; offset: number },
): Promise<EventTime> {
  if (topic === null) return unknown('There is no such topic.');
  if (topic.topicId !== topicId) return unknown('The topic is another than the one that was sealed.');
  if (!topic.partitions.some((each) => each.partition === partition)) return unknown('There is no such partition.');
  const { logStart, highWatermark } = await topics.bounds(topic.name, partition);
  if (offset < logStart) return unknown(`The partition begins at offset ${logStart}.`);
  if (offset >= highWatermark) return unknown(`The partition ends at offset ${highWatermark}.`);
  return await read(topics.source(topic, partition), offset);
}

async function read(source: Source, offset: number): Promise<EventTime> {
  for await (const piece of readThrough(source, offset, offset + 1)) {
    if (piece.kind === 'hole') {
      if (piece.last >= offset) return unknown(piece.damage.error.message);
      continue;
    }
    for (const { bytes, header } of piece.batches) {
      if (offset < header.baseOffset || offset > header.lastOffset) continue;
      const parsed = parseBatch(bytes, header, nodeCodecs);
      if (!parsed.parsed) return { time: unparsedTimestamp(header) };
      for (const slice of slicesOf(parsed)) if (slice.offset === offset) return { time: slice.timestamp };
    }
  }
  return unknown('No batch holds it.');
}

function unknown(why: string): EventTime {
  return { time: null, why };
}
