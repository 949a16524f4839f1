import { parseVerifierKey } from '@tallystick/core/note';
import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { renderText } from '../src/render.ts';
import type { VerifyOptions } from '../src/verify-options.ts';
import { logKey, LogWorld, quorum, witnesses } from './support/log-world.ts';
import { checkpointOf, rootOf } from './support/tiny-log.ts';
import type { CheckpointOptions } from './support/tiny-log.ts';
import { b64, keyFrom, keyText, sha } from './support/tiny-sealer.ts';
import { origin, rootKey, summary, World } from './support/world.ts';

const [a, b, c] = witnesses;
const now = 1_800_000_000;
const byTwo = { cosigned: [[a, now - 60] as const, [b, now - 30] as const] };

/** A checkpoint of the first `count` statements, as a file that somebody kept. */
function kept(world: LogWorld, count = world.notes.length, options: CheckpointOptions = {}) {
  return { name: `kept-${count}`, note: checkpointOf(world.notes.slice(0, count), logKey, options) };
}

/** A log of seven statements of which the first five are published. */
async function behind(options: CheckpointOptions = {}): Promise<LogWorld> {
  const world = await LogWorld.published();
  for (let n = 0; n < 3; n++) {
    await world.emit(0, 1);
    await world.seal(0);
  }
  world.publish(5, options);
  return world;
}

async function ended(world: LogWorld, options: Partial<VerifyOptions>) {
  const verdict = await world.check({ settleMs: 0, ...options });
  const outcomes = verdict.published?.given.map(({ outcome }) => outcome);
  return { exitCode: verdict.exitCode, codes: verdict.findings.map(({ code }) => code), outcomes };
}

describe('a checkpoint that is given', () => {
  test('of every size that the log had is consistent, and the verdict says so', async () => {
    const world = await behind();
    world.publish();
    const checkpoints = world.notes.map((_, at) => kept(world, at + 1));
    const verdict = await world.check({ checkpoints });
    expect(summary(verdict)).toEqual([]);
    expect(verdict.published?.given).toEqual(
      checkpoints.map(({ name }, at) => ({
        ...{ name, size: at + 1, outcome: 'consistent' },
        root: rootOf(world.notes.slice(0, at + 1)),
      })),
    );
    const text = renderText(verdict);
    expect(text).toMatch(/^ {2}compared with +consistent with 7 checkpoints given$/m);
    expect(text).toContain('the root key, and 7 checkpoints given, the largest of 7 entries');
  });

  test('larger than what is served: the log was taken back', async () => {
    const world = await behind();
    expect(await ended(world, {})).toEqual({ exitCode: 0, codes: [], outcomes: [] });
    const given = kept(world, 6);
    const verdict = await world.check({ checkpoints: [given], settleMs: 0 });
    expect(verdict).toMatchObject({
      exitCode: 1,
      findings: [{ code: 'rollback', expected: `log 6 ${rootOf(world.notes.slice(0, 6))}` }],
    });
    expect(verdict.findings[0]?.message).toContain(
      'a checkpoint of 6 entries was given in kept-6, now one of 5 is served',
    );
    expect(verdict.findings[0]?.detail?.['notes']).toEqual([
      Buffer.from(given.note).toString('base64'),
      Buffer.from(world.files.get('checkpoint') ?? []).toString('base64'),
    ]);
  });

  test('a cache that serves the one before for a moment is no rollback', async () => {
    const world = await behind();
    const old = world.files.get('checkpoint');
    world.publish();
    const { published } = world;
    let asked = 0;
    const cached = {
      ...published,
      read: async (path: string, most: number) =>
        path === 'checkpoint' && asked++ < 2 ? (old ?? null) : await published.read(path, most),
    };
    const options = { published: cached, checkpoints: [kept(world)], settleMs: 5_000 };
    expect(await ended(world, options)).toEqual({ exitCode: 0, codes: [], outcomes: ['consistent'] });
  });

  test('where there is no log any more', async () => {
    const world = await LogWorld.published();
    const checkpoints = [kept(world)];
    world.files.delete('checkpoint');
    expect(await ended(world, { checkpoints })).toEqual({
      ...{ exitCode: 1, outcomes: ['ahead'] },
      codes: expect.arrayContaining(['rollback']) as string[],
    });
  });

  test.each([
    ['the size that is served', 7],
    ['a smaller one', 5],
  ])('of another history, at %s: two roots', async (_, size) => {
    const world = await behind();
    world.publish();
    const entries = [...world.notes.slice(0, size - 1), Buffer.from('another')];
    const checkpoints = [{ name: 'other', note: checkpointOf(entries, logKey) }];
    const verdict = await world.check({ checkpoints });
    expect(verdict).toMatchObject({
      exitCode: 1,
      findings: [{ code: 'checkpoint', expected: rootOf(entries), found: rootOf(world.notes.slice(0, size)) }],
      published: { given: [{ outcome: 'other' }] },
    });
    expect(verdict.findings[0]?.message).toContain('(given in other)');
  });

  describe('that a witness cosigned and the log does not publish', () => {
    const policy = quorum();
    const waits = { exitCode: 3, codes: ['checkpoint-old'], outcomes: ['ahead'] };
    const back = { exitCode: 1, codes: ['rollback'], outcomes: ['ahead'] };
    const byOne = (witness: typeof a) => ({ cosigned: [[witness, now] as const] });

    test('may honestly wait for the others: nobody can say', async () => {
      const world = await behind(byTwo);
      expect(await ended(world, { policy, checkpoints: [kept(world, 7, byOne(a))] })).toEqual(waits);
      expect(await ended(world, { policy, checkpoints: [kept(world, 7)] })).toEqual(waits);
    });

    test('was published where a quorum signed it, in one file or in several', async () => {
      const world = await behind(byTwo);
      expect(await ended(world, { policy, checkpoints: [kept(world, 7, byTwo)] })).toEqual(back);
      const checkpoints = [kept(world, 7, byOne(a)), kept(world, 7, byOne(c))];
      expect(await ended(world, { policy, checkpoints })).toEqual({ ...back, outcomes: ['ahead', 'ahead'] });
    });

    test('of statements that are nowhere was taken back', async () => {
      const world = await behind(byTwo);
      const more = [...world.notes, Buffer.from('gone')];
      const other = [...world.notes.slice(0, -1), Buffer.from('gone')];
      for (const entries of [more, other]) {
        const checkpoints = [{ name: 'x', note: checkpointOf(entries, logKey, byOne(a)) }];
        expect(await ended(world, { policy, checkpoints })).toEqual(back);
      }
    });
  });

  test.each<[string, (world: LogWorld) => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['what is no note', () => Buffer.from('<html>not found</html>\n')],
    ['a checkpoint of another log', (world) => checkpointOf(world.notes, keyFrom('example.com/other', 3))],
    ['one that an unknown key signed', (world) => checkpointOf(world.notes, keyFrom(origin, 9))],
    ['a bad signature', (world) => Buffer.from(Buffer.from(kept(world).note).toString().replace(/\n4\n/, '\n5\n'))],
  ])('that is %s cannot be used', async (_, make) => {
    const world = await LogWorld.published();
    const given = world.check({ checkpoints: [{ name: 'file.txt', note: make(world) }], settleMs: 0 });
    await expect(given).rejects.toMatchObject({
      code: 'CHECKPOINT_FILE_INVALID',
      message: expect.stringContaining('file.txt') as string,
    });
  });

  test('what is found is not hidden behind one that an unknown key signed', async () => {
    const world = await LogWorld.published();
    const stranger = { name: 'stranger', note: checkpointOf(world.notes, keyFrom(origin, 9)) };
    world.files.set('checkpoint', checkpointOf([...world.notes.slice(0, -1), Buffer.from('x')], logKey));
    expect(await ended(world, { checkpoints: [stranger] })).toMatchObject({ exitCode: 1, outcomes: ['unknown'] });
  });

  test('counts if a key signed it that the log itself names, retired since or not', async () => {
    const world = await LogWorld.make();
    const add = keyText(origin, 1, 'add', logKey.vkey, world.keyPrevious).replace('role seal', 'role log');
    await world.statement(rootKey.sign(add));
    await world.emit(0, 2);
    await world.seal(0);
    world.publish();
    const checkpoints = [kept(world, 3)];
    expect(await ended(world, { logKeys: [], checkpoints })).toMatchObject({ exitCode: 0, outcomes: ['consistent'] });
    const next = keyFrom(origin, 8);
    const retire = keyText(origin, 2, 'retire', logKey.vkey, b64(sha(add))).replace('role seal', 'role log');
    await world.statement(rootKey.sign(retire));
    world.publish();
    world.files.set('checkpoint', checkpointOf(world.notes, next));
    const logKeys = [parseVerifierKey(next.vkey)];
    expect(await ended(world, { logKeys, checkpoints })).toMatchObject({ exitCode: 0, outcomes: ['consistent'] });
    const other = { name: 'other', note: checkpointOf([...world.notes.slice(0, 2), Buffer.from('x')], logKey) };
    expect(await ended(world, { logKeys, checkpoints: [other] })).toMatchObject({ exitCode: 1, outcomes: ['other'] });
  });

  test('an incremental run compares what is newer than its state, and else is a full one', async () => {
    const world = await LogWorld.published();
    const anchor = memoryAnchorStore();
    await world.check({ anchor });
    await world.emit(0, 1);
    await world.seal(0);
    world.publish();
    for (const [size, mode] of [
      [5, 'incremental'],
      [3, 'full'],
    ] as const) {
      const verdict = await world.check({ anchor, incremental: true, checkpoints: [kept(world, size)] });
      expect(verdict).toMatchObject({ exitCode: 0, mode, published: { given: [{ outcome: 'consistent' }] } });
    }
  });

  test('needs a log to compare it with', async () => {
    const world = await World.small();
    const checkpoints = [{ name: 'x', note: new Uint8Array() }];
    await expect(world.verify({ checkpoints })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});
