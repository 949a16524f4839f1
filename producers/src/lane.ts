import { TallystickError } from '@tallystick/core/errors';
import { signatureHeader, signEvent } from '@tallystick/core/event-signature';
import type { NoteSigner } from '@tallystick/core/note';
import { KafkaError } from '@tallystick/kafka/errors';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import { encodeLife, eventHeaders, joinEvent } from '@tallystick/schemas/avro';

/** An event that was accepted and waits for its receipt. */
export interface Item {
  readonly id: string;
  readonly key: Uint8Array;
  /** Signs it; null: it goes unsigned. */
  readonly signer: NoteSigner | null;
  /** Encoded, without the place in the producer's life: that is given when it is sent. */
  readonly body: Uint8Array;
  readonly bytes: number;
  stored(receipt: { partition: number; offset: number }): void;
  refused(error: unknown): void;
}

export interface LaneContext {
  readonly partition: number;
  readonly schemaId: number;
  readonly instance: string;
  /** What signatures cover besides the event: names of the log and of the topic. */
  readonly origin: string;
  readonly topic: string;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly batchEvents: number;
  readonly logger: Logger;
  /** Appends to this partition; one call at a time. */
  append(records: readonly RecordToAppend[]): Promise<{ baseOffset: number }>;
  /** A number for a new life, larger than all before. */
  nextEpoch(): number;
  /** Waits before the same is sent again. */
  pause(attempt: number): Promise<void>;
}

/**
 * The events of one partition, sent in order, one batch in flight. Sequence numbers are given when a batch is cut and count
 * up only when Kafka has acknowledged it, so a resend keeps them. What Kafka refuses for good ends the epoch: the next
 * event begins a new one at 0, so that neither a hole arises nor a number is used for two events, even where an earlier
 * try of the refused batch was stored and its answer lost.
 */
export class Lane {
  readonly #context: LaneContext;
  #waiting: Item[] = [];
  #inFlight: readonly Item[] = [];
  #running = false;
  #hurry: (() => void) | null = null;
  #waitingBytes = 0;
  #added = 0;
  #settled = 0;
  /** Calls of flush, oldest first: resolved when so many have settled. */
  #flushes: { readonly upTo: number; readonly done: () => void }[] = [];
  #stopped = false;
  #epoch: number;
  #sequence = 0;

  constructor(context: LaneContext) {
    this.#context = context;
    this.#epoch = context.nextEpoch();
  }

  add(item: Item): void {
    this.#waiting.push(item);
    this.#added += 1;
    this.#waitingBytes += item.bytes;
    if (this.#isFull()) this.#hurry?.();
    if (!this.#running) void this.#run();
  }

  /** Sends without lingering; resolves when all that was added before has its receipt or its refusal. */
  async flush(): Promise<void> {
    if (this.#settled >= this.#added || this.#stopped) return;
    await new Promise<void>((done) => {
      this.#flushes.push({ upTo: this.#added, done });
      this.#hurry?.();
    });
  }

  /** Stops sending; what has no receipt comes back: first what may be stored all the same. */
  stop(): { inFlight: readonly Item[]; waiting: readonly Item[] } {
    this.#stopped = true;
    this.#hurry?.();
    const left = { inFlight: this.#inFlight, waiting: this.#waiting };
    this.#waiting = [];
    this.#inFlight = [];
    this.#settle(this.#added - this.#settled);
    return left;
  }

  #settle(count: number): void {
    this.#settled += count;
    while ((this.#flushes[0]?.upTo ?? Infinity) <= this.#settled) this.#flushes.shift()?.done();
  }

  #isFull(): boolean {
    return this.#waitingBytes >= this.#context.batchBytes || this.#waiting.length >= this.#context.batchEvents;
  }

  async #run(): Promise<void> {
    this.#running = true;
    await this.#linger();
    while (this.#waiting.length > 0 && !this.#stopped) await this.#deliver(this.#cut());
    // In the same turn as the last look at what waits: an event that comes now starts a new run.
    this.#running = false;
  }

  /** Waits a little for company. While a batch is in flight the next one gathers without that. */
  async #linger(): Promise<void> {
    if (this.#flushes.length > 0 || this.#isFull() || this.#context.lingerMs === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#context.lingerMs);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = null;
  }

  #cut(): Item[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#waiting) {
      if (count > 0 && (count >= this.#context.batchEvents || bytes + item.bytes > this.#context.batchBytes)) break;
      bytes += item.bytes;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #deliver(items: readonly Item[]): Promise<void> {
    this.#inFlight = items;
    // Made once: what is sent again is the same, its signature too.
    let records: readonly RecordToAppend[] | null = null;
    for (let attempt = 0; !this.#stopped; attempt++) {
      try {
        records ??= await Promise.all(items.map((item, index) => this.#record(item, this.#sequence + index)));
        if (this.#stopped) return;
        const { baseOffset } = await this.#context.append(records);
        if (this.#stopped) return;
        this.#sequence += items.length;
        this.#inFlight = [];
        items.forEach((item, index) => item.stored({ partition: this.#context.partition, offset: baseOffset + index }));
        this.#settle(items.length);
        return;
      } catch (error) {
        if (this.#stopped) return;
        if (!(error instanceof TallystickError && error.retriable)) return this.#refused(items, error);
        const who = records === null ? 'the signer does not sign' : 'Kafka does not take';
        this.#context.logger.warn(`${who} events; they are kept and sent again`, {
          partition: this.#context.partition,
          events: items.length,
          attempt,
          code: error.code,
          error: error.message,
        });
        await this.#context.pause(attempt);
      }
    }
  }

  async #refused(items: readonly Item[], error: unknown): Promise<void> {
    if (error instanceof KafkaError && error.code === 'MESSAGE_TOO_LARGE' && items.length > 1) {
      // The topic takes less in one batch than was thought: find the one event that is too large, if there is one.
      const middle = items.length >>> 1;
      // What is not being sent stays where `stop` finds it.
      this.#waiting.unshift(...items.slice(middle));
      await this.#deliver(items.slice(0, middle));
      const rest = this.#waiting.splice(0, items.length - middle);
      if (rest.length > 0 && !this.#stopped) await this.#deliver(rest);
      return;
    }
    this.#epoch = this.#context.nextEpoch();
    this.#sequence = 0;
    this.#inFlight = [];
    for (const item of items) item.refused(error);
    this.#settle(items.length);
  }

  async #record({ key, signer, body }: Item, sequence: number): Promise<RecordToAppend> {
    const { schemaId, instance, origin, topic } = this.#context;
    const value = joinEvent(schemaId, body, encodeLife({ instance, epoch: this.#epoch, sequence }));
    if (signer === null) return { key, value, headers: eventHeaders };
    const signature = await signEvent({ origin, topic, key, value }, signer);
    return { key, value, headers: [...eventHeaders, [signatureHeader, signature]] };
  }
}
