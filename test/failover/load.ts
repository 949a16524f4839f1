import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { SafeWriter, type StoredRun } from '@tallystick/kafka/safe-writer';

/** What Kafka acknowledged: `count` events from number `first` on, at these offsets. */
export interface Receipt {
  readonly first: number;
  readonly runs: readonly StoredRun[];
}

const everyMs = 100;
const atOnce = 10;

/** The number that an event carries, and enough beside it to be about 300 bytes. */
export function eventOf(number: number): Uint8Array {
  const value = Buffer.alloc(280, number & 0xff);
  value.writeDoubleBE(number);
  return value;
}

/** Appends events to every partition without pause, one writer for each, and keeps what was acknowledged. */
export class Load {
  readonly receipts: Receipt[][];
  /** Appends that were given up: their events may be stored or not. */
  failed = 0;
  readonly #log: RecordLog;
  readonly #writers: SafeWriter[];
  readonly #loops: Promise<void>[];
  #lastAck: number[];
  #longest = 0;
  readonly #stopping = new AbortController();

  constructor(kafka: KafkaConfig, topic: string, partitions: number) {
    this.#log = connectRecordLog(kafka);
    this.receipts = Array.from({ length: partitions }, () => []);
    this.#writers = this.receipts.map(() => new SafeWriter({ log: this.#log, topic }));
    this.#lastAck = this.receipts.map(() => performance.now());
    this.#loops = this.#writers.map(async (writer, partition) => await this.#run(writer, partition));
  }

  /** Events acknowledged so far. */
  get acknowledged(): number {
    return this.receipts.flat().reduce((sum, { runs }) => sum + runs.reduce((count, run) => count + run.count, 0), 0);
  }

  /** The longest time in ms for which some partition took nothing, since the last call. */
  takeLongestWait(): number {
    const now = performance.now();
    const longest = Math.max(this.#longest, ...this.#lastAck.map((last) => now - last));
    this.#longest = 0;
    this.#lastAck = this.#lastAck.map((last) => Math.max(last, now - everyMs));
    return longest;
  }

  /** Stops after what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
    await Promise.all(this.#writers.map(async (writer) => await writer.close()));
    await this.#log.close();
  }

  async #run(writer: SafeWriter, partition: number): Promise<void> {
    for (let first = 0; !this.#stopping.signal.aborted; first += atOnce) {
      const records = Array.from({ length: atOnce }, (_, i) => ({
        key: Buffer.from(`actor-${(first + i) % 97}`),
        value: eventOf(first + i),
      }));
      try {
        const { runs } = await writer.append(partition, records);
        this.receipts[partition]?.push({ first, runs });
        const now = performance.now();
        this.#longest = Math.max(this.#longest, now - (this.#lastAck[partition] ?? now));
        this.#lastAck[partition] = now;
      } catch {
        this.failed += 1;
      }
      await sleep(everyMs);
    }
  }
}
