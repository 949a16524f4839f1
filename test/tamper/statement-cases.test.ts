import { signNote } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import { memoryAnchorStore } from '@tallystick/verifier/anchor-memory';
import type { AnchorStore } from '@tallystick/verifier/anchor-store';
import { beforeAll, describe, expect, it } from 'vitest';
import { flip, type AlteredLog } from './altered-log.ts';
import { check, other, type Alter, type Says } from './case.ts';
import {
  cleanLog,
  keyStatement,
  noteOf,
  origin,
  rootSigner,
  sealSigner,
  secondSigner,
  statementOf,
  strangeSigner,
  topics,
  type SmallLog,
} from './small-log.ts';
import { judge } from './try-verify.ts';

// Every way of altering the statements of the log of small-log.ts, and what a verification says of it: with nothing but the root key, and
// against an anchor, which is what an earlier run accepted of the log as it was.

let small: SmallLog;
let anchor: AnchorStore;
beforeAll(async () => {
  small = await cleanLog();
  anchor = memoryAnchorStore();
  expect((await judge(small, { anchor })).anchoredTo.updated).toBe(true);
});

const rootMismatch = { root: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' };
const keys = async () => {
  const first = keyStatement();
  const add = keyStatement({ number: 1, key: secondSigner.key.vkey, previous: statementHash(formatStatement(first)) });
  const retire = keyStatement({ number: 2, action: 'retire', previous: statementHash(formatStatement(add)) });
  return [await noteOf(add, rootSigner), await noteOf(retire, rootSigner)] as const;
};
type Both = readonly [what: string, alter: Alter, alone: Says, anchored: Says];

/** Offsets of the seals topic: 0 the key, 1 and 2 the geneses, then seals of partitions 0 and 1 by turns. */
describe('statements', () => {
  const rows: Both[] = [
    ['written anew as they were', (log) => log.rewriteNotes((notes) => notes), [0, []], [0, []]],
    ['each twice', (log) => log.rewriteNotes((notes) => notes.flatMap((note) => [note, note])), [0, []], [0, []]],
    [
      'the newest dropped',
      (log) => log.rewriteNotes((notes) => notes.slice(0, -1)),
      [0, []],
      [1, ['rollback 1 offsets 7-10']],
    ],
    [
      'all seals dropped',
      (log) => log.rewriteNotes((notes) => notes.slice(0, 3)),
      [3, ['nothing-to-check - -']],
      [1, ['nothing-to-check - -', 'rollback 0 offsets 0-12', 'rollback 1 offsets 0-10']],
    ],
    [
      'all dropped',
      (log) => log.rewriteNotes(() => []),
      [3, ['nothing-to-check - -']],
      [1, ['nothing-to-check - -', 'rollback - -', 'rollback 0 -', 'rollback 1 -']],
    ],
    [
      'the topic deleted',
      (log) => void log.log.topics.delete(topics.seals),
      [3, ['nothing-to-check - -']],
      [1, ['nothing-to-check - -', 'rollback - -', 'rollback 0 -', 'rollback 1 -', 'topic-missing - -']],
    ],
    [
      'one in the middle dropped',
      (log) => log.rewriteNotes((notes) => notes.toSpliced(5, 1)),
      [1, ['fork 0 <seal 2>']],
      [1, ['fork 0 <seal 2>', 'rollback 0 offsets 4-12']],
    ],
    [
      'two of one partition swapped',
      (log) => log.rewriteNotes((notes) => notes.with(5, notes[7]!).with(7, notes[5]!)),
      [1, ['fork 0 <seal 2>']],
      [1, ['fork 0 <seal 2>', 'rollback 0 offsets 7-12']],
    ],
    [
      'two of two partitions swapped',
      (log) => log.rewriteNotes((notes) => notes.with(5, notes[6]!).with(6, notes[5]!)),
      [0, []],
      [0, []],
    ],
    [
      'a genesis dropped',
      (log) => log.rewriteNotes((notes) => notes.toSpliced(2, 1)),
      [1, ['fork 1 <seal 0>', 'fork 1 <seal 1>', 'fork 1 <seal 2>', 'no-genesis 1 -']],
      [1, ['fork 1 <seal 0>', 'fork 1 <seal 1>', 'fork 1 <seal 2>', 'no-genesis 1 -', 'rollback 1 -']],
    ],
    [
      'both topics rolled back to an earlier moment',
      async (log) => {
        await log.rewriteNotes((notes) => notes.slice(0, 7));
        log.cut(0, 7);
        log.cut(1, 7);
      },
      [0, []],
      [1, ['rollback 0 offsets 7-12', 'rollback 1 offsets 7-10']],
    ],
    [
      'the newest signed again, by a key that nobody added',
      async (log) => {
        const note = await log.resign(8, {}, strangeSigner);
        await log.rewriteNotes((notes) => notes.with(8, note));
      },
      [0, []],
      [1, ['rollback 1 offsets 7-10']],
    ],
    [
      'one in the middle signed again, by a key that nobody added',
      async (log) => {
        const note = await log.resign(4, {}, strangeSigner);
        await log.rewriteNotes((notes) => notes.with(4, note));
      },
      [1, ['fork 1 <seal 1>', 'fork 1 <seal 2>']],
      [1, ['fork 1 <seal 1>', 'fork 1 <seal 2>', 'rollback 1 offsets 0-10']],
    ],
    [
      'one added that a stranger signed',
      async (log) => await log.append(await log.resign(8, rootMismatch, strangeSigner)),
      [0, []],
      [0, []],
    ],
    [
      'one added that contradicts, by a valid key',
      async (log) => await log.append(await log.resign(8, rootMismatch)),
      [1, ['fork 1 <new>']],
      [1, ['fork 1 <new>']],
    ],
    [
      'one replaced by one that contradicts, by a valid key',
      async (log) => {
        const note = await log.resign(8, rootMismatch);
        await log.rewriteNotes((notes) => notes.with(8, note));
      },
      [1, ['root-mismatch 1 offsets 7-10']],
      [1, ['rollback 1 -', 'root-mismatch 1 offsets 7-10']],
    ],
    [
      'one replaced by one of another last leaf, by a valid key',
      async (log) => {
        const note = await log.resign(8, { head: rootMismatch.root });
        await log.rewriteNotes((notes) => notes.with(8, note));
      },
      [1, ['head-mismatch 1 offsets 7-10']],
      [1, ['rollback 1 -', 'head-mismatch 1 offsets 7-10']],
    ],
    [
      'one replaced by one of another time, by a valid key',
      async (log) => {
        const note = await log.resign(8, { time: 5 });
        await log.rewriteNotes((notes) => notes.with(8, note));
      },
      [1, ['time-mismatch 1 offsets 7-10']],
      [1, ['rollback 1 -', 'time-mismatch 1 offsets 7-10']],
    ],
    [
      'the end rewritten by who holds the seal key: events and seal agree',
      async (log) => {
        log.unpack(0);
        log.records(0, 9, (all) => void (all[0] = other));
        const note = await log.sealAgain(7);
        await log.rewriteNotes((notes) => notes.with(7, note));
        log.log.topics.delete(topics.leaves);
      },
      [0, []],
      [1, ['rollback 0 -']],
    ],
    [
      "a seal under another partition's name",
      async (log) => await log.append(await log.resign(8, { partition: 0 })),
      [1, ['fork 0 <new>']],
      [1, ['fork 0 <new>']],
    ],
    [
      "another log's name",
      async (log) => await log.append(await log.resign(8, { origin: 'other.example/log' })),
      [0, []],
      [0, []],
    ],
    [
      'a gap over a record that is there',
      async (log) => {
        const last = statementOf(log.notes()[7]!);
        await log.append(
          await noteOf(
            {
              ...{ kind: 'gap', origin, topic: topics.events, partition: 0, generation: 0 },
              ...{
                offsets: { first: 13, last: 13 },
                reason: 'deleted',
                previous: statementHash(formatStatement(last)),
                time: 1,
              },
            } as const,
            sealSigner,
          ),
        );
      },
      [1, ['false-gap 0 <new>', 'gap 0 <new>']],
      [1, ['false-gap 0 <new>', 'gap 0 <new>']],
    ],
    [
      'a new generation, by the seal key',
      async (log) => await log.append(await generation(log, sealSigner)),
      [0, []],
      [0, []],
    ],
    [
      'a new generation, by the root key',
      async (log) => await log.append(await generation(log, rootSigner)),
      [1, ['generation 0 <new>']],
      [1, ['generation 0 <new>']],
    ],
    [
      'a key retired, then used',
      async (log) => {
        const [add, retire] = await keys();
        await log.append(add, retire, await log.resign(8, rootMismatch));
      },
      [0, []],
      [0, []],
    ],
    [
      'a key retired before what it had signed',
      async (log) => {
        const [add, retire] = await keys();
        await log.rewriteNotes((notes) => notes.toSpliced(7, 0, add, retire));
      },
      [0, []],
      [1, ['rollback 0 offsets 7-12', 'rollback 1 offsets 7-10']],
    ],
    [
      'a key used that a stranger added',
      async (log) => {
        const first = keyStatement({
          number: 1,
          key: strangeSigner.key.vkey,
          previous: statementHash(formatStatement(keyStatement())),
        });
        await log.append(await noteOf(first, secondSigner), await log.resign(8, rootMismatch, strangeSigner));
      },
      [0, []],
      [0, []],
    ],
    [
      'the first key statement by another root',
      async (log) => {
        const note = await signNote(formatStatement(keyStatement()), secondSigner);
        await log.rewriteNotes((notes) => notes.with(0, note));
      },
      [3, ['nothing-to-check - -']],
      [1, ['nothing-to-check - -', 'rollback - -', 'rollback 0 -', 'rollback 1 -']],
    ],
    [
      'a statement of a later version',
      async (log) => await log.append(await signNote(`tallystick/seal/v2\norigin ${origin}\n`, sealSigner)),
      [3, ['unknown-statement - -']],
      [3, ['unknown-statement - -']],
    ],
    [
      'a batch of the topic taken out',
      (log) => log.remove(0, 6, topics.seals),
      [1, ['fork 1 <seal 2>', 'missing-offsets 0 offsets 6-6']],
      [1, ['fork 1 <seal 2>', 'rollback 1 offsets 3-10', 'missing-offsets 0 offsets 6-6']],
    ],
    [
      'a bit, the CRC left',
      (log) => flip(-9)(log.batch(0, 3, topics.seals).bytes),
      [1, ['fork 0 <seal 1>', 'fork 0 <seal 2>', 'bad-crc 0 offsets 3-3']],
      [1, ['fork 0 <seal 1>', 'fork 0 <seal 2>', 'rollback 0 offsets 0-12', 'bad-crc 0 offsets 3-3']],
    ],
  ];

  it.each(rows)('%s', async (_, alter, says) => await check(small, alter, says));
  it.each(rows)('%s, against an anchor', async (_, alter, __, says) => await check(small, alter, says, { anchor }));
});

async function generation(log: AlteredLog, signer: typeof sealSigner): Promise<Uint8Array> {
  const previous = statementHash(formatStatement(statementOf(log.notes()[7]!)));
  const { topicId } = log.log.topic(topics.events);
  const fields = { kind: 'genesis', origin, topic: topics.events, topicId, partition: 0, generation: 1 } as const;
  return await noteOf({ ...fields, reason: 'diverged', firstOffset: 13, previous, time: 1 }, signer);
}
