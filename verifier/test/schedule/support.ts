import type { Reporter, Overdue, VerificationRun } from '../../src/report/reporter.ts';
import type { ScheduleClock } from '../../src/schedule/clock.ts';
import type { RunLock } from '../../src/schedule/run-lock.ts';
import type { RunRecord, RunRecordStore } from '../../src/schedule/run-record.ts';
import type { RunObserver } from '../../src/schedule/observer.ts';
import { noObserver } from '../../src/schedule/observer.ts';
import type { Verdict } from '../../src/verdict.ts';

/** A clock that stands until it is moved. */
export class HeldClock implements ScheduleClock {
  time: number;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();

  constructor(time: string) {
    this.time = Date.parse(time);
  }

  now(): number {
    return this.time;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#sleepers.delete(sleeper);
        resolve();
      };
      const sleeper = { at: this.time + ms, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', wake);
    });
  }

  /** Time passes, with everything that is due in its order. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const due = [...this.#sleepers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.time = Math.max(this.time, due.at);
      due.wake();
    }
    this.time = end;
    await settle();
  }

  /** The wall clock is set: sleepers sleep on as long as they would have. */
  set(time: string): void {
    const by = Date.parse(time) - this.time;
    this.time += by;
    for (const sleeper of this.#sleepers) sleeper.at += by;
  }
}

/** Lets everything go on that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate);
}

export class MemoryRecord implements RunRecordStore {
  record: RunRecord | null = null;
  failing = false;

  async load(): Promise<RunRecord | null> {
    return this.record;
  }

  async save(record: RunRecord): Promise<void> {
    if (this.failing) throw new Error('disk full');
    this.record = record;
  }
}

export class MemoryLock implements RunLock {
  holder: string | null = null;
  lost = new AbortController();

  async take() {
    if (this.holder !== null) return { holder: this.holder };
    this.holder = 'me';
    this.lost = new AbortController();
    return {
      lost: this.lost.signal,
      release: async () => {
        this.holder = null;
      },
    };
  }
}

export class Heard implements Reporter {
  readonly name: string;
  readonly runs: VerificationRun[] = [];
  readonly alarms: Overdue[] = [];
  failures = 0;
  tries = 0;

  constructor(name = 'heard') {
    this.name = name;
  }

  async report(run: VerificationRun): Promise<void> {
    this.tries += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('not now');
    }
    this.runs.push(run);
  }

  async overdue(overdue: Overdue): Promise<void> {
    this.alarms.push(overdue);
  }
}

/** Writes down what an observer is told. */
export function noting(lines: string[]): RunObserver {
  return {
    ...noObserver,
    brokenOff: (why) => void lines.push(why),
    skipped: (why) => void lines.push(`skipped ${why}`),
    interrupted: (runs) => void lines.push(`interrupted ${runs}`),
    reported: (reporter, delivered) => void lines.push(`${reporter} ${delivered ? 'delivered' : 'failed'}`),
  };
}

export function verdictOf(kind: 'verified' | 'failed' | 'inconclusive', more: Partial<Verdict> = {}): Verdict {
  return {
    version: 1,
    verdict: kind,
    exitCode: ({ verified: 0, failed: 1, inconclusive: 3 } as const)[kind],
    origin: 'example.com/audit',
    rootKey: 'example.com/audit/root+00000000+AAAA',
    topics: { events: 'audit.events', seals: 'audit.seals', leaves: 'audit.leaves' },
    startedAt: '2026-03-01T03:00:00.000Z',
    durationMs: 1_500,
    mode: 'full',
    since: null,
    fullBecause: null,
    resumed: null,
    queryCopy: null,
    scope: { kind: 'all', ranges: null, sealedEvents: 1_000, inScope: 1_000 },
    published: null,
    anchoredTo: {
      kind: 'key',
      since: null,
      witnesses: [],
      checkpoint: null,
      partitions: 0,
      updated: false,
      evidence: null,
    },
    checked: { events: 1_000, seals: 10, statements: 14, keyStatements: 2, partitions: [] },
    content: {
      decoded: 0,
      undecodable: {},
      unavailable: 0,
      signed: 0,
      badSignatures: 0,
      unsigned: 0,
      lives: 0,
      ids: { compared: 0, duplicates: 0, conflicts: 0 },
    },
    counts: { rubbish: 0, noise: 0, races: 0, resends: 0, forks: 0, unsealed: 3, pending: null },
    ages: { unsealed: null, pending: null, checkpoint: null },
    findings: [],
    findingsOmitted: {},
    rates: { bytesRead: 300_000, eventsRead: 1_003, eventsPerSecond: 669 },
    ...more,
  };
}
