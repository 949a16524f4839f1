// An honest bundle that is older than the anchor: a rollback by the protocol, in words that say what else it may be.
import { afterAll, describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../../src/adapters/anchor-memory.ts';
import { LogWorld } from '../support/log-world.ts';
import { summary, World } from '../support/world.ts';
import { BundleFolder, withBundle } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

const made = 1_700_000_000_000;
const [madeText, movedText] = ['2023-11-14T22:13:20.000Z', '2023-11-14T22:14:20.000Z'];

/** A bundle of a log that went on and was verified a minute later, and the anchor of that run. */
async function older() {
  const world = await World.small({ partitions: 2 });
  const { file } = await folder.export(world, { now: () => made });
  for (const partition of [0, 1]) await world.seal(partition);
  const anchor = memoryAnchorStore();
  expect(await world.verify({ anchor, now: () => made + 60_000 })).toMatchObject({ exitCode: 0 });
  const check = async (sourceMade?: string) =>
    await withBundle(file, async ({ records, manifest }) => {
      expect(manifest.made).toBe(madeText);
      return await world.verify({ log: records, anchor, sourceMade: sourceMade ?? manifest.made });
    });
  return { check };
}

describe('a bundle that is older than the anchor', () => {
  test('is a rollback whose message has both times and what to do', async () => {
    const { check } = await older();
    const verdict = await check();
    expect(verdict.exitCode).toBe(1);
    expect(summary(verdict)).toEqual(['rollback 0 offsets 8-9', 'rollback 1 offsets 8-9']);
    for (const { message } of verdict.findings) {
      expect(message).toContain(`made at ${madeText}, before the run at ${movedText}`);
      expect(message).toContain('with the anchor of that time, or with none');
    }
  });

  test.each([
    ['of the same moment', movedText],
    ['made later', '2024-01-01T00:00:00Z'],
    ['whose time is none', 'yesterday, or so'],
  ])('is excused by nothing where it is one %s', async (_, sourceMade) => {
    const { check } = await older();
    const { exitCode, findings } = await check(sourceMade);
    expect([exitCode, findings.length]).toEqual([1, 2]);
    for (const { message } of findings) expect(message).toMatch(/keep this anchor\.$/);
  });

  test('says so of its published log, too', async () => {
    const world = await LogWorld.published();
    const anchor = memoryAnchorStore();
    expect(await world.check({ anchor, now: () => made + 60_000 })).toMatchObject({ exitCode: 0 });
    world.publish(3);
    const { exitCode, findings } = await world.check({ anchor, sourceMade: madeText });
    expect(exitCode).toBe(1);
    const [found] = findings.filter(({ code }) => code === 'rollback');
    expect(found?.message).toContain('published log was taken back');
    expect(found?.message).toContain(`made at ${madeText}, before the run at ${movedText}`);
  });
});
