import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreError } from '@tallystick/core/errors';
import { parsePolicy } from '@tallystick/core/policy';
import { fileAnchorStore } from '@tallystick/verifier/anchor-file';
import { CopiedPublished } from '@tallystick/verifier/copied-published';
import type { Verdict } from '@tallystick/verifier/verdict';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../cli/src/exit-codes.ts';
import { logKey, LogWorld, witnesses } from '../../verifier/test/support/log-world.ts';
import { AlteredLog } from './altered-log.ts';
import { some } from './effort.ts';
import { cleanLog, logSigner, type SmallLog } from './small-log.ts';
import { judge } from './try-verify.ts';

// What the verifier itself goes by: the file and the key of its anchor, and the policy that it is given.

const folder = mkdtempSync(join(tmpdir(), 'tallystick-state-'));
const [file, keyFile] = [join(folder, 'anchor.json'), join(folder, 'anchor.json.key')];
let small: SmallLog;
let options: { published: CopiedPublished; logKeys: (typeof logSigner.key)[] };
let [anchor, key] = [Buffer.of(), Buffer.of()];

beforeAll(async () => {
  small = await cleanLog();
  options = { published: new CopiedPublished(small.files), logKeys: [logSigner.key] };
  expect((await judge(small, { ...options, anchor: fileAnchorStore(file) })).anchoredTo.updated).toBe(true);
  [anchor, key] = [readFileSync(file), readFileSync(keyFile)];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the two files as they are given, for as long as it takes to ask what a store makes of them. */
async function load(bytes: Uint8Array, keyBytes: Uint8Array = key): Promise<unknown> {
  writeFileSync(file, bytes);
  writeFileSync(keyFile, keyBytes);
  chmodSync(keyFile, 0o600);
  try {
    return await fileAnchorStore(file).load();
  } catch (error) {
    return error;
  } finally {
    writeFileSync(file, anchor);
    writeFileSync(keyFile, key);
  }
}
const flipped = (bytes: Buffer, at: number, bit: number): Buffer => {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
  return changed;
};
const isRefused = (made: unknown): boolean => made instanceof Error && 'code' in made && exitCodeOf(made) === 2;
const bitOf = (at: number): number => (at * 5 + 3) % 8;

describe('the state of the verifier', () => {
  it('a bit of its bytes: exit 2', async () => {
    const wrong: string[] = [];
    for (const at of some([...anchor.keys()], 8)) {
      const made = await load(flipped(anchor, at, bitOf(at)));
      if (!isRefused(made)) wrong.push(`byte ${at}: ${String(made)}`);
    }
    expect(wrong).toEqual([]);
  });

  it('every bit of some of its bytes, and its file cut at any place: exit 2', async () => {
    const wrong: string[] = [];
    for (const at of some([...anchor.keys()], 200)) {
      for (let bit = 0; bit < 8; bit += 1)
        if (!isRefused(await load(flipped(anchor, at, bit)))) wrong.push(`byte ${at} bit ${bit}`);
      if (!isRefused(await load(anchor.subarray(0, at)))) wrong.push(`cut at ${at}`);
      if (!isRefused(await load(Buffer.concat([anchor.subarray(0, at), anchor.subarray(at + 1)]))))
        wrong.push(`without byte ${at}`);
    }
    expect(wrong).toEqual([]);
  });

  it('each bit of its key: exit 2, or the same state where the key is the same', async () => {
    const whole = await load(anchor);
    const wrong: string[] = [];
    for (const at of some([...key.keys()], 4))
      for (let bit = 0; bit < 8; bit += 1) {
        const made = await load(anchor, flipped(key, at, bit));
        // Behind the key itself stand names of anchors, which are missed where they are gone: this one is there.
        const same = at >= key.indexOf('\n') && JSON.stringify(made) === JSON.stringify(whole);
        if (!isRefused(made) && !same) wrong.push(`byte ${at} bit ${bit}: ${String(made)}`);
      }
    expect(wrong).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['its file gone', () => rmSync(file)],
    ['its key gone', () => rmSync(keyFile)],
    ['its file empty', () => truncateSync(file)],
    ['its key empty', () => truncateSync(keyFile)],
    ['a key that others may read', () => chmodSync(keyFile, 0o644)],
    ['another key', () => writeFileSync(keyFile, `${Buffer.alloc(32, 1).toString('base64')}\n`)],
    ['another file where it is', () => cpSync(import.meta.filename, file)],
  ])('%s: no verdict at all, exit 2', async (_, alter) => {
    alter();
    const kept = [true, false].map(async (incremental) =>
      judge(small, { ...options, incremental, anchor: fileAnchorStore(file) }).catch((error: unknown) => error),
    );
    for (const made of await Promise.all(kept)) expect(isRefused(made)).toBe(true);
    writeFileSync(file, anchor);
    writeFileSync(keyFile, key);
    chmodSync(keyFile, 0o600);
  });

  it('of another log under the same key: exit 2', async () => {
    const world = await LogWorld.published();
    const made = await world.check({ anchor: fileAnchorStore(file) }).catch((error: unknown) => error);
    expect(made).toMatchObject({ code: 'ANCHOR_FOREIGN' });
    expect(isRefused(made)).toBe(true);
    expect(readFileSync(file)).toEqual(anchor);
  });

  it('put back as it once was is true, and what came after it is looked at again', async () => {
    const world = await LogWorld.published();
    const [own, ownKey] = [join(folder, 'own.json'), join(folder, 'own.json.key')];
    const run = async (incremental: boolean) => await world.check({ anchor: fileAnchorStore(own), incremental });
    expect((await run(false)).exitCode).toBe(0);
    const before = readFileSync(own);
    await world.seal(0);
    world.publish();
    expect((await run(true)).checked.events).toBe(1);
    writeFileSync(own, before);
    const again = await run(true);
    expect(again).toMatchObject({ exitCode: 0, checked: { events: 1 } });
    expect(readFileSync(ownKey, 'utf8')).toMatch(/^[A-Za-z0-9+/]{43}=\n/);
  });
});

describe('a policy', () => {
  const [a, b, c] = witnesses;
  const text = Buffer.from(
    `# Two of three.\nlog ${logKey.vkey}\nwitness A ${a.vkey}\nwitness B ${b.vkey}\nwitness C ${c.vkey}\ngroup two-of-three 2 A B C\nquorum two-of-three\n`,
  );
  const now = 1_700_000_100;

  async function under(world: LogWorld, policy: Buffer): Promise<Verdict | null> {
    try {
      return await world.check({ policy: parsePolicy(policy.toString()), logKeys: [] });
    } catch (error) {
      // Usage: the command ends 2.
      if (error instanceof CoreError && exitCodeOf(error) === 2) return null;
      throw error;
    }
  }

  it('with any bit of it flipped ends 2, or 1, or 0 on the word of as many witnesses', async () => {
    const world = await LogWorld.published();
    world.publish(undefined, {
      cosigned: [
        [a, now],
        [b, now],
      ],
    });
    const ended = new Map<number, number>();
    for (let at = 0; at < text.length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const verdict = await under(world, flipped(text, at, bit));
        const exit = verdict?.exitCode ?? 2;
        ended.set(exit, (ended.get(exit) ?? 0) + 1);
        if (exit === 0)
          expect([verdict?.anchoredTo.kind, verdict?.anchoredTo.witnesses.length]).toEqual(['witnesses', 2]);
      }
    for (const exit of [0, 1, 2]) expect(ended.get(exit)).toBeGreaterThan(0);
    expect(ended.get(3)).toBeUndefined();
  });

  it('with a lower quorum is another policy, which nothing can know: the verdict says what it stood on', async () => {
    const world = await LogWorld.published();
    const lowered = (how: (policy: string) => string) => under(world, Buffer.from(how(text.toString())));
    world.publish(undefined, { cosigned: [[a, now]] });
    expect(await under(world, text)).toMatchObject({ exitCode: 1, findings: [{ code: 'quorum', found: 'A' }] });
    expect(await lowered((policy) => policy.replace('three 2', 'three 1'))).toMatchObject({
      exitCode: 0,
      anchoredTo: { kind: 'witnesses', witnesses: ['A'] },
      published: { quorum: 'two-of-three' },
    });
    expect(await lowered((policy) => policy.replace('quorum two-of-three', 'quorum none'))).toMatchObject({
      exitCode: 0,
      anchoredTo: { kind: 'key', witnesses: [] },
      published: { quorum: null },
    });
    expect(await lowered((policy) => policy.replace(a.vkey, 'w.example/x+00000000+AAAA'))).toBeNull();
  });
});

describe('the snapshot beside the log', () => {
  it('is never read: with any of it altered or gone the verdict is the same', async () => {
    for (const how of [Buffer.of(), Buffer.from('hello'), null]) {
      const log = new AlteredLog(small);
      if (how === null) log.files.delete('snapshot');
      else log.files.set('snapshot', how);
      const asked: string[] = [];
      const files = new CopiedPublished(log.files);
      const read = async (path: string, most: number) => (asked.push(path), await files.read(path, most));
      const published = { place: files.place, read, close: async () => await files.close() };
      expect((await judge(log, { ...options, published })).exitCode).toBe(0);
      expect(asked).not.toContain('snapshot');
    }
  });
});
