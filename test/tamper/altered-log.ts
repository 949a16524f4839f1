import { parseNote, signNote, type NoteSigner } from '@tallystick/core/note';
import { formatStatement, parseStatement, statementHash } from '@tallystick/core/statement';
import type { SealStatement, Statement } from '@tallystick/core/statement-types';
import { batchField, encodeBatch, sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { CopiedBatch, CopiedLog, CopiedPartition } from '@tallystick/verifier/copied-log';
import { moveTo, putRecords, recordsIn, rewrite, type StoredRecord } from '@tallystick/verifier/stored-records';
import { makeSeal, entriesOf } from '../../verifier/test/support/tiny-sealer.ts';
import { notesIn, origin, sealSigner, statementOf, topics, type SmallLog } from './small-log.ts';

/** A copy of a small log, and what somebody can do to it who may write everywhere; each says what it does by its name. */
export class AlteredLog {
  readonly log: CopiedLog;
  readonly files: Map<string, Uint8Array>;
  /** Names of the statements that the ledger made, by their hash. */
  readonly names = new Map<string, string>();

  constructor(original: SmallLog) {
    this.log = original.log.clone();
    this.files = new Map([...original.files].map(([path, bytes]) => [path, Uint8Array.from(bytes)]));
    for (const note of this.notes()) this.names.set(statementHash(parseNote(note).text), nameOf(statementOf(note)));
  }

  partition(partition: number, topic = topics.events): CopiedPartition {
    return this.log.partition(topic, partition);
  }

  /** The stored batch that begins at this offset. */
  batch(partition: number, first: number, topic = topics.events): CopiedBatch {
    const batch = this.partition(partition, topic).batches.find((each) => each.first === first);
    if (batch === undefined) throw new Error(`no batch begins at ${first}`);
    return batch;
  }

  /** Changes bytes of a batch and mends the CRC. */
  bytes(partition: number, first: number, change: (bytes: Buffer) => void): void {
    rewrite(this.batch(partition, first), change);
  }

  /** Changes the records of a batch; count, length and CRC are mended, and offsets behind it if there are more or fewer. */
  records(partition: number, first: number, change: (records: StoredRecord[]) => void): void {
    const batch = this.batch(partition, first);
    const stored = this.partition(partition);
    const records = recordsIn(batch, nodeCodecs);
    if (records === null) throw new Error('does not parse');
    const before = records.length;
    change(records);
    putRecords(batch, records);
    for (const later of stored.batches) if (later.first > first) moveTo(later, later.first + records.length - before);
    stored.highWatermark += records.length - before;
  }

  /** Takes a batch away and leaves the hole. */
  remove(partition: number, first: number, topic = topics.events): void {
    const stored = this.partition(partition, topic);
    stored.batches.splice(stored.batches.indexOf(this.batch(partition, first, topic)), 1);
  }

  /** Cuts the end off, from the batch on that begins here. */
  cut(partition: number, first: number, topic = topics.events): void {
    const stored = this.partition(partition, topic);
    stored.batches = stored.batches.filter((batch) => batch.first < first);
    stored.highWatermark = first;
  }

  /** The same records in one plain batch for each. */
  unpack(partition: number): void {
    const stored = this.partition(partition);
    stored.batches = stored.batches.flatMap((batch) => {
      const records = recordsIn(batch, nodeCodecs);
      if (records === null) return [batch];
      return records.map((record, at) => {
        const one = { bytes: Buffer.from(batch.bytes), first: batch.first, last: batch.last };
        putRecords(one, [record]);
        moveTo(one, batch.first + at);
        return one;
      });
    });
  }

  notes(): Uint8Array[] {
    return notesIn(this.partition(0, topics.seals).batches.map(({ bytes }) => bytes));
  }

  /** Makes the seals topic hold these notes. */
  async rewriteNotes(
    change: (notes: Uint8Array[]) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>,
  ): Promise<void> {
    const notes = await change(this.notes());
    const stored = this.partition(0, topics.seals);
    stored.batches = notes.map((note, offset) => {
      const bytes = encodeBatch([{ key: null, value: note }], 0);
      bytes.writeBigInt64BE(BigInt(offset), batchField.baseOffset);
      bytes.writeInt32BE(0, batchField.leaderEpoch);
      sealCrc(bytes);
      return { bytes, first: offset, last: offset };
    });
    stored.highWatermark = notes.length;
  }

  /** Appends statements to the seals topic. */
  async append(...notes: readonly Uint8Array[]): Promise<void> {
    await this.rewriteNotes((before) => [...before, ...notes]);
  }

  /** Signs a statement that stands in the topic anew, with other lines. */
  async resign(offset: number, over: Partial<SealStatement>, signer: NoteSigner = sealSigner): Promise<Uint8Array> {
    const statement = parseStatement(parseNote(this.notes()[offset] ?? new Uint8Array()).text);
    return await signNote(formatStatement({ ...statement, ...over } as Statement), signer);
  }

  /** What who holds the seal key signs for the last seal of a partition, over the records that are there now. Plain batches only. */
  async sealAgain(offset: number, signer: NoteSigner = sealSigner): Promise<Uint8Array> {
    const old = statementOf(this.notes()[offset] ?? new Uint8Array());
    if (old.kind !== 'seal') throw new Error('no seal');
    const entries = this.partition(old.partition)
      .batches.filter(({ first, last }) => first >= old.offsets.first && last <= old.offsets.last)
      .flatMap(({ bytes }) => entriesOf(bytes, old.partition));
    const { text } = makeSeal(
      origin,
      old.topic,
      {
        ...{
          partition: old.partition,
          topicId: '',
          generation: old.generation,
          previous: old.previous,
          head: old.after,
        },
        ...{ nextSeal: old.seal, nextIndex: old.events.first, nextOffset: old.offsets.first },
      },
      entries,
    );
    return await signNote(text, signer);
  }

  /** Findings as lines, statements by their names. */
  named(lines: readonly string[]): string[] {
    return lines.map((line) => line.replace(/[A-Za-z0-9+/]{43}=/, (hash) => this.names.get(hash) ?? '<new>'));
  }
}

function nameOf(statement: Statement): string {
  if (statement.kind === 'key') return `<key ${statement.number}>`;
  return statement.kind === 'seal' ? `<seal ${statement.seal}>` : `<${statement.kind}>`;
}

/** Flips bits of one byte. */
export const flip =
  (at: number, mask = 1) =>
  (bytes: Buffer): void => {
    const place = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8(bytes.readUInt8(place) ^ mask, place);
  };

/** Flips bits of a batch's attributes. */
export const setBits =
  (bits: number) =>
  (bytes: Buffer): void => {
    bytes.writeInt16BE(bytes.readInt16BE(batchField.attributes) ^ bits, batchField.attributes);
  };

export const addTo =
  (field: 'baseTimestamp' | 'maxTimestamp' | 'producerId', by: bigint) =>
  (bytes: Buffer): void => {
    bytes.writeBigInt64BE(bytes.readBigInt64BE(batchField[field]) + by, batchField[field]);
  };
