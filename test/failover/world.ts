import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { formatSignerKey, signerFromSeed, signNote } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import { aclSpecs, topicSpecs } from '@tallystick/infra/local/kafka-data';
import { startKafkaCluster, type KafkaCluster } from '../../infra/local/kafka-cluster.ts';
import type { Role } from '@tallystick/infra/local/roles';
import { applyAcls, applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { LedgerProcess, type LedgerInput } from './ledgers.ts';
import { Load } from './load.ts';
import { Published } from './published.ts';
import { Topics } from './topics.ts';
import { eventuallyDespite } from './waiting.ts';

export const partitions = 3;
export const replicas = 3;

export interface WorldOptions {
  /** A folder of this run alone, removed at its end. */
  readonly home: string;
  readonly libs: string;
  readonly ledgers: number;
  /** All ledgers seal all partitions at once, instead of a share each that another takes over when it lags. */
  readonly contend: boolean;
  readonly say: (line: string) => void;
}

/** Three brokers, a log on them, ledgers in processes of their own and a producer that never pauses. */
export class FailoverWorld {
  readonly topics: TopicNames = { events: 'audit.events', seals: 'audit.seals', leaves: 'audit.leaves' };
  readonly origin = 'failover.example/log';
  readonly rootKey;
  readonly cluster: KafkaCluster;
  readonly admin: Topics;
  readonly ledgers: LedgerProcess[] = [];
  readonly log: RecordLog;
  round = 0;
  readonly #began = performance.now();
  readonly #rootSigner = signerFromSeed(`${this.origin}/root`, randomBytes(32));
  readonly #home: string;
  #load: Load | null = null;
  #published: Published | null = null;

  private constructor(cluster: KafkaCluster, home: string) {
    this.cluster = cluster;
    this.#home = home;
    this.rootKey = this.#rootSigner.key;
    this.admin = new Topics(this.kafka('admin'), Object.values(this.topics));
    // Short time-outs: it asks while brokers are down.
    this.log = connectRecordLog({ ...this.kafka('verifier'), connectTimeoutMs: 2_000, requestTimeoutMs: 5_000 });
  }

  static async start(options: WorldOptions): Promise<FailoverWorld> {
    const { home, libs, say } = options;
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const cluster = await startKafkaCluster({ home: join(home, 'kafka'), libs, onProgress: say });
    const world = new FailoverWorld(cluster, home);
    try {
      await world.#begin(options);
      return world;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  get load(): Load {
    if (this.#load === null) throw new Error('the producer has not begun');
    return this.#load;
  }

  get published(): Published {
    if (this.#published === null) throw new Error('nothing is published yet');
    return this.#published;
  }

  /** Milliseconds since the run began, and the round. */
  now(): { at: number; round: number } {
    return { at: Math.round(performance.now() - this.#began), round: this.round };
  }

  kafka(role: Role): KafkaConfig {
    const { username, passwordFile } = this.cluster.users[role];
    const password = readFileSync(passwordFile, 'utf8').trim();
    return {
      brokers: this.cluster.addresses,
      clientId: `failover-${role}`,
      sasl: { mechanism: 'scram-sha-512', username, password },
    };
  }

  /**
   * Waits until all brokers are in sync again, all that the events topic holds now is sealed and published, and no alarm stands.
   * @throws Error where that takes longer than the deadline, a ledger ended, or the published log is not what it was
   */
  async settled(deadlineMs: number): Promise<void> {
    const began = performance.now();
    const left = () => Math.max(1_000, deadlineMs - (performance.now() - began));
    await eventuallyDespite(async () => await this.admin.allInSync(replicas), 'all brokers in sync', left());
    const ends: number[] = [];
    for (let partition = 0; partition < partitions; partition += 1)
      await eventuallyDespite(
        async () => {
          ends[partition] = (await this.log.bounds(this.topics.events, partition)).highWatermark;
          return true;
        },
        `the end of partition ${partition}`,
        left(),
      );
    let why = '';
    const deadline = performance.now() + left();
    for (;;) {
      await this.published.follow();
      const behind = ends.flatMap((end, partition) => {
        const sealed = this.published.sealedTo(this.topics.events, partition);
        return sealed < end ? [`partition ${partition}: ${sealed} of ${end} sealed and published`] : [];
      });
      const standing = this.ledgers
        .filter(({ alarms }) => alarms.standing() > 0)
        .map(({ name }) => `${name} has alarms`);
      const ended = this.ledgers.flatMap(({ unexpectedEnd }) => unexpectedEnd ?? []);
      if (ended.length > 0) throw new Error(ended.join('; '));
      why = [...behind, ...standing].join('; ');
      if (why === '') return;
      if (performance.now() > deadline) throw new Error(`not settled within ${deadlineMs / 1000} s: ${why}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends all that was started, whatever state it is in, and removes the folder. */
  async end(): Promise<void> {
    for (const broker of this.cluster.brokers) broker.thaw();
    await Promise.allSettled(this.ledgers.map(async (ledger) => await ledger.stop()));
    await this.#load?.stop();
    await this.#published?.close();
    await this.log.close();
    await Promise.allSettled(this.cluster.brokers.map(async (broker) => await broker.kill()));
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #begin({ ledgers, contend, say }: WorldOptions): Promise<void> {
    const admin = this.kafka('admin');
    await applyTopics(admin, topicSpecs(this.topics, { partitions, replicationFactor: replicas }));
    await applyAcls(admin, aclSpecs(this.topics));
    say('topics and rights are there');
    const { input, logKey } = await this.#ledgerInput();
    this.#load = new Load(this.kafka('producer'), this.topics.events, partitions);
    for (let at = 0; at < ledgers; at += 1) {
      const own = Array.from({ length: partitions }, (_, partition) => partition).filter(
        (partition) => contend || partition % ledgers === at,
      );
      const name = `ledger ${at + 1}`;
      const folder = join(this.#home, `state-${at + 1}`);
      const ledger = new LedgerProcess(name, { ...input, partitions: own, stateDir: folder }, () => this.now());
      this.ledgers.push(ledger);
      await ledger.start();
      say(`${name} seals`);
    }
    const { origin, rootKey } = this;
    const { logDir: dir, checkpointDir } = input;
    this.#published = await Published.open({ dir, checkpointDir, origin, rootKey, logKey });
  }

  async #ledgerInput() {
    const { origin, topics } = this;
    const [sealSeed, logSeed] = [randomBytes(32), randomBytes(32)];
    const sealKey = signerFromSeed(`${origin}/seal`, sealSeed).key;
    const logKey = signerFromSeed(origin, logSeed).key;
    const text = formatStatement({
      ...{ kind: 'key', origin, number: 0, action: 'add', role: 'seal', key: sealKey.vkey, previous: null },
      time: Date.now(),
    } as const);
    const input: LedgerInput = {
      kafka: this.kafka('ledger'),
      topics,
      origin,
      rootVkey: this.rootKey.vkey,
      keyStatement: Buffer.from(await signNote(text, this.#rootSigner)).toString('base64'),
      sealKey: formatSignerKey(sealKey.name, sealSeed),
      logKey: formatSignerKey(origin, logSeed),
      logDir: join(this.#home, 'log'),
      checkpointDir: join(this.#home, 'checkpoints'),
      stateDir: '',
      partitions: [],
      // Short, so that another ledger does take over while one is frozen.
      takeoverMs: 5_000,
      limits: { events: 200, ageMs: 250 },
    };
    return { input, logKey };
  }
}
