import { signNote } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { CopiedBatch } from '@tallystick/verifier/copied-log';
import { rewrite } from '@tallystick/verifier/stored-records';
import { afterGenesis, entriesOf, makeSeal } from '../../verifier/test/support/tiny-sealer.ts';
import { type AlteredLog, flip } from './altered-log.ts';
import type { Alter } from './case.ts';
import { sealEvents } from './disk-log.ts';
import { anew, copyOf, type DiskRow, eventAltered, fine, found, row } from './disk-row.ts';
import {
  keyStatement,
  noteOf,
  origin,
  rootSigner,
  sealSigner,
  secondSigner,
  statementOf,
  strangeSigner,
  topics,
} from './small-log.ts';

/** Stored batches of the statements, to be put in another order. */
const statements =
  (alter: (all: CopiedBatch[]) => CopiedBatch[] | void): Alter =>
  (log) => {
    const stored = log.partition(0, topics.seals);
    stored.batches = alter(stored.batches) ?? stored.batches;
  };
const leavesOf =
  (alter: (all: CopiedBatch[]) => CopiedBatch[] | void): Alter =>
  (log) => {
    const stored = log.partition(0, topics.leaves);
    stored.batches = alter(stored.batches) ?? stored.batches;
  };
const leavesAltered = leavesOf((all) => {
  for (const batch of all) rewrite(batch, flip(-9));
});
const leavesCut = leavesOf((all) => all.slice(0, 2));
/** Leaves are no evidence: what is wrong with them alone is a warning. Without them an altered event is named by its seal. */
export const leavesRows: DiskRow[] = [
  row('all leaves altered', leavesAltered, { log: fine }, { warns: ['leaves-wrong'] }),
  row('leaves cut off', leavesCut, { log: fine }, { ...anew, warns: ['leaves-missing'] }),
  row(
    'leaves gone',
    leavesOf(() => []),
    { log: fine },
    { ...anew, warns: ['leaves-missing'] },
  ),
  row(
    'all leaves altered, and an event',
    async (log) => {
      await leavesAltered(log);
      await eventAltered(log);
    },
    { log: found('root-mismatch 0 offsets 32-47') },
  ),
  row(
    'leaves cut off, and an event altered',
    async (log) => {
      await leavesCut(log);
      await eventAltered(log);
    },
    { log: found('root-mismatch 0 offsets 32-47') },
    anew,
  ),
];

const zeros = { root: Buffer.alloc(32).toString('base64') };
/** A second seal key is added, then the first retired. */
async function keyChange(): Promise<Uint8Array[]> {
  const first = keyStatement();
  const add = keyStatement({ number: 1, key: secondSigner.key.vkey, previous: statementHash(formatStatement(first)) });
  const retire = keyStatement({ number: 2, action: 'retire', previous: statementHash(formatStatement(add)) });
  return [await noteOf(add, rootSigner), await noteOf(retire, rootSigner)];
}
/** Another history from another genesis on, all of it in order in itself, by this key. */
async function history(log: AlteredLog, signer: typeof sealSigner): Promise<Uint8Array[]> {
  const [key = Buffer.of(), first = Buffer.of(), ...later] = log.notes();
  const genesis = statementOf(first);
  if (genesis.kind !== 'genesis') throw new Error('no genesis');
  const { topic, topicId } = genesis;
  const texts = [formatStatement({ ...genesis, time: genesis.time + 1 })];
  let state = afterGenesis(texts[0]!, { origin, topic, topicId, partition: 0 });
  const entries = log.partition(0).batches.flatMap(({ bytes }) => entriesOf(bytes, 0));
  for (const at of later.keys()) {
    const { text, next } = makeSeal(origin, topic, state, entries.slice(at * sealEvents, (at + 1) * sealEvents));
    texts.push(text);
    state = next;
  }
  return [key, ...(await Promise.all(texts.map(async (text) => await signNote(text, signer))))];
}

const forksFrom = (seal: number): string[] => Array.from({ length: 8 - seal }, (_, n) => `fork 0 <seal ${seal + n}>`);

/**
 * Who holds the root key alone cannot know what was at the end and is gone: what is left is in order, and what it covers is verified. Where
 * nothing valid is left, that is exit 3.
 */
export const statementRows: DiskRow[] = [
  row(
    'a copy behind a statement, the CRC wrong',
    statements((all) => all.toSpliced(3, 0, { ...all[2]!, bytes: copyOf(all[2]!) })),
    { log: found('bad-crc 0 offsets 3-3') },
    { indexes: 'empty' },
  ),
  row(
    'a copy behind a statement, the CRC wrong, and the indexes made anew',
    statements((all) => all.toSpliced(3, 0, { ...all[2]!, bytes: copyOf(all[2]!) })),
    { log: found('seals-lost 0 <seal 1>') },
    anew,
  ),
  row(
    'the newest statement cut off',
    statements((all) => all.slice(0, -1)),
    { log: found('seals-lost 0 <seal 7>'), key: fine, anchor: found('rollback 0 offsets 112-127') },
    anew,
  ),
  row(
    'a statement taken out',
    statements((all) => all.toSpliced(3, 1)),
    {
      log: found('seals-lost 0 <seal 1>', 'missing-offsets 0 offsets 3-3'),
      key: found(...forksFrom(2), 'missing-offsets 0 offsets 3-3'),
      anchor: found(...forksFrom(2), 'rollback 0 offsets 16-127', 'missing-offsets 0 offsets 3-3'),
    },
    anew,
  ),
  row(
    'the newest statement signed again by a key that nobody added, in its place',
    async (log) => {
      const note = await log.resign(9, {}, strangeSigner);
      await log.rewriteNotes((notes) => notes.with(9, note));
    },
    { log: found('seals-lost 0 <seal 7>'), key: fine, anchor: found('rollback 0 offsets 112-127') },
    anew,
  ),
  row(
    'all statements signed again by a key that nobody added, in their places',
    async (log) => {
      const notes = await Promise.all(
        [1, 2, 3, 4, 5, 6, 7, 8, 9].map(async (at) => await log.resign(at, {}, strangeSigner)),
      );
      await log.rewriteNotes(([key]) => [key!, ...notes]);
    },
    {
      log: found('seals-lost 0 <genesis>'),
      key: [3, ['nothing-to-check - -']],
      anchor: found('nothing-to-check - -', 'rollback 0 -'),
    },
    anew,
  ),
  row(
    'the newest statement replaced by one that contradicts, by its own key',
    async (log) => {
      const note = await log.resign(9, zeros);
      await log.rewriteNotes((notes) => notes.with(9, note));
    },
    {
      log: found('fork 0 <new>', 'seals-lost 0 <seal 7>'),
      key: found('root-mismatch 0 offsets 112-127'),
      anchor: found('rollback 0 -', 'root-mismatch 0 offsets 112-127'),
    },
    anew,
  ),
  // By the published log the seal came before the key was retired: the order of the topic alone is another one.
  row(
    'a key retired, and then used',
    async (log) => {
      const [newest, change] = [log.notes()[9]!, await keyChange()];
      await log.rewriteNotes((notes) => [...notes.slice(0, 9), ...change, newest]);
    },
    { log: fine, key: fine, anchor: found('rollback 0 offsets 112-127') },
    anew,
  ),
  // Such a statement counts for nothing, and takes nothing away: all that was sealed is there.
  row(
    'a key retired, and then used for one that contradicts',
    async (log) => await log.append(...(await keyChange()), await log.resign(9, zeros)),
    { log: fine, key: fine, anchor: fine },
    anew,
  ),
  row(
    'both topics rolled back to an earlier moment',
    async (log) => {
      await log.rewriteNotes((notes) => notes.slice(0, 7));
      log.cut(0, 5 * sealEvents);
    },
    {
      log: found('seals-lost 0 <seal 5>', 'truncated 0 offsets 80-127'),
      key: fine,
      anchor: found('rollback 0 offsets 80-127'),
    },
    anew,
  ),
  row(
    'other geneses by a key that nobody added, and all seals after them',
    async (log) => {
      const notes = await history(log, strangeSigner);
      await log.rewriteNotes(() => notes);
    },
    {
      log: found('seals-lost 0 <genesis>'),
      key: [3, ['nothing-to-check - -']],
      anchor: found('nothing-to-check - -', 'rollback 0 -'),
    },
    anew,
  ),
  // Whoever has the seal key can seal another history: only who knows the one that was accepted sees it.
  row(
    'other geneses by the seal key, and all seals after them',
    async (log) => {
      await eventAltered(log);
      const notes = await history(log, sealSigner);
      await log.rewriteNotes(() => notes);
    },
    {
      log: found(...Array<string>(8).fill('fork 0 <new>'), 'seals-lost 0 <genesis>', 'altered 0 offsets 47-47'),
      key: fine,
      anchor: found('rollback 0 -'),
    },
    anew,
  ),
];
