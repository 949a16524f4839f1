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
 * Records that no statement covers for longer than the limit: at the time when the statements were read, for a run that reads for hours would make
 * old what was new when it began.
 */
export function tailAge(checked: readonly CheckedPlan[], at: number, limitMs: number | null): NewFinding[] {
  if (limitMs === null) return [];
  return checked.flatMap(({ plan, result }) => {
    const oldest = result?.oldestUnsealed ?? null;
    const ageMs = oldest === null ? 0 : at - Number(oldest);
    if (ageMs <= limitMs) return [];
    const { topic, partition, genesis } = plan;
    return [
      {
        code: 'tail-old' as const,
        topic,
        partition,
        generation: genesis.statement.generation,
        expected: `at most ${limitMs} ms`,
        found: `first unsealed record of ${oldest}`,
        message: `The oldest unsealed record is ${ageMs} ms old; the limit is ${limitMs} ms. See whether the ledger service runs.`,
      },
    ];
  });
}
