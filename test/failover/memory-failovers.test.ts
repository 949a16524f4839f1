import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { signerFromSeed, signNote } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import { KafkaError } from '@tallystick/kafka/errors';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { MemoryCheckpointStore } from '@tallystick/ledger-service/memory-checkpoint-store';
import { MemoryLogStore } from '@tallystick/ledger-service/memory-log-store';
import { MemoryStateFiles } from '@tallystick/ledger-service/memory-state-files';
import { startLedger, type RunningLedger } from '@tallystick/ledger-service/service';
import { verify } from '@tallystick/verifier/verify';
import { AlarmRecord, isFalseAlarm } from './alarms.ts';
import { eventually } from './waiting.ts';

const origin = 'failover.example/log';
const topics = { events: 'events', seals: 'seals', leaves: 'leaves' };
const partitions = 2;
const failovers = 300;
const seed = (n: number) => new Uint8Array(32).fill(n);
const rootSigner = signerFromSeed(`${origin}/root`, seed(1));
const sealSigner = signerFromSeed(`${origin}/seal`, seed(2));
const logSigner = signerFromSeed(origin, seed(3));

/** What a leader's end looks like to clients, from Kafka's protocol; the numbers are its error codes. */
const faces = [
  'epoch',
  'not leader',
  'fenced',
  'no broker',
  'low watermark',
  'lost answer',
  'too few replicas',
] as const;

async function failover(cluster: MemoryCluster, topic: string, partition: number, number: number): Promise<void> {
  const place = { topic, partition };
  const gone = new KafkaError('UNREACHABLE', 'The broker is gone (injected).', { retriable: true });
  switch (faces[number % faces.length]) {
    case 'not leader':
      cluster.inject({ on: 'fetch', ...place, error: 6, times: 3 });
      cluster.inject({ on: 'append', ...place, error: 6, times: 2 });
      break;
    case 'fenced':
      cluster.inject({ on: 'fetch', ...place, error: 74, times: 2 });
      cluster.inject({ on: 'fetch', ...place, error: 75, times: 2 });
      break;
    case 'no broker':
      for (const on of ['fetch', 'append', 'bounds'] as const) cluster.inject({ on, ...place, error: gone, times: 2 });
      break;
    case 'low watermark':
      // KIP-207: a new leader knows a high watermark from before for a moment.
      cluster.holdHighWatermark(topic, partition, Math.max(0, cluster.partition(topic, partition).highWatermark - 3));
      break;
    case 'lost answer':
      cluster.loseAnswers(1, topic);
      break;
    case 'too few replicas':
      cluster.rejectAppends(2, undefined, topic);
      break;
    case 'epoch':
    case undefined:
      break;
  }
  cluster.bumpLeaderEpoch(topic, partition);
  await sleep(6);
  cluster.holdHighWatermark(topic, partition, null);
}

it(`${failovers} failovers in memory under two ledgers: all is sealed, nothing forks, and no alarm is false`, async () => {
  const cluster = new MemoryCluster();
  cluster.createTopic(topics.events, { partitions });
  cluster.createTopic(topics.seals);
  cluster.createTopic(topics.leaves, { partitions });
  const stores = { store: new MemoryLogStore(), checkpoints: new MemoryCheckpointStore() };
  const statement = {
    ...({ kind: 'key', origin, number: 0, action: 'add', role: 'seal', previous: null, time: 1 } as const),
    key: sealSigner.key.vkey,
  };
  const note = await signNote(formatStatement(statement), rootSigner);
  const ledgers: RunningLedger[] = [];
  for (let at = 0; at < 2; at += 1)
    ledgers.push(
      await startLedger({
        ...{ kafka: cluster.connect(), topics, origin, rootKey: rootSigner.key, stores },
        ...{ logKeys: [logSigner.key], logSigners: [logSigner], signer: sealSigner, keyStatements: [note] },
        ...{ stateDir: new MemoryStateFiles(), publishMs: 20, limits: { events: 20, ageMs: 15 }, deadlineMs: 30_000 },
      }),
    );
  const records = ledgers.map((_, at) => new AlarmRecord(`ledger ${at + 1}`));
  const look = () => {
    for (const [at, ledger] of ledgers.entries()) {
      const { alarms, partitions: all } = ledger.status();
      records[at]?.update([...alarms, ...all.flatMap((one) => one.alarms)], 0, 0);
    }
  };
  const looking = setInterval(look, 5);
  const writers = Array.from(
    { length: partitions },
    () => new SafeWriter({ log: cluster.connect(), topic: topics.events }),
  );
  let acknowledged = 0;
  try {
    for (let number = 0; number < failovers; number += 1) {
      const partition = number % partitions;
      const topic = [topics.events, topics.seals, topics.leaves][number % 3] ?? topics.events;
      const fails = failover(cluster, topic, topic === topics.seals ? 0 : partition, number);
      const key = Buffer.from(`actor ${number}`);
      const { runs } = await (writers[partition] as SafeWriter).append(
        partition,
        Array.from({ length: 5 }, () => ({ key, value: key })),
      );
      acknowledged += runs.reduce((sum, { count }) => sum + count, 0);
      await fails;
    }
    cluster.clearFaults();
    await eventually(
      () =>
        ledgers.every((ledger) =>
          // Of what they have read: who waits after a fault may not have seen the last records yet.
          ledger.status().partitions.every(({ partition, highWatermark, lag, state }) => {
            const { end } = cluster.partition(topics.events, partition);
            return highWatermark === end && lag === 0 && state === 'sealing';
          }),
        ) && records.every((record) => record.standing() === 0),
      'all sealed and no alarm left',
      120_000,
    );
  } finally {
    clearInterval(looking);
    await Promise.all(ledgers.map(async (ledger) => await ledger.stop()));
  }
  const alarms = records.flatMap((record) => record.list());
  expect(alarms.filter(isFalseAlarm)).toEqual([]);
  const verdict = await verify({ log: cluster.connect(), topics, origin, rootKey: rootSigner.key });
  expect(verdict).toMatchObject({ verdict: 'verified', exitCode: 0, counts: { forks: 0, unsealed: 0 } });
  expect(verdict.checked.events).toBeGreaterThanOrEqual(acknowledged);
  expect(acknowledged).toBe(failovers * 5);
  // The partitions did change hands, and the ledgers did meet it.
  expect(cluster.partition(topics.events, 0).leaderEpoch).toBeGreaterThan(40);
}, 400_000);
