import { keyOf, noteOf, sha256, signatureLine, someHash, base64, type Key } from './primitives.ts';

// Statements as texts, line by line as protocol.md section 5 has them.

export const origin = 'example.org/log';
export const root = keyOf(`${origin}/root`, 1);
export const sealA = keyOf(`${origin}/seal`, 1, 'seal key A');
export const sealB = keyOf(`${origin}/seal`, 1, 'seal key B');
export const sealC = keyOf(`${origin}/seal`, 1, 'seal key C');
export const stranger = keyOf(`${origin}/seal`, 1, 'nobody');
export const logKey = keyOf(origin, 1);

/** A statement: its text, its hash, and what the ones after it go on from. */
export interface Made {
  readonly text: string;
  readonly hash: string;
  readonly seal: number;
  readonly index: number;
  readonly offset: number;
  readonly head: string;
}

const hashOf = (text: string) => base64(sha256(text));
const textOf = (kind: string, lines: Readonly<Record<string, string | number>>) =>
  `tallystick/${kind}/v1\norigin ${origin}\n${Object.entries(lines)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('')}`;

export function key(number: number, previous: string, added: { vkey: string }, over: Record<string, string | number> = {}): Made {
  const text = textOf('key', { number, action: 'add', role: 'seal', key: added.vkey, previous, time: 1000, ...over });
  return { text, hash: hashOf(text), seal: 0, index: 0, offset: 0, head: '' };
}

export function genesis(partition: number, over: Record<string, string | number> = {}): Made {
  const text = textOf('genesis', {
    topic: 'events',
    'topic-id': 'AAAAAAAAAAAAAAAAAAAAAA',
    partition,
    generation: 0,
    reason: 'new',
    'first-offset': 0,
    previous: '-',
    time: 1000,
    ...over,
  });
  const hash = hashOf(text);
  return { text, hash, seal: 0, index: 0, offset: Number(over['first-offset'] ?? 0), head: hash };
}

/** The seal of `count` events that follows; `over` changes its lines. */
export function seal(before: Made, over: Record<string, string | number> = {}, count = 10, partition = 0): Made {
  const head = String(over['head'] ?? someHash(`head ${before.index + count}`));
  const text = textOf('seal', {
    topic: 'events',
    partition,
    generation: 0,
    seal: before.seal,
    events: `${before.index}-${before.index + count - 1}`,
    offsets: `${before.offset}-${before.offset + count - 1}`,
    epoch: 0,
    root: someHash(`root ${before.index + count}`),
    after: before.head,
    head,
    previous: before.hash,
    time: 5000,
    ...over,
  });
  return { text, hash: hashOf(text), seal: before.seal + 1, index: before.index + count, offset: before.offset + count, head };
}

export function gap(before: Made, last: number, over: Record<string, string | number> = {}): Made {
  const text = textOf('gap', {
    topic: 'events',
    partition: 0,
    generation: 0,
    offsets: `${before.offset}-${last}`,
    reason: 'deleted',
    previous: before.hash,
    time: 1000,
    ...over,
  });
  return { ...before, text, hash: hashOf(text), offset: last + 1 };
}

export function prune(before: Made, through: number, over: Record<string, string | number> = {}): Made {
  const text = textOf('prune', {
    topic: 'events',
    partition: 0,
    generation: 0,
    through,
    offset: through,
    rule: 'keep-90-days',
    archive: 's3://archive/0',
    sha256: someHash('archive'),
    previous: before.hash,
    time: 1000,
    ...over,
  });
  return { ...before, text, hash: hashOf(text) };
}

export const note = (text: string, ...keys: readonly Key[]): string =>
  noteOf(text, ...keys.map((one) => signatureLine(text, one)));
