import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../../infra/local/kafka-cluster.ts';
import { eventuallyDespite } from './waiting.ts';
import { partitions, replicas, type FailoverWorld } from './world.ts';

/**
 * kill: kill -9 of the broker that leads a partition. stop: SIGSTOP of it, then SIGCONT. leader: the partition's leader is told to give it
 * up. restart: a clean stop of it. ledger-kill, ledger-stop: kill -9 or SIGSTOP of a ledger while another one lives.
 */
export const kinds = ['kill', 'stop', 'leader', 'restart', 'ledger-kill', 'ledger-stop'] as const;
export type Kind = (typeof kinds)[number];

export interface Round {
  readonly kind: Kind;
  /** How long the broker or ledger is away, ms; without meaning for leader. */
  readonly awayMs: number;
}

/** Partitions of all three topics in turn: the leaders of events, seals and leaves fail in different ways. */
export function targetOf(world: FailoverWorld, number: number): { topic: string; partition: number } {
  const { events, seals, leaves } = world.topics;
  const partition = Math.floor(number / 3) % partitions;
  return (
    [
      { topic: seals, partition: 0 },
      { topic: events, partition },
      { topic: leaves, partition },
    ][number % 3] ?? { topic: events, partition }
  );
}

/** Does to the cluster what the round says. @returns what was done, in words */
export async function play(world: FailoverWorld, { kind, awayMs }: Round, number: number): Promise<string> {
  switch (kind) {
    case 'ledger-kill':
    case 'ledger-stop': {
      const ledger = world.ledgers[number % world.ledgers.length];
      if (ledger === undefined) throw new Error('there is no ledger');
      if (kind === 'ledger-stop') {
        ledger.freeze();
        await sleep(awayMs);
        ledger.thaw();
      } else {
        await ledger.kill();
        await sleep(awayMs);
        await ledger.start();
      }
      return ledger.name;
    }
    case 'leader':
      return await moveLeader(world, number);
    case 'kill':
    case 'stop':
    case 'restart': {
      const { topic, partition } = targetOf(world, number);
      const broker = await leading(world, topic, partition);
      await away(broker, kind, awayMs);
      return `broker ${broker.id}, leader of ${topic}/${partition}`;
    }
  }
}

async function away(broker: Broker, kind: 'kill' | 'stop' | 'restart', awayMs: number): Promise<void> {
  if (kind === 'stop') {
    broker.freeze();
    await sleep(awayMs);
    broker.thaw();
    return;
  }
  await (kind === 'kill' ? broker.kill() : broker.stop());
  await sleep(awayMs);
  await broker.start();
}

async function leading(world: FailoverWorld, topic: string, partition: number): Promise<Broker> {
  let broker: Broker | undefined;
  await eventuallyDespite(
    async () => {
      const leader = await world.admin.leaderOf(topic, partition);
      broker = world.cluster.brokers.find(({ id }) => id === leader);
      return broker !== undefined;
    },
    `a leader of ${topic}/${partition}`,
    180_000,
  );
  if (broker === undefined) throw new Error('unreachable');
  return broker;
}

/** Takes the partition from its leader, so that another one leads, and gives it back as the last of its replicas. */
async function moveLeader(world: FailoverWorld, number: number): Promise<string> {
  const { topic, partition } = targetOf(world, number);
  const { id: before } = await leading(world, topic, partition);
  const others = world.cluster.brokers.map(({ id }) => id).filter((id) => id !== before);
  const place = async (wanted: readonly number[], holds: () => Promise<boolean>, what: string) => {
    await eventuallyDespite(
      async () => {
        await world.admin.place(topic, partition, wanted);
        return true;
      },
      what,
      180_000,
    );
    await eventuallyDespite(holds, what, 180_000);
  };
  let after = before;
  await place(
    others,
    async () => {
      after = await world.admin.leaderOf(topic, partition);
      return after >= 0 && after !== before;
    },
    `${topic}/${partition} led by another broker than ${before}`,
  );
  await place(
    [...others, before],
    async () => await world.admin.allInSync(replicas),
    `${topic}/${partition} on all brokers again`,
  );
  return `${topic}/${partition} from broker ${before} to ${after}`;
}
