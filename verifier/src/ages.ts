import type { CheckedPlan } from './records/check-records.ts';
import type { NewFinding } from './domain/findings.ts';
import type { Age } from './verdict.ts';

/** Times that a date can say, unix ms. */
const latest = 8_640_000_000_000_000;

/** Stored unix ms as a number; null where no date says it. */
export function knownTime(stored: bigint | number): number | null {
  const ms = Number(stored);
  return ms < 0 || ms > latest ? null : ms;
}

/** A stored time that lies further ahead of this machine's clock says nothing of an age, ms. */
const clockSlackMs = 300_000;

/** Whether something is known to be no older than a limit. @param aheadMs how far its stored time lies ahead of this machine's clock */
export function isWithin(ageMs: number, aheadMs: number, limitMs: number): boolean {
  return ageMs <= limitMs && aheadMs <= clockSlackMs;
}

/** Behind "The oldest of them": that it is not within its limit. Arguments as those of `isWithin`. */
export function tooOldText(ageMs: number, aheadMs: number, limitMs: number): string {
  return aheadMs > clockSlackMs
    ? `has a stored time that lies ${aheadMs} ms ahead of this machine's clock, so how old it is cannot be told; the limit is ${limitMs} ms. Set the clocks; where they are right, somebody gave it another time`
    : `is ${ageMs} ms old; the limit is ${limitMs} ms`;
}

/** ISO 8601; what is no time in seconds. @param seconds unix time, as witnesses say it */
export function isoOf(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? `${seconds} s` : time.toISOString();
}

/** @param since unix ms; null: not known */
export function ageOf(since: bigint | number | null, clock: Age['clock']): Age | null {
  const ms = since === null ? null : knownTime(since);
  return ms === null ? null : { since: new Date(ms).toISOString(), clock };
}

/** The one that has waited longest; null where there is none. */
export function oldestOf(ages: readonly (Age | null)[]): Age | null {
  const since = (age: Age | null): number => (age === null ? Infinity : Date.parse(age.since));
  return ages.reduce((oldest, age) => (since(age) < since(oldest) ? age : oldest), null);
}

/** How long it had waited when the run began, ms; 0 for what came later. */
export function waitedMs({ since }: Age, { startedAt }: { readonly startedAt: string }): number {
  return Math.max(0, Date.parse(startedAt) - Date.parse(since));
}

/**
 * Records that no statement covers for longer than the limit, or for nobody knows how long.
 * @param times unix ms: `read` when the statements were read, by which ages are counted, for a run that reads for hours would make old what was new
 *   when it began; `now` after the records were read, before which all of them were stored
 */
export function tailAge(
  checked: readonly CheckedPlan[],
  times: { readonly read: number; readonly now: number },
  limitMs: number | null,
): NewFinding[] {
  if (limitMs === null) return [];
  return checked.flatMap(({ plan, result }) => {
    const oldest = result?.oldestUnsealed ?? null;
    if (oldest === null) return [];
    const ageMs = times.read - Number(oldest);
    const aheadMs = Number(oldest) - times.now;
    if (isWithin(ageMs, aheadMs, limitMs)) return [];
    const { topic, partition, genesis } = plan;
    return [
      {
        code: 'tail-old' as const,
        topic,
        partition,
        generation: genesis.statement.generation,
        expected: `at most ${limitMs} ms`,
        found: `first unsealed record of ${oldest}`,
        message: `The oldest unsealed record ${tooOldText(ageMs, aheadMs, limitMs)}. See whether the ledger service runs.`,
      },
    ];
  });
}
