import type { CopiedCell } from '../query-copy/compare-cells.ts';

/** The rows that a worker made of one partition in one generation. */
export interface CopiedPlace {
  readonly topic: string;
  readonly generation: number;
  readonly partition: number;
}

/** What there is of a place. */
export interface CopiedExtent extends CopiedPlace {
  readonly rows: number;
  /** Lowest and highest offset; a bigint, for rows can be made up. */
  readonly first: bigint;
  readonly last: bigint;
}

/** What the copy itself says of how far it goes. */
export interface CopiedWatermark {
  /** First offset that is to have a row: it says that those before expired. 0 where nothing says so. */
  readonly rowsFrom: number;
  /** Every offset below was given a row. */
  readonly nextOffset: number;
  /** End of the newest run that a worker set out to write: its rows come together, all or none. They may not have come yet. */
  readonly claimedTo: number;
}

export interface CopiedRow {
  readonly offset: number;
  /** In the order of `rowColumns` of the schemas; columns that are no text are read as `CopiedCell` says. */
  readonly cells: readonly CopiedCell[];
  /** Some text of it is no UTF-8: which column cannot be told from the cells alone. */
  readonly malformed: boolean;
  /** Which slice it came with: the rows of one were looked up at one moment. Left out: all are one. */
  readonly slice?: number;
}

/** The query copy, read only. Every call ends within a deadline; all throw VerifierError COPY_UNAVAILABLE where it cannot be read. */
export interface CopiedRows {
  /** For messages. */
  readonly place: string;
  /** What answers is another thing than the table of the migrations (a view, a computed column, another type): one line each, none where it is that. */
  faults(): Promise<readonly string[]>;
  /** Of the rows of this topic, in every partition and generation that there are rows of. */
  extents(topic: string): Promise<readonly CopiedExtent[]>;
  /** The same of every other topic, in a fixed order; of very many only the first ones. Topics as `shownTopic` gives them. */
  others(topic: string): AsyncIterable<CopiedExtent>;
  watermark(place: CopiedPlace): Promise<CopiedWatermark>;
  /** How many rows with `from <= offset < to` there are. */
  count(place: CopiedPlace, from: number, to: number): Promise<number>;
  /** The rows with `from <= offset < to`, by offset, each as often as it is there. Memory is bounded by the largest row. */
  rows(place: CopiedPlace, from: number, to: number): AsyncIterable<CopiedRow>;
  close(): Promise<void>;
}
