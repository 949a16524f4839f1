import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** What a broker says to a fetch: it throttles, or serves these bytes. */
export type FetchAnswer =
  { readonly throttleMs: number } | { readonly records: Buffer; readonly highWatermark: number };

export interface FakeBroker {
  readonly address: string;
  /** When fetches came, in milliseconds of the monotonic clock. */
  readonly fetches: readonly number[];
  /** How many connections were made. */
  readonly connections: () => number;
  /** In front of the answers to descriptions and to questions for offsets. */
  throttleQuestionsMs: number;
  close(): Promise<void>;
}

const topicId = Buffer.alloc(16, 7);
export const fakeTopicId = topicId.toString('base64url');
export const fakeTopic = 'audit.events';

/**
 * A broker without a login that leads one partition of one topic. As Kafka's, it answers at once where it throttles, and then looks at
 * nothing that comes on that connection until the time is over (KIP-219).
 * @param answer what the n-th fetch is answered, from 0
 */
export async function fakeBroker(answer: (nth: number) => FetchAnswer): Promise<FakeBroker> {
  const sockets = new Set<Socket>();
  const fetches: number[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    connections += 1;
    socket.on('error', () => undefined);
    let buffered: Buffer = Buffer.alloc(0);
    let quietUntil = 0;
    const take = (): void => {
      const quietMs = quietUntil - performance.now();
      if (quietMs > 0) {
        setTimeout(take, quietMs);
        return;
      }
      if (buffered.length < 4 || buffered.length < 4 + buffered.readInt32BE(0)) return;
      const request = buffered.subarray(4, 4 + buffered.readInt32BE(0));
      buffered = buffered.subarray(4 + request.length);
      const { body, throttleMs } = reply(request);
      const head = Buffer.alloc(8);
      head.writeInt32BE(4 + body.length, 0);
      head.writeInt32BE(request.readInt32BE(4), 4);
      socket.write(Buffer.concat([head, body]));
      quietUntil = performance.now() + throttleMs;
      take();
    };
    socket.on('data', (bytes) => {
      buffered = Buffer.concat([buffered, bytes]);
      take();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const broker = {
    address: `127.0.0.1:${port}`,
    fetches,
    connections: () => connections,
    throttleQuestionsMs: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  const reply = (request: Buffer): { body: Buffer; throttleMs: number } => {
    const throttleMs = broker.throttleQuestionsMs;
    switch (request.readInt16BE(0)) {
      case 1: {
        fetches.push(performance.now());
        const answered = answer(fetches.length - 1);
        return { body: fetchAnswer(answered), throttleMs: 'throttleMs' in answered ? answered.throttleMs : 0 };
      }
      case 2:
        return { body: offsetsAnswer(throttleMs, timestampIn(request) === -2n ? 0n : 5n), throttleMs };
      case 3:
        return { body: metadataAnswer(throttleMs, port), throttleMs };
      case 18:
        return { body: versionsAnswer(), throttleMs: 0 };
      default:
        throw new Error(`no answer to API ${request.readInt16BE(0)}`);
    }
  };
  return broker;
}

/** Of ListOffsets version 3, the last 8 bytes. */
function timestampIn(request: Buffer): bigint {
  return request.readBigInt64BE(request.length - 8);
}

function versionsAnswer(): Buffer {
  const apis: [number, number, number][] = [
    [1, 0, 13],
    [2, 0, 3],
    [3, 0, 12],
    [18, 0, 2],
  ];
  return Buffer.concat([int16(0), int32(apis.length), ...apis.flat().map(int16), int32(0)]);
}

function metadataAnswer(throttleMs: number, port: number): Buffer {
  const partition = [int16(0), int32(0), int32(1), int32(0), array(), array(), array(), tags];
  const topic = [int16(0), string(fakeTopic), topicId, int8(0), array(Buffer.concat(partition)), int32(0), tags];
  const broker = [int32(1), string('127.0.0.1'), int32(port), int8(0), tags];
  return Buffer.concat([
    ...[tags, int32(throttleMs), array(Buffer.concat(broker)), string('fake-cluster'), int32(1)],
    ...[array(Buffer.concat(topic)), tags],
  ]);
}

function offsetsAnswer(throttleMs: number, offset: bigint): Buffer {
  const name = Buffer.from(fakeTopic);
  const partition = [int32(1), int32(0), int16(0), int64(-1n), int64(offset)];
  return Buffer.concat([int32(throttleMs), int32(1), int16(name.length), name, ...partition]);
}

function fetchAnswer(answer: FetchAnswer): Buffer {
  if ('throttleMs' in answer) return Buffer.concat([tags, int32(answer.throttleMs), int16(0), int32(0), array(), tags]);
  const { records, highWatermark } = answer;
  const bounds = [int64(BigInt(highWatermark)), int64(BigInt(highWatermark)), int64(0n)];
  const partition = [int32(0), int16(0), ...bounds, array(), int32(-1), varint(records.length + 1), records, tags];
  const topic = [topicId, array(Buffer.concat(partition)), tags];
  return Buffer.concat([tags, int32(0), int16(0), int32(0), array(Buffer.concat(topic)), tags]);
}

const tags = Buffer.from([0]);

function int8(value: number): Buffer {
  return Buffer.from([value]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** Compact. */
function string(text: string): Buffer {
  return Buffer.concat([varint(text.length + 1), Buffer.from(text)]);
}

/** Compact, of one element or none. */
function array(element?: Buffer): Buffer {
  return element === undefined ? Buffer.from([1]) : Buffer.concat([Buffer.from([2]), element]);
}
