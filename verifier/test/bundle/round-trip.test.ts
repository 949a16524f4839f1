import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import { SchemasError } from '@tallystick/schemas/errors';
import type { Verdict } from '../../src/verdict.ts';
import type { VerifyOptions } from '../../src/verify.ts';
import { topics, World } from '../support/world.ts';
import { BundleFolder, membersOf, withBundle } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

/** A verdict without what differs from run to run. */
function plain({ startedAt: _startedAt, durationMs: _durationMs, rates: _rates, ...verdict }: Verdict): object {
  return verdict;
}

async function fromBundle(world: World, file: string, options: Partial<VerifyOptions> = {}): Promise<Verdict> {
  return await withBundle(file, ({ records, manifest }) =>
    world.verify({ log: records, scope: manifest.scope, ...options }),
  );
}

async function alike(world: World): Promise<Verdict> {
  const { file } = await folder.export(world);
  const direct = await world.verify();
  const verdict = await fromBundle(world, file);
  expect(plain(verdict)).toEqual(plain(direct));
  return verdict;
}

describe('a bundle of everything', () => {
  test('gives the verdict that the cluster gives', async () => {
    const verdict = await alike(await World.small({ partitions: 2 }));
    expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 }, counts: { unsealed: 4 } });
  });

  test('gives the same verdict to several threads, each of which opens it', async () => {
    const world = await World.small({ partitions: 2 });
    const { file } = await folder.export(world);
    const workers = { workers: 2, reopen: { kind: 'bundle', file } } as const;
    expect(plain(await fromBundle(world, file, { ...workers }))).toEqual(plain(await world.verify()));
  });

  test('is what tar lists and sha256sum checks', async () => {
    const world = await World.small();
    const { file } = await folder.export(world, { policy: 'quorum none\n' });
    const listed = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
    expect(listed).toEqual([
      'MANIFEST.json',
      'POLICY.txt',
      'records/events/0000000/0000000000000000',
      'records/leaves/0000000/0000000000000000',
      'records/seals/0000000/0000000000000000',
      'sha256sums',
    ]);
    const out = join(folder.path, 'out');
    execFileSync('mkdir', [out]);
    execFileSync('tar', ['-xf', file, '-C', out]);
    execFileSync('sha256sum', ['-c', '--strict', '--quiet', 'sha256sums'], { cwd: out });
    expect(Buffer.concat(world.cluster.batches(topics.events, 0))).toEqual(
      readFileSync(join(out, 'records/events/0000000/0000000000000000')),
    );
    await withBundle(file, async ({ policy, manifest, published, schemas }) => {
      expect(policy).toBe('quorum none\n');
      expect([published, schemas]).toEqual([null, null]);
      expect(manifest.stored[0]).toMatchObject({
        folder: 'seals',
        name: topics.seals,
        partitions: [{ partition: 0, logStart: 0, highWatermark: 5, from: 0, to: 5 }],
      });
      await Promise.resolve();
    });
  });

  test('is the same bytes for the same log', async () => {
    const world = await World.small({ partitions: 2 });
    expect(await folder.bytesOf(world)).toEqual(await folder.bytesOf(world));
  });

  test('is for its owner alone, and is there only when it is whole', async () => {
    const world = await World.small();
    const stop = new AbortController();
    let part = false;
    const file = join(folder.path, `${2 ** 30}.bundle`);
    const { fileSink } = await import('../../src/bundle/sinks.ts');
    const exporting = folder.export(world, {
      sink: await fileSink(file),
      signal: stop.signal,
      onProgress: ({ phase }) => {
        if (phase !== 'records') return;
        part = existsSync(`${file}.part`);
        stop.abort();
      },
    });
    await expect(exporting).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    expect([part, existsSync(file), existsSync(`${file}.part`)]).toEqual([true, false, false]);
    const whole = await folder.export(world);
    expect(statSync(whole.file).mode & 0o777).toBe(0o600);
    expect(existsSync(`${whole.file}.part`)).toBe(false);
  });

  test('cannot be written where nobody can write', async () => {
    const { fileSink } = await import('../../src/bundle/sinks.ts');
    await expect(fileSink(join(folder.path, 'no', 'such', 'folder'))).rejects.toMatchObject({ code: 'BUNDLE_WRITE' });
  });
});

/** Gives a batch a last offset delta that takes the next offsets in too, CRC mended. */
function reach(world: World, topic: string, index: number): void {
  const batch = world.cluster.batches(topic, 0)[index]!;
  batch.writeInt32BE(batch.readInt32BE(23) + 2, 23);
  sealCrc(batch);
}

describe('a damaged log', () => {
  const damages: Record<string, (world: World) => void> = {
    'a changed byte': (world) => {
      const batch = world.cluster.batches(topics.events, 0)[1]!;
      batch.writeUInt8(batch.readUInt8(80) ^ 1, 80);
    },
    'a changed byte with its CRC mended': (world) => {
      const batch = world.cluster.batches(topics.events, 0)[1]!;
      batch.writeUInt8(batch.readUInt8(80) ^ 1, 80);
      sealCrc(batch);
    },
    'another magic': (world) => void world.cluster.batches(topics.events, 0)[2]!.writeInt8(1, 16),
    'a length beyond everything': (world) => void world.cluster.batches(topics.events, 0)[2]!.writeInt32BE(1 << 30, 8),
    'a length of nothing': (world) => void world.cluster.batches(topics.events, 0)[2]!.writeInt32BE(0, 8),
    'a base offset that goes back': (world) => void world.cluster.batches(topics.events, 0)[2]!.writeBigInt64BE(1n, 0),
    'a base offset far ahead': (world) => void world.cluster.batches(topics.events, 0)[2]!.writeBigInt64BE(100n, 0),
    'base offsets of two batches side by side': (world) => {
      for (const at of [1, 2]) {
        const batch = world.cluster.batches(topics.events, 0)[at]!;
        batch.writeBigInt64BE(batch.readBigInt64BE(0) + 100n, 0);
      }
    },
    'a last offset delta that reaches over the next batch': (world) => reach(world, topics.events, 1),
    'one of the statements': (world) => reach(world, topics.seals, 2),
    'deleted records': (world) => world.cluster.deleteRecords(topics.events, 0, 3),
    'a changed statement': (world) => {
      const batch = world.cluster.batches(topics.seals, 0)[3]!;
      batch.writeUInt8(batch.readUInt8(150) ^ 1, 150);
    },
    'changed leaves': (world) => {
      const batch = world.cluster.batches(topics.leaves, 0)[0]!;
      batch.writeUInt8(batch.readUInt8(100) ^ 1, 100);
    },
    'a re-created topic': (world) => void world.cluster.recreateTopic(topics.events),
    'no events topic': (world) => world.cluster.deleteTopic(topics.events),
  };

  test.each(Object.keys(damages))('%s: the bundle tells the same as the cluster', async (name) => {
    const world = await World.small();
    damages[name]?.(world);
    const verdict = await alike(world);
    expect(verdict.findings.length).toBeGreaterThan(0);
  });
});

describe('a choice', () => {
  async function chosen(world: World, from: number | null, to: number | null) {
    return await folder.export(world, {
      choice: {
        from: from === null ? null : { offset: from },
        to: to === null ? null : { offset: to },
        partition: 0,
      },
    });
  }

  test('is widened to whole seals, and leaves the statements whole', async () => {
    const world = await World.small({ partitions: 2 });
    const { file, manifest, events } = await chosen(world, 5, 5);
    expect(manifest.scope).toEqual({ kind: 'ranges', ranges: [{ partition: 0, first: 4, last: 6 }] });
    expect(events).toBe(3);
    const byFolder = new Map(manifest.stored.map(({ folder: name, partitions }) => [name, partitions]));
    expect(byFolder.get('events')).toMatchObject([
      { logStart: 0, highWatermark: 10, from: 4, to: 7 },
      { logStart: 0, highWatermark: 10, from: 0, to: 0 },
    ]);
    expect(byFolder.get('leaves')).toMatchObject([
      { logStart: 1, highWatermark: 2, from: 1, to: 2 },
      { logStart: 3, highWatermark: 3, from: 3, to: 3 },
    ]);
    expect(byFolder.get('seals')).toMatchObject([{ logStart: 0, highWatermark: 9, from: 0, to: 9 }]);
    expect([...membersOf(readFileSync(file)).keys()]).toEqual([
      'MANIFEST.json',
      'records/events/0000000/0000000000000004',
      'records/leaves/0000000/0000000000000001',
      'records/seals/0000000/0000000000000000',
      'sha256sums',
    ]);
  });

  test('by time takes every seal that may hold an event of that time', async () => {
    const world = await World.small();
    const times = world.entries(0).map(({ timestamp }) => Number(timestamp));
    const byTime = async (from: number, to: number) =>
      (await folder.export(world, { choice: { from: { time: from }, to: { time: to }, partition: null } })).manifest
        .scope;
    expect(await byTime(times[0]!, times[0]!)).toMatchObject({ ranges: [{ first: 0, last: 3 }] });
    expect(await byTime(times[5]!, times[5]!)).toMatchObject({ ranges: [{ first: 4, last: 6 }] });
    await expect(byTime(times[9]! + 1_000, times[9]! + 2_000)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });

  test('without an end goes as far as there is something', async () => {
    const { manifest, events } = await chosen(await World.small(), 7, null);
    expect(manifest.scope).toEqual({ kind: 'ranges', ranges: [{ partition: 0, first: 7, last: Infinity }] });
    expect(events).toBe(3);
  });

  test.each([
    [5, 5, 3],
    [0, 3, 4],
    [2, 7, 8],
    [7, null, 1],
    [null, 0, 4],
    [null, null, 8],
  ])('from %s to %s is verified by its scope, as it is from the cluster', async (from, to, events) => {
    const world = await World.small({ partitions: 2 });
    const { file, manifest } = await chosen(world, from, to);
    const verdict = await fromBundle(world, file);
    expect(verdict).toMatchObject({ exitCode: 0, verdict: 'verified', checked: { events } });
    expect(plain(verdict)).toEqual(plain(await world.verify({ scope: manifest.scope })));
  });

  test('in which an event was altered says so', async () => {
    const world = await World.small();
    const batch = world.cluster.batches(topics.events, 0)[2]!;
    batch.writeUInt8(batch.readUInt8(80) ^ 1, 80);
    sealCrc(batch);
    expect(await fromBundle(world, (await chosen(world, 5, 5)).file)).toMatchObject({ exitCode: 1 });
    expect(await fromBundle(world, (await chosen(world, 0, 1)).file)).toMatchObject({ exitCode: 0 });
  });

  test('verified as if it were everything is inconclusive, never verified', async () => {
    const world = await World.small();
    const { file } = await chosen(world, 5, 5);
    const verdict = await fromBundle(world, file, { scope: { kind: 'all' } });
    expect(verdict.exitCode).toBe(3);
    expect(verdict.findings.map(({ code, found }) => [code, found])).toContainEqual(['unavailable', 'NOT_INCLUDED']);
  });

  test.each([
    ['an offset without a partition', { from: { offset: 1 }, to: null, partition: null }],
    ['an end before the beginning', { from: { offset: 5 }, to: { offset: 4 }, partition: 0 }],
    ['a partition of which nothing is sealed', { from: null, to: null, partition: 7 }],
    ['offsets that are not sealed yet', { from: { offset: 8 }, to: { offset: 9 }, partition: 0 }],
  ] as const)('of %s is refused', async (_, choice) => {
    await expect(folder.export(await World.small(), { choice })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});

describe('schemas', () => {
  test('that records name go with them; what the registry did not know, and what nobody asked for, are told apart', async () => {
    const world = await World.make();
    const value = (id: number) => Buffer.from([0, 0, 0, 0, id, 7]);
    await world.append(
      topics.events,
      0,
      [1, 2, 1].map((id) => ({ key: null, value: value(id) })),
    );
    await world.append(topics.events, 0, [{ key: null, value: Buffer.from('no event') }]);
    await world.seal(0);
    const asked: number[] = [];
    const { file } = await folder.export(world, {
      schemas: {
        schemaById: (id) => {
          asked.push(id);
          if (id === 1) return Promise.resolve('"string"');
          return Promise.reject(new SchemasError('SCHEMA_UNKNOWN', 'none'));
        },
      },
    });
    expect(asked).toEqual([1, 2]);
    await withBundle(file, async ({ schemas }) => {
      expect(await schemas?.schemaById(1)).toBe('"string"');
      await expect(schemas?.schemaById(2)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' });
      await expect(schemas?.schemaById(3)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    });
  });

  test('of a registry that does not answer stop the export', async () => {
    const world = await World.make();
    await world.append(topics.events, 0, [{ key: null, value: Buffer.from([0, 0, 0, 0, 1, 7]) }]);
    const schemaById = () => Promise.reject(new SchemasError('REGISTRY_UNREACHABLE', 'none'));
    await expect(folder.export(world, { schemas: { schemaById } })).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });
});

test('a file that changes under the reader is no verdict', async () => {
  const world = await World.small();
  const { file } = await folder.export(world);
  await withBundle(file, async ({ records }) => {
    writeFileSync(file, '');
    await expect(world.verify({ log: records })).rejects.toMatchObject({ code: 'BUNDLE_TRUNCATED' });
  });
  expect(await world.verify()).toMatchObject({ exitCode: 0 });
});
