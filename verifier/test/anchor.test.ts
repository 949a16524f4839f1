import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  lstatSync,
  statSync,
  existsSync,
  utimesSync,
  writeFileSync,
  mkdirSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVerifierKey } from '@tallystick/core/note';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileAnchorStore } from '../src/adapters/anchor-file.ts';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { Anchor, AnchorStore } from '../src/ports/anchor-store.ts';
import { event, record } from './content/support.ts';
import { keyFrom } from './support/tiny-sealer.ts';
import { World, origin, rootKey, sealKey, summary, topics } from './support/world.ts';

let folder = '';
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallystick-anchor-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newPath = (): string => join(folder, `anchor-${files++}.json`);

const sample: Anchor = {
  origin,
  rootKey: rootKey.vkey,
  savedAt: 1,
  keys: { number: 0, statement: 'a' },
  partitions: [
    {
      topic: 't',
      partition: 0,
      generation: 0,
      topicId: 'i',
      statement: 's',
      kind: 'seal',
      count: 2,
      seal: 0,
      index: 1,
      offset: 1,
      head: 'h',
    },
  ],
  log: null,
  resume: null,
};

describe.each<{ name: string; make: () => AnchorStore }>([
  { name: 'file', make: () => fileAnchorStore(newPath()) },
  { name: 'memory', make: memoryAnchorStore },
])('anchor store: $name', ({ make }) => {
  test('keeps what it was given, and nothing at first', async () => {
    const store = make();
    expect(await store.load()).toBeNull();
    await store.update((current) => {
      expect(current).toBeNull();
      return sample;
    });
    expect(await store.load()).toEqual(sample);
  });

  test('an update that throws changes nothing', async () => {
    const store = make();
    await store.update(() => sample);
    await expect(
      store.update(() => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await store.load()).toEqual(sample);
  });

  test('updates at once lose nothing', async () => {
    const store = make();
    await store.update(() => ({ ...sample, savedAt: 0 }));
    await Promise.all(
      Array.from({ length: 20 }, () =>
        store.update((current) => ({ ...sample, savedAt: (current?.savedAt ?? 0) + 1 })),
      ),
    );
    expect((await store.load())?.savedAt).toBe(20);
  });
});

describe('anchor file', () => {
  test('leaves no lock and no temporary file behind', async () => {
    const path = newPath();
    const store = fileAnchorStore(path);
    await store.update(() => sample);
    await store.update(() => sample);
    const name = path.slice(folder.length + 1);
    expect(
      readdirSync(folder)
        .filter((each) => each.includes(name))
        .sort(),
    ).toEqual([name, `${name}.key`]);
  });

  test('is small also where 1,000 producers have long names, and the next run goes on from it', async () => {
    const path = newPath();
    const world = await World.make();
    const names = Array.from({ length: 1_000 }, (_, i) => `${i}-`.padEnd(20_000, 'x'));
    const emit = async (of: readonly string[], sequence: number): Promise<void> =>
      await world.append(
        topics.events,
        0,
        of.map((instance) => record(event({ instance, sequence }))),
      );
    for (let i = 0; i < names.length; i += 100) await emit(names.slice(i, i + 100), 0);
    await world.seal(0);
    const anchor = fileAnchorStore(path);
    expect(await world.verify({ anchor })).toMatchObject({ exitCode: 0, findings: [] });
    expect(statSync(path).size).toBeLessThan(1024 * 1024);
    await emit(names.slice(0, 100), 1);
    await world.seal(0);
    expect(await world.verify({ anchor, incremental: true })).toMatchObject({
      exitCode: 0,
      mode: 'incremental',
      findings: [],
    });
    await emit(names.slice(0, 1), 3);
    await world.seal(0);
    expect(summary(await world.verify({ anchor, incremental: true }))).toEqual(['sequence-hole 0 offsets 1000-1100']);
  });

  test('is never larger than what is read again: what an incremental run goes on from is left out first', async () => {
    const path = newPath();
    const store = fileAnchorStore(path);
    const most = 64 * 1024 * 1024;
    const large = await World.small();
    await large.verify({ anchor: store });
    const kept = (await store.load())!;
    const [first] = kept.resume!.partitions;
    const resume = { ...kept.resume!, partitions: [{ ...first!, content: 'x'.repeat(most) }] };
    await store.update((current) => ({ ...current!, resume }));
    expect(await store.load()).toEqual({ ...kept, resume: null });
    expect(await large.verify({ anchor: store, incremental: true })).toMatchObject({ exitCode: 0, mode: 'full' });
    const before = readFileSync(path);
    await expect(store.update((current) => ({ ...current!, rootKey: 'x'.repeat(most) }))).rejects.toMatchObject({
      code: 'ANCHOR_UNREADABLE',
      message: expect.stringContaining('it would have more than 67108864 bytes') as string,
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['half a file', '{"tallystick":"anchor","version":1,"sha'],
    ['other JSON', '{"version":1}'],
    ['null', 'null'],
    ['no anchor in it', '{"tallystick":"anchor","version":1,"sha256":"x"}'],
  ])('a damaged file is refused and kept: %s', async (_, content) => {
    const path = newPath();
    writeFileSync(path, content);
    const store = fileAnchorStore(path);
    await expect(store.load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
    await expect(store.update(() => sample)).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
    expect(readFileSync(path, 'utf8')).toBe(content);
    const world = await World.small();
    await expect(world.verify({ anchor: store })).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  const version1 = (content: Anchor): string => {
    const { origin: of, rootKey: key, savedAt, keys, partitions } = content;
    const lines = [of, key, savedAt, [keys.number, keys.statement], partitions.map((each) => Object.values(each))];
    const sha256 = createHash('sha256').update(JSON.stringify(lines)).digest('base64');
    const anchor = { origin: of, rootKey: key, savedAt, keys, partitions };
    return `${JSON.stringify({ tallystick: 'anchor', version: 1, sha256, anchor }, null, 1)}\n`;
  };

  test('a file of version 1 is read, and replaced by one with a code', async () => {
    const path = newPath();
    writeFileSync(path, version1(sample));
    const store = fileAnchorStore(path);
    expect(await store.load()).toEqual(sample);
    await store.update((current) => ({ ...sample, savedAt: (current?.savedAt ?? 0) + 1 }));
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 2, anchor: { savedAt: 2 } });
    expect(statSync(`${path}.key`).mode & 0o777).toBe(0o600);
    // From then on nobody can put the older form, which anybody can write, in its place.
    writeFileSync(path, version1(sample));
    await expect(store.load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  test('a content that was changed, its form in order, is noticed: who has no key makes no code', async () => {
    const [path, other] = [newPath(), newPath()];
    await fileAnchorStore(path).update(() => sample);
    await fileAnchorStore(other).update(() => ({ ...sample, savedAt: 7 }));
    writeFileSync(path, readFileSync(other));
    await expect(fileAnchorStore(path).load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  test('a file that is gone, or whose key is gone, is never taken for none', async () => {
    const path = newPath();
    const store = fileAnchorStore(path, { lockWaitMs: 100 });
    await store.update(() => sample);
    const key = readFileSync(`${path}.key`);
    rmSync(`${path}.key`);
    await expect(store.load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
    await expect(store.update(() => sample)).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
    writeFileSync(`${path}.key`, key, { mode: 0o600 });
    rmSync(path);
    await expect(store.load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
    await expect(store.update(() => sample)).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  test('a key that is kept elsewhere may be there before the file is', async () => {
    const [path, keyFile] = [newPath(), newPath()];
    writeFileSync(keyFile, `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    const store = fileAnchorStore(path, { keyFile });
    expect(await store.load()).toBeNull();
    await store.update(() => sample);
    expect(await store.load()).toEqual(sample);
    await expect(fileAnchorStore(path).load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  test('with a key of its own place an anchor that is gone is missed; another one may be made with the same key', async () => {
    const [path, other, keyFile] = [newPath(), newPath(), newPath()];
    await fileAnchorStore(path, { keyFile }).update(() => sample);
    await fileAnchorStore(path, { keyFile }).update(() => sample);
    // The key, that it was made for an anchor to come, and the one anchor.
    expect(readFileSync(keyFile, 'utf8').trim().split('\n')).toHaveLength(3);
    expect(await fileAnchorStore(other, { keyFile }).load()).toBeNull();
    rmSync(path);
    await expect(fileAnchorStore(path, { keyFile }).load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  test.each([
    ['others may read it', 0o644, Buffer.alloc(32).toString('base64')],
    ['it is too short', 0o600, Buffer.alloc(31).toString('base64')],
    ['it is no base64', 0o600, 'x'.repeat(44)],
    ['it is empty', 0o600, ''],
    ['it is too long', 0o600, 'A'.repeat(1_000)],
  ])('a key file is refused: %s', async (_, mode, content) => {
    const [path, keyFile] = [newPath(), newPath()];
    writeFileSync(keyFile, content, { mode });
    await expect(fileAnchorStore(path, { keyFile }).load()).rejects.toMatchObject({ code: 'ANCHOR_KEY' });
  });

  test('the first runs of two processes agree on one key', async () => {
    const path = newPath();
    const stores = Array.from({ length: 8 }, () => fileAnchorStore(path));
    await Promise.all(stores.map((store) => store.update(() => sample)));
    for (const store of stores) expect(await store.load()).toEqual(sample);
  });

  test('evidence is kept once each, and not without end', async () => {
    const path = newPath();
    const store = fileAnchorStore(path);
    const places = new Set<string | null>();
    for (let i = 0; i < 70; i++) {
      places.add(await store.keepEvidence(Buffer.from(`evidence ${i}`)));
      places.add(await store.keepEvidence(Buffer.from('evidence 0')));
    }
    expect(places.size).toBe(65);
    expect(places.has(null)).toBe(true);
    const [first = ''] = places;
    expect(readFileSync(first ?? '', 'utf8')).toBe('evidence 0');
    expect(statSync(first ?? '').mode & 0o777).toBe(0o600);
  });

  test('a key without an anchor, left by a first run that was killed, is no anchor that was removed', async () => {
    const path = newPath();
    await fileAnchorStore(path).progress?.append(Buffer.from('part'));
    expect(readdirSync(folder).filter((each) => each.startsWith(path.slice(folder.length + 1)))).toHaveLength(2);
    expect(await fileAnchorStore(path).load()).toBeNull();
    await fileAnchorStore(path).update(() => sample);
    rmSync(path);
    await expect(fileAnchorStore(path).load()).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  test.each(['', '{"pid":', 'x'])('a lock of which only %j was written is free after a while', async (text) => {
    const path = newPath();
    const store = fileAnchorStore(path, { lockWaitMs: 60 });
    writeFileSync(`${path}.lock`, text);
    await expect(store.update(() => sample)).rejects.toMatchObject({ code: 'ANCHOR_LOCKED' });
    const old = Date.now() / 1000 - 11;
    utimesSync(`${path}.lock`, old, old);
    await store.update(() => sample);
    expect(await store.load()).toEqual(sample);
  });

  test('of many that find the lock of a dead run at once none loses its update', async () => {
    const pid = Number(execFileSync(process.execPath, ['-p', 'process.pid']).toString());
    for (let round = 0; round < 5; round++) {
      const path = newPath();
      await fileAnchorStore(path).update(() => ({ ...sample, savedAt: 0 }));
      writeFileSync(`${path}.lock`, JSON.stringify({ pid, host: hostname(), token: 'x' }));
      const updates = Array.from({ length: 20 }, () =>
        fileAnchorStore(path).update((current) => ({ ...sample, savedAt: (current?.savedAt ?? 0) + 1 })),
      );
      const ended = await Promise.allSettled(updates);
      // One whose lock was taken by mistake fails loudly; what was told to be kept is kept.
      const kept = ended.filter(({ status }) => status === 'fulfilled').length;
      expect((await fileAnchorStore(path).load())?.savedAt).toBeGreaterThanOrEqual(kept);
      expect(kept).toBeGreaterThan(0);
    }
  });

  test('drafts of a killed process are removed by the next update, those of a living one are not', async () => {
    const path = newPath();
    const draft = (n: number): string =>
      join(folder, `.${path.slice(folder.length + 1)}.draft-00000000-0000-4000-8000-00000000000${n}`);
    for (const n of [1, 2]) writeFileSync(draft(n), 'half');
    const old = Date.now() / 1000 - 61;
    utimesSync(draft(1), old, old);
    await fileAnchorStore(path).update(() => sample);
    expect([1, 2].map((n) => existsSync(draft(n)))).toEqual([false, true]);
  });

  test('every changed byte is noticed', async () => {
    const path = newPath();
    const store = fileAnchorStore(path);
    await store.update(() => sample);
    const whole = readFileSync(path);
    const missed: number[] = [];
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = changed[at]! ^ 1;
      writeFileSync(path, changed);
      const loaded = await store.load().catch((error: { code?: string }) => error.code ?? 'an error without a code');
      if (typeof loaded !== 'string' || !loaded.startsWith('ANCHOR_')) missed.push(at);
    }
    expect(missed).toEqual([]);
  });

  test('a later version is refused', async () => {
    const path = newPath();
    await fileAnchorStore(path).update(() => sample);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"version": 2', '"version": 3'));
    await expect(fileAnchorStore(path).load()).rejects.toMatchObject({ code: 'ANCHOR_VERSION' });
  });

  test('what cannot be written is said before the work begins', async () => {
    await expect(fileAnchorStore(join(folder, 'nowhere', 'a.json')).load()).rejects.toMatchObject({
      code: 'ANCHOR_UNREADABLE',
    });
    const directory = join(folder, 'directory');
    mkdirSync(directory);
    await expect(fileAnchorStore(directory).load()).rejects.toMatchObject({ code: 'ANCHOR_UNREADABLE' });
  });

  test('a symbolic link is followed, not replaced', async () => {
    const path = newPath();
    const link = newPath();
    await fileAnchorStore(path).update(() => sample);
    symlinkSync(path, link);
    await fileAnchorStore(link).update(() => ({ ...sample, savedAt: 9 }));
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect((await fileAnchorStore(path).load())?.savedAt).toBe(9);
  });

  test('the lock of a live run is waited for, then named; that of a dead one is taken over', async () => {
    const path = newPath();
    const store = fileAnchorStore(path, { lockWaitMs: 60 });
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: process.pid, host: hostname(), token: 'x' }));
    await expect(store.update(() => sample)).rejects.toMatchObject({ code: 'ANCHOR_LOCKED' });
    const pid = Number(execFileSync(process.execPath, ['-p', 'process.pid']).toString());
    writeFileSync(`${path}.lock`, JSON.stringify({ pid, host: hostname(), token: 'x' }));
    await store.update(() => sample);
    expect(await store.load()).toEqual(sample);
  });
});

describe('verifying against an anchor', () => {
  test('made by the first run, moved by the next, as the verdict says', async () => {
    const world = await World.small({ partitions: 2 });
    const anchor = fileAnchorStore(newPath());
    expect((await world.verify({ anchor })).anchoredTo).toMatchObject({ kind: 'key', updated: true });
    const first = await anchor.load();
    expect(first?.partitions[1]).toMatchObject({
      partition: 1,
      kind: 'seal',
      count: 4,
      seal: 2,
      index: 7,
      offset: 7,
      statement: world.state(1).previous,
    });
    await world.seal(0);
    expect((await world.verify({ anchor })).anchoredTo).toMatchObject({ kind: 'anchor', partitions: 2, updated: true });
    expect((await anchor.load())?.partitions[0]).toMatchObject({ offset: 9, count: 5 });
  });

  test.each([
    ['another root key', { rootKey: parseVerifierKey(keyFrom(`${origin}/root`, 9).vkey) }],
    ['another origin', { origin: 'other' }],
  ])('an anchor of another log is refused: %s', async (_, options) => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    await world.verify({ anchor });
    await expect(world.verify({ anchor, ...options })).rejects.toMatchObject({ code: 'ANCHOR_FOREIGN' });
  });

  test('only a run that ends 0 moves it', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    await world.verify({ anchor });
    const before = await anchor.load();
    await world.seal(0);
    const old = await world.verify({ anchor, maxTailAgeMs: 0, now: () => world.clock });
    expect(old.exitCode).toBe(0);
    await world.emit(0, 1);
    await world.seal(0);
    world.cluster.flipByte(topics.events, 0, { offset: 10 });
    const kept = await anchor.load();
    const failed = await world.verify({ anchor });
    expect(failed).toMatchObject({ exitCode: 1, anchoredTo: { updated: false } });
    expect(await anchor.load()).toEqual(kept);
    expect(kept).not.toEqual(before);
    world.cluster.down = true;
    expect(await world.verify({ anchor, deadlineMs: 30 })).toMatchObject({
      exitCode: 3,
      anchoredTo: { updated: false },
    });
    expect(await anchor.load()).toEqual(kept);
  });

  /** Takes statements and events back in different ways; an anchor was made before. */
  async function after(change: (world: World) => Promise<void> | void) {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    expect((await world.verify({ anchor })).exitCode).toBe(0);
    const before = await anchor.load();
    await change(world);
    const verdict = await world.verify({ anchor });
    expect(await anchor.load()).toEqual(before);
    return verdict;
  }

  test('the last seal cut off', async () => {
    const verdict = await after((world) => world.cluster.truncate(topics.seals, 0, 4));
    expect(summary(verdict)).toEqual(['rollback 0 offsets 7-7']);
    expect(verdict.exitCode).toBe(1);
  });

  test('both topics cut off', async () => {
    const verdict = await after((world) => {
      world.cluster.truncate(topics.seals, 0, 3);
      world.cluster.truncate(topics.events, 0, 4);
    });
    expect(summary(verdict)).toEqual(['rollback 0 offsets 4-7']);
  });

  test('both topics cut off and written anew, as long as before', async () => {
    const verdict = await after(async (world) => {
      world.cluster.truncate(topics.seals, 0, 1);
      world.cluster.truncate(topics.events, 0, 0);
      world.cluster.truncate(topics.leaves, 0, 0);
      await world.genesisAgain(0);
      await world.emit(0, 4);
      await world.seal(0);
      await world.emit(0, 4);
      await world.seal(0);
    });
    expect(verdict.findings.map(({ code }) => code)).toEqual(['rollback']);
    expect(verdict.exitCode).toBe(1);
  });

  test('seals emptied, made anew, gone: with the anchor that is tampering', async () => {
    for (const change of ['truncate', 'recreate', 'delete'] as const) {
      const verdict = await after((world) => {
        if (change === 'truncate') world.cluster.truncate(topics.seals, 0, 0);
        else if (change === 'recreate') world.cluster.recreateTopic(topics.seals);
        else world.cluster.deleteTopic(topics.seals);
      });
      expect(verdict.exitCode).toBe(1);
      const codes = verdict.findings.map(({ code, partition }) => `${code} ${partition ?? '-'}`);
      expect(codes).toContain('rollback -');
      expect(codes).toContain('rollback 0');
      expect(codes.includes('topic-missing -')).toBe(change === 'delete');
    }
  });

  test('both topics made anew, with the same keys, all sealed afresh', async () => {
    const verdict = await after(async (world) => {
      world.cluster.recreateTopic(topics.seals);
      world.cluster.recreateTopic(topics.events);
      world.cluster.recreateTopic(topics.leaves);
      world.keyNumber = 0;
      world.keyPrevious = '-';
      await world.key('add', sealKey);
      await world.genesis(0);
      await world.emit(0, 20);
      await world.seal(0);
    });
    expect(summary(verdict)).toEqual(['rollback 0 -']);
    expect(verdict.exitCode).toBe(1);
  });

  test('both topics gone', async () => {
    const verdict = await after((world) => {
      world.cluster.deleteTopic(topics.seals);
      world.cluster.deleteTopic(topics.events);
    });
    expect(verdict.exitCode).toBe(1);
    expect(verdict.findings.map(({ code }) => code)).toContain('rollback');
  });

  test('seals that cannot be read say nothing of a rollback', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    await world.verify({ anchor });
    world.cluster.down = true;
    const verdict = await world.verify({ anchor, deadlineMs: 30 });
    expect(verdict.findings.map(({ code }) => code)).toEqual(['unavailable']);
    expect(verdict.exitCode).toBe(3);
  });

  test('a lagging high watermark of the seals topic is waited for', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    await world.verify({ anchor });
    world.cluster.holdHighWatermark(topics.seals, 0, 3);
    let asked = 0;
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      bounds: async (topic: string, partition: number) => {
        if (topic === topics.seals && ++asked === 2) world.cluster.holdHighWatermark(topics.seals, 0, null);
        return await world.log.bounds(topic, partition);
      },
    });
    const verdict = await world.verify({ anchor, log, settleMs: 20_000 });
    expect(summary(verdict)).toEqual([]);
    expect(verdict.checked.events).toBe(8);
  });

  test('two runs at once: the last writer does not go backwards', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    await world.verify({ anchor });
    const early = await anchor.load();
    await world.seal(0);
    // The slow run read before that seal, and writes after the fast one did.
    world.cluster.holdHighWatermark(topics.seals, 0, 5);
    const slow: AnchorStore = {
      load: async () => early,
      update: async (next) => {
        world.cluster.holdHighWatermark(topics.seals, 0, null);
        await world.verify({ anchor });
        await anchor.update(next);
      },
      keepEvidence: async () => null,
    };
    const verdict = await world.verify({ anchor: slow });
    expect(verdict).toMatchObject({ exitCode: 0, anchoredTo: { updated: true } });
    expect((await anchor.load())?.partitions[0]).toMatchObject({ offset: 9, count: 5 });
  });

  test('two runs that were shown two histories: the second to write fails', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    const elsewhere = await World.make();
    await elsewhere.emit(0, 1);
    await elsewhere.seal(0);
    const store: AnchorStore = {
      load: async () => null,
      update: async (next) => {
        await elsewhere.verify({ anchor });
        await anchor.update(next);
      },
      keepEvidence: async () => null,
    };
    const verdict = await world.verify({ anchor: store });
    expect(verdict).toMatchObject({ exitCode: 1, verdict: 'failed', anchoredTo: { updated: false } });
    expect(summary(verdict)).toEqual(['rollback 0 -']);
  });

  test('a statement of a later version in place of the anchored one is inconclusive, not a rollback', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    const later = sealKey.sign(`tallystick/seal/v2\norigin ${origin}\n`);
    await world.statement(later);
    const verdict = await world.verify({ anchor });
    expect(verdict).toMatchObject({ exitCode: 3, anchoredTo: { updated: false } });
    expect(await anchor.load()).toBeNull();
  });
});
