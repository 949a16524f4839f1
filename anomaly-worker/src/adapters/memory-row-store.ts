import type { Detection, DetectionEvent } from '../domain/detection.ts';
import { holesIn, tablePartitionOf } from '../domain/runs.ts';
import { WorkerError } from '../errors.ts';
import type { Claim, Coverage, OffsetRange, Place, RowStore, Run, StoredRow, Watermark } from '../ports/row-store.ts';
import { eventOfRow } from '../records.ts';
import { coverageOf } from './clickhouse-coverage.ts';

type Operation = 'claim' | 'insertRows' | 'insertFindings' | 'saveState';

interface PlaceRows {
  /** In the order of insertion: two for one offset is a double. */
  rows: StoredRow[];
  readonly claims: Run[];
  watermark: Watermark | null;
  readonly states: { readonly rules: string; readonly nextOffset: number; readonly state: string }[];
  readonly findings: Detection[];
}

/** Rows in memory, with the semantics of ClickHouse's tokens, and the faults that tests need. Nothing is durable. */
export class MemoryRowStore implements RowStore {
  private readonly places = new Map<string, PlaceRows>();
  private readonly tokens = new Set<string>();
  private readonly findingIds = new Set<string>();
  private faults: { readonly on: Operation; readonly persisted: boolean }[] = [];

  /** The next call of this operation fails with a retriable error; `persisted`: after it took effect. */
  failNext(on: Operation, persisted: boolean): void {
    this.faults.push({ on, persisted });
  }

  /** What somebody with rights on the table could do. */
  removeRows(place: Place, { first, last }: OffsetRange): void {
    const at = this.at(place);
    at.rows = at.rows.filter(({ offset }) => offset < first || offset > last);
  }

  /** Every row, in the order of insertion. */
  rows(place: Place): readonly StoredRow[] {
    return this.at(place).rows;
  }

  findings(place: Place): readonly Detection[] {
    return this.at(place).findings;
  }

  async coverage(place: Place): Promise<Coverage> {
    const counts = new Map<number, number>();
    for (const { offset } of this.at(place).rows) counts.set(offset, (counts.get(offset) ?? 0) + 1);
    const offsets = [...counts].sort(([a], [b]) => a - b);
    return coverageOf(offsets.length === 0 ? [] : [[0, 0, 0, -1, -1]], async () => offsets);
  }

  async watermark(place: Place): Promise<Watermark | null> {
    return this.at(place).watermark;
  }

  async raiseWatermark(place: Place, { rowsFrom, nextOffset }: Watermark): Promise<void> {
    const at = this.at(place);
    at.watermark = {
      rowsFrom: Math.max(rowsFrom, at.watermark?.rowsFrom ?? 0),
      nextOffset: Math.max(nextOffset, at.watermark?.nextOffset ?? 0),
    };
  }

  async claim(place: Place, run: Run): Promise<Claim> {
    return this.faulty('claim', () => {
      const { claims } = this.at(place);
      const winner = claims.find(({ first, round }) => first === run.first && round === run.round);
      if (winner === undefined) claims.push({ ...run });
      return { run: winner ?? run, own: winner === undefined };
    });
  }

  async claimFrom(place: Place, offset: number): Promise<Run | null> {
    const { claims } = this.at(place);
    const over = claims.filter(({ first, last }) => first <= offset && last >= offset);
    const after = claims.filter(({ first }) => first > offset);
    over.sort((a, b) => b.round - a.round || b.first - a.first);
    after.sort((a, b) => a.first - b.first || b.round - a.round);
    return over[0] ?? after[0] ?? null;
  }

  async claimedEnd(place: Place): Promise<number | null> {
    const { claims } = this.at(place);
    return claims.length === 0 ? null : Math.max(...claims.map(({ last }) => last)) + 1;
  }

  async insertRows(place: Place, run: Run, rows: readonly StoredRow[]): Promise<void> {
    const outside = rows.some(({ offset }) => offset < run.first || offset > run.last);
    const disordered = rows.some(({ offset }, index) => offset <= (rows[index - 1]?.offset ?? -1));
    if (outside || disordered) throw new RangeError(`rows are not of the run ${run.first} to ${run.last}, in order`);
    if (new Set(rows.map(tablePartitionOf)).size > 1)
      throw new RangeError('rows of two table partitions in one insert');
    await this.faulty('insertRows', () => {
      const { claims, rows: all } = this.at(place);
      if (claims.some(({ first, round }) => first === run.first && round > run.round)) return;
      const token = JSON.stringify([place, run.first, run.last, run.round]);
      if (!this.tokens.has(token)) all.push(...rows);
      this.tokens.add(token);
    });
  }

  async missing(place: Place, { first, last }: OffsetRange): Promise<readonly OffsetRange[]> {
    const offsets = this.at(place).rows.map(({ offset }) => offset);
    const within = offsets.filter((offset) => offset >= first && offset <= last).sort((a, b) => a - b);
    return holesIn(
      within.map((offset) => ({ first: offset, last: offset })),
      first,
      last + 1,
    );
  }

  async *readEvents(place: Place, from: number, to: number): AsyncGenerator<readonly DetectionEvent[]> {
    const rows = this.at(place)
      .rows.filter(({ offset }) => offset >= from && offset < to)
      .sort((a, b) => a.offset - b.offset);
    for (let at = 0; at < rows.length; at += 100) yield rows.slice(at, at + 100).map(eventOfRow);
  }

  async insertFindings(place: Place, findings: readonly Detection[]): Promise<void> {
    await this.faulty('insertFindings', () => {
      for (const finding of findings) {
        if (this.findingIds.has(finding.id)) continue;
        this.findingIds.add(finding.id);
        this.at(place).findings.push(finding);
      }
    });
  }

  async loadState(place: Place, rules: string, atMost: number): Promise<{ nextOffset: number; state: string } | null> {
    const fitting = this.at(place).states.filter((saved) => saved.rules === rules && saved.nextOffset <= atMost);
    const latest = fitting.sort((a, b) => b.nextOffset - a.nextOffset)[0];
    return latest === undefined ? null : { nextOffset: latest.nextOffset, state: latest.state };
  }

  async saveState(place: Place, rules: string, nextOffset: number, state: string): Promise<void> {
    await this.faulty('saveState', () => this.at(place).states.push({ rules, nextOffset, state }));
  }

  async close(): Promise<void> {}

  private at({ topic, generation, partition }: Place): PlaceRows {
    const key = JSON.stringify([topic, generation, partition]);
    const found = this.places.get(key) ?? { rows: [], claims: [], watermark: null, states: [], findings: [] };
    this.places.set(key, found);
    return found;
  }

  private async faulty<T>(on: Operation, work: () => T): Promise<T> {
    // Somebody else's call may come in between, as with a server.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const fault = this.faults.find((each) => each.on === on);
    this.faults = this.faults.filter((each) => each !== fault);
    const result = fault !== undefined && !fault.persisted ? null : work();
    if (fault !== undefined || result === null)
      throw new WorkerError('CLICKHOUSE_UNREACHABLE', `${on} failed (injected).`, { retriable: true });
    return result;
  }
}
