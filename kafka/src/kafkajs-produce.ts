import { createRequire } from 'node:module';
import { encodeBatch } from './batch-encoder.ts';
import { encodedBody } from './kafkajs-internals.ts';
import type { RecordToAppend } from './record-log.ts';

/** One record on its way through kafkajs' producer, which sees a partition, a value that is there, and how many there are. */
export class OwnMessage {
  readonly record: RecordToAppend;
  readonly partition: number;
  /** kafkajs refuses a message without one, though not null. */
  readonly value = null;

  constructor(record: RecordToAppend, partition: number) {
    this.record = record;
    this.partition = partition;
  }
}

/**
 * kafkajs writes a batch through ten buffers and a CRC in JavaScript: 4 ms of CPU for the leaves of one seal, and 8 µs a record.
 * Where the messages are {@link OwnMessage}s only the encoding is replaced, by one that also keeps headers as they are given.
 * Producer ids, sequence numbers, leaders, retries and the answer stay kafkajs' own, and so does every producer that is not ours.
 * Done once a process; kafkajs looks the encoder up for each request.
 */
export function encodeOwnMessages(): void {
  if (replaced) return;
  replaced = true;
  const require = createRequire(import.meta.url);
  const produce: ProduceDefinitions = require('kafkajs/src/protocol/requests/produce/index.js');
  const { protocol } = produce;
  produce.protocol = (version) => {
    const make = protocol(version);
    return (options) => {
      const made = make(options);
      if (!isOwn(options)) return made;
      return {
        ...made,
        request: { ...made.request, encode: () => Promise.resolve(encodedBody(encodeProduce(options))) },
      };
    };
  };
}

let replaced = false;

/** What kafkajs gives for one request to one broker. */
interface ProduceOptions {
  readonly acks: number;
  readonly timeout: number;
  readonly producerId: { toString(): string };
  readonly producerEpoch: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number | string;
      readonly firstSequence: number;
      readonly messages: readonly unknown[];
    }[];
  }[];
}

interface ProduceDefinitions {
  protocol: (version: {
    version: number;
  }) => (options: ProduceOptions) => { readonly request: object; readonly response: object };
}

function isOwn({ topicData }: ProduceOptions): boolean {
  return topicData[0]?.partitions[0]?.messages[0] instanceof OwnMessage;
}

/** The body of a produce request of versions 3 to 7, which are alike (Kafka protocol guide, "Produce API"). */
function encodeProduce({ acks, timeout, producerId, producerEpoch, topicData }: ProduceOptions): Buffer {
  const parts: Buffer[] = [];
  const head = Buffer.alloc(12);
  head.writeInt16BE(-1, 0); // no transactional id
  head.writeInt16BE(acks, 2);
  head.writeInt32BE(timeout, 4);
  head.writeInt32BE(topicData.length, 8);
  parts.push(head);
  const now = Date.now();
  for (const { topic, partitions } of topicData) {
    const name = Buffer.from(topic);
    const length = Buffer.alloc(2);
    length.writeInt16BE(name.length);
    parts.push(length, name, int32(partitions.length));
    for (const { partition, firstSequence, messages } of partitions) {
      const producer = { id: BigInt(producerId.toString()), epoch: producerEpoch, sequence: firstSequence };
      const batch = encodeBatch(messages.map(recordOf), now, producer);
      parts.push(int32(Number(partition)), int32(batch.length), batch);
    }
  }
  return Buffer.concat(parts);
}

function recordOf(message: unknown): RecordToAppend {
  if (message instanceof OwnMessage) return message.record;
  throw new TypeError('a message of another producer among ours');
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
