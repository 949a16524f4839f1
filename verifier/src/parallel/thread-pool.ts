import { Worker } from 'node:worker_threads';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import type { IdPair } from '../content/id-join.ts';
import { abortError } from '../deadline.ts';
import { VerifierError } from '../errors.ts';
import type { SourceDescriptor } from '../ports/evidence-source.ts';
import { endThread } from './end-thread.ts';
import { pairsOf } from './join-ids.ts';
import type { IdJoiner } from './join-ids.ts';
import type {
  JoinTask,
  ShardReader,
  ShardResult,
  ShardTask,
  StarterMessage,
  ThreadMessage,
  ThreadSettings,
} from './shard-message.ts';

export interface PoolOptions {
  /** Beside the owner's. */
  readonly threads: number;
  readonly reopen: SourceDescriptor;
  readonly deadlineMs: number;
  readonly schemas: SchemaSource | null;
  readonly signal: AbortSignal | undefined;
  readonly meter: { add(bytes: number, events: number): void };
  /** Reads shards in the thread of the pool's owner too, which then joins ids as well, one at a time, beside the others; null where it is damaged or cannot be read. */
  readonly here?: (task: Omit<ShardTask, 'id'>, signal: AbortSignal) => Promise<ShardResult | null>;
  /** How long a thread may say nothing while it reads, ms; default three deadlines and a minute. */
  readonly silentMs?: number;
  /** The module that the threads run; default: this package's. For tests. */
  readonly entry?: URL;
}

type Waiting = { readonly reject: (error: Error) => void } & (
  | {
      readonly kind: 'shard';
      readonly task: Omit<ShardTask, 'id'>;
      readonly resolve: (result: ShardResult | null) => void;
    }
  | {
      readonly kind: 'join';
      readonly task: Omit<JoinTask, 'id'>;
      readonly resolve: (pairs: readonly IdPair[] | null) => void;
    }
);

interface Thread {
  readonly worker: Worker;
  /** What it does, by its id, and what it does next. */
  readonly busy: { readonly id: number; readonly waiting: Waiting }[];
  /** Ends the pool if the thread stays silent. */
  watch: ReturnType<typeof setTimeout> | null;
}

// The same folder holds the thread's module, as it is run: from source, or compiled.
const fromSource = import.meta.url.endsWith('.ts');
const ownEntry = new URL(fromSource ? './thread.ts' : './thread.js', import.meta.url);

/**
 * Threads that read shards and join ids, one thing each at a time. If one dies, or is silent for much longer than any wait of its own may take,
 * the whole pool is given up: nothing that it was to look at may count as looked at.
 */
export class ThreadPool implements ShardReader, IdJoiner {
  readonly size: number;
  private readonly options: PoolOptions;
  private readonly threads: Thread[] = [];
  private readonly queue: Waiting[] = [];
  private nextId = 0;
  private failure: Error | null = null;
  /** What is done here. */
  private here: { readonly waiting: Waiting; readonly done: Promise<void> } | null = null;
  private readonly stopHere = new AbortController();
  private readonly onAbort = (): void => this.fail(abortError());

  constructor(options: PoolOptions) {
    this.options = options;
    this.size = options.threads + (options.here === undefined ? 0 : 1);
    options.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** Starts all threads, so that they have their code when the first shard comes. */
  warmUp(): void {
    while (this.failure === null && this.start() !== null);
  }

  async read(task: Omit<ShardTask, 'id'>): Promise<ShardResult | null> {
    if (this.failure !== null) throw this.failure;
    return await new Promise((resolve, reject) => {
      this.queue.push({ kind: 'shard', task, resolve, reject });
      this.next();
    });
  }

  async join(task: Omit<JoinTask, 'id'>): Promise<readonly IdPair[] | null> {
    if (this.failure !== null) throw this.failure;
    return await new Promise((resolve, reject) => {
      this.queue.push({ kind: 'join', task, resolve, reject });
      this.next();
    });
  }

  async close(): Promise<void> {
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.fail(failed('they were ended'));
    await Promise.all(
      this.threads.map(async ({ worker, watch }) => {
        clearTimeout(watch ?? undefined);
        await endThread(worker);
      }),
    );
    await this.here?.done;
  }

  private next(): void {
    while (this.queue.length > 0 && this.failure === null) {
      const idle = this.threads.find(({ busy }) => busy.length === 0) ?? this.start();
      const isHere = idle === null && this.options.here !== undefined && this.here === null;
      const thread = idle ?? (isHere ? null : this.soonIdle());
      if (thread === null && !isHere) return;
      const waiting = this.queue.shift();
      if (waiting === undefined) return;
      if (thread === null) this.here = { waiting, done: this.doHere(waiting) };
      else this.give(thread, waiting);
    }
  }

  /**
   * A thread that has nothing to do after what it does: it would be idle until this thread, which reads too, hears that it is done. null
   * where so little is left that whoever is done first has to have it.
   */
  private soonIdle(): Thread | null {
    if (this.queue.length <= this.size) return null;
    return this.threads.find(({ busy }) => busy.length === 1) ?? null;
  }

  private give(thread: Thread, waiting: Waiting): void {
    const id = this.nextId++;
    thread.busy.push({ id, waiting });
    this.hear(thread);
    if (waiting.kind === 'shard') post(thread, { kind: 'shard', task: { ...waiting.task, id } });
    else post(thread, { kind: 'join', task: { ...waiting.task, id } });
  }

  private async doHere(waiting: Waiting): Promise<void> {
    // Not before `here` says so.
    await Promise.resolve();
    try {
      if (waiting.kind === 'join') waiting.resolve(await pairsOf(waiting.task, this.stopHere.signal));
      else waiting.resolve((await this.options.here?.(waiting.task, this.stopHere.signal)) ?? null);
    } catch (error) {
      this.fail(failed(error instanceof Error ? error.message : String(error)));
    }
    this.here = null;
    this.next();
  }

  /** null: there are as many as there may be. */
  private start(): Thread | null {
    if (this.threads.length >= this.options.threads) return null;
    const { reopen, deadlineMs, schemas, entry = ownEntry } = this.options;
    const settings: ThreadSettings = { reopen, deadlineMs, schemas: schemas !== null };
    const worker = new Worker(entry, {
      workerData: settings,
      name: 'tallystick-verify',
      ...(fromSource ? { execArgv: ['--conditions=@tallystick/source'] } : {}),
    });
    const thread: Thread = { worker, busy: [], watch: null };
    worker.on('message', (message: ThreadMessage) => this.take(thread, message));
    worker.on('error', (error) => this.fail(failed(`one of them died: ${error.message}`)));
    worker.on('messageerror', () => this.fail(failed('one of them sent what cannot be read')));
    worker.on('exit', (code) => this.fail(failed(`one of them ended by itself with code ${code}`)));
    this.threads.push(thread);
    return thread;
  }

  private take(thread: Thread, message: ThreadMessage): void {
    const [busy = null] = thread.busy;
    this.hear(thread);
    if (message.kind === 'progress') {
      this.options.meter.add(message.bytes, message.events);
    } else if (message.kind === 'schema') {
      void this.answer(thread, message.request, message.schemaId);
    } else if (busy === null || busy.id !== message.id) {
      this.fail(failed('one of them answered what it was not asked'));
    } else if (message.kind === 'failed') {
      const { code, message: why } = message;
      this.fail(code === undefined ? failed(why) : new VerifierError(code, why));
    } else if (message.kind === 'done' && busy.waiting.kind === 'shard') {
      this.isDone(thread);
      busy.waiting.resolve(message.result);
      this.next();
    } else if (message.kind === 'joined' && busy.waiting.kind === 'join') {
      this.isDone(thread);
      busy.waiting.resolve(message.pairs);
      this.next();
    } else {
      this.fail(failed('one of them answered another question'));
    }
  }

  private isDone(thread: Thread): void {
    thread.busy.shift();
    if (thread.busy.length === 0) clearTimeout(thread.watch ?? undefined);
  }

  private async answer(thread: Thread, request: number, schemaId: number): Promise<void> {
    try {
      const text = (await this.options.schemas?.schemaById(schemaId)) ?? '';
      post(thread, { kind: 'schema', request, text });
    } catch (error) {
      const code = error instanceof SchemasError ? error.code : 'REGISTRY_PROTOCOL';
      post(thread, { kind: 'no-schema', request, code, message: error instanceof Error ? error.message : '' });
    }
  }

  /** The thread said something: until the next time it has this long. Its own waits end within the deadline and a little. */
  private hear(thread: Thread): void {
    clearTimeout(thread.watch ?? undefined);
    const { deadlineMs, silentMs: ms = 3 * deadlineMs + 60_000 } = this.options;
    thread.watch = setTimeout(() => this.fail(failed(`one of them was silent for ${ms} ms`)), ms);
    thread.watch.unref();
  }

  private fail(error: Error): void {
    if (this.failure !== null) return;
    this.failure = error;
    this.stopHere.abort();
    this.here?.waiting.reject(error);
    for (const { busy } of this.threads) for (const { waiting } of busy) waiting.reject(error);
    for (const { reject } of this.queue.splice(0)) reject(error);
    for (const { worker } of this.threads) void worker.terminate();
  }
}

function post({ worker }: Thread, message: StarterMessage): void {
  worker.postMessage(message, []);
}

function failed(why: string): VerifierError {
  return new VerifierError(
    'WORKER_FAILED',
    `The threads that read records gave up: ${why}. What they were to look at was not looked at: verify again, with --workers 1 if it happens again.`,
  );
}
