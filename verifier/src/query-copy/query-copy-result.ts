import type { NewFinding } from '../domain/findings.ts';

/** What the comparison of the query copy with the ledger came to. */
export interface QueryCopyResult {
  readonly counts: QueryCopyCounts;
  readonly partitions: readonly CopiedPartition[];
  readonly findings: readonly NewFinding[];
}

export interface QueryCopyCounts {
  /** Rows held against their records. */
  readonly compared: number;
  readonly altered: number;
  readonly extra: number;
  readonly missing: number;
  /** Records above the worker's watermark and above every row. */
  readonly notYet: number;
  /** Rows whose records are gone or cannot be read. */
  readonly uncheckable: number;
}

export interface CopiedPartition {
  readonly partition: number;
  readonly generation: number;
  /** Offsets that were compared, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** Below it rows may be missing, by the watermark that the database itself holds. */
  readonly rowsFrom: number;
  readonly compared: number;
}
