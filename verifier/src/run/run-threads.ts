import { readOrLeave } from '../parallel/run-shard.ts';
import { ThreadPool } from '../parallel/thread-pool.ts';
import type { PoolOptions } from '../parallel/thread-pool.ts';
import type { Run } from './run.ts';

/** The threads of a run: they start while its statements are still read, as soon as those speak of events enough to be worth it. */
export class RunThreads {
  private readonly pool: ThreadPool | null;
  private readonly from: number;
  private planned = 0;

  constructor(run: Run) {
    this.pool = poolOf(run);
    this.from = run.threadsFrom;
  }

  /** So many more events are to be read. */
  expect(events: number): void {
    this.planned += events;
    if (this.planned >= this.from) this.pool?.warmUp();
  }

  /** What reads `events`, which are known now; null: this thread alone does. */
  for(events: number): ThreadPool | null {
    return events >= this.from ? this.pool : null;
  }

  async close(): Promise<void> {
    await this.pool?.close();
  }
}

function poolOf({ workers, reopen, deadlineMs, schemas, signal, meter, log, sha256, codecs }: Run): ThreadPool | null {
  if (workers <= 1 || reopen === null) return null;
  // This thread is one of them: it has its code, and reads while the others load theirs.
  const own = { log, schemas, deadlineMs, sha256, codecs, meter };
  const here: PoolOptions['here'] = (task, stop) => readOrLeave(task, { ...own, signal: stop });
  return new ThreadPool({ threads: workers - 1, reopen, deadlineMs, schemas, signal, meter, here });
}
