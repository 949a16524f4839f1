import { base64, keyOf, sha256, type Key } from './primitives.ts';

// The header `sig` of an event: protocol.md, section 8.

const origin = 'vectors.example/log';
const topic = 'audit.events';
const source = 'billing';
const producer = keyOf(source, 1, 'a producer');
const second = keyOf(source, 1, 'the next key of the same producer');
const other = keyOf('payroll', 1, 'another producer');
const eventKey = sha256('an opaque key').subarray(0, 16);
const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from('an Avro payload')]);

interface Event {
  readonly origin: string;
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}
const event: Event = { origin, topic, key: eventKey, value };

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const withLength = (bytes: Buffer | null): Buffer =>
  bytes === null ? int(-1) : Buffer.concat([int(bytes.length), bytes]);
const messageOf = (of: Event): Buffer =>
  Buffer.concat([
    Buffer.from('tallystick/event/v1\n'),
    ...[Buffer.from(of.origin), Buffer.from(of.topic), of.key, of.value].map(withLength),
  ]);
const headerOf = (message: Buffer, key: Key = producer): Buffer => Buffer.concat([key.id, key.sign(message)]);

/** `wantErr`: null; `length`: the header has not 68 bytes; `key`: no key held has its id; `signature`: it does not verify. */
const vector = (
  desc: string,
  of: Event,
  header: Buffer | null,
  wantErr: 'length' | 'key' | 'signature' | null,
  keys: readonly Key[] = [producer],
) => ({
  desc,
  origin: of.origin,
  topic: of.topic,
  key: of.key === null ? null : base64(of.key),
  value: of.value === null ? null : base64(of.value),
  message: base64(messageOf(of)),
  keys: keys.map(({ vkey }) => vkey),
  header: header === null ? null : base64(header),
  wantErr,
});

const good = (desc: string, change: Partial<Event> = {}, keys?: readonly Key[]) => {
  const of = { ...event, ...change };
  return vector(desc, of, headerOf(messageOf(of)), null, keys);
};
/** Signed as one event, held against another. */
const elsewhere = (desc: string, change: Partial<Event>) =>
  vector(desc, { ...event, ...change }, headerOf(messageOf(event)), 'signature');
/** Signed over other bytes. */
const over = (desc: string, message: Buffer) => vector(desc, event, headerOf(message), 'signature');

const message = messageOf(event);
const right = headerOf(message);
const flipped = (at: number): Buffer => {
  const bytes = Buffer.from(right);
  bytes[at]! ^= 1;
  return bytes;
};
const empty = Buffer.alloc(0);

export const eventSignatures = [
  good('an event with key and value'),
  good('without a key', { key: null }),
  good('with an empty key', { key: empty }),
  good('without a value', { value: null }),
  good('with neither', { key: null, value: null }),
  good('a topic that is not ASCII', { topic: 'prüfung' }),
  good('a value of 3,000 bytes', { value: Buffer.alloc(3_000, 'x') }),
  good('where the producer has two keys', {}, [second, producer]),
  vector('by the second of two keys', event, headerOf(message, second), null, [producer, second]),
  vector('no header value', event, null, 'length'),
  vector('an empty header', event, empty, 'length'),
  vector('a header of 67 bytes', event, right.subarray(0, 67), 'length'),
  vector('a header of 69 bytes', event, Buffer.concat([right, Buffer.from([0])]), 'length'),
  vector('the signature without its key id', event, right.subarray(4), 'length'),
  vector('the header as base64 text', event, Buffer.from(base64(right)), 'length'),
  vector('a bit of the key id changed', event, flipped(3), 'key'),
  vector('by a key of another source', event, headerOf(message, other), 'key'),
  vector('where no key is held', event, right, 'key', []),
  vector('the key id of one key, the signature of another', event, Buffer.concat([producer.id, second.sign(message)]), 'signature', [
    producer,
    second,
  ]),
  vector('a bit of R changed', event, flipped(4), 'signature'),
  vector('a bit of S changed', event, flipped(67), 'signature'),
  vector('a signature of zeros', event, Buffer.concat([producer.id, Buffer.alloc(64)]), 'signature'),
  elsewhere('of another log', { origin: 'vectors.example/other' }),
  elsewhere('of another topic', { topic: 'audit.event' }),
  elsewhere('with another key', { key: sha256('another key').subarray(0, 16) }),
  elsewhere('with its key taken away', { key: null }),
  elsewhere('with an empty key in place of one', { key: empty }),
  elsewhere('with another value', { value: Buffer.concat([value, Buffer.from([0])]) }),
  elsewhere('with its value taken away', { value: null }),
  elsewhere('with the border between origin and topic moved', { origin: `${origin}a`, topic: 'udit.events' }),
  elsewhere('with the border between key and value moved', {
    key: eventKey.subarray(0, 15),
    value: Buffer.concat([eventKey.subarray(15), value]),
  }),
  over('over a message without its first line', message.subarray('tallystick/event/v1\n'.length)),
  over('over a message of a later version', Buffer.from(message.toString('latin1').replace('/v1', '/v2'), 'latin1')),
  over('over the value alone', value),
  over('over lengths in little-endian order', Buffer.concat([
    Buffer.from('tallystick/event/v1\n'),
    ...[Buffer.from(origin), Buffer.from(topic), eventKey, value].map((part) =>
      Buffer.concat([int(part.length).swap32(), part]),
    ),
  ])),
  over('over the SHA-256 of the message', sha256(message)),
];
