import type { SealStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import fc from 'fast-check';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LagWatch } from '../src/domain/lag-watch.ts';
import type { LedgerOptions, RunningLedger } from '../src/service.ts';
import { checkSeals, topics, until, World } from './world.ts';

/** A connection whose owner can be stopped as by SIGSTOP: what it asks for is done, and it hears of nothing until it goes on. */
class FrozenLog implements RecordLog {
  readonly #log: RecordLog;
  #thawed = Promise.resolve();
  #thaw = () => undefined as void;

  constructor(log: RecordLog) {
    this.#log = log;
  }

  freeze(): void {
    this.#thawed = new Promise((resolve) => (this.#thaw = resolve));
  }

  thaw(): void {
    this.#thaw();
  }

  readonly describeTopic: RecordLog['describeTopic'] = (topic) => this.#held(() => this.#log.describeTopic(topic));
  readonly fetch: RecordLog['fetch'] = (request) => this.#held(() => this.#log.fetch(request));
  readonly bounds: RecordLog['bounds'] = (topic, partition) => this.#held(() => this.#log.bounds(topic, partition));
  readonly close: RecordLog['close'] = () => this.#log.close();
  readonly createAppender: RecordLog['createAppender'] = async () => {
    const appender = await this.#held(() => this.#log.createAppender());
    return {
      append: (topic, partition, records) => this.#held(() => appender.append(topic, partition, records)),
      drop: () => appender.drop(),
    };
  };

  async #held<T>(use: () => Promise<T>): Promise<T> {
    await this.#thawed;
    const result = await use();
    await this.#thawed;
    return result;
  }
}

const state = (ledger: RunningLedger, partition: number) => ledger.status().partitions[partition]?.state;
const quick: Partial<LedgerOptions> = { takeoverMs: 150, limits: { events: 10, ageMs: 20 } };

function expectNoFork(world: World): void {
  const { judge } = world.judge();
  expect(judge.counts).toMatchObject({ rubbish: 0, noise: 0 });
  for (const contested of judge.open()) expect(contested.continues).not.toBeNull();
}

describe('static assignment', () => {
  it('each ledger seals its own partitions and only watches the others', async () => {
    const world = new World(4);
    const mine = new Map<number, string>();
    const note = (name: string) => (seal: SealStatement) => void mine.set(seal.partition, name);
    const a = await world.start({ ...quick, takeoverMs: 60_000, partitions: [0, 1], onSeal: note('a') });
    const over = { ...quick, takeoverMs: 60_000, stateDir: join(world.folder, 'b') };
    const b = await world.start({ ...over, partitions: [2, 3], onSeal: note('b') });
    for (let partition = 0; partition < 4; partition++) await world.emit(25, partition);
    for (let partition = 0; partition < 4; partition++) await world.sealed(partition);
    expect([...mine].sort()).toEqual([
      [0, 'a'],
      [1, 'a'],
      [2, 'b'],
      [3, 'b'],
    ]);
    await until(() => a.status().partitions.every(({ lag }) => lag === 0 || lag === null));
    expect(a.status().partitions.map(({ state: is, assigned }) => [is, assigned])).toEqual([
      ['sealing', true],
      ['sealing', true],
      ['watching', false],
      ['watching', false],
    ]);
    expect(state(b, 0)).toBe('watching');
    expect(world.judge().judge.counts).toMatchObject({ contested: 0, race: 0 });
  });

  it('a frozen ledger loses its partitions, gets them back, and nothing is lost or forked', async () => {
    const world = new World(2);
    const log = new FrozenLog(world.cluster.connect());
    const a = await world.start({ ...quick, kafka: log, partitions: [0], deadlineMs: 2_000 });
    let standsIn = 0;
    const onSeal = ({ partition }: SealStatement) => void (standsIn += partition === 0 ? 1 : 0);
    const b = await world.start({ ...quick, partitions: [1], stateDir: join(world.folder, 'b'), onSeal });
    await world.emit(15, 0);
    await world.sealed(0);
    for (let round = 0; round < 3; round++) {
      const before = standsIn;
      log.freeze();
      await world.emit(23, 0);
      await world.sealed(0);
      expect(standsIn).toBeGreaterThan(before);
      log.thaw();
      await world.emit(8, 0);
      // Both may seal for a moment; the one that it belongs to seals again, and the other gives it back.
      await until(() => {
        if (world.highWatermark(topics.events) < 5_000) void world.emit(1, 0);
        return state(b, 0) === 'watching' && state(a, 0) === 'sealing';
      });
      await world.sealed(0);
    }
    expect(checkSeals(world, 0)).toBe(world.highWatermark(topics.events));
    expectNoFork(world);
  });

  it('a frozen ledger is stopped within seconds', async () => {
    const world = new World(1);
    const log = new FrozenLog(world.cluster.connect());
    const ledger = await world.start({ ...quick, kafka: log });
    await until(() => state(ledger, 0) === 'sealing');
    log.freeze();
    await world.emit(5);
    const startedAt = performance.now();
    await ledger.stop();
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    log.thaw();
    await world.start(quick);
    await world.sealed();
    expect(checkSeals(world)).toBe(5);
  });

  it('a ledger that was killed before it wrote a genesis is stood in for', async () => {
    const world = new World(2);
    await world.emit(4, 0);
    const ledger = await world.start({ ...quick, partitions: [1] });
    await world.sealed(0);
    expect(checkSeals(world, 0)).toBe(4);
    // It stands in for as long as nobody else seals, again and again.
    for (let i = 1; i <= 40; i++) {
      await world.emit(1, 0);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await world.sealed(0);
    expect(checkSeals(world, 0)).toBe(44);
    expect(ledger.status().partitions[0]?.alarms).toEqual([]);
  });

  it('a partition that its own ledger seals slowly is helped out with, and never twice sealed', async () => {
    const world = new World(1);
    const slow = await world.start({ ...quick, limits: { events: 1_000, ageMs: 400 } });
    const other = await world.start({ ...quick, partitions: [], stateDir: join(world.folder, 'b') });
    for (let i = 0; i < 60; i++) {
      await world.emit(3);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await world.sealed();
    expect(checkSeals(world)).toBe(180);
    expectNoFork(world);
    for (const ledger of [slow, other]) expect(ledger.status().partitions[0]?.alarms).toEqual([]);
  });

  it('a partition that cannot be looked at is an alarm of the ledger that watches it, until it can', async () => {
    const world = new World(1);
    const ledger = await world.start({ ...quick, takeoverMs: 60_000, partitions: [] });
    await until(() => state(ledger, 0) === 'watching');
    await ledger.stop();
    const away = new KafkaError('UNREACHABLE', 'away (injected)', { retriable: true });
    world.cluster.inject({ on: 'bounds', topic: topics.events, error: away, times: Infinity });
    const again = await world.start({ ...quick, takeoverMs: 60_000, partitions: [] });
    await until(() => again.status().partitions[0]?.alarms[0]?.code === 'UNREACHABLE');
    world.cluster.clearFaults();
    await until(() => again.status().partitions[0]?.alarms.length === 0 && state(again, 0) === 'watching');
  });
});

describe('the watch over a partition', () => {
  it('lags once a record that was seen stays unsealed for the time, however much is sealed before it', () => {
    const watch = new LagWatch(100);
    expect(watch.look(0, 0, 0)).toBe(false);
    expect(watch.look(0, 5, 1_000)).toBe(false);
    expect(watch.look(3, 9, 1_099)).toBe(false);
    expect(watch.look(4, 9, 1_100)).toBe(true);
    // What was there at the first look is sealed: the next ones count from the next look.
    expect(watch.look(5, 9, 1_200)).toBe(false);
    expect(watch.look(9, 9, 1_250)).toBe(false);
    expect(watch.look(9, 12, 9_000)).toBe(false);
    expect(watch.look(null, 0, 9_050)).toBe(false);
  });

  it('lags where nobody writes the genesis', () => {
    const watch = new LagWatch(100);
    expect(watch.look(null, 0, 0)).toBe(false);
    expect(watch.look(null, 0, 99)).toBe(false);
    expect(watch.look(null, 7, 100)).toBe(true);
    expect(watch.look(0, 7, 101)).toBe(false);
  });

  it('never lags before the time, and always where something seen stays unsealed so long', () => {
    const step = fc.record({ sealed: fc.nat(3), appended: fc.nat(3), ms: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const watch = new LagWatch(100);
        let [next, end, now] = [0, 0, 0];
        const seenAt: number[] = [];
        for (const { sealed, appended, ms } of steps) {
          now += ms;
          end += appended;
          next = Math.min(end, next + sealed);
          while (seenAt.length < end) seenAt.push(now);
          const oldest = seenAt[next] ?? now;
          const lags = watch.look(next, end, now);
          if (lags) expect(now - oldest).toBeGreaterThanOrEqual(100);
          // One mark at a time: what came right behind it waits at most twice as long.
          if (!lags) expect(now - oldest).toBeLessThan(200 + 40);
          if (lags) break;
        }
      }),
    );
  });
});
