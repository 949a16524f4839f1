import { parseVerifierKey } from '@tallystick/core/note';
import { sha256 } from '@tallystick/core/hash';
import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { NeedsFullRun } from '../src/run/incremental.ts';
import { EntryIndex } from '../src/published/entry-index.ts';
import { runOnce } from '../src/run/run-once.ts';
import type { Verdict } from '../src/verdict.ts';
import type { VerifyOptions } from '../src/verify.ts';
import { logKey, LogWorld } from './support/log-world.ts';
import { b64, sha } from './support/tiny-sealer.ts';
import { origin, rootKey, sealKey, topics } from './support/world.ts';

async function long(): Promise<LogWorld> {
  const world = await LogWorld.make({ partitions: 2 });
  for (let i = 0; i < 24; i++) {
    await world.emit(i % 2, 1 + (i % 3));
    await world.seal(i % 2);
  }
  world.publish(20);
  return world;
}

const run = async (world: LogWorld, remember: number, options: Partial<VerifyOptions> = {}): Promise<Verdict> =>
  await runOnce(
    {
      log: world.log,
      topics,
      origin,
      rootKey: parseVerifierKey(rootKey.vkey),
      settleMs: 0,
      published: world.published,
      logKeys: [parseVerifierKey(logKey.vkey)],
      ...options,
    },
    (await options.anchor?.load()) ?? null,
    { kind: 'full', because: null, remember },
  );

/** What does not hang on the machine. */
const same = (verdict: Verdict) => ({ ...verdict, startedAt: null, durationMs: null, rates: null });

describe('a judge that remembers few statements', () => {
  test('gives the same verdict, with the log and without', async () => {
    const world = await long();
    expect(await run(world, Infinity)).toMatchObject({ exitCode: 0, counts: { resends: 0 } });
    expect(same(await run(world, 2))).toEqual(same(await run(world, Infinity)));
    const { log, settleMs } = { log: world.log, settleMs: 0 };
    const alone = { log, topics, origin, rootKey: parseVerifierKey(rootKey.vkey), settleMs };
    const both = [2, Infinity].map(async (remember) =>
      same(await runOnce(alone, null, { kind: 'full', because: null, remember })),
    );
    const [few, all] = await Promise.all(both);
    expect(few).toEqual(all);
  });

  test('sees what the topic lost', async () => {
    const world = await long();
    world.cluster.removeBatch(topics.seals, 0, 5);
    const [few, all] = [await run(world, 2), await run(world, Infinity)];
    expect(few.findings.map(({ code }) => code)).toContain('seals-lost');
    expect(same(few)).toEqual(same(all));
  });

  test('knows a statement of the anchor that is older', async () => {
    const world = await LogWorld.make();
    const anchor = memoryAnchorStore();
    for (let i = 0; i < 8; i++) {
      await world.emit(0, 1);
      await world.seal(0);
      world.publish();
      if (i === 1) await world.check({ anchor });
    }
    expect(await run(world, 2, { anchor })).toMatchObject({ exitCode: 0, anchoredTo: { updated: true } });
  });

  test.each([
    ['a fork of long ago', (text: string) => text.replace(/^head .*$/m, `head ${b64(sha('x'))}`), 1],
    [
      'another statement in its place',
      (text: string) => text.replace(/^previous .*$/m, `previous ${b64(sha('x'))}`),
      1,
    ],
  ])('does not decide on %s: one that remembers all does', async (_, change, exitCode) => {
    const world = await long();
    const note = world.notes[4] ?? Buffer.of();
    const text = note.toString().split('\n\n')[0] ?? '';
    await world.append(topics.seals, 0, [{ key: null, value: sealKey.sign(change(`${text}\n`)) }]);
    await expect(run(world, 2)).rejects.toThrow(NeedsFullRun);
    const verdict = await run(world, Infinity);
    expect(verdict.exitCode).toBe(exitCode);
    expect(await world.check()).toMatchObject({ exitCode });
  });

  test('a resend of what the log holds is none of its business', async () => {
    const world = await long();
    await world.append(topics.seals, 0, [{ key: null, value: world.notes[4] ?? null }]);
    expect(await run(world, 2)).toMatchObject({ exitCode: 0, counts: { resends: 1 } });
    expect(same(await run(world, 2))).toEqual(same(await run(world, Infinity)));
  });
});

test('entries are found by their leaf hashes, and no others', () => {
  const index = new EntryIndex();
  const leaf = (i: number): Uint8Array => sha256(Buffer.from(`leaf ${i}`));
  for (let i = 0; i < 5_000; i++) index.add(leaf(i), i === 4_999 ? 2 ** 40 : i);
  for (let i = 0; i < 4_999; i++) expect(index.get(leaf(i))).toBe(i);
  expect(index.get(leaf(4_999))).toBe(2 ** 40);
  for (let i = 5_000; i < 10_000; i++) expect(index.get(leaf(i))).toBeUndefined();
});
