import type { NoteSigner } from '@tallystick/core/note';
import type { EventBody, EventContent } from '@tallystick/schemas/audit-event';
import { decodeBody, encodeBody } from '@tallystick/schemas/avro';
import { SchemasError } from '@tallystick/schemas/errors';
import { CloseTimeoutError, ProducersError } from './errors.ts';
import type { UnsentEvent } from './errors.ts';
import { newEventId } from './event-id.ts';
import type { Item, Lane } from './lane.ts';
import { partitionOf } from './murmur2.ts';
import { byActor, orderingKeys } from './ordering-key.ts';
import type { OrderBy } from './ordering-key.ts';
import type { ProducerSettings } from './producer-options.ts';
import { Room } from './room.ts';

/** What a service emits. `occurredAtMs` is now where it is left out. */
export type EventInput = Omit<EventContent, 'occurredAtMs'> & { readonly occurredAtMs?: number };

/** What an importer emits: id (UUIDv8), salt (16 bytes) and source follow from the original record. */
export type ImportedEvent = EventContent & { readonly id: string; readonly salt: Uint8Array; readonly source: string };

/** Where Kafka keeps the event, acknowledged by all replicas in sync. */
export interface Receipt {
  readonly partition: number;
  readonly offset: number;
}

export interface Emitted {
  readonly id: string;
  /**
   * Resolves when Kafka has the event: from then on it is never lost. Rejects with what Kafka refuses it for, or with
   * CLOSE_TIMEOUT. A caller that does not care may leave it alone: it is never an unhandled rejection.
   */
  readonly receipt: Promise<Receipt>;
}

export interface ProducerStatus {
  readonly queuedEvents: number;
  readonly queuedBytes: number;
  /** Calls of `emit` that wait for room. */
  readonly waiting: number;
  readonly stored: number;
  readonly refused: number;
}

export interface Producer {
  /**
   * Takes an event: checks it, gives it an id, and queues it. Resolves when it is queued, which waits while the queue is full.
   * Later changes of the object given do not reach the event.
   * @throws SchemasError EVENT_INVALID naming the field; ProducersError EVENT_TOO_LARGE, QUEUE_FULL, PRODUCER_CLOSED
   */
  emit(event: EventInput | ImportedEvent): Promise<Emitted>;
  /** Sends what is queued without lingering; resolves when every event emitted before has its receipt or its refusal. */
  flush(): Promise<void>;
  /**
   * Takes no more events, sends what is queued and disconnects.
   * @param options.deadlineMs default 30,000
   * @throws CloseTimeoutError past the deadline, with the events that were not sent; their receipts reject with it too
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
  status(): ProducerStatus;
}

interface Parts {
  readonly source: string;
  readonly settings: ProducerSettings;
  readonly lanes: readonly Lane[];
  readonly secret: Uint8Array;
  /** By source. */
  readonly signers: ReadonlyMap<string, NoteSigner>;
  readonly orderBy?: OrderBy;
  /** Gives connections back; `now`: without waiting for what is under way. */
  release(now: boolean): Promise<void>;
}

// What a record takes beside its body: wire prefix, the producer's life at its longest, key, headers, Kafka's framing.
const overheadBytes = 512;

export class EventProducer implements Producer {
  readonly #parts: Parts;
  readonly #orderBy: OrderBy;
  readonly #keyOf: (order: string, comesBack: boolean) => Uint8Array;
  readonly #room: Room;
  #closing: Promise<void> | null = null;
  #stored = 0;
  #refused = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#orderBy = parts.orderBy ?? byActor;
    this.#keyOf = orderingKeys(parts.secret);
    this.#room = new Room(parts.settings.queueBytes, parts.settings.queueEvents);
  }

  async emit(input: EventInput | ImportedEvent): Promise<Emitted> {
    if (this.#closing !== null) throw closed();
    const event = this.#identify(input);
    const body = encodeBody(event);
    const { maxEventBytes, whenFull } = this.#parts.settings;
    const bytes = body.length + overheadBytes;
    if (bytes > maxEventBytes) {
      throw new ProducersError(
        'EVENT_TOO_LARGE',
        `the event takes ${String(bytes)} bytes, more than ${String(maxEventBytes)}: shorten its largest field (before, after, original, …)`,
        {
          evidence: { found: bytes, expected: maxEventBytes },
        },
      );
    }
    const { id } = event;
    const order = this.#orderBy(event);
    const key = this.#keyOf(order ?? id, order !== null);
    const room = this.#room.enter(bytes, whenFull === 'wait');
    if (room !== null) {
      await room;
      // Room was given, and in the same turn the producer was closed.
      if (this.#closing !== null) {
        this.#room.leave(bytes);
        throw closed();
      }
    }
    const signer = this.#parts.signers.get(event.source) ?? null;
    return { id, receipt: this.#queue({ id, key, signer, body, bytes }) };
  }

  /** Ids of imports are given, all others are made here. The encoding checks the rest. */
  #identify(input: EventInput | ImportedEvent): EventBody {
    if (typeof input !== 'object' || input === null) throw invalid('an event must be an object', '');
    if ('salt' in input) {
      if (!/^.{14}8/.test(input.id)) throw invalid('id must be a UUID of version 8 where a salt is given', 'id');
      return input;
    }
    for (const name of ['id', 'source'] as const) {
      if (name in input) throw invalid(`${name} is given by the producer`, name);
    }
    return { ...input, occurredAtMs: input.occurredAtMs ?? Date.now(), id: newEventId(), source: this.#parts.source };
  }

  #queue(event: Pick<Item, 'id' | 'key' | 'signer' | 'body' | 'bytes'>): Promise<Receipt> {
    const receipt = new Promise<Receipt>((resolve, reject) => {
      const lane = this.#parts.lanes[partitionOf(event.key, this.#parts.lanes.length)];
      if (lane === undefined) throw new RangeError('there is no such partition');
      lane.add({
        ...event,
        stored: (place) => {
          this.#stored += 1;
          this.#room.leave(event.bytes);
          resolve(place);
        },
        refused: (error) => {
          this.#refused += 1;
          this.#room.leave(event.bytes);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      });
    });
    receipt.catch(() => undefined);
    return receipt;
  }

  async flush(): Promise<void> {
    await Promise.all(this.#parts.lanes.map((lane) => lane.flush()));
  }

  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs ?? 30_000);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#room.closeLine(closed());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, Math.min(Math.max(deadlineMs, 0), 0x7fffffff), 'late');
    });
    const outcome = await Promise.race([this.flush(), late]);
    clearTimeout(timer);
    if (outcome !== 'late') return this.#parts.release(false);
    const left = this.#parts.lanes.map((lane) => lane.stop());
    const unsent = left.flatMap(({ inFlight, waiting }) => [
      ...inFlight.map((item) => ({ item, maybeStored: true })),
      ...waiting.map((item) => ({ item, maybeStored: false })),
    ]);
    const error = new CloseTimeoutError(
      deadlineMs,
      unsent.map(({ item, maybeStored }) => describe(item, maybeStored)),
    );
    for (const { item } of unsent) item.refused(error);
    // Connections that hang must not hold the caller up any longer.
    void this.#parts.release(true).catch(() => undefined);
    throw error;
  }

  status(): ProducerStatus {
    const { events, bytes, waiting } = this.#room;
    return { queuedEvents: events, queuedBytes: bytes, waiting, stored: this.#stored, refused: this.#refused };
  }
}

function invalid(message: string, field: string): SchemasError {
  return new SchemasError('EVENT_INVALID', message, { evidence: { field } });
}

function closed(): ProducersError {
  return new ProducersError('PRODUCER_CLOSED', 'the producer is closed: it takes no more events');
}

function describe(item: Item, maybeStored: boolean): UnsentEvent {
  const { id, salt: _salt, source: _source, ...event } = decodeBody(item.body);
  return { id, event, maybeStored };
}
