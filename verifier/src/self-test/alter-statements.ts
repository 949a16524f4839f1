import { randomBytes } from 'node:crypto';
import type { FindingCode } from '@tallystick/core/finding';
import { parseNote, signNote, signerFromSeed } from '@tallystick/core/note';
import { batchField, encodeBatch, sealCrc } from '@tallystick/kafka/batch-encoder';
import type { Alteration, Expected } from './alteration.ts';
import type { CopiedBatch } from './copied-log.ts';
import type { CopiedStatement, Evidence } from './evidence.ts';
import { rewrite } from './stored-records.ts';

/** A chain that was accepted before and is not any more, or what is left hanging of it. */
const broken: readonly FindingCode[] = ['rollback', 'fork', 'seals-lost', 'topic-missing'];

type Notes = Uint8Array[];

/** What writes the whole topic anew with other notes, as somebody would who can. */
const ofNotes = (
  name: string,
  change: (notes: Notes, copy: Evidence) => number | null | undefined | Promise<number | null | undefined>,
): Alteration => ({
  name,
  kind: 'statements',
  async apply(copy) {
    const notes = copy.statements.map(({ note }) => Uint8Array.from(note));
    const partition = await change(notes, copy);
    if (partition === undefined) return null;
    const stored = copy.log.partition(copy.topics.seals, 0);
    stored.batches = notes.map(batchOf);
    stored.logStart = 0;
    stored.highWatermark = notes.length;
    return { codes: broken, partition };
  },
});

/** What damages the batch around the newest statement. */
const ofBatch = (
  name: string,
  codes: readonly FindingCode[],
  change: (batches: CopiedBatch[], at: number) => void,
): Alteration => ({
  name,
  kind: 'statements',
  apply(copy) {
    const at = Math.floor(copy.log.partition(copy.topics.seals, 0).batches.length / 2);
    const { batches } = copy.log.partition(copy.topics.seals, 0);
    const batch = batches[at];
    if (batch === undefined) return null;
    const expected: Expected = { codes, partition: null };
    change(batches, at);
    return expected;
  },
});

/** Index of the newest seal, or of the newest with another one of its chain behind it. */
function newestSeal({ statements }: Evidence, followed = false): number {
  return statements.findLastIndex(
    (one, at) =>
      one.statement.kind === 'seal' && (!followed || statements.slice(at + 1).some((later) => sameChain(one, later))),
  );
}

function sameChain({ statement: a }: CopiedStatement, { statement: b }: CopiedStatement): boolean {
  return a.kind !== 'key' && b.kind !== 'key' && a.topic === b.topic && a.partition === b.partition;
}

function partitionOf(copy: Evidence, at: number): number | null | undefined {
  const statement = copy.statements[at]?.statement;
  return statement === undefined ? undefined : statement.kind === 'key' ? null : statement.partition;
}

const flipText = (note: Uint8Array | undefined, marker: string): void => {
  const at = note === undefined ? -1 : Buffer.from(note).indexOf(marker);
  if (note !== undefined && at >= 0) note[at + marker.length] = (note[at + marker.length] ?? 0) ^ 1;
};

/** Signs a text under the name of a note's own key, with a key that nobody vouches for. */
async function forge(note: Uint8Array | undefined, change: (text: string) => string): Promise<Uint8Array> {
  const { text, signatures } = parseNote(note ?? new Uint8Array());
  return await signNote(change(text), signerFromSeed(signatures[0]?.name ?? 'nobody', randomBytes(32)));
}

const onNewest = (name: string, change: (notes: Notes, at: number) => void | Promise<void>): Alteration =>
  ofNotes(name, async (notes, copy) => {
    const at = newestSeal(copy);
    await change(notes, at);
    return partitionOf(copy, at);
  });

export const statementAlterations: readonly Alteration[] = [
  onNewest("one bit of the newest seal's root", (notes, at) => flipText(notes[at], '\nroot ')),
  onNewest("one bit of the newest seal's signature", (notes, at) => flipText(notes[at], '\n\n— ')),
  onNewest('the newest seal taken away', (notes, at) => void notes.splice(at, 1)),
  onNewest('the newest seal signed again by another key', async (notes, at) => {
    notes[at] = await forge(notes[at], (text) => text);
  }),
  onNewest('the newest seal forged: another root, signed by another key', async (notes, at) => {
    notes[at] = await forge(notes[at], (text) => text.replace(/^root .{4}/m, 'root AAAA'));
  }),
  ofNotes('a seal in the middle taken away', (notes, copy) => {
    const at = newestSeal(copy, true);
    if (at < 0) return undefined;
    notes.splice(at, 1);
    return partitionOf(copy, at);
  }),
  ofNotes('two seals swapped', (notes, copy) => {
    const at = newestSeal(copy, true);
    const one = copy.statements[at];
    // Where the log says in which order they were accepted, the topic's order means nothing.
    if (one === undefined || copy.published !== null) return undefined;
    const behind = copy.statements.findIndex((later, index) => index > at && sameChain(one, later));
    const [a, b] = [notes[at], notes[behind]];
    if (a === undefined || b === undefined) return undefined;
    notes[at] = b;
    notes[behind] = a;
    return partitionOf(copy, at);
  }),
  ofNotes('the genesis of a partition altered', (notes, copy) => {
    const at = copy.statements.findIndex(({ statement }) => statement.kind === 'genesis');
    if (at < 0) return undefined;
    flipText(notes[at], '\ntopic-id ');
    return partitionOf(copy, at);
  }),
  ofNotes('the first key statement altered', (notes) => {
    flipText(notes[0], '\nkey ');
    return null;
  }),
  ofNotes('the first key statement forged: another key, signed by another root', async (notes) => {
    notes[0] = await forge(notes[0], (text) => text.replace(/^time .*$/m, 'time 1'));
    return null;
  }),
  ofNotes('the newest half of the statements taken away', (notes, copy) => {
    const at = newestSeal(copy);
    const partition = partitionOf(copy, at);
    notes.splice(Math.min(at, Math.ceil(notes.length / 2)));
    return partition === undefined ? undefined : null;
  }),
  ofNotes('all statements taken away', (notes) => {
    notes.length = 0;
    return null;
  }),
  {
    name: 'the newest seal and its events cut off, from both topics',
    kind: 'statements',
    apply(copy) {
      const at = newestSeal(copy);
      const { statement } = copy.statements[at] ?? {};
      if (statement?.kind !== 'seal' || copy.parts.every(({ partition }) => partition !== statement.partition))
        return null;
      const seals = copy.log.partition(copy.topics.seals, 0);
      const { offset } = copy.statements[at] ?? { offset: 0 };
      seals.batches = seals.batches.filter(({ last }) => last < offset);
      seals.highWatermark = Math.max(seals.logStart, ...seals.batches.map(({ last }) => last + 1));
      const events = copy.log.partition(copy.topics.events, statement.partition);
      events.batches = events.batches.filter(({ first }) => first < statement.offsets.first);
      events.highWatermark = statement.offsets.first;
      return { codes: broken, partition: statement.partition };
    },
  },
  {
    name: 'the topic of statements deleted',
    kind: 'statements',
    apply(copy) {
      copy.log.topics.delete(copy.topics.seals);
      return { codes: broken, partition: null };
    },
  },
  ofBatch('one bit of a statement, its checksum left as it was', ['bad-crc'], (batches, at) => {
    const bytes = batches[at]?.bytes;
    bytes?.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
  }),
  ofBatch('a batch of statements taken out', ['missing-offsets'], (batches, at) => void batches.splice(at, 1)),
  ofBatch('a batch of statements that claims the offsets of all that follow', ['bad-crc'], (batches, at) => {
    const batch = batches[at];
    if (batch !== undefined) rewrite(batch, (bytes) => bytes.writeInt32BE(100_000, batchField.lastOffsetDelta));
  }),
];

function batchOf(note: Uint8Array, offset: number): CopiedBatch {
  const bytes = encodeBatch([{ key: null, value: note }], 0);
  bytes.writeBigInt64BE(BigInt(offset), batchField.baseOffset);
  bytes.writeInt32BE(0, batchField.leaderEpoch);
  sealCrc(bytes);
  return { bytes, first: offset, last: offset };
}
