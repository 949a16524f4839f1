import type { Logger } from '@tallystick/kafka/logger';
import type { IndexedSeal } from './domain/log-index.ts';
import type { ProofMaker } from './proof-maker.ts';

/** After so long without a request nothing is loaded ahead any more. */
const idleMs = 5 * 60_000;
const everyMs = 1_000;

interface Warm {
  readonly seal: IndexedSeal;
  readonly topicId: string;
}

/**
 * Loads the newest events ahead while proofs are asked for, so that those for what was just sealed are quick. It costs what reading those
 * events once costs, and nothing while nobody asks.
 */
export class Warmer {
  readonly #maker: ProofMaker;
  readonly #events: number;
  readonly #logger: Logger;
  readonly #done = new Set<string>();
  #askedAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #ended = false;

  /** @param events how many of the newest are loaded */
  constructor(maker: ProofMaker, events: number, logger: Logger) {
    this.#maker = maker;
    this.#events = events;
    this.#logger = logger;
  }

  /** A proof was asked for. */
  asked(): void {
    this.#askedAt = performance.now();
    if (this.#timer !== null || this.#events === 0 || this.#ended) return;
    this.#timer = setInterval(() => this.#tick(), everyMs);
    this.#tick();
  }

  /** Resolves when all that is to be loaded now is. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#ended = true;
    this.#rest();
    await this.#running;
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    if (performance.now() - this.#askedAt > idleMs) this.#rest();
    this.#running ??= this.#load().finally(() => (this.#running = null));
  }

  async #load(): Promise<void> {
    const newest = this.#newest();
    const wanted = new Set(newest.map(nameOf));
    for (const name of this.#done) if (!wanted.has(name)) this.#done.delete(name);
    // The oldest first: if there is no room for all, the newest stay.
    for (const one of newest.toReversed()) {
      if (this.#ended || this.#done.has(nameOf(one))) continue;
      try {
        await this.#maker.warm(one.seal, one.topicId);
        this.#done.add(nameOf(one));
      } catch (error) {
        // Whoever asks for it is told why.
        this.#logger.info('What is sealed could not be loaded ahead.', { index: one.seal.index, error: String(error) });
        this.#done.add(nameOf(one));
      }
    }
  }

  /** The seals of the newest events, newest first. */
  #newest(): Warm[] {
    const view = this.#maker.follower.last;
    if (view === null) return [];
    const all: Warm[] = [];
    for (const { newest, generations } of view.index.partitions) {
      const topicId = generations.at(-1)?.topicId;
      if (topicId !== undefined) for (const seal of newest) all.push({ seal, topicId });
    }
    all.sort((a, b) => b.seal.index - a.seal.index);
    let left = this.#events;
    return all.filter(({ seal: { statement } }) => {
      const before = left;
      left -= statement.events.last - statement.events.first + 1;
      return before > 0;
    });
  }
}

function nameOf({ seal }: Warm): string {
  return `${seal.index}/${seal.statement.root}`;
}
