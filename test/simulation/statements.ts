import { createHash } from 'node:crypto';

// Statements read line by line as docs/protocol.md writes them, with nothing of the code under test.

/** One entry of the log, as its text says. */
export interface Entry {
  /** `key`, `genesis`, `seal`, `gap` or `prune`. */
  readonly kind: string;
  /** SHA-256 of the text, base64. */
  readonly hash: string;
  readonly lines: ReadonlyMap<string, string>;
}

const sha256 = (...parts: (Uint8Array | string)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export function readEntry(note: Uint8Array): Entry {
  const whole = Buffer.from(note).toString('utf8');
  const text = whole.slice(0, whole.indexOf('\n\n') + 1);
  const [head = '', ...rest] = text.trimEnd().split('\n');
  const lines = new Map(
    rest.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const),
  );
  return { kind: head.split('/')[1] ?? '', hash: sha256(text).toString('base64'), lines };
}

/** Size and root of a checkpoint note. */
export function readCheckpoint(note: Uint8Array): { size: number; root: string } {
  const [, size = '', root = ''] = Buffer.from(note).toString('utf8').split('\n');
  return { size: Number(size), root };
}

/** RFC 6962, section 2.1, word for word; complete subtrees are kept. */
export class Mth {
  readonly #leaves: Buffer[] = [];
  readonly #kept = new Map<string, Buffer>();

  append(entry: Uint8Array): void {
    this.#leaves.push(sha256(Buffer.of(0), entry));
  }

  /** The root of the first `size` entries, base64. */
  root(size: number): string {
    return (size === 0 ? sha256() : this.#hash(0, size)).toString('base64');
  }

  #hash(from: number, to: number): Buffer {
    if (to - from === 1) return this.#leaves[from] ?? Buffer.alloc(0);
    const id = `${from}-${to}`;
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    let k = 1;
    while (k * 2 < to - from) k *= 2;
    const hash = sha256(Buffer.of(1), this.#hash(from, from + k), this.#hash(from + k, to));
    if (to - from === 2 * k) this.#kept.set(id, hash);
    return hash;
  }
}

const range = (text = '') => text.split('-').map(Number) as [number, number];

/** Where the chain of one partition stands. */
export interface Chain {
  generation: number;
  topicId: string;
  firstOffset: number;
  previous: string;
  head: string;
  nextSeal: number;
  nextIndex: number;
  nextOffset: number;
  gaps: number;
}

/**
 * Follows the log entry by entry: each statement continues its partition, every offset is sealed once or in a gap.
 * @throws Error naming the entry that does not
 */
export function chainsOf(entries: readonly Uint8Array[]): Map<number, Chain> {
  const chains = new Map<number, Chain>();
  for (const [index, note] of entries.entries()) {
    const { kind, hash, lines } = readEntry(note);
    if (kind === 'key') continue;
    const partition = Number(lines.get('partition'));
    const expect = (what: string, found: unknown, expected: unknown) => {
      if (found !== expected)
        throw new Error(
          `entry ${index}, a ${kind} of partition ${partition}: ${what} is ${String(found)}, not ${String(expected)}`,
        );
    };
    const before = chains.get(partition);
    expect('previous', lines.get('previous'), before?.previous ?? '-');
    if (kind === 'genesis') {
      expect('generation', Number(lines.get('generation')), (before?.generation ?? -1) + 1);
      const firstOffset = Number(lines.get('first-offset'));
      const fresh = { nextSeal: 0, nextIndex: 0, nextOffset: firstOffset, gaps: before?.gaps ?? 0 };
      const topicId = lines.get('topic-id') ?? '';
      chains.set(partition, {
        generation: (before?.generation ?? -1) + 1,
        topicId,
        firstOffset,
        previous: hash,
        head: hash,
        ...fresh,
      });
      continue;
    }
    if (before === undefined) throw new Error(`entry ${index}: a ${kind} of partition ${partition} before its genesis`);
    expect('generation', Number(lines.get('generation')), before.generation);
    const [first, last] = range(lines.get('offsets'));
    expect('the first offset', first, before.nextOffset);
    before.previous = hash;
    before.nextOffset = last + 1;
    if (kind === 'gap') {
      before.gaps += 1;
      continue;
    }
    const [firstIndex, lastIndex] = range(lines.get('events'));
    expect('seal', Number(lines.get('seal')), before.nextSeal);
    expect('the first index', firstIndex, before.nextIndex);
    expect('the number of events', lastIndex - firstIndex, last - first);
    expect('after', lines.get('after'), before.head);
    before.nextSeal += 1;
    before.nextIndex = lastIndex + 1;
    before.head = lines.get('head') ?? '';
  }
  return chains;
}
