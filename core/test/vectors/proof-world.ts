// A small ledger written out by hand: protocol.md sections 1 to 7, one after the other, with nothing of the code under test.
import {
  base64,
  cosignatureLine,
  keyOf,
  leafHash,
  noteOf,
  sha256,
  signatureLine,
  someHash,
  treePath,
  treeRoot,
  type Key,
} from './primitives.ts';

export const origin = 'log.example/acme';
export const keys = {
  root: keyOf(`${origin}/root`, 1),
  seal: keyOf(`${origin}/seal`, 1),
  seal2: keyOf(`${origin}/seal`, 1, 'the second seal key'),
  thief: keyOf(`${origin}/seal`, 1, 'a thief'),
  log: keyOf(origin, 1),
  log2: keyOf(origin, 1, 'the second log key'),
  w1: keyOf('witness.example/w1', 4),
  w2: keyOf('witness.example/w2', 4),
  w3: keyOf('witness.example/w3', 4),
};

/** One policy for all: the log, and two of three witnesses. */
export const policy = `log ${keys.log.vkey}\nwitness W1 ${keys.w1.vkey}\nwitness W2 ${keys.w2.vkey}\nwitness W3 ${keys.w3.vkey}\ngroup W 2 W1 W2 W3\nquorum W\n`;
export const cosignedAt = 1_700_000_100;

// Section 1.

export interface Event {
  key: Buffer | null;
  value: Buffer | null;
  headers: [Buffer, Buffer | null][];
  timestamp: bigint;
  /** The flags byte. */
  flags?: number;
  /** Of a batch that did not parse: then the entry is of version 2. */
  batchHash?: Buffer;
  /** In place of key, value and headers: what is no record. */
  body?: Buffer;
}

/** A shortest-form zigzag varint of a length, or of -1. */
function varint(value: number): Buffer {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  const bytes: number[] = [];
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

const field = (bytes: Buffer | null) => (bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]));

export function entryOf(event: Event, partition: number, offset: number): Buffer {
  const prefix = Buffer.alloc(22);
  prefix[0] = event.batchHash === undefined ? 1 : 2;
  prefix[1] = event.flags ?? 8;
  prefix.writeUInt32BE(partition, 2);
  prefix.writeBigUInt64BE(BigInt(offset), 6);
  prefix.writeBigInt64BE(event.timestamp, 14);
  if (event.batchHash !== undefined) return Buffer.concat([prefix, event.batchHash]);
  if (event.body !== undefined) return Buffer.concat([prefix, event.body]);
  const headers = event.headers.flatMap(([name, value]) => [field(name), field(value)]);
  return Buffer.concat([prefix, field(event.key), field(event.value), varint(event.headers.length), ...headers]);
}

// Section 5.

export type Lines = Record<string, string>;

export const statementText = (kind: string, lines: Lines): string =>
  `tallystick/${kind}/v1\n${Object.entries(lines).map(([name, value]) => `${name} ${value}\n`).join('')}`;
export const signed = (text: string, key: Key): string => noteOf(text, signatureLine(text, key));

export function keyText(number: number, role: string, vkey: string, change: Lines = {}): string {
  const previous = number === 0 ? '-' : someHash(`key statement ${number - 1}`);
  return statementText('key', { origin, number: String(number), action: 'add', role, key: vkey, previous, time: '1700000000000', ...change });
}
export const keyNote = (number: number, role: string, vkey: string, change: Lines = {}): string =>
  signed(keyText(number, role, vkey, change), keys.root);

// Section 7.

export interface Document {
  version: unknown;
  entry?: unknown;
  previousLeaf?: unknown;
  leaf?: unknown;
  offset?: unknown;
  path: unknown;
  statement: unknown;
  keys: unknown;
  log: unknown;
  [name: string]: unknown;
}

/** What a proof is made of, step by step; each can be changed on the way, and what comes behind is made of the change. */
export interface Steps {
  events: Event[];
  /** Of the event in its batch. */
  position: number;
  /** Before the batch: leaf, events, offset. */
  after: Buffer;
  firstIndex: number;
  firstOffset: number;
  partition: number;
  seal: (lines: Lines) => Lines;
  statement: (text: string, key: Key) => string;
  sealKey: Key;
  keyNotes: string[];
  /** Entries of the log, the seal at its place. */
  entries: (statement: string) => string[];
  logIndex: number;
  checkpoint: (text: string) => string;
  /** Signature lines of the checkpoint. */
  signatures: (text: string) => string[];
  logPath: (path: string[]) => string[];
  log: (text: string) => string;
  redacted: boolean;
  document: (document: Document) => Document;
  json: (json: string) => string;
}

export const twoCosign = (text: string): string[] => [
  signatureLine(text, keys.log),
  cosignatureLine(text, keys.w1, cosignedAt),
  cosignatureLine(text, keys.w3, cosignedAt + 60),
];

export const someEvents = (count: number): Event[] =>
  Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`key ${i % 2}`),
    value: Buffer.from(`value ${i}`),
    headers: [[Buffer.from('avro-schema'), sha256('schema')]],
    timestamp: 1_700_000_000_000n + BigInt(i),
  }));

export const defaults = (): Steps => ({
  events: someEvents(5),
  position: 2,
  after: sha256('the leaf before'),
  firstIndex: 1000,
  firstOffset: 1007,
  partition: 3,
  seal: (lines) => lines,
  statement: signed,
  sealKey: keys.seal,
  keyNotes: [keyNote(0, 'seal', keys.seal.vkey)],
  entries: (statement) => ['entry 0', 'entry 1', 'entry 2', 'entry 3', statement, 'entry 5', 'entry 6'],
  logIndex: 4,
  checkpoint: (text) => text,
  signatures: twoCosign,
  logPath: (path) => path,
  log: (text) => text,
  redacted: false,
  document: (document) => document,
  json: (json) => json,
});

export interface Made {
  json: string;
  /** The leaf of the event. */
  leaf: Buffer;
  sealText: string;
  size: number;
  root: string;
  steps: Steps;
}

export function make(change: Partial<Steps> = {}): Made {
  const steps = { ...defaults(), ...change };
  const { events, position, after, firstIndex, firstOffset, partition } = steps;
  const entries = events.map((event, i) => entryOf(event, partition, firstOffset + i));
  // Section 2: each leaf is over the leaf before it.
  const leaves: Buffer[] = [];
  for (const entry of entries) leaves.push(leafHash(Buffer.concat([leaves.at(-1) ?? after, entry])));
  const last = events.at(-1)!.timestamp;
  const sealText = statementText('seal', steps.seal({
    origin,
    topic: 'audit.events',
    partition: String(partition),
    generation: '0',
    seal: '41',
    events: `${firstIndex}-${firstIndex + events.length - 1}`,
    offsets: `${firstOffset}-${firstOffset + events.length - 1}`,
    epoch: '4',
    root: base64(treeRoot(leaves)),
    after: base64(after),
    head: base64(leaves.at(-1)!),
    previous: someHash('the seal before'),
    time: last >= 0n && last <= 9_007_199_254_740_991n ? String(last) : '-',
  }));
  const statement = steps.statement(sealText, steps.sealKey);
  const logLeaves = steps.entries(statement).map((entry) => leafHash(Buffer.from(entry)));
  const root = base64(treeRoot(logLeaves));
  const checkpointText = steps.checkpoint(`${origin}\n${logLeaves.length}\n${root}\n`);
  const path = steps.logPath(treePath(steps.logIndex, logLeaves).map(base64));
  const checkpoint = noteOf(checkpointText, ...steps.signatures(checkpointText));
  const log = steps.log(`${['c2sp.org/tlog-proof@v1', `index ${steps.logIndex}`, ...path, ''].join('\n')}\n${checkpoint}`);
  const event = steps.redacted
    ? { leaf: base64(leaves[position]!), offset: firstOffset + position }
    : { entry: base64(entries[position]!), previousLeaf: base64(leaves[position - 1] ?? after) };
  const document = { version: 1, ...event, path: treePath(position, leaves).map(base64), statement, keys: steps.keyNotes, log };
  const json = steps.json(JSON.stringify(steps.document(document)));
  return { json, leaf: leaves[position]!, sealText, size: logLeaves.length, root, steps };
}
