import type { Scope } from '@tallystick/verifier/scope';
import { CliError } from '../errors.ts';

/** Flags of `tallystick verify`, as commander gives them. */
export interface VerifyFlags {
  readonly anchor?: string;
  readonly anchorKey?: string;
  /** false: `--no-log`. */
  readonly log?: string | boolean;
  readonly policy?: string;
  /** A vkey, or a file that holds one. */
  readonly rootKey?: string;
  readonly limits?: string;
  readonly checkpoint?: readonly string[];
  readonly partition?: string;
  readonly offsets?: string;
  readonly incremental?: boolean;
  /** Seconds between two runs, or true for the default. */
  readonly follow?: string | boolean;
  readonly bundle?: string;
  readonly queryCopy?: boolean;
  readonly workers?: string;
  readonly selfTest?: boolean;
  readonly schedule?: string;
  readonly timezone?: string;
  readonly state?: string;
  /** Seconds. */
  readonly timeout?: string;
  readonly record?: boolean;
  readonly reportHtml?: string;
  readonly reportJunit?: string;
  readonly reportJson?: string;
  readonly metrics?: string;
  readonly json?: boolean;
}

/** How the command goes. */
export type VerifyMode = 'once' | 'follow' | 'schedule' | 'self-test';

/**
 * @param hasAnchor whether one is given, or configured
 * @throws CliError USAGE where flags do not go together
 */
export function modeOf(flags: VerifyFlags, hasAnchor = flags.anchor !== undefined): VerifyMode {
  const modes = [
    ['follow', '--follow', flags.follow !== undefined],
    ['schedule', '--schedule', flags.schedule !== undefined],
    ['self-test', '--self-test', flags.selfTest === true],
  ] as const;
  const asked = modes.filter(([, , given]) => given);
  if (asked.length > 1) throw usage(`${asked.map(([, flag]) => flag).join(' and ')} do not go together`);
  const mode = asked[0]?.[0] ?? 'once';
  const refuse = (flag: string, given: boolean, why: string): void => {
    if (given) throw usage(`${flag} ${why}`);
  };
  const scoped = flags.partition !== undefined || flags.offsets !== undefined;
  refuse('--timezone', flags.timezone !== undefined && mode !== 'schedule', 'needs --schedule');
  refuse('--metrics', flags.metrics !== undefined && mode !== 'schedule', 'needs --schedule');
  refuse(
    '--timeout',
    flags.timeout !== undefined && mode !== 'schedule' && flags.state === undefined,
    'needs --schedule or --state',
  );
  refuse(
    '--incremental',
    flags.incremental === true && scoped,
    'looks at all that is new: it takes no partition or offsets',
  );
  refuse('--follow', mode === 'follow' && scoped, 'looks at all that is new: it takes no partition or offsets');
  refuse('--follow', mode === 'follow' && !hasAnchor, 'needs --anchor: it goes on from what that remembers');
  const given = flags.checkpoint !== undefined;
  refuse('--checkpoint', given && flags.log === false, 'is compared with the published log: leave --no-log out');
  refuse('--checkpoint', given && mode === 'follow', 'takes a full run: verify once, or on a schedule');
  refuse('--checkpoint', given && mode === 'self-test', 'says nothing of altered copies: leave it out');
  if (flags.bundle !== undefined) {
    refuse('--bundle', mode === 'follow' || mode === 'schedule', 'never changes: verify it once');
    refuse('--bundle', flags.queryCopy === true, 'holds no query copy: leave --query-copy out');
    refuse('--bundle', typeof flags.log === 'string', 'holds the published log: leave --log out');
  }
  const reports = flags.reportHtml ?? flags.reportJunit ?? flags.reportJson;
  const told = reports !== undefined || flags.record === true || flags.state !== undefined;
  refuse('--self-test', mode === 'self-test' && told, 'makes no reports: use --json');
  refuse('--follow', mode === 'follow' && told, 'makes no reports: use --schedule, or --json');
  return mode;
}

/** The events that are asked for; null where no flag says so. @throws CliError USAGE */
export function scopeOf({ partition, offsets }: Pick<VerifyFlags, 'partition' | 'offsets'>): Scope | null {
  if (partition === undefined) {
    if (offsets !== undefined) throw usage('--offsets needs --partition');
    return null;
  }
  const number = whole('--partition', partition);
  if (offsets === undefined) return { kind: 'ranges', ranges: [{ partition: number, first: 0, last: Infinity }] };
  const [, first = '', dash, last = ''] = /^(\d+)(-)?(\d*)$/.exec(offsets) ?? [];
  if (first === '') throw usage(`--offsets ${offsets}: give one offset (17), a range (17-90) or all from one on (17-)`);
  const from = whole('--offsets', first);
  const to = dash === undefined ? from : last === '' ? Infinity : whole('--offsets', last);
  if (to < from) throw usage(`--offsets ${offsets}: the range ends before it begins`);
  return { kind: 'ranges', ranges: [{ partition: number, first: from, last: to }] };
}

/** @throws CliError USAGE */
export function whole(flag: string, text: string, least = 0): number {
  const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw usage(`${flag} ${text} is no whole number from ${least} to ${Number.MAX_SAFE_INTEGER}`);
}

/** How long a run may take, ms; undefined where no flag says so. @throws CliError USAGE */
export function timeoutOf({ timeout }: Pick<VerifyFlags, 'timeout'>): number | undefined {
  if (timeout === undefined) return undefined;
  const seconds = whole('--timeout', timeout, 1);
  if (seconds <= mostSeconds) return seconds * 1000;
  throw usage(`--timeout ${timeout}: give whole seconds from 1 to ${mostSeconds}, which is 24 days`);
}

/** As far as Node's timers reach. */
const mostSeconds = 24 * 86_400;

export function usage(message: string): CliError {
  return new CliError('USAGE', message);
}
