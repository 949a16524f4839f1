import type { KeyState } from '@tallystick/core/judge';
import { abortError, checkAbort } from '../deadline.ts';
import type { Plan } from '../domain/plan.ts';
import { VerifierError } from '../errors.ts';
import type { ProgressStore } from '../ports/progress-store.ts';
import type { ResumedRun } from '../verdict.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { firstPartBefore, firstPartNow, otherRelease } from './progress-binding.ts';
import type { FirstPart, JudgedBy } from './progress-binding.ts';
import { fittingParts } from './progress-fit.ts';
import { decodePart, encodePart, hasHead, headOfPart } from './progress-part.ts';
import type { CheckedPart, PartHead } from './progress-part.ts';

const defaultEveryMs = 60_000;
/** A part is put together in memory: 24 bytes an event, a few times over. */
const defaultEveryEvents = 100_000;
/** What may wait to be kept, as `weightOf` weighs it: some 40 MB. */
const mostWaiting = 100_000;

/** What parts of one partition have to fit now. */
export interface TakenNow {
  readonly logStart: number;
  readonly keys: KeyState;
  /** Whether the batch that the part ended with is still what is stored there. */
  readonly isThere: (head: PartHead) => Promise<boolean>;
  /** For their ids. */
  readonly tempDir: string;
}

/** What was taken over of a run that did not end turned out to be no good place to go on from: everything is to be read. */
export class ProgressBrokeOff extends Error {
  override readonly name = 'ProgressBrokeOff';
  readonly why: VerifierError;

  /** @param cause why a part could not be read */
  constructor(cause: VerifierError | null) {
    const message =
      'A part of the progress of a run that did not end could not be read any more, and the one before it ended with another batch than is stored there now.';
    super(message, { cause });
    this.why = new VerifierError('PROGRESS_CORRUPT', message, { cause });
  }
}

/** A store from which nothing is taken over. @param why it is left aside */
export function leftAside(store: ProgressStore, why: VerifierError): ProgressStore {
  return {
    begin: async () => await Promise.reject(why),
    read: (index) => store.read(index),
    append: (part) => store.append(part),
    clear: () => store.clear(),
    leave: () => store.leave(),
  };
}

/**
 * What one run has checked of the records, kept while it goes on, so that the next one can go on from there if it is killed (ADR 9). Nothing that
 * is wrong with it is ever fatal: then a run begins anew, and the verdict says so.
 */
export class RunProgress {
  private readonly store: ProgressStore;
  /** Events of a part, about: what one thread reads is cut so. */
  readonly everyEvents: number;
  private readonly first: FirstPart;
  private readonly signal: AbortSignal | undefined;
  private readonly everyMs: number;
  /** Of the run that did not end. */
  private readonly heads: PartHead[] = [];
  private waiting: CheckedPart[] = [];
  /** Of these, together. */
  private weight = 0;
  private keptAt = performance.now();
  private begun = false;
  private broken = false;
  /** The source is known to be what it is named after; null: that is still looked at. */
  private sound: boolean | null = null;
  /** Resolves when it is not looked at any more. */
  private settled: Promise<void> = Promise.resolve();
  /** When the run before began, unix ms. */
  private takenFrom: number | null = null;
  private takenEvents = 0;
  private leftAside: VerifierError | null = null;

  private constructor(
    store: ProgressStore,
    first: FirstPart,
    { progressEveryMs = defaultEveryMs, progressEveryEvents = defaultEveryEvents, signal }: VerifyOptions,
  ) {
    this.signal = signal;
    this.store = store;
    this.first = first;
    this.everyMs = progressEveryMs;
    this.everyEvents = progressEveryEvents;
  }

  /**
   * @returns null where nothing is kept: there is no anchor that this run could move, or nobody can say which source it reads
   * @throws VerifierError VERIFY_ABORTED
   */
  static async open(options: VerifyOptions, judged: JudgedBy, now: number): Promise<RunProgress | null> {
    const store = options.anchor?.progress;
    const { scope } = options;
    if (store === undefined || judged.source === null || (scope !== undefined && scope.kind !== 'all')) return null;
    const progress = new RunProgress(store, firstPartNow(options, judged, now), options);
    progress.heedSource(options);
    try {
      return await progress.takeOver();
    } catch (error) {
      if (options.signal?.aborted === true) {
        await store.leave().catch(() => undefined);
        throw abortError(error);
      }
      progress.leftAside = asUnusable(error);
      // Some may have been read already: they are gone with the rest, and other parts will have their numbers.
      progress.heads.length = 0;
      await store.clear().catch(() => undefined);
      return progress;
    }
  }

  /** What was taken over, or why it was not; null where there is nothing to say. */
  get resumed(): ResumedRun | null {
    const { takenFrom, takenEvents, leftAside } = this;
    if (takenFrom === null && leftAside === null) return null;
    return {
      begunAt: takenFrom === null ? null : new Date(takenFrom).toISOString(),
      events: takenEvents,
      leftAside: leftAside === null ? null : { code: leftAside.code, message: leftAside.message },
    };
  }

  /**
   * What the run before checked of this partition, in order, as if it had just been read: one part after the other, so that memory holds one. Where one
   * cannot be read there are no more: those behind it would leave a hole. The last is one that ends with the batch that it ended with: who
   * goes on elsewhere may be shown another batch in its place, and would not see what was put in.
   * @throws VerifierError VERIFY_ABORTED; ProgressBrokeOff where they break off at such a place: then what was taken over cannot be taken back
   */
  async *taken(plan: Plan, { logStart, keys, isThere, tempDir }: TakenNow): AsyncGenerator<CheckedPart, void, void> {
    const fitting = fittingParts(this.heads, plan, logStart, keys);
    for (let last = this.headAt(fitting); last !== null && !(await isThere(last)); last = this.headAt(fitting))
      fitting.pop();
    let before: PartHead | null = null;
    for (const index of fitting) {
      checkAbort(this.signal);
      const part = await this.partAt(index, tempDir);
      if (part === null) {
        if (before === null || (await isThere(before))) return;
        await this.drop();
        throw new ProgressBrokeOff(this.leftAside);
      }
      before = this.heads[index] ?? null;
      this.takenFrom = this.first.begunAt;
      this.takenEvents += part.checkedEvents;
      yield part;
    }
  }

  /**
   * Keeps what was checked, soon; not before the source is known to be what it is named after. Where much waits for that, so does the run: memory is
   * worth more.
   */
  async keep(part: CheckedPart): Promise<void> {
    if (this.broken) return;
    this.waiting.push(part);
    this.weight += weightOf(part);
    const isHeavy = this.weight >= mostWaiting;
    if (isHeavy) await this.settled;
    if (this.sound === true && (isHeavy || performance.now() - this.keptAt >= this.everyMs)) await this.flush();
  }

  /** Before the anchor is written: room that progress takes is no reason for the anchor to stay where it is. */
  async drop(): Promise<void> {
    this.broken = true;
    this.waiting = [];
    await this.store.clear().catch((error: unknown) => this.leave(error));
  }

  /** Once a run has its verdict, or its source is damaged, nothing of this is needed. @param verdict whether it has one */
  async end(verdict: boolean): Promise<void> {
    this.waiting = [];
    const isOver = verdict || this.sound === false;
    await (isOver ? this.store.clear() : this.store.leave()).catch((error: unknown) => this.leave(error));
  }

  /** A bundle is named after its sums. Until they are compared, what is read may be another one's, with the sums of this one. */
  private heedSource({ intact }: VerifyOptions): void {
    if (intact === undefined) {
      this.sound = true;
      return;
    }
    this.settled = intact().then(
      () => {
        this.sound = true;
      },
      () => {
        this.broken = true;
        this.waiting = [];
        // Who was stopped before all was compared has found nothing wrong.
        if (this.signal?.aborted !== true) this.sound = false;
      },
    );
  }

  private async takeOver(): Promise<this> {
    const count = await this.store.begin(this.signal);
    if (count === 0) return this;
    const before = firstPartBefore(await this.store.read(0), this.first);
    for (let index = 1; index < count; index++) {
      checkAbort(this.signal);
      this.heads.push(headIn(await this.store.read(index)));
    }
    Object.assign(this.first, before);
    this.begun = true;
    return this;
  }

  /** Of the last of these parts. */
  private headAt(indexes: readonly number[]): PartHead | null {
    return this.heads[indexes.at(-1) ?? -1] ?? null;
  }

  /** null where it cannot be had. */
  private async partAt(index: number, tempDir: string): Promise<CheckedPart | null> {
    try {
      const part = decodePart(await this.store.read(index + 1), tempDir);
      if (!hasHead(part, this.heads[index] ?? part)) throw otherPart();
      return part;
    } catch (error) {
      this.leave(error);
      return null;
    }
  }

  private async flush(): Promise<void> {
    const parts = this.waiting.splice(0);
    this.weight = 0;
    try {
      if (!this.begun) await this.append(Buffer.from(JSON.stringify(this.first)));
      this.begun = true;
      // A run that breaks off takes its temporary files away: then what there is stays, each part of it stands for itself.
      for (const part of parts) await this.append(encodePart(part));
      this.keptAt = performance.now();
    } catch (error) {
      this.leave(error);
    }
  }

  private async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.store.append(bytes);
    } catch (error) {
      // Whatever else is written on a full disk, the anchor above all, is worth more.
      await this.store.clear().catch(() => undefined);
      throw error;
    }
  }

  /** A full disk is no reason to end a verification. */
  private leave(error: unknown): void {
    this.broken = true;
    this.waiting = [];
    this.leftAside ??= asUnusable(error);
  }
}

/** Parts hold a producer's life, a seal or a finding in some 400 bytes each. */
function weightOf({ content, open, findings }: CheckedPart): number {
  return 1 + (content?.lives.length ?? 0) + open.length + findings.length;
}

function asUnusable(error: unknown): VerifierError {
  if (error instanceof VerifierError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new VerifierError('PROGRESS_UNUSABLE', `Progress cannot be kept or taken over: ${why}.`, { cause: error });
}

function headIn(bytes: Uint8Array): PartHead {
  try {
    return headOfPart(bytes);
  } catch {
    throw otherRelease();
  }
}

function otherPart(): VerifierError {
  return new VerifierError('PROGRESS_CORRUPT', 'The progress of a run that did not end was altered while it was read.');
}
