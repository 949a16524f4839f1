import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { equalBytes } from '@tallystick/core/encoding';
import { Judge } from '@tallystick/core/judge';
import type { GenesisStatement, KeyStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LedgerError } from '../src/errors.ts';
import { LogWatch } from '../src/seal/log-watch.ts';
import { publish } from './published.ts';
import { keyStatement, noteOf, origin, rootSigner, sealSigner, topics, until, World } from './world.ts';

const zero: KeyStatement = keyStatement(sealSigner.key.vkey);
const genesis = (partition: number): GenesisStatement => ({
  kind: 'genesis',
  origin,
  topic: topics.events,
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  partition,
  generation: 0,
  firstOffset: 0,
  previous: null,
  reason: 'new',
  time: 1,
});

/** A judge of the topic, a log beside it, and a clock that the test turns. */
async function watched(remembered = 4_096) {
  const judge = new Judge({ origin, rootKey: rootSigner.key, verify: nodeVerifyEd25519 });
  const log = [await noteOf(zero, rootSigner)];
  judge.offer(log[0] ?? null, { in: 'log', index: 0 });
  const state = { now: 0, offset: 0, caughtUp: 0, size: () => log.length };
  const read = (note: Uint8Array) => judge.offer(note, { in: 'seals', offset: state.offset++ }).outcome;
  const onCatchUp: (() => void)[] = [];
  const watch = new LogWatch({
    published: {
      since: (from) => {
        const entries = log.slice(from, state.size());
        return Promise.resolve({
          size: state.size(),
          entries: (async function* () {
            yield* entries;
          })(),
        });
      },
    },
    view: {
      judge,
      catchUp: () => {
        state.caughtUp += 1;
        for (const run of onCatchUp) run();
        return Promise.resolve();
      },
    },
    topic: topics.seals,
    from: 1,
    remembered,
    deadlineMs: 1_000,
    clock: { now: () => 0, monotonic: () => state.now, sleep: () => Promise.resolve() },
  });
  return { judge, log, state, read, onCatchUp, watch };
}

describe('what the log holds and the topic does not give', () => {
  it('is a loss after the deadline, once the topic was read to its end, and not before', async () => {
    const { log, state, watch } = await watched();
    expect(await watch.look()).toBe(true);
    log.push(await noteOf(genesis(0), sealSigner));
    expect(await watch.look()).toBe(false);
    state.now = 999;
    expect(await watch.look()).toBe(false);
    expect(state.caughtUp).toBe(0);
    state.now = 1_000;
    await expect(watch.look()).rejects.toMatchObject({ code: 'SEALS_LOST', evidence: { expected: 'entry 1' } });
    expect(state.caughtUp).toBe(1);
  });

  it('is none where it is only read late', async () => {
    const { log, state, read, watch, onCatchUp } = await watched();
    const note = await noteOf(genesis(0), sealSigner);
    log.push(note);
    expect(await watch.look()).toBe(false);
    state.now = 5_000;
    onCatchUp.push(() => read(note));
    expect(await watch.look()).toBe(true);
    expect(await watch.look()).toBe(true);
  });

  it('is found in one partition, however much of others comes behind it', async () => {
    const { log, state, read, watch } = await watched();
    log.push(await noteOf(genesis(0), sealSigner));
    for (let partition = 1; partition < 4; partition += 1) {
      const note = await noteOf(genesis(partition), sealSigner);
      log.push(note);
      expect(read(note)).toBe('accepted');
      await watch.look();
    }
    state.now = 1_000;
    await expect(watch.look()).rejects.toMatchObject({ code: 'SEALS_LOST' });
  });

  it('has its own time: a newer one of the same partition does not inherit that of one that came', async () => {
    const { judge, log, state, read, watch } = await watched();
    const first = await noteOf(genesis(0), sealSigner);
    log.push(first);
    expect(await watch.look()).toBe(false);
    const previous = ((): string => {
      read(first);
      return judge.partition(topics.events, 0)?.hash ?? '';
    })();
    const gap = { ...gapAt(previous) };
    log.push(await noteOf(gap, sealSigner));
    state.now = 900;
    expect(await watch.look()).toBe(false);
    state.now = 1_500;
    // 600 ms after it was met.
    expect(await watch.look()).toBe(false);
    state.now = 1_900;
    await expect(watch.look()).rejects.toMatchObject({ evidence: { expected: 'entry 2' } });
  });

  it('may be a key statement', async () => {
    const { log, state, judge, watch } = await watched();
    const next = { number: 1, action: 'retire', previous: judge.keys.previous } as const;
    log.push(await noteOf({ ...zero, ...next }, rootSigner));
    await watch.look();
    state.now = 1_000;
    await expect(watch.look()).rejects.toMatchObject({ code: 'SEALS_LOST' });
  });

  it('cannot be told of a log so far behind that the judge has forgotten', async () => {
    const { log, state, read, watch } = await watched(2);
    for (let partition = 1; partition < 6; partition += 1) read(await noteOf(genesis(partition), sealSigner));
    log.push(await noteOf(genesis(0), sealSigner));
    await watch.look();
    state.now = 5_000;
    expect(await watch.look()).toBe(true);
  });

  it('is not asked for of a log that was rolled back, nor of entries of another release', async () => {
    const { log, state, watch } = await watched();
    log.push(Buffer.from('something of tomorrow'));
    expect(await watch.look()).toBe(true);
    state.size = () => 0;
    state.now = 5_000;
    expect(await watch.look()).toBe(true);
  });
});

const gapAt = (previous: string) =>
  ({
    kind: 'gap',
    origin,
    topic: topics.events,
    partition: 0,
    generation: 0,
    offsets: { first: 0, last: 3 },
    reason: 'deleted',
    previous,
    time: 1,
  }) as const;

/** A log whose fetches from the seals topic fail while `blind`. */
function blindable(log: RecordLog): RecordLog & { blind: boolean } {
  const self = {
    blind: false,
    describeTopic: (topic: string) => log.describeTopic(topic),
    bounds: (topic: string, partition: number) => log.bounds(topic, partition),
    createAppender: () => log.createAppender(),
    close: () => log.close(),
    fetch: async (request: Parameters<RecordLog['fetch']>[0]) => {
      if (self.blind && request.topic === topics.seals)
        throw new KafkaError('UNREACHABLE', 'blind (injected)', { retriable: true });
      const response = await log.fetch(request);
      if (self.blind && request.topic === topics.seals)
        throw new KafkaError('UNREACHABLE', 'blind (injected)', { retriable: true });
      return response;
    },
  };
  return self;
}

it('statements that were published and cut off before a sealer read them: it notices without a write, and produces them again', async () => {
  const world = new World();
  const writer = await world.start();
  await world.emit(5);
  await world.sealed();
  const log = blindable(world.cluster.connect());
  // Of another's partition: it writes nothing, and would take it over after a minute only.
  const watcher = await world.start({
    kafka: log,
    stateDir: join(world.folder, 'b'),
    partitions: [],
    alarmShownMs: 300,
  });
  await until(() => watcher.status().seals?.readTo === world.highWatermark(topics.seals));
  log.blind = true;
  const kept = world.highWatermark(topics.seals);
  await world.emit(7);
  await world.sealed();
  const entries = await publish(world);
  await writer.stop();
  world.cluster.truncate(topics.seals, 0, kept);
  log.blind = false;
  await until(() => world.highWatermark(topics.seals) > kept, 'it is produced again');
  await until(() => watcher.status().roles.seal === 'running');
  const last = entries.at(-1) ?? new Uint8Array();
  const holds = () => world.records(topics.seals).some(({ value }) => value !== null && equalBytes(value, last));
  await until(holds, 'the last of them is produced again');
  await until(() => watcher.status().partitions[0]?.sealedOffset === 11, 'all of it known again');
  await until(() => watcher.status().alarms.length === 0, 'the alarm is over');
});

it('a log store that cannot be looked at is no loss, and the topics are watched on', async () => {
  const world = new World();
  let away = false;
  const { store } = world.stores;
  const broken = new Proxy(world.stores.checkpoints, {
    get: (target, name) =>
      name === 'newest' && away
        ? () => Promise.reject(new LedgerError('LOG_STORE_UNAVAILABLE', 'away (injected)', { retriable: true }))
        : Reflect.get(target, name).bind(target),
  });
  const ledger = await world.start({ stores: { store, checkpoints: broken } });
  away = true;
  await world.emit(3);
  await world.sealed();
  world.cluster.createTopic('unused');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(ledger.status().alarms).toEqual([]);
  expect(ledger.status().roles.seal).toBe('running');
});
