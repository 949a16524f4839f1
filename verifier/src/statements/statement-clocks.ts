import type { BatchHeader } from '@tallystick/core/batch';
import { offsetsPlace } from '@tallystick/core/finding';
import { parseNote } from '@tallystick/core/note';
import { parseStatement } from '@tallystick/core/statement';
import type { Statement, SealStatement } from '@tallystick/core/statement-types';
import { skewed } from '../content/tally.ts';
import type { Skew } from '../content/tally.ts';
import { chainName } from '../domain/anchor.ts';
import type { NewFinding } from '../domain/findings.ts';
import type { ComparedClocks } from '../verdict.ts';

/** A cosignature says whole seconds: it may be so much newer, ms. */
const secondLeft = 999;

/** A witness by its name in the policy, and its time of the checkpoint, unix seconds. */
export interface WitnessTime {
  readonly name: string;
  readonly time: number;
}

/** Seals of one partition that were stored before the last event that they cover. Places of the skew are those events. */
interface EarlySeals {
  readonly first: SealStatement;
  /** Offset of its record in the seals topic. */
  readonly storedAt: number;
  readonly skew: Skew;
}

/**
 * Holds the clocks of those who stored and cosigned seals against the times of the events that are sealed: both come after the events.
 * Keeps a few values a partition, whatever is read.
 */
export class StatementClocks {
  private readonly limitMs: number | null;
  private readonly early = new Map<string, EarlySeals>();
  private newest: { readonly seal: SealStatement; readonly ms: number } | null = null;
  private compared = 0;
  private withoutClock = 0;

  /** @param limitMs how far clocks may be apart; null: nothing is compared */
  constructor(limitMs: number | null) {
    this.limitMs = limitMs;
  }

  /**
   * A record of the seals topic that holds an accepted statement.
   * @param of the statement, or the note that it is the text of
   */
  stored(of: Statement | Uint8Array, { appendTime, maxTimestamp }: BatchHeader, storedAt: number): void {
    const { limitMs } = this;
    const seal = limitMs === null ? null : sealOf(of);
    if (limitMs === null || seal === null || seal.time === null) return;
    if (!appendTime) {
      this.withoutClock += 1;
      return;
    }
    this.compared += 1;
    const early = seal.time - Number(maxTimestamp);
    if (early <= limitMs) return;
    const chain = chainName(seal);
    const known = this.early.get(chain);
    const skew = skewed(known?.skew ?? null, seal.offsets.last, early);
    this.early.set(chain, { ...(known ?? { first: seal, storedAt }), skew });
  }

  /** An accepted entry of the log: checkpoints of its size and more cover what it seals. */
  published(of: Statement | Uint8Array): void {
    const seal = this.limitMs === null ? null : sealOf(of);
    if (seal === null || seal.time === null || seal.time <= (this.newest?.ms ?? -1)) return;
    this.newest = { seal, ms: seal.time };
  }

  /**
   * What came to light, once all is read.
   * @param sealsTopic its name
   * @param size entries of the checkpoint
   * @param witnesses whose cosignatures count; empty: there is no quorum that was reached
   */
  *findings(
    sealsTopic: string,
    { size, witnesses }: { readonly size: number; readonly witnesses: readonly WitnessTime[] },
  ): Generator<NewFinding, void, void> {
    if (this.limitMs === null) return;
    for (const early of this.early.values()) yield wordEarly(early, sealsTopic, this.limitMs);
    const { newest, limitMs } = this;
    if (newest === null) return;
    const behind = witnesses
      .map(({ name, time }) => ({ name, time, ms: newest.ms - (time * 1000 + secondLeft) }))
      .filter(({ ms }) => ms > limitMs)
      .sort((a, b) => b.ms - a.ms);
    const [worst] = behind;
    if (worst === undefined) return;
    const { topic, partition, generation, offsets } = newest.seal;
    const names = behind.map(({ name }) => name).join(', ');
    yield {
      code: 'clock-skew',
      topic,
      partition,
      generation,
      place: offsetsPlace(offsets.last, offsets.last),
      expected: `at most ${limitMs} ms`,
      found: 'witness',
      message: `By the time of ${behind.length === 1 ? 'the witness' : 'the witnesses'} ${names} the checkpoint (size ${size}) was cosigned more than ${limitMs} ms before the event at offset ${offsets.last} was stored, which it covers: at most ${worst.ms} ms before (${worst.name}).`,
      detail: { count: behind.length, worstMs: worst.ms, eventMs: newest.ms, witnesses: behind },
    };
  }

  /**
   * What was compared; null without a limit.
   * @param onlyInLog statements that the log holds and the topic does not; null: what the topic holds is not known
   */
  verdict(onlyInLog: number | null, witnesses: readonly WitnessTime[]): ComparedClocks | null {
    const { limitMs, compared, withoutClock, newest } = this;
    if (limitMs === null) return null;
    const names = newest === null ? [] : witnesses.map(({ name }) => name);
    return { limitMs, seals: { compared, withoutClock, onlyInLog }, witnesses: names };
  }
}

function wordEarly({ first, storedAt, skew }: EarlySeals, sealsTopic: string, limitMs: number): NewFinding {
  const { topic, partition, generation, seal } = first;
  const { count, worst, worstMs } = skew;
  return {
    code: 'clock-skew',
    topic,
    partition,
    generation,
    place: offsetsPlace(skew.first, skew.first),
    expected: `at most ${limitMs} ms`,
    found: 'seal',
    message: `${count === 1 ? 'A seal was' : `${count} seals were`} stored more than ${limitMs} ms before the last event that ${count === 1 ? 'it covers' : 'they cover'}, by the brokers' clocks: first seal ${seal} (offset ${storedAt} of ${sealsTopic}), whose last event is that at offset ${skew.first}; at most ${worstMs} ms (the seal of offset ${worst}).`,
    detail: { count, worstMs, worstOffset: worst, seal, storedAt },
  };
}

/** @param of a note that is known to be that of a statement */
function sealOf(of: Statement | Uint8Array): SealStatement | null {
  const statement = of instanceof Uint8Array ? parseStatement(parseNote(of).text) : of;
  return statement.kind === 'seal' ? statement : null;
}
