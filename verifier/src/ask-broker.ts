import type { FetchResponse, RecordLog, TopicDescription } from '@tallystick/kafka/record-log';
import { ThrottleLimit } from '@tallystick/kafka/throttle';
import { inTime, pause } from './deadline.ts';
import type { Patience } from './deadline.ts';
import type { Bounds } from './domain/shards.ts';

/** Who is asked, and for how long. */
export interface Asked extends Patience {
  readonly log: RecordLog;
}

/** @throws KafkaError; VerifierError VERIFY_ABORTED */
export async function describeTopic(asked: Asked, topic: string): Promise<TopicDescription> {
  return await inTime(`A description of topic ${topic}`, asked, asked.log.describeTopic(topic));
}

/** @throws KafkaError; VerifierError VERIFY_ABORTED */
export async function boundsOf(asked: Asked, topic: string, partition: number): Promise<Bounds> {
  const what = `The question where partition ${partition} of ${topic} begins and ends`;
  return await inTime(what, asked, asked.log.bounds(topic, partition));
}

/**
 * As `boundsOf`. A high watermark below `reached` is asked again for `settleMs` before it counts: after a failover a new leader may serve
 * a lower one for some seconds with nothing lost (KIP-207).
 */
export async function settledBounds(
  asked: Asked & { readonly settleMs: number },
  topic: string,
  partition: number,
  reached: number,
): Promise<Bounds> {
  const { settleMs, signal } = asked;
  for (const until = performance.now() + settleMs; ;) {
    const bounds = await boundsOf(asked, topic, partition);
    if (bounds.highWatermark >= reached || performance.now() >= until) return bounds;
    await pause(Math.min(200, settleMs), signal);
  }
}

/**
 * What is served now where an offset is asked for, unjudged. Where the broker throttles, it is asked again when it says.
 * @throws KafkaError; VerifierError VERIFY_ABORTED
 */
export async function fetchAt(
  asked: Asked & { readonly topic: string; readonly topicId: string; readonly partition: number },
  offset: number,
  maxBytes: number,
): Promise<FetchResponse> {
  const { log, topic, topicId, partition, deadlineMs, signal } = asked;
  const request = { topic, topicId, partition, offset, lastFetchedEpoch: -1, maxBytes, maxWaitMs: 0 };
  const limit = new ThrottleLimit(deadlineMs);
  for (;;) {
    try {
      return await inTime(`A fetch of ${topic}/${partition} at ${offset}`, asked, log.fetch(request));
    } catch (error) {
      const waitMs = limit.wait(error, performance.now());
      if (waitMs === null) throw error;
      await pause(waitMs, signal);
    }
  }
}
