import type { KafkaConfig } from './config.ts';
import { KafkaError } from './errors.ts';
import { brokerError, closed, notAuthorized, topicMissing } from './failures.ts';
import { decodeFetch, encodeFetch, fetchApi, heldBackMs } from './fetch-message.ts';
import { KafkajsAppender } from './kafkajs-appender.ts';
import { resolveConfig, type ResolvedConfig } from './kafkajs-options.ts';
import { LinkPool } from './link-pool.ts';
import { decodeMetadata, encodeMetadata, metadataApi } from './metadata-message.ts';
import type {
  Appender,
  FetchRequest,
  FetchResponse,
  PartitionDescription,
  RecordLog,
  TopicDescription,
} from './record-log.ts';
import { throttled } from './throttle.ts';

/**
 * A RecordLog on a real cluster. Nothing is sent before the first call. `close()` it: open connections keep a process alive.
 * @throws KafkaError CONFIG_INVALID
 */
export function connectRecordLog(config: KafkaConfig): RecordLog {
  return new KafkajsRecordLog(resolveConfig(config));
}

/** Answers after which the leader, or what is known of it, may be another. */
const staleLeader: ReadonlySet<number> = new Set([-1, 3, 5, 6, 8, 9, 13, 56, 74, 75, 78, 100, 103]);

class KafkajsRecordLog implements RecordLog {
  readonly principal: string;
  private readonly config: ResolvedConfig;
  private readonly links: LinkPool;
  private readonly topics = new Map<string, TopicDescription>();
  private readonly appenders = new Set<Appender>();
  private addresses: ReadonlyMap<number, string> = new Map();
  private open = true;

  constructor(config: ResolvedConfig) {
    this.config = config;
    this.principal = config.principal;
    this.links = new LinkPool(config);
  }

  async describeTopic(topic: string): Promise<TopicDescription> {
    const attempt = { what: `a description of topic ${topic}`, operation: 'Describe', topic } as const;
    const metadata = await this.links.withAny(attempt, this.addresses.values(), (link) =>
      link.request(metadataApi, encodeMetadata(topic), decodeMetadata),
    );
    this.addresses = metadata.brokers;
    this.topics.delete(topic);
    const found = metadata.topics.find(({ name }) => name === topic);
    if (found === undefined) throw topicMissing(topic);
    switch (found.error) {
      case brokerError.none: {
        const description = { name: topic, topicId: found.topicId, partitions: found.partitions };
        this.topics.set(topic, description);
        return description;
      }
      case brokerError.unknownTopicOrPartition:
      case brokerError.invalidTopic:
        throw topicMissing(topic);
      case brokerError.topicAuthorizationFailed:
        throw notAuthorized(this.principal, 'Describe', `topic ${topic}`);
      default: {
        const message = `The cluster answered a description of topic ${topic} with Kafka error ${found.error}.`;
        throw new KafkaError('BROKER_ERROR', message, {
          retriable: staleLeader.has(found.error),
          evidence: { topic, found: found.error },
        });
      }
    }
  }

  async fetch(request: FetchRequest): Promise<FetchResponse> {
    const { topic, partition, maxWaitMs } = request;
    const what = `a fetch of ${topic}/${partition} at ${request.offset}`;
    const answered = await this.atLeader(topic, partition, async (address, { leaderEpoch }) => {
      const answer = await this.links.with(address, { what, operation: 'Read', topic, partition }, (link) =>
        link.request(
          fetchApi,
          encodeFetch(request, leaderEpoch),
          (payload) => heldBackMs(payload) ?? decodeFetch(payload, request),
          maxWaitMs,
        ),
      );
      if (typeof answer === 'number') return answer;
      const behind = leaderEpoch < request.lastFetchedEpoch;
      if (staleLeader.has(answer.error) || behind) this.topics.delete(topic);
      return { ...answer, leaderEpoch, release: () => this.links.memory.giveBack(answer.records) };
    });
    if (typeof answered === 'number') throw throttled(what, this.principal, answered);
    return answered;
  }

  async bounds(topic: string, partition: number): Promise<{ logStart: number; highWatermark: number }> {
    const attempt = { what: `the bounds of ${topic}/${partition}`, operation: 'Describe', topic, partition } as const;
    return await this.atLeader(topic, partition, (address) =>
      this.links.with(address, attempt, async (link) => {
        const logStart = await link.offsetAt(topic, partition, -2);
        return { logStart, highWatermark: await link.offsetAt(topic, partition, -1) };
      }),
    );
  }

  async source(): Promise<string | null> {
    const attempt = { what: 'the question which cluster this is', operation: 'Describe' } as const;
    const { clusterId } = await this.links.withAny(attempt, this.addresses.values(), (link) =>
      link.request(metadataApi, encodeMetadata(null), decodeMetadata),
    );
    return clusterId === null || clusterId === '' ? null : `Kafka cluster ${clusterId}`;
  }

  async createAppender(): Promise<Appender> {
    if (!this.open) throw closed('The Kafka connection');
    // Also where it hangs: then kafkajs says so.
    const seed = await this.links.answering(this.addresses.values()).catch(() => null);
    if (!this.open) throw closed('The Kafka connection');
    const appender = new KafkajsAppender(this.config, seed, () => this.appenders.delete(appender));
    this.appenders.add(appender);
    await appender.connect();
    return appender;
  }

  async close(): Promise<void> {
    this.open = false;
    this.links.close();
    for (const appender of this.appenders) appender.drop();
    await Promise.resolve();
  }

  /** Runs `use` at the partition's leader. After a failure the leader is looked up anew the next time. */
  private async atLeader<T>(
    topic: string,
    partition: number,
    use: (address: string, leader: PartitionDescription) => Promise<T>,
  ): Promise<T> {
    const description = this.topics.get(topic) ?? (await this.describeTopic(topic));
    const found = description.partitions.find((entry) => entry.partition === partition);
    try {
      if (found === undefined) throw topicMissing(topic, partition);
      const address = this.addresses.get(found.leader);
      if (address === undefined) {
        const message = `Partition ${topic}/${partition} has no leader at the moment.`;
        throw new KafkaError('BROKER_ERROR', message, {
          retriable: true,
          evidence: { topic, partition, found: found.leader },
        });
      }
      return await use(address, found);
    } catch (error) {
      this.topics.delete(topic);
      throw error;
    }
  }
}
