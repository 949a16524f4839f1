import { MemoryStateFiles } from '@tallystick/ledger-service/memory-state-files';
import { startLedger, type Alarm, type RunningLedger } from '@tallystick/ledger-service/service';
import {
  alarmShownMs,
  deadlineMs,
  epoch,
  limits,
  mendMs,
  publishMs,
  quorumLateMs,
  recosignMs,
  takeoverMs,
  topicCheckMs,
} from './figures.ts';
import { keys, origin, topics, verifyOnce } from './keys.ts';
import { Life } from './life.ts';
import { Outside } from './outside.ts';
import type { Random } from './random.ts';
import { Reading } from './reading.ts';
import type { World } from './world.ts';

/** One ledger on one machine, and what starts it again when it ends: one life after the other. */
export class Instance {
  readonly name: string;
  /** The partitions that are its own; null: all. */
  readonly partitions: readonly number[] | null;
  readonly #world: World;
  readonly #random: Random;
  readonly #files = new MemoryStateFiles();
  /** Its wall clock goes wrong by so much, ms. */
  readonly #skew: number;
  /** Calls at which its lives are killed, one for each. */
  readonly #kills: { call: number; when: 'before' | 'after' }[];
  #life: Life | null = null;
  #ledger: RunningLedger | null = null;
  #lives = 0;
  #over = false;

  constructor(world: World, name: string, partitions: readonly number[] | null, random: Random) {
    this.name = name;
    this.partitions = partitions;
    this.#world = world;
    this.#random = random;
    this.#skew = random.between(-5_000, 5_000);
    this.#kills = Array.from({ length: random.pick([0, 0, 1, 2]) }, () => ({
      call: random.chance(0.5) ? random.between(1, 60) : random.between(1, 800),
      when: random.pick(['before', 'after']),
    }));
  }

  get running(): boolean {
    return this.#life?.alive === true && !this.#life.frozen && this.#ledger !== null;
  }

  /** All alarms that it shows now. */
  alarms(): Alarm[] {
    if (this.#ledger === null) return [];
    const { alarms, partitions } = this.#ledger.status();
    return [...alarms, ...partitions.flatMap((partition) => partition.alarms)];
  }

  status(): ReturnType<RunningLedger['status']> | null {
    return this.#ledger?.status() ?? null;
  }

  start(): void {
    const { scheduler, trace, weather } = this.#world;
    if (this.#life?.alive === true || this.#over) return;
    this.#lives += 1;
    const life = new Life(`${this.name}${this.#lives}`, scheduler, () =>
      Math.round(epoch + scheduler.now + this.#skew),
    );
    this.#life = life;
    this.#ledger = null;
    trace.add(scheduler.now, `${life.name} starts`);
    const kill = this.#world.fair ? undefined : this.#kills.shift();
    const reading = new Reading(this.#world);
    const outside = new Outside({
      life,
      scheduler,
      weather,
      trace,
      killedAt: (call) => (call === kill?.call ? kill.when : null),
      onTrouble: () => (this.#world.calm = false),
      onFetch: (topic, partition, offset) => reading.fetched(topic, partition, offset),
      onAppended: (topic, value) => {
        if (topic === topics.seals) this.#world.races.wrote(value);
      },
      onKilled: () => this.#ended(life),
    });
    void this.#run(life, outside);
  }

  async #run(life: Life, outside: Outside): Promise<void> {
    const world = this.#world;
    try {
      const ledger = await startLedger({
        kafka: outside.kafka(world.cluster.connect()),
        topics,
        origin,
        rootKey: keys.root.key,
        roles: ['seal', 'publish'],
        stores: {
          store: outside.logStore(
            () => world.logStore,
            (path, bytes) => world.written(path, bytes),
          ),
          checkpoints: outside.checkpoints(
            () => world.checkpoints,
            (stored) => world.stored(stored),
          ),
        },
        logKeys: [keys.log.key],
        logSigners: [outside.signer(keys.log)],
        signer: outside.signer(world.sealKeys.signer),
        keyStatements: world.sealKeys.statements,
        ...(world.witnesses === null
          ? {}
          : {
              policy: world.witnesses.policy,
              witnesses: world.witnesses.clients(life, outside),
              quorumLateMs,
              recosignMs,
            }),
        stateDir: outside.files(this.#files),
        verify: verifyOnce,
        clock: life.clock,
        ...(this.partitions === null ? {} : { partitions: this.partitions }),
        limits,
        deadlineMs,
        mendMs,
        takeoverMs,
        topicCheckMs,
        alarmShownMs,
        publishMs,
        logger: world.loggerOf(life),
      });
      if (life.alive) this.#ledger = ledger;
      await ledger.done;
    } catch (error) {
      world.trace.add(world.scheduler.now, `${life.name} ends: ${String(error)}`);
    }
    if (!life.alive) return;
    life.kill();
    this.#ended(life);
  }

  /** Something starts it again: a process ended. */
  #ended(life: Life): void {
    const { scheduler, trace } = this.#world;
    if (this.#life !== life) return;
    this.#world.noteAlarms(this);
    trace.add(scheduler.now, `${life.name} is gone`);
    this.#ledger = null;
    scheduler.after(this.#random.between(200, 3_000), () => this.start());
  }

  kill(): void {
    const life = this.#life;
    if (life?.alive !== true) return;
    life.kill();
    this.#ended(life);
  }

  /** Nothing of it goes on. */
  end(): void {
    this.#over = true;
    this.#life?.kill();
  }

  /** SIGTERM: it ends what is under way. */
  stop(): void {
    void this.#ledger?.stop();
  }

  freeze(ms: number): void {
    const { scheduler, trace } = this.#world;
    const life = this.#life;
    if (life?.alive !== true || life.frozen) return;
    trace.add(scheduler.now, `${life.name} is frozen for ${ms} ms`);
    life.freeze();
    scheduler.after(ms, () => {
      trace.add(scheduler.now, `${life.name} goes on`);
      life.thaw();
    });
  }
}
