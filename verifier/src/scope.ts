/** Which sealed events a run looks at. Statements, the published log and what it says are always checked whole. */
export type Scope =
  | { readonly kind: 'all' }
  /** Widened to whole seals. A partition that no range names is not looked at. */
  | { readonly kind: 'ranges'; readonly ranges: readonly ScopeRange[] };

/** Offsets of one partition of the events topic, both inclusive. */
export interface ScopeRange {
  readonly partition: number;
  readonly first: number;
  /** Infinity: as far as it goes, the unsealed tail included. */
  readonly last: number;
}
