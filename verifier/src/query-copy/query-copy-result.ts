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
  /** Below it rows expired, says the watermark that the database itself holds. That alone allows none to be missing. */
  readonly rowsFrom: number;
  /** Records below `rowsFrom` that have no row and may have none: they are older than the limit `minRetentionMs`. */
  readonly expired: number;
  readonly compared: number;
}
