import type { ReadPosition } from './batch-checks.ts';
import { KafkaError, type KafkaErrorCode } from './errors.ts';
import { brokerError, notAuthorized, passingBrokerErrors, topicMissing } from './failures.ts';
import type { FetchResponse, RecordLog } from './record-log.ts';

/** What an answer to a fetch means: go on with it, ask again (the reason is thrown at the deadline), or stop. */
export type Judgement =
  | { readonly kind: 'good'; readonly answer: FetchResponse }
  | { readonly kind: 'again'; readonly error: KafkaError }
  /** Ask again, but stop if the same is seen several times in a row: brokers learn of topics at different times. */
  | { readonly kind: 'doubt'; readonly error: KafkaError }
  | { readonly kind: 'stop'; readonly error: KafkaError };

/**
 * Judges one answer. Asks the log again where the broker's error code alone does not tell what happened. One who led in an earlier epoch
 * than was read already does not know what came since: that it misses it says nothing, until the deadline.
 */
export async function judgeFetch(
  log: RecordLog,
  topicId: string,
  at: ReadPosition,
  answer: FetchResponse,
): Promise<Judgement> {
  const judgement = await judge(log, topicId, at, answer);
  const stale = answer.leaderEpoch !== undefined && answer.leaderEpoch < at.lastEpoch;
  if (stale && judgement.kind === 'stop' && ofTheLog.has(judgement.error.code)) return { ...judgement, kind: 'again' };
  return judgement;
}

/** What a leader says of its log. */
const ofTheLog: ReadonlySet<KafkaErrorCode> = new Set(['LOG_DIVERGED', 'OFFSET_OUT_OF_RANGE']);

async function judge(log: RecordLog, topicId: string, at: ReadPosition, answer: FetchResponse): Promise<Judgement> {
  const { topic, partition, offset, lastEpoch } = at;
  const where = { topic, partition, offset };
  if (answer.error === brokerError.none) {
    if (answer.diverging !== null) {
      const { epoch, endOffset } = answer.diverging;
      const message = `${topic}/${partition} parts from what was read: the leader's epoch ${epoch} ends at offset ${endOffset}, but epoch ${lastEpoch} was read up to ${offset}. The topic was truncated or rewritten.`;
      const found = `epoch ${epoch} ends at ${endOffset}`;
      return stop(
        new KafkaError('LOG_DIVERGED', message, {
          evidence: { ...where, expected: `epoch ${lastEpoch} up to ${offset}`, found },
        }),
      );
    }
    if (answer.highWatermark < offset) {
      const message = `The high watermark of ${topic}/${partition} is ${answer.highWatermark}, below the position ${offset}, and did not catch up. After a failover this passes; see whether replicas are in sync.`;
      const evidence = { ...where, expected: `>= ${offset}`, found: answer.highWatermark };
      return { kind: 'again', error: new KafkaError('TIMED_OUT', message, { evidence, retriable: true }) };
    }
    return { kind: 'good', answer };
  }
  switch (answer.error) {
    case brokerError.offsetOutOfRange:
      return await judgeOutOfRange(log, at);
    case brokerError.unknownTopicId:
    case brokerError.inconsistentTopicId:
    case brokerError.unknownTopicOrPartition:
      return await judgeUnknownTopic(log, topicId, at);
    case brokerError.topicAuthorizationFailed:
      return stop(notAuthorized(log.principal ?? 'The principal of this connection', 'Read', `topic ${topic}`));
    case brokerError.corruptMessage: {
      const message = `The broker cannot read the batch at offset ${offset} of ${topic}/${partition}: its log is corrupt there.`;
      return stop(
        new KafkaError('BATCH_INVALID', message, {
          evidence: { ...where, expected: 'a batch', found: 'CORRUPT_MESSAGE' },
        }),
      );
    }
    default: {
      const passing = passingBrokerErrors.has(answer.error);
      const message = `The broker answered a fetch of ${topic}/${partition} at ${offset} with Kafka error ${answer.error}${passing ? ', and it did not pass' : ''}.`;
      const error = new KafkaError('BROKER_ERROR', message, {
        evidence: { ...where, expected: 0, found: answer.error },
        retriable: passing,
      });
      return passing ? { kind: 'again', error } : stop(error);
    }
  }
}

/** Below the log start: deleted. Anywhere else: what was there is gone, so the log was rewritten. */
async function judgeOutOfRange(log: RecordLog, at: ReadPosition): Promise<Judgement> {
  const { topic, partition, offset, lastEpoch } = at;
  const { logStart, highWatermark } = await log.bounds(topic, partition);
  if (logStart > offset) {
    const message = `The records of ${topic}/${partition} from offset ${offset} to ${logStart - 1} were deleted: the log starts at ${logStart}.`;
    return stop(
      new KafkaError('RECORDS_DELETED', message, {
        evidence: { topic, partition, offset, expected: `<= ${offset}`, found: logStart, logStart },
      }),
    );
  }
  const message = `Offset ${offset} after leader epoch ${lastEpoch} is out of range in ${topic}/${partition}, which holds ${logStart} to ${highWatermark - 1}. The topic was truncated or rewritten, or never had this position.`;
  const evidence = {
    topic,
    partition,
    offset,
    expected: `offset ${offset}, epoch ${lastEpoch}`,
    found: `${logStart} to ${highWatermark}`,
    logStart,
    highWatermark,
  };
  return stop(new KafkaError('OFFSET_OUT_OF_RANGE', message, { evidence }));
}

async function judgeUnknownTopic(log: RecordLog, topicId: string, at: ReadPosition): Promise<Judgement> {
  const { topic, partition, offset } = at;
  try {
    const now = await log.describeTopic(topic);
    if (now.topicId !== topicId) {
      const message = `Topic ${topic} was created anew: its id is ${now.topicId}, not ${topicId}. Its records are not those that were read before.`;
      return {
        kind: 'doubt',
        error: new KafkaError('TOPIC_RECREATED', message, {
          evidence: { topic, partition, offset, expected: topicId, found: now.topicId },
        }),
      };
    }
    if (now.partitions.every((entry) => entry.partition !== partition))
      return { kind: 'doubt', error: topicMissing(topic, partition) };
    // The topic is there: the broker that was asked has not heard of it yet, or leads it no more.
    const message = `The leader of ${topic}/${partition} did not know the topic id ${topicId}.`;
    return {
      kind: 'again',
      error: new KafkaError('BROKER_ERROR', message, { evidence: { topic, partition, offset }, retriable: true }),
    };
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'TOPIC_MISSING') return { kind: 'doubt', error };
    throw error;
  }
}

function stop(error: KafkaError): Judgement {
  return { kind: 'stop', error };
}
