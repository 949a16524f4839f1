import { Worker } from 'node:worker_threads';
import { endThread } from '../parallel/end-thread.ts';
import type { BundleFile } from './bundle-file.ts';
import { walkBundle } from './bundle-walk.ts';
import { sumsAlive } from './sums-alive.ts';

/** How long the thread may say nothing, ms. Its own reads end before. */
const silentMs = 120_000;

// The same folder holds the thread's module, as it is run: from source, or compiled.
const fromSource = import.meta.url.endsWith('.ts');
const ownEntry = new URL(fromSource ? './sums-thread.ts' : './sums-thread.js', import.meta.url);

/**
 * Compares a bundle with its own sums in a thread, while others read it already. The thread only ever says that all is well: where it does
 * not (the bundle is damaged, the file another one by now, the thread died), this thread looks itself, and says what it is.
 */
export class SumsBeside {
  private readonly file: BundleFile;
  private readonly worker: Worker;
  private readonly wellIs: Promise<boolean>;
  /** Nobody waits for what the thread says any more. */
  private giveUp: () => void = () => undefined;
  private outcome: Promise<void> | null = null;

  /** @param entry the module that the thread runs; default: this package's. For tests. */
  constructor(file: BundleFile, entry: URL = ownEntry) {
    this.file = file;
    const execArgv = fromSource ? { execArgv: ['--conditions=@tallystick/source'] } : {};
    const worker = new Worker(entry, { workerData: file.name, name: 'tallystick-sums', ...execArgv });
    this.worker = worker;
    this.wellIs = new Promise<boolean>((resolve) => {
      this.giveUp = () => resolve(false);
      let watch = setTimeout(this.giveUp, silentMs);
      watch.unref();
      worker.on('message', (said: unknown) => {
        clearTimeout(watch);
        if (said !== sumsAlive) return resolve(said === file.identity);
        watch = setTimeout(this.giveUp, silentMs);
        watch.unref();
      });
      for (const end of ['messageerror', 'error', 'exit']) worker.once(end, this.giveUp);
      worker.once('exit', () => clearTimeout(watch));
    });
  }

  /**
   * Resolves when every byte was compared; may be asked more than once.
   * @throws VerifierError BUNDLE_…, VERIFY_ABORTED; KafkaError TIMED_OUT
   */
  async compared(): Promise<void> {
    this.outcome ??= this.compare();
    await this.outcome;
  }

  /** Ends the thread, whatever it has still to do. */
  async close(): Promise<void> {
    this.giveUp();
    await endThread(this.worker);
  }

  private async compare(): Promise<void> {
    const end = (): void => {
      this.giveUp();
      void this.worker.terminate();
    };
    this.file.signal?.addEventListener('abort', end, { once: true });
    if (this.file.signal?.aborted === true) end();
    const isWell = await this.wellIs;
    this.file.signal?.removeEventListener('abort', end);
    if (!isWell) await walkBundle(this.file, { digests: true, onMember: () => undefined });
  }
}
