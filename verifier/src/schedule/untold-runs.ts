import type { VerificationRun } from '../report/reporter.ts';

/** A run, and the names of the reporters that could not be told of it. */
export interface UntoldRun {
  readonly reporters: readonly string[];
  readonly run: VerificationRun;
}

/** Keeps runs for reporters that are away, until they can be told. Nothing but their history depends on it. */
export interface UntoldRuns {
  /** What is kept, newest first. @throws VerifierError SCHEDULE_STATE */
  names(): Promise<readonly string[]>;
  /** null for what is nothing that was kept here. @throws VerifierError SCHEDULE_STATE */
  load(name: string): Promise<UntoldRun | null>;
  /**
   * Keeps a run, or what is left to be told of it.
   * @returns how many older ones were thrown away to make room
   * @throws VerifierError SCHEDULE_STATE
   */
  keep(untold: UntoldRun): Promise<number>;
  /** @throws VerifierError SCHEDULE_STATE */
  remove(name: string): Promise<void>;
}

/** @returns null for what is no such run */
export function parseUntold(text: string): UntoldRun | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || !Array.isArray(value['reporters']) || !isObject(value['run'])) return null;
  const { reporters, run } = value;
  const { id, startedAt, finishedAt, verdict, error } = run;
  const isNamed = reporters.every((name) => typeof name === 'string') && reporters.length > 0;
  const isRun = typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id) && isTime(startedAt) && isTime(finishedAt);
  const isOver = isObject(verdict) !== isObject(error);
  return isNamed && isRun && isOver ? (value as unknown as UntoldRun) : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));
}
