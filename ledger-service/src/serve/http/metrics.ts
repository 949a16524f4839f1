import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Figures } from '../figures.ts';
import type { ProofMaker } from '../proof-maker.ts';

/** What a server says of itself to Prometheus, in a registry of its own. */
export class ServeMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'route' | 'status'>;
  readonly #seconds: Histogram<'route'>;
  readonly #log: Gauge<'checkpoint'>;
  readonly #age: Gauge;
  readonly #figures: Figures;

  /** @param figures asked anew at each scrape; what it cannot say is left out */
  constructor(maker: ProofMaker, figures: Figures) {
    this.#figures = figures;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, prefix: 'tallystick_' });
    this.#requests = new Counter({
      name: 'tallystick_http_requests_total',
      help: 'Requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'tallystick_http_request_seconds',
      help: 'Time from a request to its answer.',
      labelNames: ['route'],
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5],
      registers,
    });
    const cache = new Gauge({
      name: 'tallystick_proof_cache_lookups',
      help: 'Lookups of record batches and of trees of sealed batches since the start, by what they gave.',
      labelNames: ['cache', 'result'],
      registers,
      collect: () => {
        for (const [name, { hits, misses }] of Object.entries({
          records: maker.events.counts,
          trees: maker.trees.counts,
        })) {
          cache.set({ cache: name, result: 'hit' }, hits);
          cache.set({ cache: name, result: 'miss' }, misses);
        }
      },
    });
    this.#log = new Gauge({
      name: 'tallystick_log_entries',
      help: 'Entries of the log, as stored and as published.',
      labelNames: ['checkpoint'],
      registers,
    });
    this.#age = new Gauge({
      name: 'tallystick_checkpoint_age_seconds',
      help: 'Age of the published checkpoint: by its cosignatures where there is a quorum, else since it was seen to change.',
      registers,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  answered(route: string, status: number, seconds: number): void {
    this.#requests.inc({ route, status });
    this.#seconds.observe({ route }, seconds);
  }

  async text(): Promise<string> {
    const { stored, published, ageSeconds } = await this.#figures.look();
    this.#log.reset();
    if (stored !== null) this.#log.set({ checkpoint: 'stored' }, stored);
    if (published !== null) this.#log.set({ checkpoint: 'published' }, published);
    this.#age.set(ageSeconds ?? Number.NaN);
    return await this.#registry.metrics();
  }
}
