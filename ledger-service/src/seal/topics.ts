import type { RecordLog, TopicDescription, TopicNames } from '@tallystick/kafka/record-log';
import { topicSettingsError } from '../domain/topic-rules.ts';
import { LedgerError } from '../errors.ts';
import type { TopicSettings } from '../ports/topic-settings.ts';

/** The three topics as the cluster has them now. */
export interface LedgerTopics {
  readonly events: TopicDescription;
  readonly seals: TopicDescription;
  readonly leaves: TopicDescription;
}

/** @throws KafkaError as describeTopic */
export async function describeTopics(log: RecordLog, topics: TopicNames): Promise<LedgerTopics> {
  const events = await log.describeTopic(topics.events);
  const seals = await log.describeTopic(topics.seals);
  return { events, seals, leaves: await log.describeTopic(topics.leaves) };
}

/** What keeps a ledger from sealing at all: the wrong numbers of partitions; null where they fit. */
export function partitionsError({ events, seals, leaves }: LedgerTopics): LedgerError | null {
  const found = {
    events: events.partitions.length,
    seals: seals.partitions.length,
    leaves: leaves.partitions.length,
  };
  if (found.seals === 1 && found.leaves >= found.events) return null;
  const topics = { events: events.name, seals: seals.name, leaves: leaves.name };
  const message = `${topics.seals} has ${found.seals} partitions, and must have 1; ${topics.leaves} has ${found.leaves}, and must have the ${found.events} of ${topics.events}. Create the topic anew, or add partitions to the leaves topic.`;
  return new LedgerError('TOPIC_PARTITIONS', message, { evidence: { topics, found } });
}

/** What is wrong with the settings of the first topic that has any wrong; null where all is well or they cannot be asked for. */
export async function settingsError(topics: TopicNames, settings: TopicSettings | null): Promise<LedgerError | null> {
  if (settings === null) return null;
  for (const topic of [topics.events, topics.seals, topics.leaves]) {
    const wrong = topicSettingsError(topic, await settings.describe(topic));
    if (wrong !== null) return wrong;
  }
  return null;
}
