import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TallystickError } from '@tallystick/core/errors';
import { checkLog } from '@tallystick/ledger-service/check-log';
import { openStores, type LogStores } from '@tallystick/ledger-service/log-stores';
import { Checker, findGo } from '../support/checker.ts';
import { writeBigLog, type BigLog } from './big-log.ts';
import { buildPrograms } from './programs.ts';

// A log that is large enough for a tile of level 2: what `tallystick log check`, our checker in Go and software of others say of it, as it is
// and altered. What others let pass is written down too: their versions are pinned.

const programs = buildPrograms();
const go = findGo();
const size = 65_536 + 300;
const sizes = [1, 256, 300, 65_535, 65_536, 65_537];
const signed = Number(process.env['TEST_EFFORT'] ?? 1) > 1;

describe.skipIf(programs === null || go === null)('a log with tiles of level 2', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tallystick-big-log-'));
  const dir = join(folder, 'log');
  const old = (of: number): string => join(folder, `checkpoint-${of}`);
  let checker: Checker;
  let stores: LogStores;
  let big: BigLog;

  beforeAll(async () => {
    checker = new Checker(go ?? '');
    stores = await openStores({ dir, checkpointDir: join(folder, 'checkpoints') });
    big = await writeBigLog(stores, size, { sizes: [...sizes, size], signed });
    for (const [of, note] of big.checkpoints) writeFileSync(old(of), note);
  }, 300_000);
  afterAll(async () => {
    programs?.end();
    checker.remove();
    await Promise.all([stores.store.close(), stores.checkpoints.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** `whole`, the paths that are missing or wrong, or the code of the error. */
  async function logCheck(): Promise<string> {
    try {
      const checked = await checkLog({ ...stores, origin: big.origin, logKeys: [big.logKey] });
      return checked?.paths.join(' ') || 'whole';
    } catch (error) {
      if (error instanceof TallystickError) return error.code;
      throw error;
    }
  }

  /** The exit codes of the others, each of which holds the log against the older checkpoint besides (fsck knows none). */
  async function others(older: number) {
    const key = big.logKey.vkey;
    const before = old(older);
    const [second, tlog, tessera, fsck] = await Promise.all([
      checker.run('log', dir, '--log-key', key, '--old', before),
      programs?.run('tlog', dir, key, before),
      programs?.run('tessera', dir, key, before),
      programs?.run('fsck', dir, key),
    ]);
    return { checker: second.exit, tlog: tlog?.exit, tessera: tessera?.exit, fsck: fsck?.exit };
  }

  /** What both say while the file is another. */
  async function altered(name: string, change: ((bytes: Buffer) => Buffer | string) | null, older = 256) {
    const file = join(dir, name);
    const bytes = readFileSync(file);
    const changed = change?.(Buffer.from(bytes)) ?? null;
    expect(changed === null ? null : Buffer.from(changed)).not.toEqual(bytes);
    if (changed === null) rmSync(file);
    else writeFileSync(file, changed);
    try {
      return { ours: await logCheck(), ...(await others(older)) };
    } finally {
      writeFileSync(file, bytes);
    }
  }
  const allRefuse = { checker: 1, tlog: 1, tessera: 1, fsck: 1 };
  const flip = (at: number) => (bytes: Buffer) => {
    bytes[at]! ^= 1;
    return bytes;
  };

  it('is whole, and the checkpoints of smaller trees are parts of it', async () => {
    expect(await logCheck()).toBe('whole');
    for (const older of sizes)
      expect(await others(older), `since ${older}`).toEqual({ checker: 0, tlog: 0, tessera: 0, fsck: 0 });
  });

  it.runIf(signed)('is accepted statement by statement', async () => {
    const keys = ['--log-key', big.logKey.vkey, '--root-key', big.rootKey.vkey];
    const { exit, text } = await checker.run('log', dir, ...keys);
    expect(text).toContain('all entries are accepted statements');
    expect(exit).toBe(0);
  });

  it.each([
    ['a full tile of level 0', 'tile/0/100', 32 * 77, 'tile/0/100'],
    ['the full tile of level 1', 'tile/1/000', 32 * 100 + 5, 'tile/1/000'],
    ['a partial tile of level 1', 'tile/1/001.p/1', 0, 'tile/1/001.p/1'],
    ['the tile of level 2', 'tile/2/000.p/1', 31, 'tile/2/000.p/1'],
    ['an entry in a full bundle', 'tile/entries/100', 20_000, 'LOG_DAMAGED'],
    ['the length of an entry', 'tile/entries/257.p/44', 1, 'LOG_DAMAGED'],
  ])('with a bit of %s changed is refused by all', async (_, name, at, ours) => {
    expect(await altered(name, flip(at))).toEqual({ ours, ...allRefuse });
  });

  it('without a tile cannot be checked', async () => {
    expect(await altered('tile/1/000', null)).toEqual({ ours: 'tile/1/000', ...allRefuse, checker: 3 });
  });

  it('with another root or signature in its checkpoint is refused by all', async () => {
    const root = (note: Buffer) =>
      note.toString().replace(/\n.(?=.{43}\n\n)/, (was) => (was === '\nA' ? '\nB' : '\nA'));
    const signature = (note: Buffer) => note.toString().replace(/.(?=.{8}\n$)/, (was) => (was === 'A' ? 'B' : 'A'));
    for (const change of [root, signature])
      expect(await altered('checkpoint', change)).toEqual({ ours: 'CHECKPOINT_INVALID', ...allRefuse });
  });

  it('with an older checkpoint put back is refused by who holds a newer one, but not by Tessera', async () => {
    // What is published may lie behind what is stored: a publisher waits for its witnesses in between.
    const putBack = await altered('checkpoint', () => readFileSync(old(65_536)), size);
    expect(putBack).toEqual({ ours: 'whole', checker: 1, tlog: 1, tessera: 0, fsck: 0 });
  });
});
