import { parseVerifierKey } from '@tallystick/core/note';
import { parsePolicy } from '@tallystick/core/policy';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import { KafkaError } from '@tallystick/kafka/errors';
import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { renderText } from '../src/report/render.ts';
import type { VerifyOptions } from '../src/verify-options.ts';
import { BundleFolder, withBundle } from './bundle/bundles.ts';
import { logKey, LogWorld, quorum, witnesses } from './support/log-world.ts';
import { checkpointOf, rootOf } from './support/tiny-log.ts';
import type { CheckpointOptions } from './support/tiny-log.ts';
import { b64, keyFrom, keyText, sha } from './support/tiny-sealer.ts';
import { origin, rootKey, summary, topics, World } from './support/world.ts';

const [a, b] = witnesses;
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

  test('larger than what is served, of statements that are nowhere: the log was taken back', async () => {
    const world = await behind();
    expect(await ended(world, {})).toEqual({ exitCode: 0, codes: [], outcomes: [] });
    const entries = [...world.notes.slice(0, 5), Buffer.from('gone')];
    const given = { name: 'kept-6', note: checkpointOf(entries, logKey) };
    const verdict = await world.check({ checkpoints: [given], settleMs: 0 });
    expect(verdict).toMatchObject({
      exitCode: 1,
      findings: [{ code: 'rollback', expected: `log 6 ${rootOf(entries)}` }],
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

  test('where there is no log, or none any more: only the seals topic can tell', async () => {
    const world = await LogWorld.published();
    world.files.delete('checkpoint');
    const of = async (entries: readonly Buffer[]) =>
      await ended(world, { checkpoints: [{ name: 'x', note: checkpointOf(entries, logKey) }] });
    expect(await of(world.notes)).toEqual({
      ...{ exitCode: 3, outcomes: ['ahead'] },
      codes: ['checkpoint-old', 'nothing-to-check'],
    });
    expect(await of([...world.notes, Buffer.from('gone')])).toEqual({
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

  describe('that was signed and the log does not publish', () => {
    const none = parsePolicy(`log ${logKey.vkey}\nquorum none\n`);
    const waits = { exitCode: 3, codes: ['checkpoint-old'], outcomes: ['ahead'] };
    const back = { exitCode: 1, codes: ['rollback'], outcomes: ['ahead'] };
    const byOne = (witness: typeof a) => ({ cosigned: [[witness, now] as const] });

    describe.each<[string, Partial<VerifyOptions>]>([
      ['without a policy', {}],
      ['with a policy that asks for no quorum', { policy: none }],
      ['with a quorum', { policy: quorum() }],
    ])('%s', (_, options) => {
      test.each<[string, CheckpointOptions]>([
        ['no witness', {}],
        ['one witness: the others may be down', byOne(a)],
        ['a quorum: the publisher may have been stopped before it wrote', byTwo],
      ])('may honestly wait where the seals topic holds its statements, cosigned by %s', async (__, cosigned) => {
        const world = await behind(byTwo);
        const verdict = await world.check({ ...options, checkpoints: [kept(world, 7, cosigned)], settleMs: 0 });
        expect(verdict).toMatchObject({ exitCode: 3, findings: [{ code: 'checkpoint-old' }] });
        expect(verdict.findings[0]?.message).toContain('may not have been published yet');
        expect(verdict.findings[0]?.detail?.['notes']).toHaveLength(2);
      });

      test('was taken back where its statements are nowhere, or others', async () => {
        const world = await behind(byTwo);
        const more = [...world.notes, Buffer.from('gone')];
        const other = [...world.notes.slice(0, -1), Buffer.from('gone')];
        for (const entries of [more, other]) {
          for (const cosigned of [byOne(a), byTwo]) {
            const checkpoints = [{ name: 'x', note: checkpointOf(entries, logKey, cosigned) }];
            expect(await ended(world, { ...options, checkpoints })).toEqual(back);
          }
        }
      });

      test('is another history where its root is another at the size that is served', async () => {
        const world = await behind(byTwo);
        const entries = [...world.notes.slice(0, 4), Buffer.from('x')];
        const checkpoints = [{ name: 'x', note: checkpointOf(entries, logKey, byOne(a)) }];
        const other = { exitCode: 1, codes: ['checkpoint'], outcomes: ['other'] };
        expect(await ended(world, { ...options, checkpoints })).toEqual(other);
      });
    });

    test('where the seals topic cannot be read: nobody can say', async () => {
      const world = await behind(byTwo);
      const error = new KafkaError('NOT_AUTHORIZED', 'no');
      world.cluster.inject({ on: 'bounds', topic: topics.seals, error, times: 100 });
      for (const policy of [none, quorum()])
        expect(await ended(world, { policy, checkpoints: [kept(world, 7, byTwo)] })).toEqual({
          ...{ exitCode: 3, outcomes: ['ahead'] },
          codes: expect.arrayContaining(['unavailable', 'checkpoint-old']) as string[],
        });
    });

    test('of a bundle: its seals topic tells', async () => {
      const bundles = new BundleFolder();
      try {
        const world = await behind();
        const { file } = await bundles.export(world, { published: world.published });
        const gone = { name: 'gone', note: checkpointOf([...world.notes, Buffer.from('gone')], logKey) };
        await withBundle(file, async ({ records, published }) => {
          const options = { log: records, published: published!, settleMs: 0 };
          expect(await ended(world, { ...options, checkpoints: [kept(world, 6)] })).toEqual(waits);
          expect(await ended(world, { ...options, checkpoints: [gone] })).toEqual(back);
        });
      } finally {
        bundles.end();
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

  test('nor are altered records', async () => {
    const world = await LogWorld.published();
    const [batch = Buffer.alloc(0)] = world.cluster.batches(topics.events, 0);
    batch[batch.indexOf('ent ') - 1] = 0x56;
    sealCrc(batch);
    const stranger = { name: 'stranger', note: checkpointOf(world.notes, keyFrom(origin, 9)) };
    const anchor = memoryAnchorStore();
    expect(await ended(world, { checkpoints: [kept(world), stranger], anchor })).toMatchObject({
      ...{ exitCode: 1, outcomes: ['consistent', 'unknown'] },
    });
    expect(await anchor.load()).toBe(null);
  });

  test('one that an unknown key signed moves no anchor', async () => {
    const world = await LogWorld.published();
    const checkpoints = [{ name: 'stranger', note: checkpointOf(world.notes, keyFrom(origin, 9)) }];
    const anchor = memoryAnchorStore();
    await expect(world.check({ checkpoints, anchor })).rejects.toMatchObject({ code: 'CHECKPOINT_FILE_INVALID' });
    expect(await anchor.load()).toBe(null);
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
