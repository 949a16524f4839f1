import type { FindingCode } from '@tallystick/core/finding';
import type { Evidence } from './evidence.ts';

/** One way to tamper with a copy. */
export interface Alteration {
  /** What was done, as a sentence begins. */
  readonly name: string;
  readonly kind: 'records' | 'statements' | 'log';
  /**
   * Alters the copy.
   * @returns what a verification has to find; null where there is nothing here that it can be done to
   */
  apply(copy: Evidence): Expected | null | Promise<Expected | null>;
}

/** A verification that ends 1 with a finding of one of these codes at this place has found it. */
export interface Expected {
  readonly codes: readonly FindingCode[];
  /** null: any, or none. */
  readonly partition: number | null;
  /** Offsets of the partition that the finding's place must touch; without them the partition is enough. */
  readonly offsets?: readonly [first: number, last: number];
}
