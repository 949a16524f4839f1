import { KafkaError } from './errors.ts';

/** How many deadlines in a row a broker may answer with nothing but a throttle time: half an hour at the default of 30 s. */
const mostDeadlines = 60;

/**
 * A broker whose quota is used up answers a fetch at once, with a time and without a word about any partition (KIP-219): that is no answer
 * to what was asked. Whoever asked waits so long and asks again.
 * @param ms how long the broker looks at nothing that comes on this connection
 */
export function throttled(what: string, principal: string, ms: number): KafkaError {
  const message = `The broker holds back the answer to ${what} for ${ms} ms: a quota is used up. See the quotas of ${principal} and of its client id (consumer_byte_rate, request_percentage).`;
  return new KafkaError('TIMED_OUT', message, { retriable: true, evidence: { principal, throttleMs: ms } });
}

/**
 * How long one who asks has been throttled. It is no silence, and does not count against the deadline; but a batch that is larger than what
 * the quota ever lets through would be waited for without an end.
 */
export class ThrottleLimit {
  private readonly limitMs: number;
  private since: number | null = null;

  /** @param deadlineMs how long a disturbance may last */
  constructor(deadlineMs: number) {
    this.limitMs = mostDeadlines * deadlineMs;
  }

  /** Something was answered. */
  clear(): void {
    this.since = null;
  }

  /**
   * @param error of a fetch
   * @param now milliseconds of the monotonic clock
   * @returns for how many milliseconds the broker asks to wait; null where the error is another one
   * @throws KafkaError TIMED_OUT where this has lasted too long
   */
  wait(error: unknown, now: number): number | null {
    if (!(error instanceof KafkaError) || error.code !== 'TIMED_OUT') return null;
    const { throttleMs, principal } = error.evidence;
    if (typeof throttleMs !== 'number') return null;
    this.since ??= now;
    const left = this.limitMs - (now - this.since);
    if (left > 0) return Math.min(throttleMs, left);
    const message = `${error.message} Nothing else was answered for ${this.limitMs} ms: raise the quota, of which a single batch may be more than it ever lets through.`;
    throw new KafkaError('TIMED_OUT', message, { retriable: true, evidence: { principal } });
  }
}
