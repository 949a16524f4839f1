import type { FetchResponse, RecordLog, TopicDescription } from '@tallystick/kafka/record-log';
import { inTime } from './deadline.ts';
import type { Patience } from './deadline.ts';

/** Who is asked, and for how long. */
export interface Asked extends Patience {
  readonly log: RecordLog;
}

/** @throws KafkaError; VerifierError VERIFY_ABORTED */
export async function describeTopic(asked: Asked, topic: string): Promise<TopicDescription> {
  return await inTime(`A description of topic ${topic}`, asked, asked.log.describeTopic(topic));
}

/**
 * Log start, and the offset behind the last record that readers may see.
 * @throws KafkaError; VerifierError VERIFY_ABORTED
 */
export async function boundsOf(
  asked: Asked,
  topic: string,
  partition: number,
): Promise<{ logStart: number; highWatermark: number }> {
  const what = `The question where partition ${partition} of ${topic} begins and ends`;
  return await inTime(what, asked, asked.log.bounds(topic, partition));
}

/**
 * What is served now where an offset is asked for, unjudged.
 * @throws KafkaError; VerifierError VERIFY_ABORTED
 */
export async function fetchAt(
  asked: Asked & { readonly topic: string; readonly topicId: string; readonly partition: number },
  offset: number,
  maxBytes: number,
): Promise<FetchResponse> {
  const { log, topic, topicId, partition } = asked;
  const request = { topic, topicId, partition, offset, lastFetchedEpoch: -1, maxBytes, maxWaitMs: 0 };
  return await inTime(`A fetch of ${topic}/${partition} at ${offset}`, asked, log.fetch(request));
}
