import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileLogStore } from '../ledger-service/src/adapters/file-log-store.ts';
import { logSigner, LogWorld, newLogSigner, rootSigner, until } from '../ledger-service/test/support/log-world.ts';
import { Checker, findGo, goCommand, sources } from './support/checker.ts';
import { changedTexts, randomChain, randomFrom } from './support/random-vectors.ts';

// The checker in Go, which shares no line with this one, must come to the same verdicts. What it checks is in checker/README.md.

const go = findGo();
const testdata = join(import.meta.dirname, '..', 'core', 'testdata');
const folder = mkdtempSync(join(tmpdir(), 'tallystick-second-'));
let checker: Checker;

beforeAll(() => {
  if (go !== null) checker = new Checker(go);
}, 600_000);
afterAll(() => {
  if (go !== null) checker.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(go === null)('the second implementation', () => {
  it('uses the standard library only, and passes go vet and its own tests', () => {
    const modules = goCommand(go ?? '', 'list', '-m', 'all')
      .trim()
      .split('\n');
    expect(modules).toHaveLength(1);
    goCommand(go ?? '', 'vet', '.');
    goCommand(go ?? '', 'test', '-count=1', '-skip', '^TestVectors$', '.'); // they are the next test's
    expect(readdirSync(sources)).not.toContain('go.sum');
  }, 600_000);

  it('agrees with every vector, and leaves out no folder of them', async () => {
    const { exit, text } = await checker.vectors(testdata);
    expect(text).not.toContain('disagreement');
    expect(exit).toBe(0);
    const folders = readdirSync(testdata, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const lines = text.split('\n').filter((line) => line.includes(' passed'));
    expect(lines.map((line) => line.split(' ')[0])).toEqual(folders.map(({ name }) => name).sort());
    // What it says of itself: only these are not its matter.
    const partly = lines.filter((line) => line.includes('not covered')).map((line) => line.split(' ')[0]);
    expect(partly).toEqual(['acceptance', 'batches', 'events', 'snapshots']);
  });

  it('says which vector it does not agree with', async () => {
    const changed = join(folder, 'testdata');
    cpSync(testdata, changed, { recursive: true });
    const file = join(changed, 'proofs', 'proofs.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"logIndex":4,/, '"logIndex":5,'));
    const { exit, text } = await checker.vectors(changed);
    expect([exit, text]).toEqual([1, expect.stringContaining(': 1 disagreements')]);
    expect(text).toContain('an event in the middle of its batch');
  });
});

describe.skipIf(go === null)('what chance makes', () => {
  it('of texts, proofs and chains of statements is taken by both implementations or by neither', async () => {
    // One seed by default: what an unlucky seed finds is for whoever looks for it (TALLYSTICK_DIFFERENTIAL_SEED), not for a build.
    const seed = Number(process.env['TALLYSTICK_DIFFERENTIAL_SEED'] ?? 1);
    const random = randomFrom(seed);
    const dir = join(folder, 'random');
    cpSync(testdata, dir, { recursive: true });
    const files = changedTexts(random, 300);
    files['acceptance/acceptance'] = Array.from({ length: 20 }, () => randomChain(random, 40));
    for (const [name, vectors] of Object.entries(files)) {
      // Neither refuses everything, or this would show nothing.
      if (name !== 'acceptance/acceptance') {
        const taken = vectors.filter((vector) => ('tile' in vector ? vector['tile'] : !vector['wantErr'])).length;
        expect(taken, `${name}, seed ${seed}`).toBeGreaterThan(0);
        expect(taken, `${name}, seed ${seed}`).toBeLessThan(vectors.length);
      }
      writeFileSync(join(dir, `${name}.json`), JSON.stringify(vectors));
    }
    const accepted = files['acceptance/acceptance'].map(({ end }) => (end as { accepted: number }).accepted);
    expect(Math.max(...accepted), `seed ${seed}`).toBeGreaterThan(5);
    const { text } = await checker.vectors(dir);
    expect(text).toContain('tlog-proofs');
    // Which check of a proof fails first, and what else one that holds shows, is compared above.
    const bad = text
      .split('\n')
      .filter((line) => line.includes('.json ') && !/got ("PROOF_[A-Z_]+", want "PROOF_|\{)/.test(line));
    expect(bad, `seed ${seed}`).toEqual([]);
  }, 120_000);
});

async function published(world: LogWorld, size: number): Promise<void> {
  await until(
    async () => (await world.publishedSize()) === size,
    () => `a published log of ${size} entries`,
  );
}

describe.skipIf(go === null)('a log that the publisher made', () => {
  const dir = join(folder, 'log');
  const first = join(folder, 'first-checkpoint');
  const keys = ['--log-key', logSigner.key.vkey, '--root-key', rootSigner.key.vkey];
  const check = async (...args: readonly string[]) => await checker.run('log', dir, ...keys, ...args);

  it('holds: every entry, tile and partial tile, and an older checkpoint is a part of it', async () => {
    const world = new LogWorld();
    world.store = new FileLogStore(dir);
    await world.begin();
    await world.seal(300);
    const publisher = await world.start();
    await published(world, 302);
    writeFileSync(first, world.checkpoints.stored.at(-1) ?? '');
    await world.seal(400, 1);
    await published(world, 703);
    await publisher.stop();
    const { exit, text } = await check('--old', first);
    expect(text).toContain('all 703 entries and every tile above them agree with the checkpoint');
    expect(text).toContain('the older checkpoint of 302 entries is a part of this log');
    expect(text).toContain('all entries are accepted statements: 2 partitions, 1 valid seal keys');
    expect(exit).toBe(0);
  });

  it('under another key does not', async () => {
    expect(await checker.run('log', dir, '--log-key', newLogSigner.key.vkey)).toMatchObject({ exit: 1 });
    const other = await check('--log-key', newLogSigner.key.vkey);
    expect(other).toMatchObject({ exit: 0 }); // one of the keys held is enough
  });

  it('with any byte changed is found out, and with a file gone it could not be checked', async () => {
    // All that a tree of 703 entries is made of; partial tiles of smaller trees may lie beside them.
    const tiles = ['entries/000', 'entries/001', 'entries/002.p/191', '0/000', '0/001', '0/002.p/191', '1/000.p/2'];
    const files = ['checkpoint', ...tiles.map((tile) => `tile/${tile}`)];
    for (const name of files) {
      const file = join(dir, name);
      const bytes = readFileSync(file);
      for (const at of new Set([0, bytes.length >> 1, bytes.length - 2])) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1;
        writeFileSync(file, changed);
        const { exit, text } = await check();
        expect([exit, text], `${name}, byte ${at}`).toEqual([1, expect.stringContaining('tampering: ')]);
      }
      rmSync(file);
      expect((await check()).exit, `${name} is gone`).toBe(3);
      writeFileSync(file, bytes);
    }
    expect((await check()).exit).toBe(0);
  });

  it('that was rolled back, or is another one, is found out by an older checkpoint', async () => {
    const now = readFileSync(join(dir, 'checkpoint'));
    const newest = join(folder, 'newest-checkpoint');
    writeFileSync(newest, now);
    const other = new LogWorld();
    other.store = new FileLogStore(join(folder, 'other'));
    await other.begin();
    await other.seal(310, 7);
    const publisher = await other.start();
    await published(other, 312);
    await publisher.stop();
    const forked = await checker.run('log', join(folder, 'other'), ...keys, '--old', first);
    expect(forked).toMatchObject({ exit: 1, text: expect.stringContaining('the older checkpoint says') as string });
    const older = await checker.run('log', join(folder, 'other'), ...keys, '--old', newest);
    expect(older).toMatchObject({ exit: 1, text: expect.stringContaining('smaller than the older') as string });
    expect((await checker.run('log', join(folder, 'other'), ...keys)).exit).toBe(0);
  });
});
