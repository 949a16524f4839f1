import { KafkaError } from '../src/errors.ts';
import type { TopicDescription } from '../src/record-log.ts';
import { applyTopics } from '../src/admin.ts';
import { beforeEach, expect, test, vi } from 'vitest';

/** What brokers say of the topic, one answer a question; the last one for ever. */
const said = vi.hoisted(() => ({ answers: [] as unknown[], created: [] as unknown[] }));

vi.mock(import('../src/kafkajs-log.ts'), () => ({
  connectRecordLog: () =>
    ({
      describeTopic: async () => {
        const answer = said.answers.length > 1 ? said.answers.shift() : said.answers[0];
        if (answer instanceof Error) throw answer;
        return await Promise.resolve(answer as TopicDescription);
      },
      close: async () => await Promise.resolve(),
    }) as never,
}));
vi.mock(import('../src/admin-session.ts'), () => ({
  withAdmin: async (_, use) =>
    await use(async (_what, _operation, run) => {
      const admin = {
        createTopics: async (given: { waitForLeaders: boolean }) => {
          // As kafkajs does where the broker that it asks has not yet heard of the topic.
          if (given.waitForLeaders) throw new Error('This server does not host this topic-partition');
          said.created.push(given);
          return await Promise.resolve(true);
        },
        describeConfigs: async () => await Promise.resolve({ resources: [{ configEntries: [] }] }),
      };
      return await run(admin as never);
    }),
}));

const config = { brokers: ['127.0.0.1:1'] };
const spec = { name: 'audit.events', partitions: 1, replicationFactor: -1, config: {} };
const ledBy = (leader: number): TopicDescription => ({
  name: spec.name,
  topicId: 'x8hLzMAkQqyjYkN0bNbW4g',
  partitions: [{ partition: 0, leader, leaderEpoch: 0 }],
});
const missing = new KafkaError('TOPIC_MISSING', 'none');
const passing = new KafkaError('BROKER_ERROR', 'no leader yet', { retriable: true });

beforeEach(() => said.created.splice(0));

test('a topic that was made is waited for until brokers know of it and its partitions have leaders', async () => {
  said.answers = [missing, missing, passing, ledBy(-1), ledBy(1)];
  expect(await applyTopics(config, [spec])).toEqual({ created: [spec.name], changed: [], remaining: [] });
  expect(said.created).toHaveLength(1);
});

test('what does not pass while it is waited for is said', async () => {
  said.answers = [missing, new KafkaError('NOT_AUTHORIZED', 'no')];
  await expect(applyTopics(config, [spec])).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
});
