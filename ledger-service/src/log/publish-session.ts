import { equalBytes } from '@tallystick/core/encoding';
import type { Judge } from '@tallystick/core/judge';
import { canPass } from '../alarms.ts';
import { retryPause } from '../retry.ts';
import { checkGrowth } from './growth.ts';
import { EdgeGuard } from './edge-guard.ts';
import { LogEdge } from './log-edge.ts';
import { unknownStatement } from './log-errors.ts';
import { holdsSealEnd } from './log-state.ts';
import { signHead, storeBehind } from './next-checkpoint.ts';
import { longAgo, lookNow, momentNow, sinceMoment, type Moment } from './recently.ts';
import { Overtaken, Reopen } from './reopen.ts';
import { SealsFeed } from './seals-feed.ts';
import type { SessionParts, SessionStart } from './session-parts.ts';
import { SnapshotWriter, type Cut } from './snapshot-writer.ts';
import { newestHead, verifiedEntries, type StoredHead } from './stored-log.ts';
import { Wake } from './wake.ts';

/** How long the checkpoint that it goes on from is taken for the newest, and signed and written behind, without another look. */
const freshMs = 1_000;
/** How long its own reader may lag behind another publisher before it begins from the log instead. */
const catchUpMs = 1_000;
const tickMs = 1_000;

/**
 * Publishes from one opening of the log on: collects what is accepted of the seals topic beyond the log, and makes one checkpoint after
 * the other of it. What is collected and what is in the tree are of the same order, always: the judge accepts a statement, and it becomes
 * the next entry. Memory is bounded by `maxPending` statements, whatever the stores do.
 */
export class PublishSession {
  readonly #parts: SessionParts;
  readonly #judge: Judge;
  readonly #feed: SealsFeed;
  readonly #ending = new AbortController();
  readonly #wake = new Wake();
  readonly #room = new Wake();
  readonly #guard: EdgeGuard;
  readonly #snapshots: SnapshotWriter;
  #edge: LogEdge;
  #head: StoredHead | null;
  /** Accepted, in order, and not in the stored checkpoint. The first `#staged` of them are in the tree. */
  #pending: Uint8Array[] = [];
  #staged = 0;
  /** When the checkpoint that it goes on from was last known to be the newest. */
  #headSeenAt: Moment = longAgo;
  #publishedAt = -Infinity;
  /** Another publisher was faster: this one leaves it the first try. */
  #courteous = false;
  #readFailure: { readonly error: unknown } | null = null;

  constructor(
    parts: SessionParts,
    { head, edge, judge, topicId, from, snapshotSize }: SessionStart,
    signal: AbortSignal,
  ) {
    const { log, topic, codecs, deadlineMs, logger, clock } = parts;
    this.#parts = parts;
    this.#judge = judge;
    this.#edge = edge;
    this.#head = head;
    this.#guard = new EdgeGuard(parts.place.store, clock);
    this.#snapshots = new SnapshotWriter({ ...parts, topicId }, snapshotSize);
    signal.addEventListener('abort', () => this.#ending.abort(signal.reason), { once: true });
    if (signal.aborted) this.#ending.abort(signal.reason);
    this.#feed = new SealsFeed({
      log,
      topic,
      topicId,
      from,
      codecs,
      deadlineMs,
      logger,
      clock,
      take: (value, offset) => this.#take(value, offset),
      onTrouble: (error) => {
        if (error === null) parts.alarms.clear('publish seals');
        else parts.alarms.raise('publish seals', error, topic);
      },
      signal: this.#ending.signal,
    });
  }

  get size(): number {
    return this.#head?.size ?? 0;
  }

  /** Accepted statements that no stored checkpoint holds. */
  get pending(): number {
    return this.#pending.length;
  }

  get nextOffset(): number {
    return this.#feed.nextOffset;
  }

  get head(): StoredHead | null {
    return this.#head;
  }

  /**
   * Runs until its signal ends it, then it resolves.
   * @throws Reopen; LedgerError SEALS_LOST, UNKNOWN_STATEMENT, CHECKPOINT_ROLLED_BACK, LOG_FORKED, and those of stores and signers that
   *   cannot pass
   */
  async run(): Promise<void> {
    const reading = this.#feed.run().catch((error: unknown) => {
      this.#readFailure = { error };
      this.#ending.abort(error);
    });
    try {
      // Also before the first statement: clients see a log that is empty, not one that is not there.
      if (this.#head === null) await this.#publish();
      for (;;) await this.#next();
    } catch (error) {
      if (this.#readFailure !== null) throw this.#readFailure.error;
      if (!this.#ending.signal.aborted) throw error;
    } finally {
      this.#ending.abort(new Error('the session ends'));
      this.#room.notify();
      await reading;
      for (const about of ['publish seals', 'publish']) this.#parts.alarms.clear(about);
    }
  }

  async #next(): Promise<void> {
    const { clock, publishMs } = this.#parts;
    const { signal } = this.#ending;
    if (this.#pending.length === 0) {
      await this.#wake.wait(tickMs, clock, signal);
      await this.#retry(async () => await this.#guard.look());
      // An idle log gets the snapshot that it lacks, so that the next start finds it.
      const cut = this.#pending.length === 0 ? this.#cut() : null;
      if (cut !== null && this.#head !== null) await this.#snapshots.write(this.#head, cut, signal);
      return;
    }
    const wait = this.#publishedAt + publishMs - clock.monotonic();
    if (wait > 0) await clock.sleep(wait, signal);
    if (this.#courteous) await clock.sleep(publishMs, signal);
    this.#publishedAt = clock.monotonic();
    await this.#publish();
  }

  /** Called for every record in its turn. */
  #take(value: Uint8Array | null, offset: number): Promise<void> | undefined {
    if (this.#pending.length >= this.#parts.maxPending) return this.#takeLater(value, offset);
    const outcome = this.#judge.offer(value, { in: 'seals', offset });
    if (outcome.outcome === 'accepted') {
      this.#pending.push(outcome.signed.note);
      this.#wake.notify();
    } else if (outcome.outcome === 'unknownVersion') {
      throw unknownStatement(`Offset ${offset} of ${this.#parts.topic}`, outcome.kind);
    } else if (outcome.outcome === 'needsHistory') {
      const { needs } = outcome;
      return this.#retry(async () => await holdsSealEnd(this.#parts.place.store, needs, this.size)).then((found) => {
        this.#judge.answer(needs, found);
        return this.#take(value, offset);
      });
    }
    return undefined;
  }

  async #takeLater(value: Uint8Array | null, offset: number): Promise<void> {
    const { clock, maxPending } = this.#parts;
    while (this.#pending.length >= maxPending) await this.#room.wait(tickMs, clock, this.#ending.signal);
    await this.#take(value, offset);
  }

  async #publish(): Promise<void> {
    try {
      await this.#publishBehindHead();
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error;
      // The stores answer again, if they did not.
      this.#parts.alarms.clear('publish');
      await this.#goOnBehind(error.newest);
    }
  }

  /**
   * Whatever is signed or written behind the checkpoint that it goes on from is so right after that was seen to be the newest: a process that
   * slept in between looks again, and leaves alone what others wrote meanwhile.
   * @throws Overtaken
   */
  async #checkNewest(): Promise<void> {
    const { place, clock } = this.#parts;
    if (sinceMoment(this.#headSeenAt, clock) <= freshMs && !this.#courteous) return;
    const { found, askedAt } = await lookNow(async () => await newestHead(place), clock);
    if (!isSame(found, this.#head)) throw new Overtaken(found);
    this.#headSeenAt = askedAt;
    this.#courteous = false;
  }

  async #publishBehindHead(): Promise<void> {
    const { place, signers, clock } = this.#parts;
    await this.#retry(async () => await this.#checkNewest());
    const before = this.size;
    for (const entry of this.#pending.slice(this.#staged)) this.#edge.append(entry);
    this.#staged = this.#pending.length;
    const cut = this.#cut();
    // One statement for one entry, always: else what is signed would not be what was judged.
    if (this.#judge.size !== this.#edge.size) throw new Reopen('judge and tree do not agree');
    const objects = this.#edge.objectsSince(before);
    const note = await this.#retry(async () => {
      await this.#checkNewest();
      return await signHead(place, { size: this.#edge.size, root: this.#edge.root() }, signers);
    });
    await this.#retry(async () => await this.#guard.write(objects, async () => await this.#checkNewest()));
    // What the topic has lost must not become part of the log now.
    this.#ending.signal.throwIfAborted();
    const askedAt = momentNow(clock);
    const stored = await this.#retry(async () => await storeBehind(place, this.#head, note));
    if (stored === null) {
      this.#courteous = true;
      await this.#goOnBehind(await this.#retry(async () => await newestHead(place)));
      return;
    }
    const head: StoredHead = { size: this.#edge.size, root: this.#edge.root(), note, stored };
    this.#head = head;
    this.#headSeenAt = askedAt;
    this.#pending.splice(0, this.#staged);
    this.#staged = 0;
    this.#edge.flushed(head.size);
    this.#room.notify();
    await this.#retry(async () => await this.#guard.guard(objects));
    this.#parts.onStored(head, objects);
    if (cut !== null) await this.#snapshots.write(head, cut, this.#ending.signal);
  }

  /**
   * Another publisher stored a checkpoint. Where its entries are those that were collected here, this one goes on behind them; the tree is
   * read anew, for it may hold more than that checkpoint.
   * @throws Reopen where they are others; LedgerError CHECKPOINT_ROLLED_BACK, LOG_FORKED
   */
  async #goOnBehind(newest: StoredHead | null): Promise<void> {
    const { place, maxPending, clock } = this.#parts;
    const { store } = place;
    const before = this.#head;
    if (before !== null)
      await this.#retry(async () => await checkGrowth(store, before, newest, 'The checkpoint stored before'));
    if (newest === null) throw new Reopen('no checkpoint is stored after all');
    const ahead = newest.size - this.size;
    const startedAt = clock.monotonic();
    while (this.#pending.length < ahead && ahead <= maxPending && clock.monotonic() - startedAt < catchUpMs)
      await this.#wake.wait(catchUpMs / 10, clock, this.#ending.signal);
    if (this.#pending.length < ahead) throw new Reopen('another publisher is far ahead');
    await this.#retry(async () => {
      let at = 0;
      for await (const entry of verifiedEntries(store, newest, this.size, newest.size)) {
        if (!equalBytes(entry, this.#pending[at] ?? new Uint8Array()))
          throw new Reopen('another publisher logged other statements');
        at += 1;
      }
      this.#edge = await LogEdge.open(store, newest);
    });
    this.#head = newest;
    this.#guard.forget();
    this.#pending.splice(0, ahead);
    this.#staged = 0;
    this.#room.notify();
    if (this.#pending.length > 0) this.#wake.notify();
    // Who stores a checkpoint writes the snapshot beside it.
    this.#parts.alarms.clear('snapshot');
    this.#parts.onStored(newest, []);
  }

  /** What was judged, where all of it is in the tree; null while no snapshot is due. Nothing is awaited here: it is one moment. */
  #cut(): Cut | null {
    if (!this.#snapshots.isDue(this.#edge.size)) return null;
    return { frontier: this.#edge.frontier(), judge: this.#judge.save(), offset: this.#feed.nextOffset };
  }

  /** Until it succeeds, or fails with what cannot pass. What is tried must bear being done twice. */
  async #retry<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, alarms, logger } = this.#parts;
    const { signal } = this.#ending;
    for (let tries = 0; ; tries += 1) {
      signal.throwIfAborted();
      try {
        const result = await attempt();
        if (tries > 0) alarms.clear('publish');
        return result;
      } catch (error) {
        if (!canPass(error)) throw error;
        if (alarms.raise('publish', error, 'publish'))
          logger.warn('Publishing failed and is tried again.', { error: String(error) });
        await retryPause(tries, signal, clock);
      }
    }
  }
}

function isSame(one: StoredHead | null, other: StoredHead | null): boolean {
  if (one === null || other === null) return one === other;
  return one.stored.version === other.stored.version && equalBytes(one.note, other.note);
}
