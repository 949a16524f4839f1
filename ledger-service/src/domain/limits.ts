import { maxBatchEvents } from '@tallystick/core/statement';
import { LedgerError } from '../errors.ts';

/** When a batch is closed: whichever is reached first. */
export interface BatchLimits {
  /** Events. Default 10,000, at most 16,384. */
  readonly events: number;
  /** Bytes as stored in Kafka. Default 8 MiB. A Kafka batch is cut only by `events`. */
  readonly bytes: number;
  /** Milliseconds after its first event was read, by the ledger's clock. Default 1,000. */
  readonly ageMs: number;
}

export const defaultLimits: BatchLimits = { events: 10_000, bytes: 8 * 1024 * 1024, ageMs: 1_000 };

/** @throws LedgerError CONFIG_INVALID */
export function checkLimits(given: Partial<BatchLimits> = {}): BatchLimits {
  const limits = { ...defaultLimits, ...given };
  check('limits.events', limits.events, 1, maxBatchEvents);
  check('limits.bytes', limits.bytes, 1, Number.MAX_SAFE_INTEGER);
  check('limits.ageMs', limits.ageMs, 1, 2 ** 31 - 1);
  return limits;
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new LedgerError('CONFIG_INVALID', `${name} is ${value}: it must be a whole number from ${least} to ${most}.`, {
    evidence: { setting: name, found: value },
  });
}
