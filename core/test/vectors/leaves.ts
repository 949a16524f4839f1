import { base64, leafHash, sha256, treeRoot } from './primitives.ts';

// Records of `audit.leaves`: protocol.md, sections 2, 3 and 6.

const topic = 'audit.events';
const after = sha256('the leaf before the first event');

/** Entries of events: any bytes do, for a leaf is made of them as they are. */
const entriesOf = (count: number, word = 'entry'): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(`${word} ${i}`));

function chain(entries: readonly Buffer[], before = after): Buffer[] {
  const leaves: Buffer[] = [];
  for (const entry of entries) leaves.push(leafHash(Buffer.concat([leaves.at(-1) ?? before, entry])));
  return leaves;
}

interface Given {
  readonly count?: number;
  readonly topic?: string;
  readonly generation?: number;
  readonly seal?: number;
  /** Of the record; what the seal says where it is left out. */
  readonly key?: string | Buffer | null;
  readonly value?: Buffer | null;
}

function vector(desc: string, counts: boolean, { count = 5, ...given }: Given = {}) {
  const seal = { topic: given.topic ?? topic, generation: given.generation ?? 0, seal: given.seal ?? 12 };
  const entries = entriesOf(count);
  const leaves = chain(entries);
  const text = `${seal.topic}/${seal.generation}/${seal.seal}`;
  const key = given.key === undefined ? text : given.key;
  const value = given.value === undefined ? Buffer.concat(leaves) : given.value;
  return {
    desc,
    ...seal,
    after: base64(after),
    entries: entries.map(base64),
    leaves: leaves.map(base64),
    root: base64(treeRoot(leaves)),
    key: key === null ? null : base64(Buffer.from(key)),
    value: value === null ? null : base64(value),
    counts,
  };
}

const five = chain(entriesOf(5));
const joined = Buffer.concat(five);
const flipped = Buffer.from(joined);
flipped[70]! ^= 1;
const node = sha256(Buffer.from([1]), five[0]!, five[1]!);

/** `counts`: whether these are the leaves of that seal. */
export const leavesVectors = [
  vector('one event', true, { count: 1 }),
  vector('two events', true, { count: 2 }),
  vector('five events', true),
  vector('256 events', true, { count: 256 }),
  vector('a later generation', true, { generation: 3, seal: 0 }),
  vector('a topic with a slash and digits', true, { topic: 'a/0/1', seal: 2 }),
  vector('large numbers', true, { generation: 9007199254740991, seal: 9007199254740991 }),
  vector('a key for another seal', false, { key: `${topic}/0/13` }),
  vector('a key for another generation', false, { key: `${topic}/1/12` }),
  vector('a key for another topic', false, { key: 'audit.event/0/12' }),
  vector('a leading zero in the key', false, { key: `${topic}/0/012` }),
  vector('a sign in the key', false, { key: `${topic}/0/+12` }),
  vector('a newline behind the key', false, { key: `${topic}/0/12\n` }),
  vector('a key without the seal', false, { key: `${topic}/0` }),
  vector('an empty key', false, { key: '' }),
  vector('no key', false, { key: null }),
  vector('no value', false, { value: null }),
  vector('an empty value', false, { value: Buffer.alloc(0) }),
  vector('a leaf too few', false, { value: joined.subarray(0, 128) }),
  vector('a leaf too many', false, { value: Buffer.concat([joined, five[4]!]) }),
  vector('a byte too few', false, { value: joined.subarray(0, 159) }),
  vector('a byte too many', false, { value: Buffer.concat([joined, Buffer.from([0])]) }),
  vector('a bit changed', false, { value: flipped }),
  vector('two leaves in another order', false, { value: Buffer.concat([five[1]!, five[0]!, ...five.slice(2)]) }),
  vector('another leaf before the first event', false, { value: Buffer.concat(chain(entriesOf(5), sha256('x'))) }),
  vector('other events', false, { value: Buffer.concat(chain(entriesOf(5, 'other'))) }),
  vector('an inner node in place of the leaves below it, which has the same root', false, {
    value: Buffer.concat([node, ...five.slice(2)]),
  }),
  vector('the root alone', false, { value: treeRoot(five) }),
  vector('leaves without the chain', false, { value: Buffer.concat(entriesOf(5).map(leafHash)) }),
  vector('the leaves as text', false, { value: Buffer.from(joined.toString('hex')) }),
];
