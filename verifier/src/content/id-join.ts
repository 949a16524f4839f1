import { closeSync, openSync, readSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { checkAbort } from '../deadline.ts';
import { buckets, entryWords } from './id-spill.ts';
import type { SpilledIds } from './id-spill.ts';

/** Two events with one id: where they lie, as numbers of the lists given and offsets. The first is the first of all with this id. */
export interface IdPair {
  readonly first: number;
  readonly firstOffset: number;
  readonly second: number;
  readonly secondOffset: number;
}

/** Ids that are held in memory at once: some 100 MiB. */
export const mostHeld = 2 ** 21;
/** So long nobody else has a turn, ms: who cancels the run, or asks whether it lives, waits no longer. */
const turnMs = 50;

export interface JoinOptions {
  /** Ids that are held in memory at once; default {@link mostHeld}. */
  readonly held?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds all pairs of equal ids in lists of any length, in bounded memory: bucket by bucket, and a large bucket in several passes.
 * @param each called with every pair, in no order
 * @throws Error of node:fs; VerifierError VERIFY_ABORTED
 */
export async function joinIds(
  lists: readonly SpilledIds[],
  each: (pair: IdPair) => void | Promise<void>,
  { held = mostHeld, signal }: JoinOptions = {},
): Promise<void> {
  // Nobody can choose ids so that one pass gets most of them.
  const seed = randomInt(2 ** 31) | 1;
  const turns = new Turns(signal);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const count = lists.reduce((sum, list) => sum + entriesIn(list, bucket), 0);
    if (count < 2) continue;
    const passes = Math.ceil(count / held);
    for (let pass = 0; pass < passes; pass++) await joinPass(lists, { bucket, count, seed, pass, passes }, turns, each);
  }
}

interface Pass {
  readonly bucket: number;
  /** Entries of the bucket. */
  readonly count: number;
  readonly seed: number;
  readonly pass: number;
  readonly passes: number;
}

/** Lets others have their turn now and then. */
class Turns {
  private readonly signal: AbortSignal | undefined;
  private since = -Infinity;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
  }

  isDue(): boolean {
    return performance.now() - this.since >= turnMs;
  }

  /** @throws VerifierError VERIFY_ABORTED */
  async give(): Promise<void> {
    await turn();
    checkAbort(this.signal);
    this.since = performance.now();
  }
}

function entriesIn({ memory, chunks }: SpilledIds, bucket: number): number {
  let bytes = (memory[bucket]?.length ?? 0) * 4;
  const pairs = chunks[bucket] ?? new Float64Array(0);
  for (let i = 1; i < pairs.length; i += 2) bytes += pairs[i] ?? 0;
  return bytes / (4 * entryWords);
}

async function joinPass(
  lists: readonly SpilledIds[],
  { bucket, count, seed, pass, passes }: Pass,
  turns: Turns,
  each: (pair: IdPair) => void | Promise<void>,
): Promise<void> {
  const table = new IdTable(Math.ceil(count / passes));
  for (const [list, spilled] of lists.entries()) {
    for (const words of chunksOf(spilled, bucket)) {
      if (turns.isDue()) await turns.give();
      for (let at = 0; at < words.length; at += entryWords) {
        const mixed = mix(words, at, seed);
        if (passes > 1 && (mixed >>> 8) % passes !== pass) continue;
        const known = table.find(words, at, mixed, list);
        if (known < 0) continue;
        const pair = { ...table.place(known), second: list, secondOffset: offsetAt(words, at) };
        const waiting = each(pair);
        if (waiting !== undefined) await waiting;
      }
    }
  }
}

/**
 * The ids of one bucket in one list, piece by piece in the order of their offsets. A piece is good until the next. The list's file is open only so long:
 * there may be more lists than a process may have open files.
 */
function* chunksOf({ memory, chunks, file }: SpilledIds, bucket: number): Generator<Uint32Array, void, void> {
  const kept = memory[bucket];
  if (kept !== undefined && kept.length > 0) yield kept;
  const pairs = chunks[bucket];
  if (file === null || pairs === undefined || pairs.length === 0) return;
  const opened = openSync(file, 'r');
  try {
    for (let i = 0; i < pairs.length; i += 2) yield wordsAt(opened, pairs[i] ?? 0, pairs[i + 1] ?? 0);
  } finally {
    closeSync(opened);
  }
}

function wordsAt(file: number, position: number, length: number): Uint32Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const read = readSync(file, bytes, done, length - done, position + done);
    if (read === 0) throw new Error('a temporary file of ids was cut off');
    done += read;
  }
  return new Uint32Array(bytes.buffer);
}

function mix(words: Uint32Array, at: number, seed: number): number {
  let mixed = seed;
  for (let i = 0; i < 4; i++) {
    mixed = Math.imul(mixed ^ (words[at + i] ?? 0), 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed >>> 0;
}

function offsetAt(words: Uint32Array, at: number): number {
  return (words[at + 5] ?? 0) * 2 ** 32 + (words[at + 4] ?? 0);
}

/** Distinct ids with the place where each was met first: open addressing over flat arrays, which grow. */
class IdTable {
  private slots: Int32Array;
  private ids: Uint32Array;
  private lists: Int32Array;
  private hashes: Uint32Array;
  private count = 0;

  constructor(expected: number) {
    const room = Math.max(16, expected + (expected >>> 3));
    this.ids = new Uint32Array(room * entryWords);
    this.lists = new Int32Array(room);
    this.hashes = new Uint32Array(room);
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(room * 2))).fill(-1);
  }

  /** Number of the id if it is there; -1 if it was not, and now is. */
  find(words: Uint32Array, at: number, hash: number, list: number): number {
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const number = this.slots[slot] ?? -1;
      if (number < 0) break;
      if (this.hashes[number] === hash && this.equal(number, words, at)) return number;
      slot = (slot + 1) & mask;
    }
    if (this.count === this.lists.length) {
      this.grow();
      return this.find(words, at, hash, list);
    }
    this.slots[slot] = this.count;
    this.hashes[this.count] = hash;
    this.lists[this.count] = list;
    for (let i = 0; i < entryWords; i++) this.ids[this.count * entryWords + i] = words[at + i] ?? 0;
    this.count += 1;
    return -1;
  }

  place(number: number): { first: number; firstOffset: number } {
    return { first: this.lists[number] ?? 0, firstOffset: offsetAt(this.ids, number * entryWords) };
  }

  private equal(number: number, words: Uint32Array, at: number): boolean {
    const own = number * entryWords;
    for (let i = 0; i < 4; i++) if (this.ids[own + i] !== words[at + i]) return false;
    return true;
  }

  private grow(): void {
    const room = this.lists.length * 2;
    const ids = new Uint32Array(room * entryWords);
    ids.set(this.ids);
    this.ids = ids;
    const lists = new Int32Array(room);
    lists.set(this.lists);
    this.lists = lists;
    const hashes = new Uint32Array(room);
    hashes.set(this.hashes);
    this.hashes = hashes;
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(room * 2))).fill(-1);
    const mask = this.slots.length - 1;
    for (let number = 0; number < this.count; number++) {
      let slot = (hashes[number] ?? 0) & mask;
      while ((this.slots[slot] ?? -1) >= 0) slot = (slot + 1) & mask;
      this.slots[slot] = number;
    }
  }
}
