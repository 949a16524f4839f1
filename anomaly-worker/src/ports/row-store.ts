import type { Cell } from '@tallystick/schemas/row';
import type { Detection, DetectionEvent } from '../domain/detection.ts';

/** One generation of one partition of one topic: where rows belong. */
export interface Place {
  readonly topic: string;
  readonly generation: number;
  readonly partition: number;
}

/** Offsets, inclusive on both ends. */
export interface OffsetRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A run of consecutive offsets that is one insert. `round` is 0, and one more each time rows of it had to be written anew:
 * the same run then, of which only the missing rows are inserted.
 */
export interface Run extends OffsetRange {
  readonly round: number;
}

export interface Claim {
  readonly run: Run;
  /** This call made the claim. Otherwise somebody else did, perhaps long ago, and perhaps with another `last`. */
  readonly own: boolean;
}

/** The row of one offset. Cells as in `rowColumns` of @tallystick/schemas/row. */
export interface StoredRow {
  readonly offset: number;
  readonly cells: readonly Cell[];
}

/** Which offsets of a place have a row. */
export interface Coverage {
  /** Ascending, merged: more than one where there are holes. */
  readonly present: readonly OffsetRange[];
  /** Offsets with more than one row; the first few where there are many. */
  readonly doubled: readonly number[];
}

export interface Watermark {
  /** The first offset that is to have a row; rows below were removed on purpose. */
  readonly rowsFrom: number;
  /** Every offset below was given a row once. */
  readonly nextOffset: number;
}

/**
 * Where rows and findings are kept. What a method resolved for is durable: it survives kill -9 of the worker. After a
 * rejection with `retriable` the state is unknown, and calling again with the same arguments is safe.
 */
export interface RowStore {
  /** Which offsets have rows now. Costs a scan of one column of the place. */
  coverage(place: Place): Promise<Coverage>;

  /** null where none was written yet. */
  watermark(place: Place): Promise<Watermark | null>;
  /** Both members only ever rise: lower ones have no effect. */
  raiseWatermark(place: Place, watermark: Watermark): Promise<void>;

  /**
   * Claims the run that begins at `run.first` in this round. The first claim of (place, first, round) wins, for ever and
   * for everybody; later ones get the winner's run.
   */
  claim(place: Place, run: Run): Promise<Claim>;
  /**
   * The claimed run of the highest round that covers the offset; where none does the first one that begins after it; null
   * if there is none either.
   */
  claimFrom(place: Place, offset: number): Promise<Run | null>;
  /** Exclusive end of all claims; null if there are none. */
  claimedEnd(place: Place): Promise<number | null>;

  /**
   * Stores rows of a claimed run, once for each round, however often and by however many it is called: all that one of the
   * calls gave, or none.
   * Once it resolved the round is settled: what it is to add is in the table, and no call for it, neither one under way nor
   * a later one, adds anything any more. It adds nothing where a later round is claimed, and may add nothing where the round
   * was settled before: `missing` tells.
   * @param rows offsets of the run in order, all of one table partition (`tablePartitionOf`)
   */
  insertRows(place: Place, run: Run, rows: readonly StoredRow[]): Promise<void>;
  /** Which offsets of the range have no row, all of them seen at one moment. Ascending, merged. */
  missing(place: Place, range: OffsetRange): Promise<readonly OffsetRange[]>;

  /** What the detections need of the rows from `from` to below `to`, in offset order, in slices. Control records and the like too. */
  readEvents(place: Place, from: number, to: number): AsyncIterable<readonly DetectionEvent[]>;
  /** Stores the findings that are not there yet; each id once, for ever. */
  insertFindings(place: Place, findings: readonly Detection[]): Promise<void>;

  /** The saved state with the largest `nextOffset` of these rules that is at most `atMost`. */
  loadState(place: Place, rules: string, atMost: number): Promise<{ nextOffset: number; state: string } | null>;
  saveState(place: Place, rules: string, nextOffset: number, state: string): Promise<void>;

  close(): Promise<void>;
}
