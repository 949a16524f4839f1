import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog, TopicDescription } from '@tallystick/kafka/record-log';
import { boundsOf, describeTopic } from '../ask-broker.ts';
import type { Asked } from '../ask-broker.ts';
import type { Patience } from '../deadline.ts';
import type { Bounds } from '../domain/shards.ts';
import { VerifierError } from '../errors.ts';
import type { Source } from '../records/read-through.ts';
import type { StoredPartition, StoredTopic } from './manifest.ts';
import { maxPartition } from './member-names.ts';

/** What is copied of a partition, and where it is to begin and end for who reads the bundle. */
export type Offsets = Pick<StoredPartition, 'logStart' | 'highWatermark' | 'from' | 'to'>;
export type Choose = (partition: number, bounds: Bounds, source: Source) => Offsets | Promise<Offsets>;

/** Asks the cluster about the topics that a bundle holds. */
export class TopicsToExport {
  readonly missing: string[] = [];
  readonly stored: StoredTopic[] = [];
  private readonly asked: Asked;

  constructor(log: RecordLog, { deadlineMs, signal }: Patience) {
    this.asked = { log, deadlineMs, signal };
  }

  /** The topic as the cluster describes it; null, and noted, where it does not exist. @throws KafkaError */
  async describe(name: string): Promise<TopicDescription | null> {
    try {
      return await describeTopic(this.asked, name);
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'TOPIC_MISSING') throw error;
      this.missing.push(name);
      return null;
    }
  }

  async bounds(topic: string, partition: number): Promise<Bounds> {
    const { logStart, highWatermark } = await boundsOf(this.asked, topic, partition);
    return { logStart, highWatermark };
  }

  source({ name: topic, topicId }: TopicDescription, partition: number): Source {
    return { ...this.asked, topic, topicId, partition };
  }

  /** Asks where each partition begins and ends, and notes what is copied of it. */
  async store(folder: string, topic: TopicDescription, choose: Choose): Promise<void> {
    const chosen: StoredPartition[] = [];
    for (const description of [...topic.partitions].sort((a, b) => a.partition - b.partition)) {
      const { partition } = description;
      if (partition > maxPartition)
        throw new VerifierError(
          'BUNDLE_LIMIT',
          `Partition ${partition} of ${topic.name} is more than a bundle can hold.`,
        );
      const bounds = await this.bounds(topic.name, partition);
      const offsets = await choose(partition, bounds, this.source(topic, partition));
      chosen.push({ ...description, ...offsets });
    }
    // Asked again behind the bounds: no record below them is of a later leader epoch.
    const after = new Map((await this.describe(topic.name))?.partitions.map((each) => [each.partition, each]));
    const partitions = chosen.map((each) => {
      const leaderEpoch = Math.max(each.leaderEpoch, after.get(each.partition)?.leaderEpoch ?? -1);
      return { ...each, leaderEpoch };
    });
    this.stored.push({ folder, name: topic.name, topicId: topic.topicId, partitions });
  }
}

/** All that is there. */
export function wholly({ logStart, highWatermark }: Bounds): Offsets {
  return { logStart, highWatermark, from: logStart, to: highWatermark };
}

/** Nothing of it. */
export function nothingOf({ logStart, highWatermark }: Bounds): Offsets {
  return { logStart, highWatermark, from: logStart, to: logStart };
}
