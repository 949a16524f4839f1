import { detectionId, eventTime, principalOf } from './detection.ts';
import type { Detection, DetectionEvent, Detector } from './detection.ts';
import { spikeThreshold } from './spike-threshold.ts';
import type { Baseline } from './spike-threshold.ts';

export interface RateSpikeSettings {
  /** Actors remembered in one partition; the one seen longest ago is forgotten first. */
  readonly actors: number;
  /** So many minutes stay open for events that come late, by the actor's own newest event. */
  readonly lateMinutes: number;
  /** An actor is judged once it was busy in so many minutes … */
  readonly busyMinutes: number;
  /** … that lie so many minutes apart, first to last. */
  readonly spanMinutes: number;
  /** Fewer events in a minute are never a spike. */
  readonly leastEvents: number;
  /** How rare a minute must be in the actor's own history. */
  readonly probability: number;
  /** Nor is it a spike below so many times the mean … */
  readonly timesMean: number;
  /** … or so many times the busiest minute remembered. */
  readonly timesPeak: number;
  /** Minutes after a spike in which only one `again` times as large is a new finding. */
  readonly quietMinutes: number;
  readonly again: number;
}

export const rateSpikeDefaults: RateSpikeSettings = {
  actors: 10_000,
  lateMinutes: 15,
  busyMinutes: 12,
  spanMinutes: 30,
  leastEvents: 30,
  probability: 1e-7,
  timesMean: 4,
  timesPeak: 2,
  quietMinutes: 60,
  again: 4,
};

/** Weight of the past at each new busy minute: half is forgotten after about 180 of them. */
const decay = 255 / 256;
const peakDecay = 2047 / 2048;
const mostEvidence = 20;

interface OpenMinute {
  count: number;
  readonly offsets: number[];
}

interface ActorState extends Baseline {
  open: Map<number, OpenMinute>;
  /** Newest minute seen. */
  newest: number;
  /** First minute ever seen. */
  first: number;
  /** Minute and count of the last finding; -1 and 0 for none. */
  spikeMinute: number;
  spikeCount: number;
  /** The last minute that was a spike, found or part of one that goes on; -1 for none. */
  lastSpike: number;
  threshold: number | null;
}

/**
 * More events of one actor in one minute than its own history explains. The history is what the actor did in its busy
 * minutes (quiet ones say nothing: people sleep, jobs wait): a mean and a variance that forget slowly, taken as a negative
 * binomial distribution, which allows for bursts, and the busiest minute. Minutes are those of the events, so that an import
 * of last year's log finds what would have been found then.
 */
export class RateSpike implements Detector {
  readonly rule = 'rate-spike';
  readonly version: string;
  private readonly settings: RateSpikeSettings;
  private readonly partitionId: readonly (string | number)[];
  /** In the order in which they were last seen. */
  private actors = new Map<string, ActorState>();

  /** @param partitionId what tells the partition from others: part of the findings' ids */
  constructor(partitionId: readonly (string | number)[], settings: RateSpikeSettings = rateSpikeDefaults) {
    this.partitionId = partitionId;
    this.settings = settings;
    this.version = JSON.stringify(['rate-spike/1', settings]);
  }

  step(event: DetectionEvent): Detection | null {
    const principal = principalOf(event);
    if (!event.isEvent || principal === '') return null;
    const minute = Math.floor(eventTime(event) / 60_000);
    const actor = this.touch(`${event.actorType}\n${principal}`, minute);
    if (minute <= actor.newest - this.settings.lateMinutes) return null;
    if (minute > actor.newest) this.advance(actor, minute);
    let open = actor.open.get(minute);
    if (open === undefined) actor.open.set(minute, (open = { count: 0, offsets: [] }));
    open.count += 1;
    if (open.offsets.length < mostEvidence) open.offsets.push(event.offset);
    return this.judge(actor, event, minute, open);
  }

  private judge(actor: ActorState, event: DetectionEvent, minute: number, open: OpenMinute): Detection | null {
    const { busyMinutes, spanMinutes, leastEvents, quietMinutes, again } = this.settings;
    if (open.count < leastEvents || actor.busy < busyMinutes || minute - actor.first < spanMinutes) return null;
    actor.threshold ??= spikeThreshold(actor, this.settings);
    if (open.count < actor.threshold) return null;
    if (minute === actor.spikeMinute) {
      actor.spikeCount = Math.max(actor.spikeCount, open.count);
      return null;
    }
    const goesOn = actor.lastSpike >= 0 && Math.abs(minute - actor.lastSpike) <= quietMinutes;
    // The quiet time begins anew with each such minute.
    actor.lastSpike = Math.max(actor.lastSpike, minute);
    if (goesOn && open.count < actor.spikeCount * again) return null;
    actor.spikeMinute = minute;
    actor.spikeCount = open.count;
    return this.describe(actor, event, minute, open, actor.threshold);
  }

  private touch(key: string, minute: number): ActorState {
    let actor = this.actors.get(key);
    if (actor === undefined) {
      const none = { busy: 0, weight: 0, sum: 0, squares: 0, peak: 0 };
      actor = {
        ...none,
        open: new Map(),
        newest: minute,
        first: minute,
        spikeMinute: -1,
        spikeCount: 0,
        lastSpike: -1,
        threshold: null,
      };
      const oldest = this.actors.keys().next();
      if (this.actors.size >= this.settings.actors && oldest.done !== true) this.actors.delete(oldest.value);
    } else {
      this.actors.delete(key);
    }
    this.actors.set(key, actor);
    return actor;
  }

  /** Closes the minutes that are too old now: they become history, oldest first. */
  private advance(actor: ActorState, minute: number): void {
    actor.newest = minute;
    const closed = [...actor.open]
      .filter(([each]) => each <= minute - this.settings.lateMinutes)
      .sort(([a], [b]) => a - b);
    for (const [each, { count }] of closed) {
      actor.open.delete(each);
      // A spike moves the history, but not at once by all of it.
      const known = actor.busy >= this.settings.busyMinutes;
      const value =
        (known ? Math.min(count, 2 * (actor.threshold ?? spikeThreshold(actor, this.settings))) : count) - 1;
      actor.busy += 1;
      actor.weight = actor.weight * decay + 1;
      actor.sum = actor.sum * decay + value;
      actor.squares = actor.squares * decay + value * value;
      actor.peak = Math.max(actor.peak * peakDecay, value + 1);
      actor.threshold = null;
    }
  }

  private describe(
    actor: ActorState,
    event: DetectionEvent,
    minute: number,
    open: OpenMinute,
    threshold: number,
  ): Detection {
    const mean = actor.sum / actor.weight + 1;
    const start = new Date(minute * 60_000).toISOString().slice(0, 16).replace('T', ' ');
    const evidence = [...new Set([...open.offsets, event.offset])].sort((a, b) => a - b);
    const principal = principalOf(event);
    const who = `${event.actorType || 'actor'} ${principal}`;
    const usual = `${mean.toFixed(1)} a minute on average and at most ${Math.ceil(actor.peak)} lately`;
    return {
      id: detectionId(this.rule, ...this.partitionId, event.offset),
      rule: this.rule,
      severity: open.count >= 3 * threshold || open.count >= 20 * mean ? 'high' : 'medium',
      actorId: event.actorId,
      actorType: event.actorType,
      subject: `minute ${start}`,
      occurredAtMs: event.occurredAtMs,
      offset: event.offset,
      evidence,
      title: `Far more events than usual by ${who}`,
      explanation:
        `By this event, ${who} had ${open.count} events in the minute from ${start} UTC. In the ${actor.busy} minutes before in which ` +
        `it did anything, it did ${usual}. From ${threshold} on a minute is one in ${(1 / this.settings.probability).toLocaleString('en-US')} ` +
        `or rarer in this history, and well above its mean and its busiest minute. The minute may go on after this event.`,
      details: {
        principal,
        count: open.count,
        threshold,
        mean: Number(mean.toFixed(3)),
        peak: Number(actor.peak.toFixed(3)),
        busyMinutes: actor.busy,
      },
    };
  }

  save(): unknown {
    return [...this.actors].map(([key, a]) => [
      key,
      [a.busy, a.weight, a.sum, a.squares, a.peak, a.newest, a.first, a.spikeMinute, a.spikeCount, a.lastSpike],
      [...a.open].map(([minute, { count, offsets }]) => [minute, count, offsets]),
    ]);
  }

  /** @param saved what `save` gave */
  restore(saved: unknown): void {
    type Saved = [key: string, numbers: number[], open: [minute: number, count: number, offsets: number[]][]];
    this.actors = new Map(
      (saved as Saved[]).map(([key, numbers, minutes]) => {
        const [
          busy = 0,
          weight = 0,
          sum = 0,
          squares = 0,
          peak = 0,
          newest = 0,
          first = 0,
          spikeMinute = -1,
          spikeCount = 0,
          lastSpike = -1,
        ] = numbers;
        const open = new Map(minutes.map(([minute, count, offsets]) => [minute, { count, offsets }]));
        return [
          key,
          {
            busy,
            weight,
            sum,
            squares,
            peak,
            newest,
            first,
            spikeMinute,
            spikeCount,
            lastSpike,
            open,
            threshold: null,
          },
        ];
      }),
    );
  }
}
