import type { VerifierKey } from '@tallystick/core/note';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { EventDecoder } from '@tallystick/schemas/decoder';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import type { RegistryConfig } from '@tallystick/schemas/registry';
import { ClickHouseRowStore } from './adapters/clickhouse-row-store.ts';
import { connectClickHouse } from './clickhouse.ts';
import type { ClickHouseConfig } from './clickhouse.ts';
import { Generations } from './generations.ts';
import { checkSchema } from './migrations.ts';
import { PartitionFeed, feedLimits } from './partition-feed.ts';
import type { FeedLimits, FeedState } from './partition-feed.ts';
import type { RowStore } from './ports/row-store.ts';
import { untilItWorks } from './retry.ts';

export interface WorkerOptions {
  /** Read rights on the events and seals topics. The caller closes it after `done`. */
  readonly log: RecordLog;
  readonly topics: TopicNames;
  /** The log's name, and the key that its statements are judged with. */
  readonly origin: string;
  readonly rootKey: VerifierKey;
  /** Where schemas come from. */
  readonly registry: RegistryConfig | SchemaSource;
  /** With the tables of `applyMigrations`; or another store. */
  readonly clickhouse: ClickHouseConfig | RowStore;
  readonly logger: Logger;
  /** How long to wait for the ledger's first statements, milliseconds. Default 120,000. */
  readonly genesisWaitMs?: number;
  readonly limits?: Partial<FeedLimits>;
}

export interface WorkerPartitionStatus {
  readonly partition: number;
  readonly generation: number | null;
  readonly state: 'waiting' | FeedState;
  /** Every offset below has a row. */
  readonly nextOffset: number;
  /** End of the partition in Kafka when it was last read: `highWatermark - nextOffset` rows are behind. */
  readonly highWatermark: number;
  /** Since the start of this worker. */
  readonly rowsWritten: number;
  readonly findings: number;
  /** What is being waited for; null when nothing is. */
  readonly trouble: string | null;
}

export interface WorkerStatus {
  readonly state: 'running' | 'stopped' | 'failed';
  readonly partitions: readonly WorkerPartitionStatus[];
  /** Why it stopped; null while it runs or where it was asked to. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface Worker {
  status(): WorkerStatus;
  /** Finishes the insert that is under way and stops. Resolves when it has; never rejects. */
  stop(): Promise<void>;
  /**
   * Resolves after `stop`. Rejects where the worker had to stop: KafkaError (the topic was re-created, truncated, altered;
   * no right), WorkerError, SchemasError REGISTRY_NOT_AUTHORIZED. Services that are away are waited for.
   */
  readonly done: Promise<void>;
}

/**
 * Starts to bring every offset of the events topic into ClickHouse, exactly once, and to run the detections. Any number of
 * workers may run at once: they do the same work, and each row and finding is stored once.
 */
export function startWorker(options: WorkerOptions): Worker {
  const run = new WorkerRun(options);
  const done = run.run();
  // Whoever only looks at the status is not to be killed by an unhandled rejection.
  done.catch(() => undefined);
  return {
    status: () => run.status(),
    stop: async () => {
      run.stop();
      await done.catch(() => undefined);
    },
    done,
  };
}

class WorkerRun {
  private readonly abort = new AbortController();
  private stopping = false;
  private failure: { readonly error: unknown } | null = null;
  private readonly options: WorkerOptions;
  private readonly feeds = new Map<number, PartitionFeed | null>();
  private state: WorkerStatus['state'] = 'running';
  private error: WorkerStatus['error'] = null;

  constructor(options: WorkerOptions) {
    this.options = options;
  }

  status(): WorkerStatus {
    const partitions = [...this.feeds].map(([partition, feed]) => ({
      partition,
      generation: feed?.options.place.generation ?? null,
      state: feed?.state ?? ('waiting' as const),
      nextOffset: feed?.nextOffset ?? 0,
      highWatermark: feed?.highWatermark ?? 0,
      rowsWritten: feed?.rowsWritten ?? 0,
      findings: feed?.findings ?? 0,
      trouble: feed?.trouble ?? null,
    }));
    return { state: this.state, partitions, error: this.error };
  }

  stop(): void {
    this.stopping = true;
    this.abort.abort();
  }

  async run(): Promise<void> {
    const { logger } = this.options;
    const { signal } = this.abort;
    let store: RowStore | null = null;
    try {
      store = await this.openStore(signal);
      await this.feedAll(store, signal);
      this.state = 'stopped';
    } catch (error) {
      if (this.stopping && this.failure === null) {
        this.state = 'stopped';
        return;
      }
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
      const message = error instanceof Error ? error.message : String(error);
      this.state = 'failed';
      this.error = { code, message };
      const evidence = error instanceof Error && 'evidence' in error ? error.evidence : {};
      logger.error(`The worker stopped: ${message}`, { code, evidence });
      throw error;
    } finally {
      this.abort.abort();
      await store?.close();
    }
  }

  private async openStore(signal: AbortSignal): Promise<RowStore> {
    const { clickhouse: target, logger } = this.options;
    if ('insertRows' in target) return target;
    const clickhouse = connectClickHouse(target);
    try {
      await untilItWorks(`Checking ClickHouse at ${target.url}`, () => checkSchema(clickhouse), { logger, signal });
    } catch (error) {
      await clickhouse.close();
      throw error;
    }
    return new ClickHouseRowStore(clickhouse);
  }

  private async feedAll(store: RowStore, signal: AbortSignal): Promise<void> {
    const { log, topics, origin, rootKey, registry, logger, genesisWaitMs: waitMs = 120_000 } = this.options;
    const topic = topics.events;
    const described = await untilItWorks(`Asking for topic ${topic}`, () => log.describeTopic(topic), {
      logger,
      signal,
    });
    const { topicId, partitions } = described;
    for (const { partition } of partitions) this.feeds.set(partition, null);
    const generations = new Generations({
      log,
      sealsTopic: topics.seals,
      topic,
      topicId,
      origin,
      rootKey,
      logger,
      signal,
      waitMs,
      codecs: nodeCodecs,
    });
    const decoder = new EventDecoder('schemaById' in registry ? registry : new SchemaRegistry(registry));
    const work = partitions.map(({ partition }) =>
      this.feedPartition(partition, generations, { topicId, store, decoder }),
    );
    await this.together([generations.run(), ...work]);
  }

  /** One generation after the other: a new genesis ends the feed of the one before. */
  private async feedPartition(
    partition: number,
    generations: Generations,
    shared: { topicId: string; store: RowStore; decoder: EventDecoder },
  ): Promise<void> {
    const { log, topics, logger, limits } = this.options;
    const { signal } = this.abort;
    for (let before = -1; !signal.aborted;) {
      const { generation, firstOffset } = await generations.next(partition, before);
      const place = { topic: topics.events, generation, partition };
      const over = new AbortController();
      const feed = new PartitionFeed({
        ...shared,
        place,
        firstOffset,
        log,
        logger,
        codecs: nodeCodecs,
        limits: { ...feedLimits, ...limits },
        signal: AbortSignal.any([signal, over.signal]),
      });
      this.feeds.set(partition, feed);
      const succeeded = generations.next(partition, generation).then(
        () => over.abort(),
        () => undefined,
      );
      await feed.run();
      if (signal.aborted) return;
      await succeeded;
      logger.warn(`${place.topic}/${partition}: generation ${generation} is closed, a later one begins`, { ...place });
      before = generation;
    }
  }

  /** The first failure stops all; then it is thrown, when all have stopped. */
  private async together(work: readonly Promise<void>[]): Promise<void> {
    const { signal } = this.abort;
    const stopAll = (error: unknown): void => {
      if (!signal.aborted) this.failure = { error };
      this.abort.abort();
    };
    await Promise.all(work.map((each) => each.catch(stopAll)));
    if (this.failure !== null) throw this.failure.error;
  }
}
