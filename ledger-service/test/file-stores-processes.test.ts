import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { openStores } from '../src/log-stores.ts';
import { sorted, textOf } from './support/log-store-contract.ts';
import { expectOneChain, Publisher, runPublishers } from './support/publishers.ts';
import { sha256, type Won } from './support/store-child.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => ({ dir: join(folder, name, 'log'), checkpointDir: join(folder, name, 'checkpoints') });

it(
  'eight publishers in processes of their own: every version has one winner, none is lost or repeated',
  { timeout: 300_000 },
  async () => {
    const stores = at('eight');
    const input = { stores, wins: 200, publish: false };
    const stored = await runPublishers(Array.from({ length: 8 }, (_, who) => ({ ...input, name: `p${who}` })));
    expectOneChain(stored);
    const { checkpoints } = await openStores(stores);
    const newest = await checkpoints.newest();
    expect(newest?.version).toBe(stored.length);
    expect(sha256(newest!.note)).toBe(stored.at(-1)?.sha256);
    // Old versions went, and nothing is left half done.
    const left = readdirSync(stores.checkpointDir).filter((name) => /^[0-9]{20}$/.test(name));
    expect(left.length).toBeGreaterThanOrEqual(32);
    expect(left.length).toBeLessThanOrEqual(128);
    expect(readdirSync(join(stores.checkpointDir, '.tmp'))).toEqual([]);
  },
);

it(
  'publishers killed at any moment leave both stores readable, and keep what they said was stored',
  { timeout: 300_000 },
  async () => {
    const stores = at('killed');
    const { store, checkpoints } = await openStores(stores);
    const won: Won[] = [];
    let before = 0;
    let anyPublished = false;
    for (let round = 0; round < 12; round += 1) {
      const publishers = [0, 1].map(
        (who) => new Publisher({ stores, name: `r${round} p${who}`, wins: 1_000_000, publish: true }),
      );
      for (const { ready } of publishers) await ready;
      // Counted in swaps, so that a slow machine tests as much as a fast one; every third time they may be killed before the first.
      const worked = () => publishers.some((publisher) => publisher.won.length > 0 && publisher.published.length > 0);
      for (const end = Date.now() + 60_000; round % 3 !== 2 && !worked() && Date.now() < end;) await sleep(1);
      await sleep(Math.random() * 150);
      for (const publisher of publishers) await publisher.kill();
      for (const publisher of publishers) won.push(...publisher.won);
      anyPublished ||= publishers.some(({ published }) => published.length > 0);

      const last = won.toSorted((one, other) => one.version - other.version).at(-1);
      const newest = await checkpoints.newest();
      // The last swap of each may be one of which it did not live to tell.
      expect(newest!.version).toBeGreaterThanOrEqual(last!.version);
      expect(newest!.version).toBeLessThanOrEqual(Math.max(before, last!.version) + 2);
      if (newest!.version === last!.version) expect(sha256(newest!.note)).toBe(last!.sha256);
      before = newest!.version;
      const paths = await sorted(store.list(''));
      if (anyPublished) expect(paths).toContain('checkpoint');
      for (const path of paths) {
        const text = textOf(await store.read(path, 10_000)) ?? '';
        const [version = ''] = text.split('\n');
        expect(text, path).toBe(`${version}\n`.repeat(1 + (Number(version) % 40)));
      }
    }
    // What two of them won never was the same version, and each took the place of the one before it.
    const byVersion = new Map(won.map((one) => [one.version, one]));
    expect(byVersion.size).toBe(won.length);
    for (const { version, from } of won) {
      const before = byVersion.get(version - 1);
      if (before !== undefined) expect(from).toBe(before.sha256);
    }
  },
);
