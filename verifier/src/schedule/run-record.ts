import { runTriggers, type RunTrigger } from '../report/reporter.ts';

/** What a schedule remembers across restarts. It decides when to run and what to tell, never a verdict. */
export interface RunRecord {
  readonly version: 1;
  /** Unix ms: when a run was first waited for. */
  readonly since: number;
  /** The run that was begun last; null before the first. */
  readonly started: StartedRun | null;
  /** The last run that had a verdict or said why there is none. */
  readonly ended: EndedRun | null;
  /** Unix ms of the end of the last run with a verdict, and with one that is `verified`; null where there was none. */
  readonly finishedAt: number | null;
  readonly verifiedAt: number | null;
  /** Unix ms: when the anchor that the last run went by was written; null without one. */
  readonly anchoredAt: number | null;
  /** Runs that were begun and never ended, not told yet. The newest ten. */
  readonly interrupted: readonly StartedRun[];
}

export interface StartedRun {
  readonly id: string;
  readonly trigger: RunTrigger;
  /** Unix ms. */
  readonly at: number;
}

export interface EndedRun {
  readonly id: string;
  readonly at: number;
  /** `error`: no verdict. */
  readonly verdict: 'verified' | 'failed' | 'inconclusive' | 'error';
  /** Whether every reporter has it, or had its tries. */
  readonly reported: boolean;
}

/** Where the record is kept. */
export interface RunRecordStore {
  /** null where there is none, and where it cannot be read: then runs begin anew. */
  load(): Promise<RunRecord | null>;
  /** @throws VerifierError SCHEDULE_STATE */
  save(record: RunRecord): Promise<void>;
}

export function newRecord(now: number): RunRecord {
  return {
    version: 1,
    since: now,
    started: null,
    ended: null,
    finishedAt: null,
    verifiedAt: null,
    anchoredAt: null,
    interrupted: [],
  };
}

/** Whether a run was begun and neither ended nor was told. */
export function isUnfinished({ started, ended }: RunRecord): boolean {
  return started !== null && (ended?.id !== started.id || !ended.reported);
}

/** The record once a run begins: what was begun before and never ended is to be told. */
export function withStart(record: RunRecord, run: StartedRun): RunRecord {
  const { started, ended, interrupted } = record;
  const lost = started !== null && ended?.id !== started.id ? [started] : [];
  return { ...record, started: run, interrupted: [...interrupted, ...lost].slice(-10) };
}

/** @returns null for what is no record of version 1 */
export function parseRecord(text: string): RunRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || value['version'] !== 1 || !isTime(value['since'])) return null;
  const { since, started, ended, finishedAt, verifiedAt, anchoredAt, interrupted } = value;
  if (!Array.isArray(interrupted) || interrupted.length > 10) return null;
  const lost = interrupted.map(startedOf);
  if (lost.includes(null) || (started !== null && startedOf(started) === null)) return null;
  if (ended !== null && endedOf(ended) === null) return null;
  const times = [finishedAt, verifiedAt, anchoredAt];
  if (!times.every((time) => time === null || isTime(time))) return null;
  return {
    version: 1,
    since,
    started: startedOf(started),
    ended: endedOf(ended),
    finishedAt: isTime(finishedAt) ? finishedAt : null,
    verifiedAt: isTime(verifiedAt) ? verifiedAt : null,
    anchoredAt: isTime(anchoredAt) ? anchoredAt : null,
    interrupted: lost.filter((run) => run !== null),
  };
}

function startedOf(value: unknown): StartedRun | null {
  if (!isRecord(value)) return null;
  const { id, at } = value;
  const trigger = runTriggers.find((each) => each === value['trigger']);
  return isId(id) && isTime(at) && trigger !== undefined ? { id, trigger, at } : null;
}

function endedOf(value: unknown): EndedRun | null {
  if (!isRecord(value)) return null;
  const { id, at, reported, verdict } = value;
  if (!isId(id) || !isTime(at) || typeof reported !== 'boolean') return null;
  switch (verdict) {
    case 'verified':
    case 'failed':
    case 'inconclusive':
    case 'error':
      return { id, at, verdict, reported };
    default:
      return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 8.64e15;
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f-]{36}$/.test(value);
}
