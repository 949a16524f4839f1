import { ProducersError } from './errors.ts';

/** What waits to be sent is bounded by bytes and by count; who comes when it is full waits in line. */
export class Room {
  readonly #mostBytes: number;
  readonly #mostEvents: number;
  readonly #line: { bytes: number; enter: () => void; refuse: (error: Error) => void }[] = [];
  #bytes = 0;
  #events = 0;

  constructor(mostBytes: number, mostEvents: number) {
    this.#mostBytes = mostBytes;
    this.#mostEvents = mostEvents;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get events(): number {
    return this.#events;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /**
   * Takes room for one event.
   * @returns null if there was room at once, else a promise that resolves when there is
   */
  enter(bytes: number, wait: boolean): Promise<void> | null {
    if (this.#line.length === 0 && this.#fits(bytes)) {
      this.#take(bytes);
      return null;
    }
    if (!wait) {
      throw new ProducersError(
        'QUEUE_FULL',
        `the queue holds ${String(this.#events)} events, ${String(this.#bytes)} bytes: Kafka does not take them as fast as they come`,
        {
          evidence: { events: this.#events, bytes: this.#bytes },
        },
      );
    }
    return new Promise((enter, refuse) => this.#line.push({ bytes, enter, refuse }));
  }

  /** Gives room back; those who wait come in, in order. */
  leave(bytes: number): void {
    this.#bytes -= bytes;
    this.#events -= 1;
    for (let next = this.#line[0]; next !== undefined && this.#fits(next.bytes); next = this.#line[0]) {
      this.#line.shift();
      this.#take(next.bytes);
      next.enter();
    }
  }

  /** Sends all who wait away. */
  closeLine(error: Error): void {
    for (const { refuse } of this.#line.splice(0)) refuse(error);
  }

  #fits(bytes: number): boolean {
    return this.#events < this.#mostEvents && this.#bytes + bytes <= this.#mostBytes;
  }

  #take(bytes: number): void {
    this.#bytes += bytes;
    this.#events += 1;
  }
}
