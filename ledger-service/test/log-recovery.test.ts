import { openCheckpoint } from '@tallystick/core/checkpoint';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { noteSignedBy, parseNote, signNote } from '@tallystick/core/note';
import { openSnapshot } from '@tallystick/core/snapshot';
import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../src/adapters/memory-checkpoint-store.ts';
import { MemoryLogStore } from '../src/adapters/memory-log-store.ts';
import { MemoryStateFiles } from '../src/adapters/memory-state-files.ts';
import { openStateFolder } from '../src/adapters/state-folder.ts';
import type { LedgerError } from '../src/errors.ts';
import { openLogState, type LogStateOptions } from '../src/log/log-state.ts';
import { checkLogStore } from '../src/log/repair.ts';
import { seenCheckpointIn } from '../src/log/seen-checkpoint.ts';
import type { LogStore } from '../src/ports/log-store.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastClock, Faults } from './support/log-faults.ts';
import {
  logSigner,
  LogWorld,
  newLogSigner,
  origin,
  rootSigner,
  sealSigner,
  sizeOf,
  topic,
  until,
} from './support/log-world.ts';

const clock = fastClock();

async function grown(seals: number, over = {}): Promise<LogWorld> {
  const world = new LogWorld();
  await world.begin();
  await world.seal(seals);
  await world.start({ clock, ...over });
  await world.logged(seals + 2);
  await until(
    async () => (await snapshotSize(world)) === world.size(),
    () => 'a snapshot',
  );
  await until(
    async () => (await world.publishedSize()) === world.size(),
    () => 'published',
  );
  return world;
}

async function snapshotSize(world: LogWorld): Promise<number | null> {
  const note = await world.store.read('snapshot', 1 << 24);
  return note === null ? null : openSnapshot(note, { origin, keys: [logSigner.key] }).size;
}

async function paths(store: LogStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const path of store.list(prefix)) found.push(path);
  return found;
}

async function stopAll(world: LogWorld): Promise<void> {
  await Promise.all(world.publishers.splice(0).map(async (publisher) => await publisher.stop()));
}

function stateOptions(world: LogWorld, notes: string[] = []): LogStateOptions {
  const { store, checkpoints } = world;
  const keys = { rootKey: rootSigner.key, logKeys: [logSigner.key] };
  const onSnapshotUnusable = (error: LedgerError) => void notes.push(error.message);
  return { store, checkpoints, origin, ...keys, verify: nodeVerifyEd25519, onSnapshotUnusable };
}

async function copyOf(store: LogStore): Promise<MemoryLogStore> {
  const copy = new MemoryLogStore();
  for await (const path of store.list(''))
    await copy.write(path, (await store.read(path, 1 << 25)) ?? new Uint8Array());
  return copy;
}

async function copyOfCheckpoints(world: LogWorld): Promise<MemoryCheckpointStore> {
  const copy = new MemoryCheckpointStore();
  let from = null;
  for (const note of world.checkpoints.stored) from = await copy.swap(from, note);
  return copy;
}

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe('a start', () => {
  it('goes on from the snapshot, and reads only what lies behind it', async () => {
    const world = await grown(600);
    await stopAll(world);
    const faults = new Faults();
    const state = await openLogState({ ...stateOptions(world), store: faults.store(world.store) });
    expect(state).toMatchObject({ size: 602, snapshotSize: 602 });
    expect(faults.counts.get('read tile')).toBeUndefined();
    expect(state.judge.size).toBe(602);
    await world.seal(10);
    const publisher = await world.start({ clock });
    expect(publisher.status().readTo).toBeLessThanOrEqual(612);
    await world.logged(612);
    await world.expectWholeLog();
  });

  it('reads the entries behind an older snapshot', async () => {
    const world = await grown(20);
    const older = (await world.store.read('snapshot', 1 << 24))!;
    await world.seal(300);
    await world.logged(322);
    await stopAll(world);
    await world.store.write('snapshot', older);
    const notes: string[] = [];
    const state = await openLogState(stateOptions(world, notes));
    expect(state).toMatchObject({ size: 322, snapshotSize: 22, position: { offset: 22 } });
    expect(notes).toEqual([]);
    await world.start({ clock });
    await world.seal(5);
    await world.logged(327);
    await world.expectWholeLog();
  });

  const unusable: [string, (world: LogWorld) => Promise<Uint8Array | null>, RegExp][] = [
    ['missing', async () => await Promise.resolve(null), /there is none/],
    ['garbage', async () => await Promise.resolve(new Uint8Array([1, 2, 3])), /not a snapshot/],
    ['signed by a stranger', async (world) => await resigned(world, newLogSigner), /no valid signature/],
    ['of another log', async (world) => await resigned(world, logSigner, 'other.example/log'), /not of/],
  ];
  it.for(unusable)('reads the log from its beginning where the snapshot is %s', async ([, forge, why]) => {
    const world = await grown(300);
    await stopAll(world);
    const note = await forge(world);
    if (note === null) await world.store.remove(['snapshot']);
    else await world.store.write('snapshot', note);
    const notes: string[] = [];
    const state = await openLogState(stateOptions(world, notes));
    expect(state).toMatchObject({ size: 302, snapshotSize: null, position: null });
    expect(notes).toEqual([expect.stringMatching(why)]);
    expect(state.judge.size).toBe(302);
    const publisher = await world.start({ clock });
    await world.seal(3);
    await world.logged(305);
    await until(
      () => publisher.status().alarms.length === 0,
      () => 'a new snapshot clears the alarm',
    );
    await world.expectWholeLog();
  });

  it('refuses a log whose signed root holds an entry that does not count', async () => {
    const world = await grown(3);
    await stopAll(world);
    // Who holds the log key and not the seal key writes a log of his own.
    const evil = new LogWorld();
    evil.store = world.store;
    evil.checkpoints = world.checkpoints;
    const { LogEdge } = await import('../src/log/log-edge.ts');
    const { formatCheckpoint } = await import('@tallystick/core/checkpoint');
    const newest = (await world.checkpoints.newest())!;
    const { checkpoint } = openCheckpoint(newest.note, { origin, keys: [logSigner.key] });
    const edge = await LogEdge.open(world.store, checkpoint);
    edge.append(new TextEncoder().encode('nothing that counts'));
    for (const { path, bytes } of edge.objectsSince(5)) await world.store.write(path, bytes);
    const text = formatCheckpoint({ origin, size: 6, root: edge.root(), extensions: [] });
    await world.checkpoints.swap(newest, await signNote(text, logSigner));
    await expect(openLogState(stateOptions(world))).rejects.toThrow(code('LOG_REFUSED'));
    await expect(world.start({ clock })).rejects.toThrow(code('LOG_REFUSED'));
  });
});

async function resigned(world: LogWorld, signer: typeof logSigner, name = origin): Promise<Uint8Array> {
  const { text } = parseNote((await world.store.read('snapshot', 1 << 24))!);
  return await signNote(text.replace(`origin ${origin}`, `origin ${name}`), signer);
}

describe('a rolled-back checkpoint store', () => {
  it('stops publishing, and the next start too, by what was published or kept in the state folder', async () => {
    const world = await grown(5);
    const before = await copyOfCheckpoints(world);
    await world.seal(5);
    await world.logged(12);
    await until(
      async () => (await world.publishedSize()) === 12,
      () => 'published',
    );
    await until(
      async () => (await snapshotSize(world)) === 12,
      () => 'a snapshot',
    );
    const [publisher] = world.publishers;
    world.checkpoints.inner = before;
    await world.seal(5);
    await expect(publisher!.done).rejects.toThrow(code('CHECKPOINT_ROLLED_BACK'));
    await expect(world.start({ clock })).rejects.toThrow(code('CHECKPOINT_ROLLED_BACK'));
    // The published checkpoint alone is enough, and so is what this publisher remembers.
    await expect(world.start({ clock, seen: seenCheckpointIn(new MemoryStateFiles()) })).rejects.toThrow(
      code('CHECKPOINT_ROLLED_BACK'),
    );
    await world.store.remove(['checkpoint']);
    await expect(world.start({ clock })).rejects.toThrow(code('CHECKPOINT_ROLLED_BACK'));
    // So is the snapshot.
    await expect(world.start({ clock, seen: seenCheckpointIn(new MemoryStateFiles()) })).rejects.toThrow(
      code('CHECKPOINT_ROLLED_BACK'),
    );
    expect((await before.newest())!.note).toEqual(world.checkpoints.stored[(await before.newest())!.version - 1]);
  });

  it('is a fork where somebody went on from it, however far', async () => {
    const world = await grown(5);
    const [store, checkpoints] = [await copyOf(world.store), await copyOfCheckpoints(world)];
    await world.seal(5);
    await world.logged(12);
    await stopAll(world);
    // The copy goes on with other statements, as large as the first and larger.
    const other = new LogWorld();
    other.store = store;
    other.checkpoints.inner = checkpoints;
    other.checkpoints.stored.push(...world.checkpoints.stored.slice(0, (await checkpoints.newest())!.version));
    await other.begin();
    await other.seal(5);
    await other.seal(9, 1);
    await other.start({ clock });
    await other.logged(17);
    await stopAll(other);
    await expect(other.start({ clock, seen: world.seen })).rejects.toThrow(code('LOG_FORKED'));
    await other.store.write('checkpoint', world.checkpoints.stored.at(-1)!);
    await expect(other.start({ clock })).rejects.toThrow(code('LOG_FORKED'));
  });

  it('is seen by the file in the state folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tallystick-seen-'));
    try {
      const seen = seenCheckpointIn(await openStateFolder(folder));
      const world = await grown(5, { seen });
      await stopAll(world);
      expect(sizeOf((await seen.load())!)).toBe(7);
      world.checkpoints.inner = new MemoryCheckpointStore();
      for (const path of ['checkpoint', 'snapshot']) await world.store.remove([path]);
      await expect(world.start({ clock, seen })).rejects.toThrow(code('CHECKPOINT_ROLLED_BACK'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a damaged log', () => {
  const damages: [string, (store: LogStore) => Promise<void>][] = [
    ['a tile at the right edge is gone', async (store) => await store.remove(['tile/0/001.p/46'])],
    ['the last bundle is gone', async (store) => await store.remove(['tile/entries/001.p/46'])],
    ['the last bundle is another', async (store) => await store.write('tile/entries/001.p/46', new Uint8Array([0, 0]))],
    ['the tile above is wrong', async (store) => await store.write('tile/1/000.p/1', new Uint8Array(32))],
    [
      'the first bundle and the snapshot are gone',
      async (store) => await store.remove(['tile/entries/000', 'snapshot']),
    ],
    [
      'all is gone',
      async (store) => {
        for (const path of await paths(store, '')) await store.remove([path]);
      },
    ],
  ];
  it.for(damages)('is made again from the seals topic: %s', async ([, damage]) => {
    const world = await grown(300);
    await stopAll(world);
    await damage(world.store);
    await world.start({ clock });
    await world.seal(3);
    await world.logged(305);
    await world.expectWholeLog();
    await until(
      async () => (await world.publishedSize()) === 305,
      () => 'published',
    );
  });

  it('is made again from an older copy and the rest of the topic', async () => {
    const world = await grown(280);
    const older = await copyOf(world.store);
    await world.seal(300);
    await world.logged(582);
    await stopAll(world);
    world.store = older;
    await world.start({ clock });
    await world.seal(3);
    await world.logged(585);
    await world.expectWholeLog();
  });

  it('stops publishing where nothing gives its root any more', async () => {
    const world = await grown(300);
    await stopAll(world);
    await world.store.remove(['tile/entries/001.p/46']);
    world.cluster.recreateTopic(topic);
    await expect(world.start({ clock })).rejects.toThrow(code('LOG_DAMAGED'));
  });

  it('is found whole, tile by tile', async () => {
    const world = await grown(600);
    await stopAll(world);
    const { checkpoint } = openCheckpoint(world.checkpoints.stored.at(-1)!, { origin, keys: [logSigner.key] });
    expect(await checkLogStore(world.store, checkpoint)).toEqual([]);
    await world.store.write('tile/0/001', new Uint8Array(8_192));
    expect(await checkLogStore(world.store, checkpoint)).toEqual(['tile/0/001']);
  });
});

describe('the seals topic', () => {
  it.for(['emptied', 'created anew'])(
    'was %s: the log wins, and goes on behind what is produced again',
    async (how) => {
      const world = await grown(20);
      const entries = await world.checkLog();
      if (how === 'emptied') world.cluster.deleteRecords(topic, 0, 22);
      else world.cluster.recreateTopic(topic);
      for (const entry of entries) await world.append(entry);
      await world.seal(5);
      await world.logged(27);
      expect(await world.checkLog()).toHaveLength(27);
      await stopAll(world);
      await world.seal(5);
      await world.start({ clock });
      await world.logged(32);
      expect(await world.checkLog()).toHaveLength(32);
    },
  );

  it('was away for a while', async () => {
    const world = await grown(5);
    world.cluster.down = true;
    const [publisher] = world.publishers;
    await until(
      () => publisher!.status().alarms.length > 0,
      () => 'an alarm',
    );
    world.cluster.down = false;
    await world.seal(5);
    await world.logged(12);
    await until(
      () => publisher!.status().alarms.length === 0,
      () => 'no alarm',
    );
    await world.expectWholeLog();
  });
});

it('signs with both keys while they are rotated, and each may leave then', async () => {
  const world = await grown(5);
  await stopAll(world);
  const both = { logKeys: [logSigner.key, newLogSigner.key], clock };
  await world.start({ ...both, signers: [logSigner, newLogSigner] });
  await world.seal(5);
  await world.logged(12);
  await until(
    async () => (await world.publishedSize()) === 12,
    () => 'published',
  );
  await stopAll(world);
  for (const path of ['checkpoint', 'snapshot']) {
    const note = parseNote((await world.store.read(path, 1 << 24))!);
    for (const { key } of [logSigner, newLogSigner]) expect(noteSignedBy(note, key), path).toBe(true);
  }
  await world.start({
    logKeys: [newLogSigner.key],
    signers: [newLogSigner],
    clock,
    seen: seenCheckpointIn(new MemoryStateFiles()),
  });
  await world.seal(5);
  await world.logged(17);
  await world.expectWholeLog(both.logKeys);
  await expect(world.start({ logKeys: [logSigner.key], signers: [newLogSigner] })).rejects.toThrow(
    code('CONFIG_INVALID'),
  );
});

it('collects partial tiles once their full one is published, also those of an earlier run', async () => {
  const world = await grown(200);
  const partial = async () =>
    (await paths(world.store, 'tile/')).filter((path) => /^tile\/(0|entries)\/000\.p/.test(path));
  expect((await partial()).length).toBeGreaterThan(1);
  await stopAll(world);
  // This run ends before it has removed any.
  await world.start({ clock, graceMs: 1_000_000 });
  await world.seal(100);
  await world.logged(302);
  await stopAll(world);
  expect((await partial()).length).toBeGreaterThan(1);
  await world.start({ clock });
  await until(
    async () => (await partial()).length === 0,
    () => 'no partial tile of the first',
  );
  await world.expectWholeLog();
});

describe('what only the log can answer', () => {
  it('a prune of a seal that no judge remembers any more is logged; one of a seal that never was is not', async () => {
    const world = await grown(400);
    await stopAll(world);
    const publisher = await world.start({ clock });
    await world.prune(10, 11);
    await world.seal(1);
    await world.logged(402);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(publisher.status().size).toBe(402);
    expect(publisher.status().pending).toBe(0);
    world.forget();
    await world.prune(10, 10);
    await world.seal(1);
    await world.logged(404);
    const entries = await world.checkLog();
    expect(entries.slice(-2).map((entry) => new TextDecoder().decode(entry).split('/')[1])).toEqual(['prune', 'seal']);
  });

  it('a statement of a later version, in the topic or in the log, ends publishing', async () => {
    const world = await grown(3);
    const [publisher] = world.publishers;
    await world.append(await signNote(`tallystick/seal/v2\norigin ${origin}\n`, sealSigner));
    await expect(publisher!.done).rejects.toThrow(code('UNKNOWN_STATEMENT'));
    expect(await world.checkLog()).toHaveLength(5);
  });

  it('a stored checkpoint that no log key signed is none', async () => {
    const world = new LogWorld();
    await world.checkpoints.swap(null, await signNote(`${origin}\n0\n${emptyRoot}\n`, newLogSigner));
    await expect(world.start({ clock })).rejects.toThrow(code('CHECKPOINT_INVALID'));
  });
});

const emptyRoot = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
