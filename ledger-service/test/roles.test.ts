import { equalBytes } from '@tallystick/core/encoding';
import { LedgerError } from '../src/errors.ts';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LogStore } from '../src/ports/log-store.ts';
import type { LedgerOptions, RunningLedger } from '../src/service.ts';
import { openLogState } from '../src/log/log-state.ts';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { checkSeals, logSigner, origin, rootSigner, sealSigner, topics, until, World } from './world.ts';

const both: Partial<LedgerOptions> = { roles: ['seal', 'publish'] };

const openLog = async (world: World) =>
  await openLogState({
    ...world.stores,
    origin,
    rootKey: rootSigner.key,
    logKeys: [logSigner.key],
    verify: nodeVerifyEd25519,
  });

async function entriesOf(world: World): Promise<Uint8Array[]> {
  const { entries, size } = await openLog(world);
  const all: Uint8Array[] = [];
  for await (const entry of entries(0, size)) all.push(entry);
  return all;
}

/** Waits until the log holds every accepted statement of the topic. */
async function published(world: World): Promise<void> {
  for (const end = performance.now() + 120_000; performance.now() < end;) {
    if ((await openLog(world)).size === world.judge().judge.size) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the log did not catch up');
}

const codes = (ledger: RunningLedger) => ledger.status().alarms.map(({ code }) => code);

describe('sealing and publishing in one process', () => {
  it('the log holds what was accepted, in order, and a restart goes on from it', async () => {
    const world = new World(2);
    await world.emit(33, 0);
    await world.emit(5, 1);
    const ledger = await world.start(both);
    await world.sealed(0);
    await world.sealed(1);
    await published(world);
    expect(ledger.status()).toMatchObject({ roles: { seal: 'running', publish: 'running' }, alarms: [] });
    await ledger.stop();
    await ledger.done;
    const accepted = world
      .judge()
      .outcomes.flatMap((outcome) => (outcome.outcome === 'accepted' ? [new Uint8Array(outcome.signed.note)] : []));
    expect(await entriesOf(world)).toEqual(accepted);
    await world.emit(4, 0);
    const again = await world.start(both);
    await world.sealed(0);
    await published(world);
    expect(codes(again)).toEqual([]);
    expect(checkSeals(world, 0)).toBe(37);
  });

  it('a log store that is away, or broken, never stops sealing', async () => {
    const world = new World();
    const ledger = await world.start(both);
    await world.emit(10);
    await world.sealed();
    await published(world);
    let error = new LedgerError('LOG_STORE_UNAVAILABLE', 'away (injected)', { retriable: true });
    const broken = brokenStore(world, () => error);
    await ledger.stop();
    const again = await world.start({ ...both, stores: { ...world.stores, store: broken.store } });
    broken.fails = true;
    for (const next of [error, new LedgerError('LOG_STORE_INVALID', 'broken (injected)')]) {
      error = next;
      await world.emit(12);
      await world.sealed();
      await until(() => again.status().alarms.some(({ code }) => code === next.code), next.code);
      expect(again.status()).toMatchObject({
        roles: { seal: 'running' },
        partitions: [{ state: 'sealing', alarms: [] }],
      });
    }
    broken.fails = false;
    await published(world);
    await until(() => again.status().roles.publish === 'running' && codes(again).length === 0);
    expect(checkSeals(world)).toBe(34);
  });

  it('a log store that is away at the start is waited for, with an alarm', async () => {
    const world = new World();
    const away = new LedgerError('LOG_STORE_UNAVAILABLE', 'away (injected)', { retriable: true });
    const broken = brokenStore(world, () => away);
    broken.fails = true;
    const ledger = await world.start({ ...both, stores: { ...world.stores, store: broken.store } });
    await until(() => codes(ledger).includes('LOG_STORE_UNAVAILABLE'));
    await world.emit(12);
    broken.fails = false;
    await world.sealed();
    await published(world);
    await until(() => codes(ledger).length === 0);
    expect(checkSeals(world)).toBe(12);
  });

  it('a ledger that waits for its log store is stopped as any other, and seals nothing afterwards', async () => {
    const world = new World();
    const away = new LedgerError('LOG_STORE_UNAVAILABLE', 'away (injected)', { retriable: true });
    const broken = brokenStore(world, () => away);
    broken.fails = true;
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const store: LogStore = {
      ...broken.store,
      read: async (path, maxBytes) => {
        const bytes = await broken.store.read(path, maxBytes);
        // It comes back while the ledger is told to stop.
        reached.resolve();
        await held.promise;
        return bytes;
      },
    };
    const ledger = await world.start({ ...both, stores: { ...world.stores, store } });
    await world.emit(3);
    broken.fails = false;
    await reached.promise;
    const stopping = ledger.stop();
    held.resolve();
    await stopping;
    await ledger.done;
    expect(ledger.status()).toMatchObject({ state: 'stopped', roles: { seal: 'ended', publish: 'ended' } });
    const end = world.highWatermark(topics.seals);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(world.highWatermark(topics.seals)).toBe(end);
  });

  it.each([
    ['emptied', (world: World) => world.cluster.truncate(topics.seals, 0, 0)],
    ['created anew', (world: World) => void world.cluster.recreateTopic(topics.seals)],
    ['cut in its middle', (world: World) => world.cluster.truncate(topics.seals, 0, 3)],
  ])('a seals topic that is %s under both: log and topic agree again, and both go on', async (_, lose) => {
    const world = new World();
    await world.emit(45);
    const ledger = await world.start({ ...both, alarmShownMs: 600_000 });
    await world.sealed();
    await published(world);
    const before = await entriesOf(world);
    lose(world);
    await world.emit(21);
    await until(() => (world.accepted().at(-1)?.offsets.last ?? -1) === 65, 'all of it sealed');
    await published(world);
    expect(checkSeals(world)).toBe(66);
    const after = await entriesOf(world);
    // What a checkpoint held stays, byte for byte, and is in the topic again in this order.
    expect(after.slice(0, before.length)).toEqual(before);
    let next = 0;
    for (const { value } of world.records(topics.seals))
      if (value !== null && equalBytes(value, after[next] ?? new Uint8Array())) next += 1;
    expect(next).toBe(after.length);
    await until(() => codes(ledger).includes('SEALS_LOST'), 'the alarm');
    const running = () => Object.values(ledger.status().roles).every((state) => state === 'running');
    await until(running, 'both roles run');
    expect(Object.keys(ledger.status().roles)).toEqual(['seal', 'publish']);
  });
});

describe('roles apart', () => {
  it('two that seal, two that publish, in processes of their own: one log', async () => {
    const world = new World(2);
    const apart = (roles: LedgerOptions['roles'] & {}, name: string) =>
      world.start({ roles, stateDir: join(world.folder, name) });
    const ledgers = await Promise.all([
      apart(['seal'], 'a'),
      apart(['publish'], 'b'),
      apart(['seal'], 'c'),
      apart(['publish'], 'd'),
    ]);
    for (let round = 0; round < 10; round++) {
      await world.emit(13, round % 2);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await world.sealed(0);
    await world.sealed(1);
    await published(world);
    expect(checkSeals(world, 0) + checkSeals(world, 1)).toBe(130);
    const [sealing, publishing] = ledgers.map((ledger) => ledger.status());
    expect(sealing).toMatchObject({ key: sealSigner.key.vkey, roles: { seal: 'running' }, publish: null });
    expect(publishing).toMatchObject({ key: null, seals: null, roles: { publish: 'running' }, partitions: [] });
  });

  it('each is given what it needs and nothing else', async () => {
    const world = new World();
    const { signer: _, keyStatements: __, ...publishing } = await optionsOf(world);
    const publisher = await world.start({ ...publishing, roles: ['publish'] });
    expect(publisher.status().roles).toEqual({ publish: 'running' });
  });

  it.each([
    [['seal'], 'signer'],
    [['seal'], 'keyStatements'],
    [['publish'], 'logSigners'],
  ] as const)('the role %o without its %s', async (roles, setting) => {
    const world = new World();
    const started = world.start({ roles, [setting]: undefined } as unknown as Partial<LedgerOptions>);
    await expect(started).rejects.toMatchObject({ code: 'CONFIG_INVALID', evidence: { setting } });
  });
});

async function optionsOf(world: World): Promise<Partial<LedgerOptions>> {
  return await Promise.resolve({ stores: world.stores, logKeys: [logSigner.key], logSigners: [logSigner] });
}

/** The world's log, whose every call fails while `fails` says so. */
function brokenStore(world: World, error: () => Error): { store: LogStore; fails: boolean } {
  const { store } = world.stores;
  const broken = {
    fails: false,
    store: {
      read: async (path: string, maxBytes: number) => await up(() => store.read(path, maxBytes)),
      write: async (path: string, bytes: Uint8Array) => await up(() => store.write(path, bytes)),
      writeAll: async (objects: Parameters<LogStore['writeAll']>[0]) => await up(() => store.writeAll(objects)),
      remove: async (paths: readonly string[]) => await up(() => store.remove(paths)),
      list: (prefix: string) => store.list(prefix),
      close: () => store.close(),
    },
  };
  const up = async <T>(use: () => Promise<T>): Promise<T> => {
    if (broken.fails) throw error();
    return await use();
  };
  return broken;
}
