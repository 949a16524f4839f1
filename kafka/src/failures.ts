import { KafkaError } from './errors.ts';

// The sentences that several adapters share: what happened, where, and what to do.

export function topicMissing(topic: string, partition?: number): KafkaError {
  const where =
    partition === undefined ? `Topic ${topic} does not exist` : `Topic ${topic} has no partition ${partition}`;
  return new KafkaError(
    'TOPIC_MISSING',
    `${where}, or this principal may not see it. Create it (the admin does), or check the name.`,
    {
      evidence: { topic, ...(partition === undefined ? {} : { partition }) },
    },
  );
}

export type Operation =
  'Read' | 'Write' | 'Describe' | 'DescribeConfigs' | 'Create' | 'AlterConfigs' | 'Alter' | 'Delete';

export function notAuthorized(principal: string, operation: Operation, resource: string, cause?: unknown): KafkaError {
  return new KafkaError(
    'NOT_AUTHORIZED',
    `${principal} lacks the right ${operation} on ${resource}. Grant it with an ACL, or use another user.`,
    {
      evidence: { principal, operation, resource },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

export function messageTooLarge(
  topic: string,
  partition: number,
  bytes: number,
  limit: number | null,
  cause?: unknown,
): KafkaError {
  const limitText = limit === null ? "the topic's max.message.bytes" : `the limit of ${limit} bytes`;
  return new KafkaError(
    'MESSAGE_TOO_LARGE',
    `About ${bytes} bytes for ${topic}/${partition} are more than ${limitText}. Make the record smaller, or raise the limit on topic and writer.`,
    { evidence: { topic, partition, bytes, limit }, ...(cause === undefined ? {} : { cause }) },
  );
}

export function closed(what: string): KafkaError {
  return new KafkaError('CLOSED', `${what} was closed; make a new one.`);
}

export function aborted(what: string, reason?: unknown): KafkaError {
  return new KafkaError('ABORTED', `${what} was stopped by its caller.`, reason === undefined ? {} : { cause: reason });
}

/** Kafka's error codes that this package reacts to (Kafka documentation, "Error Codes"). */
export const brokerError = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  invalidTopic: 17,
  topicAuthorizationFailed: 29,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
} as const;

/** Errors of one fetch or metadata answer that pass by themselves: a leader moves, starts or catches up. */
export const passingBrokerErrors: ReadonlySet<number> = new Set([
  -1, // UNKNOWN_SERVER_ERROR
  5, // LEADER_NOT_AVAILABLE
  6, // NOT_LEADER_OR_FOLLOWER
  7, // REQUEST_TIMED_OUT
  8, // BROKER_NOT_AVAILABLE
  9, // REPLICA_NOT_AVAILABLE
  13, // NETWORK_EXCEPTION
  56, // KAFKA_STORAGE_ERROR
  74, // FENCED_LEADER_EPOCH
  75, // UNKNOWN_LEADER_EPOCH
  78, // OFFSET_NOT_AVAILABLE
]);
