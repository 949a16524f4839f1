import type { FindingCode } from '@tallystick/core/finding';
import type { Alteration, Expected } from './alteration.ts';

/** What a self-test showed: plain data, safe to write as JSON. */
export interface SelfTestResult {
  readonly version: 1;
  /** `inconclusive`: it could not be tried (see `why`). */
  readonly result: 'bites' | 'does-not-bite' | 'inconclusive';
  /** 0 every alteration was found; 1 one was not; 3 inconclusive. */
  readonly exitCode: 0 | 1 | 3;
  readonly why: string | null;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly copied: {
    readonly bytes: number;
    readonly statements: number;
    /** Records that the seals topic holds. */
    readonly of: number;
    /** The oldest of them were copied, and a log was made of these; else all, and what was read of the published log. */
    readonly oldest: boolean;
    /** Stored leaves were copied too. Without them a batch is named in place of an event. */
    readonly leaves: boolean;
    readonly partitions: readonly { partition: number; seals: number; events: number; first: number; last: number }[];
    /** Files of the published log. */
    readonly files: number;
  };
  /** What the verifier says of the untouched copy. */
  readonly untouched: { readonly exitCode: 0 | 1 | 3; readonly findings: readonly FindingCode[] } | null;
  readonly tried: readonly Trial[];
  /** Alterations that nothing here could be done with: their names. */
  readonly notTried: readonly string[];
}

export interface Trial {
  readonly name: string;
  readonly kind: Alteration['kind'];
  readonly caught: boolean;
  readonly expected: Expected;
  readonly exitCode: 0 | 1 | 3 | null;
  /** The finding that caught it, else the first grave one; null where nothing was found. */
  readonly found: { readonly code: FindingCode; readonly partition: number | null; readonly place: string } | null;
  /** Where the verifier itself failed: what it threw. */
  readonly error: string | null;
}
