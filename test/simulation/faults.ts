import { MemoryCheckpointStore } from '@tallystick/ledger-service/memory-checkpoint-store';
import { MemoryLogStore } from '@tallystick/ledger-service/memory-log-store';
import type { LogStore } from '@tallystick/ledger-service/log-store';
import { encodeBase64 } from '@tallystick/core/encoding';
import { signNote } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import { collect } from './collect.ts';
import { statementsOf } from './disturbances.ts';
import { undisturbed, type Expectations } from './expectations.ts';
import { epoch } from './figures.ts';
import { keys, newJudge, origin, topics } from './keys.ts';
import { chainsOf, readCheckpoint } from './statements.ts';
import type { World } from './world.ts';

// What no ledger can make undone: at most one of these in a world. Each says what must follow.

type Fault = (world: World, partition: number) => Promise<Partial<Expectations> | null>;

const most = 2 ** 26;
const seals = { alarms: new Set(['SEALS_LOST', 'STATEMENT_REFUSED']), findings: null };
/** What a partition shows whose records are not those that were sealed. */
const disagree = new Set([
  'TOPIC_RECREATED',
  'LOG_DIVERGED',
  'OFFSET_OUT_OF_RANGE',
  'OFFSET_GAP',
  'BATCH_INVALID',
  'RECORDS_DISAGREE',
  'RECORDS_DELETED',
  'FORK',
]);

/** The first offset of a partition that no stored checkpoint says is sealed; null: there is no genesis. */
function sealedTo(world: World, partition: number): number | null {
  return chainsOf(world.book.entries).get(partition)?.nextOffset ?? null;
}

/** Only what the log held is missed by everybody. */
const lost = (world: World, held: boolean): Partial<Expectations> => ({
  ...seals,
  mustAlarm: held && world.book.size > 0 ? ['SEALS_LOST'] : [],
});

async function copyOf(store: LogStore): Promise<LogStore> {
  const copy = new MemoryLogStore();
  for await (const path of store.list('')) await copy.write(path, (await store.read(path, most)) ?? new Uint8Array());
  return copy;
}

async function rolledBack(world: World): Promise<Partial<Expectations> | null> {
  const { random, book } = world;
  const newest = await world.checkpoints.newest();
  if (newest === null || newest.version < 3) return null;
  const back = random.between(0, newest.version - 2);
  const store = new MemoryCheckpointStore();
  let from = null;
  let size = 0;
  for (const note of world.checkpointNotes.slice(0, back)) {
    from = await store.swap(from, note);
    ({ size } = readCheckpoint(note));
  }
  if (size === book.size) return null;
  world.checkpoints = store;
  world.checkpointNotes.length = back;
  book.rolledBack(back, size);
  const alarms = new Set(['CHECKPOINT_ROLLED_BACK', 'LOG_FORKED', 'LOG_STORE_INVALID', 'LOG_DAMAGED']);
  return { alarms, mustAlarm: [...alarms], publishingStops: true };
}

export const faults: Readonly<Record<string, Fault>> = {
  'seals emptied': async (world) => {
    await Promise.resolve();
    world.cluster.deleteRecords(topics.seals, 0, world.end(topics.seals));
    return lost(world, true);
  },
  'seals cut at their end': async (world) => {
    await Promise.resolve();
    world.cluster.truncate(topics.seals, 0, Math.max(0, world.end(topics.seals) - world.random.between(1, 12)));
    return lost(world, false);
  },
  'seals created anew': async (world) => {
    await Promise.resolve();
    world.cluster.recreateTopic(topics.seals);
    return lost(world, true);
  },
  'records deleted': async (world, partition) => {
    await Promise.resolve();
    const end = world.end(topics.events, partition);
    const below = world.random.chance(0.5) ? end : world.random.between(0, end);
    const chain = chainsOf(world.book.entries).get(partition);
    world.cluster.deleteRecords(topics.events, partition, below);
    const mustFail =
      chain !== undefined && chain.firstOffset < world.cluster.partition(topics.events, partition).logStart;
    return {
      alarms: new Set(['RECORDS_DELETED']),
      findings: new Set(['gap', 'deleted', 'truncated', 'not-covered']),
      racesMayBeForks: true,
      mustFail,
    };
  },
  'records cut at their end': async (world, partition) => {
    await Promise.resolve();
    const end = world.end(topics.events, partition);
    const to = Math.max(0, end - world.random.between(1, 15));
    const sealed = sealedTo(world, partition) ?? 0;
    world.cluster.truncate(topics.events, partition, to);
    const cut = world.end(topics.events, partition);
    return {
      alarms: disagree,
      findings: null,
      mustFail: cut < sealed,
      mayStop: new Set([partition]),
      mustAlarm: cut < sealed ? [...disagree] : [],
    };
  },
  'records created anew': async (world) => {
    await Promise.resolve();
    const began = sealedTo(world, 0) !== null;
    world.cluster.recreateTopic(topics.events);
    const all = new Set(Array.from({ length: world.partitions }, (_, partition) => partition));
    return {
      alarms: disagree,
      findings: null,
      mustFail: began,
      mayStop: all,
      mustAlarm: began ? ['TOPIC_RECREATED'] : [],
    };
  },
  'a record changed': async (world, partition) => {
    await Promise.resolve();
    const sealed = sealedTo(world, partition) ?? 0;
    const { batches } = world.cluster.partition(topics.events, partition);
    const old = batches.filter(({ lastOffset }) => lastOffset < sealed);
    const batch = world.random.pick(old);
    if (batch === undefined) return null;
    // The last byte before the number of headers: of the value.
    world.cluster.flipByte(topics.events, partition, { offset: batch.baseOffset, at: -2, mendCrc: true });
    return { alarms: disagree, findings: null, mustFail: true, mayStop: new Set([partition]) };
  },
  'a seal that lies': async (world, partition) => {
    const judge = newJudge();
    for (const [offset, value] of statementsOf(world).entries()) judge.offer(value, { in: 'seals', offset });
    const state = judge.partition(topics.events, partition);
    if (state === null) return null;
    world.emit(partition, 2);
    const { generation, hash: previous, nextSeal: seal, nextIndex, nextOffset, head: after } = state;
    const root = encodeBase64(world.random.bytes(32));
    const text = formatStatement({
      kind: 'seal',
      origin,
      topic: topics.events,
      partition,
      generation,
      seal,
      events: { first: nextIndex, last: nextIndex },
      offsets: { first: nextOffset, last: nextOffset },
      epoch: 0,
      root,
      after,
      head: root,
      previous,
      time: epoch,
    });
    // Who has the key of one ledger can have it accepted: nobody may go on behind it.
    const [valid] = judge.validKeys('seal');
    world.append(await signNote(text, valid?.vkey === keys.nextSeal.key.vkey ? keys.nextSeal : keys.seal));
    const mustAlarm = ['FORK', 'RECORDS_DISAGREE'];
    return { alarms: disagree, findings: null, mustFail: true, mayStop: new Set([partition]), mustAlarm };
  },
  'tiles gone or changed': async (world) => {
    const { random, logStore } = world;
    const paths = (await collect(logStore.list('tile/'))).sort();
    for (let i = random.between(1, 4); i > 0; i -= 1) {
      const path = random.pick(paths);
      if (path === undefined) return null;
      if (random.chance(0.5)) await logStore.remove([path]);
      else await logStore.write(path, random.bytes(64));
    }
    if (random.chance(0.3)) await logStore.remove(['snapshot']);
    world.logDamaged = true;
    return { alarms: new Set(['LOG_DAMAGED']) };
  },
  'log folder rolled back': async (world) => {
    const copy = await copyOf(world.logStore);
    world.scheduler.after(world.random.between(200, 1_000), () => {
      world.say('log folder rolled back now');
      world.logStore = copy;
      world.logDamaged = true;
    });
    return { alarms: new Set(['LOG_DAMAGED']) };
  },
  'checkpoint store rolled back': async (world) => await rolledBack(world),
};

export async function inflict(world: World, name: string): Promise<Expectations> {
  const partition = world.random.below(world.partitions);
  // Before anything is in the log there is nothing that anybody could miss.
  if (world.book.size === 0) return undisturbed;
  const follows = (await faults[name]?.(world, partition)) ?? null;
  return follows === null ? undisturbed : { ...undisturbed, ...follows, fault: name };
}
