import { parseNote, parseVerifierKey, type VerifierKey } from '@tallystick/core/note';
import type { JudgeState } from '@tallystick/core/judge';
import { parseStatement } from '@tallystick/core/statement';
import type { KeyStatement, PartitionStatement, SealStatement, Statement } from '@tallystick/core/statement-types';

/** A seal and its place in the log. */
export interface IndexedSeal {
  /** Of the entry in the log, from 0. */
  readonly index: number;
  /** The whole note. */
  readonly note: Uint8Array;
  readonly statement: SealStatement;
}

export interface Generation {
  readonly generation: number;
  readonly topicId: string;
  readonly firstOffset: number;
}

export interface PartitionIndex {
  readonly topic: string;
  readonly partition: number;
  /** By number. */
  readonly generations: readonly Generation[];
  /** The first offset of the newest generation that no seal and no gap covers. */
  readonly nextOffset: number;
  /** Its newest seals in log order, a bounded number: every seal of the partition from the first of them on. */
  readonly newest: readonly IndexedSeal[];
}

interface KeyAddition {
  readonly key: VerifierKey;
  readonly note: Uint8Array;
}

/** Newest seals of all partitions together. */
const keptSeals = 8_192;

/**
 * What the statements of the log's first `size` entries say of where events are sealed: enough to go straight to the newest seals, and to
 * know in which generation to look for others. It judges nothing: it is fed with entries that a signed checkpoint holds.
 */
export class LogIndex {
  readonly #partitions = new Map<string, { -readonly [K in keyof PartitionIndex]: PartitionIndex[K] }>();
  readonly #keys: KeyAddition[] = [];
  #size = 0;

  /** Begins where a snapshot was made. @throws CoreError for notes that hold no statement */
  static fromSnapshot({ size, keys, partitions }: JudgeState): LogIndex {
    const made = new LogIndex();
    for (const { note } of keys) made.#takeKey(toBytes(note), statementOf(toBytes(note)));
    for (const { geneses, nextOffset, last, lastSeal } of partitions) {
      for (const text of geneses) made.#takePartition(parseStatement(text), new Uint8Array(), 0);
      for (const { note, index } of [lastSeal, last].filter((one) => one !== null)) {
        const bytes = toBytes(note);
        const statement = statementOf(bytes);
        if (statement.kind === 'key') continue;
        const known = made.#partitions.get(nameOf(statement.topic, statement.partition));
        if (known === undefined) continue;
        if (statement.kind === 'seal') known.newest = [{ index, note: bytes, statement }];
        known.nextOffset = nextOffset;
      }
    }
    made.#size = size;
    return made;
  }

  /** Entries that it has seen. */
  get size(): number {
    return this.#size;
  }

  get partitions(): Iterable<PartitionIndex> {
    return this.#partitions.values();
  }

  partition(topic: string, partition: number): PartitionIndex | null {
    return this.#partitions.get(nameOf(topic, partition)) ?? null;
  }

  /** The additions of seal keys, each with the whole note of the key statement that adds it. */
  get sealKeys(): readonly KeyAddition[] {
    return this.#keys;
  }

  /** Takes the next entry of the log. @throws CoreError for what is no statement of this release */
  append(note: Uint8Array): void {
    const statement = statementOf(note);
    if (statement.kind === 'key') this.#takeKey(note, statement);
    else this.#takePartition(statement, note, this.#size);
    this.#size += 1;
  }

  #takeKey(note: Uint8Array, statement: Statement): void {
    if (statement.kind === 'key' && isSealAddition(statement))
      this.#keys.push({ key: parseVerifierKey(statement.key), note });
  }

  #takePartition(statement: Statement, note: Uint8Array, index: number): void {
    if (statement.kind === 'key') return;
    const { topic, partition } = statement;
    const name = nameOf(topic, partition);
    const known = this.#partitions.get(name) ?? {
      topic,
      partition,
      generations: [],
      nextOffset: 0,
      newest: [],
    };
    this.#partitions.set(name, known);
    if (statement.kind === 'genesis') {
      const { generation, topicId, firstOffset } = statement;
      known.generations = [...known.generations, { generation, topicId, firstOffset }];
      known.nextOffset = firstOffset;
    }
    if (statement.kind === 'seal' || statement.kind === 'gap') known.nextOffset = statement.offsets.last + 1;
    if (statement.kind !== 'seal') return;
    const most = Math.max(8, Math.floor(keptSeals / this.#partitions.size));
    const newest = known.newest as IndexedSeal[];
    newest.push({ index, note, statement });
    // Now and then, not each time: what is cut off is moved.
    if (newest.length > 2 * most) newest.splice(0, newest.length - most);
  }
}

/** The statement of an entry. @throws CoreError NOTE_MALFORMED, STATEMENT_MALFORMED, STATEMENT_UNKNOWN */
export function statementOf(note: Uint8Array): Statement {
  return parseStatement(parseNote(note).text);
}

/**
 * The generation whose seals speak of an offset: the newest that begins at or below it. null: it lies below all of them.
 */
export function generationOf({ generations }: Pick<PartitionIndex, 'generations'>, offset: number): Generation | null {
  return generations.findLast(({ firstOffset }) => firstOffset <= offset) ?? null;
}

export function ofPartition(statement: Statement, topic: string, partition: number): statement is PartitionStatement {
  return statement.kind !== 'key' && statement.topic === topic && statement.partition === partition;
}

function isSealAddition({ action, role, key }: KeyStatement): boolean {
  if (action !== 'add' || role !== 'seal') return false;
  try {
    parseVerifierKey(key);
    return true;
  } catch {
    // An addition that has no effect (protocol, section 4).
    return false;
  }
}

function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function toBytes(note: string): Uint8Array {
  return Buffer.from(note, 'utf8');
}
