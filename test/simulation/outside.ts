import type { NoteSigner } from '@tallystick/core/note';
import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { CheckpointStore, StoredCheckpoint } from '@tallystick/ledger-service/checkpoint-store';
import { LedgerError } from '@tallystick/ledger-service/errors';
import type { LogStore } from '@tallystick/ledger-service/log-store';
import type { StateFiles } from '@tallystick/ledger-service/state-files';
import { collect } from './collect.ts';
import { deadlineMs } from './figures.ts';
import type { Life } from './life.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';
import type { Weather } from './weather.ts';

export interface OutsideParts {
  readonly life: Life;
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly trace: Trace;
  /** Asked at each call, counted from 1 in this life: is the process killed at it? */
  readonly killedAt: (call: number) => 'before' | 'after' | null;
  /** A call does not go as it should. */
  readonly onTrouble: () => void;
  /** What is asked of a topic. */
  readonly onFetch: (topic: string, partition: number, offset: number) => void;
  /** It appended this to a topic, and it arrived. */
  readonly onAppended: (topic: string, value: Uint8Array | null) => void;
  /** The process was killed by a call. */
  readonly onKilled: () => void;
}

/** The outside world as one life of one process meets it: every await of it passes here. */
export class Outside {
  readonly #parts: OutsideParts;
  #calls = 0;

  constructor(parts: OutsideParts) {
    this.#parts = parts;
  }

  /** @param what is done, at once and in memory, when the request arrives */
  async call<T>(place: string, what: string, use: () => Promise<T>, error: () => Error): Promise<T> {
    const { life, scheduler, weather, trace, onKilled } = this.#parts;
    this.#calls += 1;
    const planned = this.#parts.killedAt(this.#calls);
    const fate = planned === null ? weather.fate(place) : (`killed-${planned}` as const);
    if (fate !== 'done') this.#parts.onTrouble();
    const there = weather.latency() + (fate === 'late' ? weather.delay(deadlineMs) : 0);
    const back = weather.latency();
    trace.add(scheduler.now, `${life.name} #${this.#calls} ${place} ${what}${fate === 'done' ? '' : ` ${fate}`}`);
    if (fate.startsWith('killed')) {
      life.kill();
      onKilled();
    }
    return await new Promise<T>((resolve, reject) => {
      if (fate === 'killed-before') return;
      scheduler.after(there, () => {
        const answer = (give: () => void) => void scheduler.after(back, () => life.deliver(give));
        if (fate === 'failed') {
          answer(() => reject(error()));
          return;
        }
        use().then(
          (result) => answer(() => (fate === 'lost' ? reject(error()) : resolve(result))),
          (cause: unknown) => answer(() => reject(cause instanceof Error ? cause : new Error(String(cause)))),
        );
      });
    });
  }

  kafka(log: RecordLog): RecordLog {
    const gone = () => new KafkaError('UNREACHABLE', 'The connection was lost (simulated).', { retriable: true });
    const call = <T>(what: string, use: () => Promise<T>) => this.call('kafka', what, use, gone);
    return {
      clock: this.#parts.life.kafkaClock,
      describeTopic: (topic) => call(`describe ${topic}`, () => log.describeTopic(topic)),
      fetch: (request) => {
        const { topic, partition, offset } = request;
        this.#parts.onFetch(topic, partition, offset);
        return call(`fetch ${topic}/${partition}@${offset}`, () => log.fetch(request));
      },
      bounds: (topic, partition) => call(`bounds ${topic}/${partition}`, () => log.bounds(topic, partition)),
      createAppender: async () => {
        const appender = await call('connect', () => log.createAppender());
        return {
          append: (topic, partition, records) =>
            call(`append ${topic}/${partition}`, async () => {
              const result = await appender.append(topic, partition, records);
              for (const { value } of records) this.#parts.onAppended(topic, value);
              return result;
            }),
          // What was sent on it is on its way, and arrives.
          drop: () => undefined,
        };
      },
      close: () => Promise.resolve(),
    };
  }

  /** @param store as it is at the moment of each call */
  logStore(store: () => LogStore, onWritten: (path: string, bytes: Uint8Array) => void): LogStore {
    const away = () =>
      new LedgerError('LOG_STORE_UNAVAILABLE', 'The log store is away (simulated).', { retriable: true });
    const call = <T>(what: string, use: () => Promise<T>) => this.call('log store', what, use, away);
    const write = async (path: string, bytes: Uint8Array) => {
      await store().write(path, bytes);
      onWritten(path, bytes);
    };
    return {
      read: (path, maxBytes) => call(`read ${path}`, () => store().read(path, maxBytes)),
      write: (path, bytes) => call(`write ${path}`, () => write(path, bytes)),
      // Each on its own way, so that any of them may be stored and others not.
      writeAll: async (objects) => {
        await Promise.all(objects.map(({ path, bytes }) => call(`write ${path}`, () => write(path, bytes))));
      },
      remove: (paths) => call(`remove ${paths.join(' ')}`, () => store().remove(paths)),
      list: (prefix) => {
        const all = () => call(`list ${prefix}`, async () => await collect(store().list(prefix)));
        return (async function* () {
          yield* await all();
        })();
      },
      close: () => Promise.resolve(),
    };
  }

  /** @param onStored what a swap stored, or had stored before */
  checkpoints(store: () => CheckpointStore, onStored: (stored: StoredCheckpoint) => Promise<void>): CheckpointStore {
    const away = () =>
      new LedgerError('LOG_STORE_UNAVAILABLE', 'The checkpoint store is away (simulated).', { retriable: true });
    const swap = async (from: StoredCheckpoint | null, note: Uint8Array) => {
      const stored = await store().swap(from, note);
      if (stored !== null) await onStored(stored);
      return stored;
    };
    return {
      newest: () => this.call('checkpoints', 'newest', () => store().newest(), away),
      swap: (from, note) => this.call('checkpoints', `swap from ${from?.version ?? 0}`, () => swap(from, note), away),
      close: () => Promise.resolve(),
    };
  }

  signer({ key, sign }: NoteSigner): NoteSigner {
    const away = () => new LedgerError('SIGNER_UNAVAILABLE', 'The signer is away (simulated).', { retriable: true });
    return {
      key,
      sign: (message) => this.call('signer', `sign as ${key.name}`, async () => await sign(message), away),
    };
  }

  files(files: StateFiles): StateFiles {
    const full = () => new Error('ENOSPC (simulated)');
    return {
      place: files.place,
      read: (name) => this.call('own disk', `read ${name}`, () => files.read(name), full),
      write: (name, text) => this.call('own disk', `write ${name}`, () => files.write(name, text), full),
    };
  }
}
