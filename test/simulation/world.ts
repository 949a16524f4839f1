import { encodeUtf8 } from '@tallystick/core/encoding';
import type { Logger } from '@tallystick/kafka/logger';
import { encodeBatch } from '@tallystick/kafka/batch-encoder';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import type { CheckpointStore, StoredCheckpoint } from '@tallystick/ledger-service/checkpoint-store';
import type { LogStore } from '@tallystick/ledger-service/log-store';
import { MemoryCheckpointStore } from '@tallystick/ledger-service/memory-checkpoint-store';
import { MemoryLogStore } from '@tallystick/ledger-service/memory-log-store';
import { epoch } from './figures.ts';
import { Instance } from './instance.ts';
import { SealKeys } from './key-rotation.ts';
import { keys, topics } from './keys.ts';
import type { Life } from './life.ts';
import { LogBook } from './log-book.ts';
import { Races } from './races.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';
import { Weather } from './weather.ts';
import { Witnesses } from './witnesses.ts';

/** Brokers, stores, clocks, ledgers and producers of one seed. */
export class World {
  readonly random: Random;
  readonly trace: Trace;
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly cluster: MemoryCluster;
  readonly partitions: number;
  readonly instances: readonly Instance[];
  readonly book: LogBook;
  readonly races = new Races();
  readonly sealKeys = new SealKeys();
  /** null: nobody cosigns what is published. */
  readonly witnesses: Witnesses | null;
  /** For what was added later: a world without it stays as it was. */
  readonly later: Random;
  logStore: LogStore = new MemoryLogStore();
  checkpoints: CheckpointStore = new MemoryCheckpointStore();
  /** Every note that the checkpoint store holds. */
  readonly checkpointNotes: Uint8Array[] = [];
  /** Whether nothing went wrong until now. */
  calm = true;
  /** Somebody damaged the folder of the log. */
  logDamaged = false;
  /** What is wrong with the code under test. */
  readonly problems: string[] = [];
  /** Codes of alarms that were shown at any moment, each with who showed it when. */
  readonly alarmsSeen = new Map<string, string>();
  /** Codes that were said in a log of a process. */
  readonly errorsSaid = new Set<string>();
  #fair = false;
  #written = 0;

  constructor(seedNumber: number, trace: Trace) {
    this.random = new Random(seedNumber);
    this.trace = trace;
    this.scheduler = new Scheduler(this.random.fork());
    this.weather = new Weather(this.random.fork());
    const { scheduler } = this;
    const topicIds = this.random.fork();
    this.cluster = new MemoryCluster({
      now: () => Math.round(epoch + scheduler.now),
      clock: { monotonic: () => scheduler.now, after: (ms, run) => scheduler.after(ms, run) },
      random: (bytes) => topicIds.bytes(bytes),
    });
    this.partitions = this.random.between(1, 3);
    this.cluster.createTopic(topics.events, { partitions: this.partitions });
    this.cluster.createTopic(topics.seals);
    this.cluster.createTopic(topics.leaves, { partitions: this.partitions });
    this.later = new Random(seedNumber + 2 ** 40);
    this.witnesses = this.later.chance(0.35) ? new Witnesses(this) : null;
    this.book = new LogBook(keys.log.key, (problem) => this.problem(problem));
    const count = this.random.pick([1, 1, 2, 2, 3]);
    const shared = this.random.chance(0.5);
    this.instances = Array.from({ length: count }, (_, i) => {
      const own = Array.from({ length: this.partitions }, (_none, partition) => partition).filter(
        (p) => p % count === i,
      );
      return new Instance(this, 'abc'.charAt(i), shared || count === 1 ? null : own, this.random.fork());
    });
  }

  /** Whether nothing goes wrong by chance any more. */
  get fair(): boolean {
    return this.#fair;
  }

  clear(): void {
    this.#fair = true;
    this.weather.clear();
    this.witnesses?.clear();
  }

  say(what: string): void {
    this.trace.add(this.scheduler.now, what);
  }

  problem(what: string): void {
    this.say(`PROBLEM ${what}`);
    this.problems.push(`${(this.scheduler.now / 1_000).toFixed(1)} s: ${what}`);
  }

  noteAlarms(instance: Instance): void {
    for (const { code, place, message } of instance.alarms()) {
      if (this.alarmsSeen.has(code)) continue;
      this.say(`alarm of ${instance.name}: ${code} ${place} ${message}`);
      this.alarmsSeen.set(code, `${instance.name}, ${(this.scheduler.now / 1_000).toFixed(1)} s, ${place}: ${message}`);
    }
  }

  loggerOf(life: Life): Logger {
    const say = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
      const code = fields?.['code'];
      if (level === 'error' && typeof code === 'string') this.errorsSaid.add(code);
      this.say(`${life.name} ${level}: ${message} ${JSON.stringify(fields ?? {})}`);
    };
    return { info: say('info'), warn: say('warn'), error: say('error') };
  }

  /** Something was written into the folder of the log. */
  written(path: string, bytes: Uint8Array): void {
    if (path !== 'checkpoint') return;
    this.book.published(bytes);
    const wrong = this.witnesses?.wrongWith(bytes) ?? null;
    if (wrong !== null) this.problem(wrong);
  }

  async stored(stored: StoredCheckpoint): Promise<void> {
    this.checkpointNotes[stored.version - 1] = stored.note;
    await this.book.stored(stored, this.logStore, this.logDamaged);
  }

  /** A producer appends records. Others reach the brokers also where the ledgers do not. */
  emit(partition: number, count: number): void {
    const records = Array.from({ length: count }, (): RecordToAppend => {
      this.#written += 1;
      return { key: encodeUtf8('k'), value: encodeUtf8(`event ${this.#written}`) };
    });
    this.cluster.appendRaw(topics.events, partition, encodeBatch(records, 0));
  }

  /** Anybody writes a record into the seals topic. */
  append(value: Uint8Array | null): void {
    this.cluster.appendRaw(topics.seals, 0, encodeBatch([{ key: null, value }], 0));
  }

  end(topic: string, partition = 0): number {
    return this.cluster.partition(topic, partition).end;
  }
}
