import { parseVerifierKey } from '@tallystick/core/note';
import { describe, expect, test } from 'vitest';
import { VerifierError } from '../src/errors.ts';
import type { PublishedLog } from '../src/ports/published-log.ts';
import type { VerifyOptions } from '../src/verify.ts';
import { logKey, LogWorld, quorum, witnesses } from './support/log-world.ts';
import { checkpointOf, pathOf, rootOf, witnessFrom } from './support/tiny-log.ts';
import { b64, keyFrom, keyText, sha } from './support/tiny-sealer.ts';
import { origin, rootKey, sealKey, summary, topics } from './support/world.ts';

const [a, b, c] = witnesses;
const now = 1_800_000_000;
const byTwo = { cosigned: [[a, now - 60] as const, [b, now - 30] as const] };
const hashOf = (note: Buffer): string => b64(sha(note.subarray(0, note.indexOf('\n\n') + 1)));

describe('a published log that is in order', () => {
  test('is read whole: entries, tiles, checkpoint', async () => {
    const world = await LogWorld.published({ partitions: 2 });
    const verdict = await world.check();
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({
      exitCode: 0,
      mode: 'full',
      published: {
        place: 'memory',
        size: 7,
        root: rootOf(world.notes),
        signer: logKey.vkey,
        entries: 7,
        tiles: 2,
        quorum: null,
      },
      anchoredTo: { kind: 'key', witnesses: [] },
      counts: { resends: 0 },
    });
  });

  test('a quorum of witnesses is what it is anchored to', async () => {
    const world = await LogWorld.published();
    world.publish(undefined, byTwo);
    const verdict = await world.check({
      policy: quorum(),
      logKeys: [],
      now: () => now * 1000,
      maxCheckpointAgeMs: 61_000,
    });
    expect(verdict).toMatchObject({
      exitCode: 0,
      published: {
        quorum: 'two-of-three',
        quorumTime: new Date((now - 60) * 1000).toISOString(),
        cosigners: [{ name: 'A' }, { name: 'B' }],
      },
      anchoredTo: { kind: 'witnesses', witnesses: ['A', 'B'] },
    });
  });

  test('full tiles and bundles', async () => {
    const world = await LogWorld.make();
    for (let i = 0; i < 258; i++) {
      await world.emit(0, 1);
      await world.seal(0, { leaves: false });
    }
    world.publish();
    const verdict = await world.check();
    expect(verdict).toMatchObject({ exitCode: 0, published: { size: 260, entries: 260, tiles: 5 } });
    // A wrong byte in any of them is found.
    for (const path of [pathOf('entries', 0, 256), pathOf('0', 0, 256), pathOf('1', 0, 1)]) {
      const before = world.files.get(path) ?? new Uint8Array();
      const bytes = Uint8Array.from(before);
      bytes[bytes.length - 1]! ^= 1;
      world.files.set(path, bytes);
      const found = await world.check();
      world.files.set(path, before);
      expect({ path, exitCode: found.exitCode }).toEqual({ path, exitCode: 1 });
      expect(found.findings.map(({ code }) => code)).toContain('tile');
    }
    // Collected partial tiles are no alarm once there are full ones.
    for (let i = 0; i < 252; i++) {
      await world.emit(0, 1);
      await world.seal(0, { leaves: false });
    }
    const old = world.files.get('checkpoint') ?? new Uint8Array();
    world.publish();
    for (const path of [pathOf('entries', 1, 4), pathOf('0', 1, 4)]) expect(world.files.delete(path)).toBe(true);
    world.files.set('checkpoint', old);
    const last = await world.check();
    expect(summary(last)).toEqual(['leaves-missing 0 offsets 0-0']);
    expect(last).toMatchObject({ exitCode: 0, published: { size: 260 } });
  });

  test('it moves on while it is read, and its partial tiles are collected: no alarm', async () => {
    const world = await LogWorld.published();
    const before = world.published;
    await world.emit(0, 2);
    await world.seal(0);
    const old = [...world.files.keys()];
    const first = world.files.get('checkpoint');
    world.publish();
    for (const path of old) if (path !== 'checkpoint') world.files.delete(path);
    let asked = 0;
    const published: PublishedLog = {
      ...before,
      read: async (path, most) =>
        path === 'checkpoint' && asked++ === 0 ? (first ?? null) : await before.read(path, most),
    };
    const verdict = await world.check({ published });
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ exitCode: 0, published: { size: 5 } });
  });

  test('pending statements are judged behind the log', async () => {
    const world = await LogWorld.published();
    await world.emit(0, 2);
    await world.seal(0);
    const verdict = await world.check();
    expect(verdict).toMatchObject({ exitCode: 0, published: { size: 4 }, checked: { statements: 5, events: 10 } });
  });

  test('a key statement of the root key vouches for a log key that was not given', async () => {
    const world = await LogWorld.make();
    const add = keyText(origin, 1, 'add', logKey.vkey, world.keyPrevious).replace('role seal', 'role log');
    await world.statement(rootKey.sign(add));
    await world.emit(0, 2);
    await world.seal(0);
    world.publish();
    expect(await world.check({ logKeys: [] })).toMatchObject({ exitCode: 0, published: { signer: logKey.vkey } });
    const retire = keyText(origin, 2, 'retire', logKey.vkey, b64(sha(add))).replace('role seal', 'role log');
    await world.statement(rootKey.sign(retire));
    world.publish();
    // Also where it is held: the log itself says that it is retired.
    for (const logKeys of [[], [parseVerifierKey(logKey.vkey)]]) {
      const verdict = await world.check({ logKeys });
      const found = expect.stringMatching(/^CHECKPOINT_UNSIGNED \(note with SHA-256 .{44}\)$/) as string;
      expect(verdict).toMatchObject({ exitCode: 1, findings: [{ code: 'checkpoint', found }] });
    }
  });
});

interface Case {
  readonly name: string;
  readonly alter: (world: LogWorld) => void | Promise<void>;
  readonly options?: Partial<VerifyOptions>;
  readonly exitCode: 1 | 3;
  /** Codes of the findings, in their order. */
  readonly codes: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: 'no checkpoint',
    alter: ({ files }) => void files.delete('checkpoint'),
    exitCode: 3,
    codes: ['nothing-to-check'],
  },
  { name: 'nothing at all', alter: ({ files }) => files.clear(), exitCode: 3, codes: ['nothing-to-check'] },
  {
    name: 'no note',
    alter: ({ files }) => void files.set('checkpoint', Buffer.from('hello')),
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'an empty checkpoint',
    alter: ({ files }) => void files.set('checkpoint', Buffer.of()),
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'a checkpoint of a megabyte',
    alter: ({ files }) => void files.set('checkpoint', Buffer.alloc(1 << 20, 'a\n')),
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'signed by another key',
    alter: (world) => world.publish(undefined, { signer: keyFrom(origin, 9) }),
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'of another log',
    alter: (world) => world.publish(undefined, { origin: 'other.example/log' }),
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'a signature that does not verify',
    alter: ({ files, notes }) => {
      const note = checkpointOf(notes, logKey).toString();
      files.set('checkpoint', Buffer.from(note.replace(/^4$/m, '3')));
    },
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'another root',
    alter: (world) => world.publish(undefined, { root: rootOf(world.notes.slice(1)) }),
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'a size that no log has',
    alter: (world) => world.publish(undefined, { size: 2 ** 53 - 1 }),
    exitCode: 3,
    codes: ['unreadable'],
  },
  {
    name: 'a size of one more',
    alter: (world) => world.publish(undefined, { size: 5 }),
    exitCode: 3,
    codes: ['unreadable'],
  },
  {
    name: 'no quorum',
    alter: (world) => world.publish(undefined, { cosigned: [[a, now]] }),
    options: { policy: quorum() },
    exitCode: 1,
    codes: ['quorum'],
  },
  {
    name: 'a quorum of strangers',
    alter: (world) =>
      world.publish(undefined, {
        cosigned: [
          [a, now],
          [witnessFrom('witness.example/x', 21), now],
          [witnessFrom('witness.example/y', 22), now],
        ],
      }),
    options: { policy: quorum() },
    exitCode: 1,
    codes: ['quorum'],
  },
  {
    name: 'a cosignature of another checkpoint',
    alter: (world) => {
      const other = checkpointOf(world.notes.slice(1), logKey, { cosigned: [[c, now]] });
      const line = other.toString().trimEnd().split('\n').at(-1) ?? '';
      world.publish(undefined, byTwo);
      world.files.set(
        'checkpoint',
        Buffer.concat([world.files.get('checkpoint') ?? Buffer.of(), Buffer.from(`${line}\n`)]),
      );
    },
    options: { policy: quorum() },
    exitCode: 1,
    codes: ['checkpoint'],
  },
  {
    name: 'cosignatures that are too old',
    alter: (world) => world.publish(undefined, byTwo),
    options: { policy: quorum(), now: () => now * 1000, maxCheckpointAgeMs: 59_000 },
    exitCode: 3,
    codes: ['checkpoint-old'],
  },
  {
    name: 'cosignatures of tomorrow',
    alter: (world) => world.publish(undefined, byTwo),
    options: { policy: quorum(), now: () => (now - 86_400) * 1000, maxCheckpointAgeMs: 59_000 },
    exitCode: 3,
    codes: ['checkpoint-old'],
  },
  {
    name: 'a bundle is missing',
    alter: ({ files }) => void files.delete(pathOf('entries', 0, 4)),
    exitCode: 3,
    codes: ['unreadable'],
  },
  {
    name: 'a tile is missing',
    alter: ({ files }) => void files.delete(pathOf('0', 0, 4)),
    exitCode: 3,
    codes: ['unreadable'],
  },
  {
    name: 'a tile is too long',
    alter: ({ files }) => void files.set(pathOf('0', 0, 4), Buffer.alloc(160)),
    exitCode: 1,
    codes: ['tile'],
  },
  {
    name: 'a tile is a megabyte',
    alter: ({ files }) => void files.set(pathOf('0', 0, 4), Buffer.alloc(1 << 20)),
    exitCode: 1,
    codes: ['tile'],
  },
  {
    name: 'a bundle is cut',
    alter: ({ files }) =>
      void files.set(pathOf('entries', 0, 4), (files.get(pathOf('entries', 0, 4)) ?? Buffer.of()).slice(0, -1)),
    exitCode: 1,
    codes: ['tile'],
  },
  {
    name: 'a bundle of zeros',
    alter: ({ files }) => void files.set(pathOf('entries', 0, 4), Buffer.alloc(8)),
    exitCode: 1,
    codes: ['checkpoint', 'log-refused', 'tile'],
  },
  {
    name: 'an entry that was never accepted, in a tree of its own',
    alter: (world) => world.publishEntries([...world.notes, Buffer.from('hello')]),
    exitCode: 1,
    codes: ['log-refused'],
  },
  {
    name: 'an entry twice',
    alter: (world) => world.publishEntries([...world.notes, world.notes[3] ?? Buffer.of()]),
    exitCode: 1,
    codes: ['log-refused'],
  },
  {
    name: 'an entry left out',
    alter: (world) => world.publishEntries([...world.notes.slice(0, 2), ...world.notes.slice(3)]),
    exitCode: 1,
    codes: ['log-refused'],
  },
  {
    name: 'the topic lost its last statement',
    alter: ({ cluster }) => cluster.truncate(topics.seals, 0, 3),
    exitCode: 1,
    codes: ['seals-lost'],
  },
  {
    name: 'the topic lost a statement in the middle',
    alter: ({ cluster }) => cluster.removeBatch(topics.seals, 0, 2),
    exitCode: 1,
    codes: ['missing-offsets', 'seals-lost'],
  },
  {
    name: 'the topic lost everything',
    alter: ({ cluster }) => void cluster.recreateTopic(topics.seals),
    exitCode: 1,
    codes: ['seals-lost'],
  },
  {
    name: 'the topic is gone',
    alter: ({ cluster }) => cluster.deleteTopic(topics.seals),
    exitCode: 1,
    codes: ['seals-lost'],
  },
];

describe('a published log that is not in order', () => {
  test.each(cases)('$name', async ({ alter, options = {}, exitCode, codes }) => {
    const world = await LogWorld.published();
    await alter(world);
    const verdict = await world.check(options);
    expect({
      exitCode: verdict.exitCode,
      codes: [...new Set(verdict.findings.map(({ code }) => code))].sort(),
    }).toEqual({ exitCode, codes });
  });

  test('findings name the place', async () => {
    const world = await LogWorld.published();
    world.cluster.truncate(topics.seals, 0, 2);
    const { findings } = await world.check();
    expect(findings).toMatchObject([
      {
        code: 'seals-lost',
        topic: topics.events,
        partition: 0,
        generation: 0,
        place: hashOf(world.notes[2]!),
        expected: 'entry 2',
        found: expect.stringMatching(/^2 missing \(SHA-256 of which .{44}\)$/) as string,
      },
    ]);
    const other = await LogWorld.published();
    const race = keyText(origin, 7, 'add', sealKey.vkey, b64(sha('x')));
    other.publishEntries([...other.notes, rootKey.sign(race)]);
    expect((await other.check()).findings).toMatchObject([
      { code: 'log-refused', message: expect.stringContaining('Entry 4 ') },
    ]);
  });

  test('records that were altered are found by what only the log says', async () => {
    const world = await LogWorld.published();
    world.cluster.deleteTopic(topics.seals);
    world.cluster.truncate(topics.events, 0, 5);
    const verdict = await world.check();
    expect(summary(verdict)).toEqual([`seals-lost - ${hashOf(world.notes[0]!)}`, 'truncated 0 offsets 4-6']);
  });

  test.each([
    ['at once', 0],
    ['after the checkpoint', 1],
    ['after the entries', 2],
  ])('it stops answering %s', async (_, after) => {
    const world = await LogWorld.published();
    const { published } = world;
    let asked = 0;
    const silent: PublishedLog = {
      ...published,
      read: async (path, most) =>
        asked++ < after ? await published.read(path, most) : await new Promise<never>(() => undefined),
    };
    const verdict = await world.check({ published: silent, deadlineMs: 200 });
    expect(verdict).toMatchObject({ exitCode: 3, findings: [{ code: 'unavailable', found: 'LOG_UNAVAILABLE' }] });
    expect(verdict.checked.events).toBe(7);
  });

  test('it refuses to answer', async () => {
    const world = await LogWorld.published();
    const read = async () =>
      await Promise.reject(new VerifierError('LOG_UNAVAILABLE', 'no', { evidence: { path: 'checkpoint' } }));
    const verdict = await world.check({ published: { ...world.published, read } });
    expect(verdict).toMatchObject({ exitCode: 3, findings: [{ code: 'unavailable' }] });
  });

  test('entries without end that nobody accepts are not read for ever', async () => {
    const world = await LogWorld.published();
    const bundle = Buffer.concat(Array.from({ length: 256 }, () => Buffer.of(0, 1, 65)));
    world.publish(undefined, { size: 2 ** 40 });
    const { published } = world;
    let read = 0;
    const endless: PublishedLog = {
      ...published,
      read: async (path, most) => {
        read += 1;
        return path === 'checkpoint'
          ? await published.read(path, most)
          : path.startsWith('tile/entries')
            ? bundle
            : Buffer.alloc(8192);
      },
    };
    const verdict = await world.check({ published: endless });
    expect(verdict.exitCode).toBe(1);
    expect(read).toBeLessThan(50);
  });
});

describe('options', () => {
  test.each<[string, Partial<VerifyOptions>]>([
    ['a limit for the age of the checkpoint without a quorum', { maxCheckpointAgeMs: 1 }],
    ['an age that is no number', { maxCheckpointAgeMs: Number.NaN, policy: quorum() }],
    ['incremental without an anchor', { incremental: true }],
    ['no workers', { workers: 0 }],
    ['two workers that cannot open the source', { workers: 2 }],
    ['an empty scope', { scope: { kind: 'ranges', ranges: [] } }],
    [
      'a range that ends before it begins',
      { scope: { kind: 'ranges', ranges: [{ partition: 0, first: 2, last: 1 }] } },
    ],
    ['a hash that is none', { acknowledged: [{ hash: 'x', reason: 'y' }] }],
  ])('%s', async (_, options) => {
    const world = await LogWorld.published();
    await expect(world.check(options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });

  test('a policy without a log to check', async () => {
    const world = await LogWorld.published();
    await expect(world.verify({ policy: quorum() })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});
