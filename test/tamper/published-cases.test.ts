import { parseNote, signNote } from '@tallystick/core/note';
import { memoryAnchorStore } from '@tallystick/verifier/anchor-memory';
import type { AnchorStore } from '@tallystick/verifier/anchor-store';
import { CopiedPublished } from '@tallystick/verifier/copied-published';
import { selfTest } from '@tallystick/verifier/self-test';
import { beforeAll, describe, expect, it } from 'vitest';
import { flip, type AlteredLog } from './altered-log.ts';
import { check, other, type Alter, type Says } from './case.ts';
import { cleanLog, logSigner, origin, rootKey, strangeSigner, topics, type SmallLog } from './small-log.ts';
import { judge } from './try-verify.ts';

// Every way of altering the published log, and statements beside it; with nothing but the root key and the log's, and against an anchor.

const files = (log: Pick<AlteredLog, 'files'>) => ({
  published: new CopiedPublished(log.files),
  logKeys: [logSigner.key],
});
let small: SmallLog;
let anchor: AnchorStore;
beforeAll(async () => {
  small = await cleanLog();
  anchor = memoryAnchorStore();
  expect((await judge(small, { ...files({ files: new Map(small.files) }), anchor })).anchoredTo.updated).toBe(true);
});

type Row = readonly [what: string, alter: Alter, alone: Says, anchored?: Says];

const entries = 'tile/entries/000.p/9';
const tile = 'tile/0/000.p/9';
const change =
  (path: string, how: (bytes: Buffer) => Uint8Array | Promise<Uint8Array>): Alter =>
  async (log) =>
    void log.files.set(path, await how(Buffer.from(log.files.get(path) ?? [])));
const flipped = (at: number) => (bytes: Buffer) => (flip(at)(bytes), bytes);
const signed = (how: (text: string) => string, signer: typeof logSigner) => async (bytes: Buffer) =>
  await signNote(how(parseNote(bytes).text), signer);

const checkpoint: Says = [1, ['checkpoint - -']];
const gone: Says = [3, ['unreadable - -']];
const rows: Row[] = [
  ['nothing', () => undefined, [0, []]],
  ['a bit of the checkpoint', change('checkpoint', flipped(25)), checkpoint],
  ["a bit of the checkpoint's signature", change('checkpoint', flipped(-10)), checkpoint],
  [
    'the checkpoint signed by a stranger',
    change(
      'checkpoint',
      signed((text) => text, strangeSigner),
    ),
    checkpoint,
  ],
  [
    'the checkpoint of another log',
    change(
      'checkpoint',
      signed((text) => text.replace(origin, 'other.example'), logSigner),
    ),
    checkpoint,
  ],
  [
    'another root, by the log key',
    change(
      'checkpoint',
      signed((text) => text.replace(/\n.{4}(?=.*\n$)/, '\nAAAA'), logSigner),
    ),
    checkpoint,
  ],
  [
    'a size that there is not, by the log key',
    change(
      'checkpoint',
      signed((text) => text.replace('\n9\n', '\n9007199254740991\n'), logSigner),
    ),
    gone,
  ],
  ['rubbish for a checkpoint', change('checkpoint', () => Buffer.from('hello')), checkpoint],
  [
    'the checkpoint taken away',
    (log) => void log.files.delete('checkpoint'),
    [3, ['nothing-to-check - -']],
    [1, ['rollback - -']],
  ],
  ['everything taken away', (log) => log.files.clear(), [3, ['nothing-to-check - -']], [1, ['rollback - -']]],
  [
    "a bit of an entry's signature",
    change(entries, flipped(-10)),
    [1, ['checkpoint - -', 'log-refused - <new>', 'tile - -']],
  ],
  ['entries cut short', change(entries, (bytes) => bytes.subarray(0, 300)), [1, ['tile - -']]],
  ['entries taken away', (log) => void log.files.delete(entries), gone],
  ['a bit of a tile', change(tile, flipped(40)), [1, ['tile - -']]],
  ['a tile cut short', change(tile, (bytes) => bytes.subarray(0, 33)), [1, ['tile - -']]],
  ['a tile taken away', (log) => void log.files.delete(tile), gone],
  // The ledger's own, which it checks before it goes on from it; a verification reads all that it is made of.
  ['a bit of the snapshot', change('snapshot', flipped(100)), [0, []]],
  [
    'the newest statement dropped from the topic',
    (log) => log.rewriteNotes((notes) => notes.slice(0, -1)),
    [1, ['seals-lost 1 <seal 2>']],
  ],
  [
    'one in the middle dropped',
    (log) => log.rewriteNotes((notes) => notes.toSpliced(5, 1)),
    [1, ['seals-lost 0 <seal 1>']],
  ],
  ['all dropped', (log) => log.rewriteNotes(() => []), [1, ['seals-lost - <key 0>']]],
  [
    'the topic deleted',
    (log) => void log.log.topics.delete(topics.seals),
    [1, ['seals-lost - <key 0>']],
    [1, ['seals-lost - <key 0>', 'topic-missing - -']],
  ],
  [
    'the end rewritten by who holds the seal key',
    async (log) => {
      log.unpack(0);
      log.records(0, 9, (all) => void (all[0] = other));
      const note = await log.sealAgain(7);
      await log.rewriteNotes((notes) => notes.with(7, note));
    },
    [1, ['fork 0 <new>', 'seals-lost 0 <seal 2>', 'altered 0 offsets 9-9']],
  ],
  [
    'both topics rolled back to an earlier moment',
    async (log) => {
      await log.rewriteNotes((notes) => notes.slice(0, 7));
      log.cut(0, 7);
      log.cut(1, 7);
    },
    [1, ['seals-lost 0 <seal 2>', 'truncated 0 offsets 7-12', 'truncated 1 offsets 7-10']],
  ],
  // Somebody who holds log and seal keys, and everything else: nothing is left that says otherwise, but what was kept elsewhere.
  [
    'both topics and the log rolled back to an earlier moment',
    async (log) => {
      await log.rewriteNotes((notes) => notes.slice(0, 3));
      log.cut(0, 0);
      log.cut(1, 0);
      log.files.clear();
    },
    [3, ['nothing-to-check - -', 'nothing-to-check - -']],
    [1, ['nothing-to-check - -', 'rollback - -', 'rollback 0 offsets 0-12', 'rollback 1 offsets 0-10']],
  ],
];

describe('the published log', () => {
  const both = rows.map(([what, alter, alone, anchored = alone]) => [what, alter, alone, anchored] as const);
  it.each(both)('%s', async (_, alter, alone) => await check(small, alter, alone, files));
  it.each(both)('%s, against an anchor', async (_, alter, __, anchored) => {
    await check(small, alter, anchored, (log) => ({ ...files(log), anchor }));
  });
});

describe('the self-test', () => {
  const options = () => ({ log: small.log, topics, origin, rootKey, ...files({ files: new Map(small.files) }) });

  it('alters the published log too, and finds all', async () => {
    const result = await selfTest(options());
    expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
    expect(result).toMatchObject({ result: 'bites', exitCode: 0, notTried: ['two seals swapped'] });
    expect(result.tried.filter(({ kind }) => kind === 'log')).toHaveLength(6);
    expect(result.copied.files).toBe(3);
  });

  it('a log that cannot be asked, or is not there', async () => {
    const never = {
      place: 'nowhere',
      read: async () => await Promise.resolve(null),
      close: async () => await Promise.resolve(),
    };
    expect(await selfTest({ ...options(), published: never })).toMatchObject({
      result: 'inconclusive',
      exitCode: 3,
      tried: [],
    });
  });
});
