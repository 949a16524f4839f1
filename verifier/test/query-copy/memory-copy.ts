import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { readBatchHeader } from '@tallystick/core/batch';
import { EventDecoder } from '@tallystick/schemas/decoder';
import type { CopiedCell } from '../../src/query-copy/compare-cells.ts';
import { expectedRows } from '../../src/query-copy/expected-rows.ts';
import { shownTopic } from '../../src/query-copy/shown-topic.ts';
import type { CopiedExtent, CopiedPlace, CopiedRow, CopiedRows } from '../../src/ports/copied-rows.ts';
import { topics } from '../support/world.ts';
import type { World } from '../support/world.ts';

interface MemoryRow extends CopiedPlace {
  readonly offset: number;
  readonly cells: readonly CopiedCell[];
}

const noSchemas = { schemaById: async () => await Promise.reject(new Error('no event of these tests has a schema')) };

/** A query copy in memory, as a worker writes it; whoever has it can change what it likes. */
export class MemoryCopy implements CopiedRows {
  readonly place = 'memory';
  table: MemoryRow[] = [];
  shape: string[] = [];
  /** What the table of watermarks says, of every place. */
  rowsFrom = 0;
  nextOffset = 0;
  /** End of the newest run that a worker set out to write. */
  claimedTo = 0;
  /** Rows that are looked up at one moment. */
  sliceRows = Infinity;
  /** How often somebody asked for the watermark. */
  asked = 0;

  /** @param generation under which the worker made the rows */
  static async of(world: World, { partitions = 1, generation = 0 } = {}): Promise<MemoryCopy> {
    const copy = new MemoryCopy();
    const decoder = new EventDecoder(noSchemas);
    for (let partition = 0; partition < partitions; partition++) {
      const place = { topic: topics.events, generation, partition };
      for (const bytes of world.cluster.batches(topics.events, partition)) {
        const batch = { bytes, header: readBatchHeader(bytes, 0) };
        const rows = await expectedRows(place, batch, [0, Infinity], { decoder, codecs: nodeCodecs });
        copy.table.push(...rows.map(({ offset, cells }) => ({ ...place, offset, cells: cells.map(asRead) })));
      }
    }
    copy.nextOffset = Math.max(0, ...copy.table.map(({ offset }) => offset + 1));
    return copy;
  }

  /** Puts rows in as somebody with INSERT could. */
  forge(offset: number, change: Partial<CopiedPlace>): void {
    const row = this.table.find((each) => each.offset === offset);
    if (row !== undefined) this.table.push({ ...row, ...change });
  }

  remove(which: (row: MemoryRow) => boolean): void {
    this.table = this.table.filter((row) => !which(row));
  }

  async faults(): Promise<string[]> {
    return await Promise.resolve(this.shape);
  }

  async extents(topic: string): Promise<CopiedExtent[]> {
    return await Promise.resolve(this.all().filter((extent) => extent.topic === topic));
  }

  async *others(topic: string): AsyncGenerator<CopiedExtent, void, void> {
    await Promise.resolve();
    for (const extent of this.all()) {
      const name = Buffer.from(extent.topic);
      if (extent.topic !== topic) yield { ...extent, topic: shownTopic(name, name.length) };
    }
  }

  async watermark(): Promise<{ rowsFrom: number; nextOffset: number; claimedTo: number }> {
    this.asked += 1;
    const { rowsFrom, nextOffset, claimedTo } = this;
    return await Promise.resolve({ rowsFrom, nextOffset, claimedTo: Math.max(nextOffset, claimedTo) });
  }

  async count(place: CopiedPlace, from: number, to: number): Promise<number> {
    return await Promise.resolve(this.within(place, from, to).length);
  }

  async *rows(place: CopiedPlace, from: number, to: number): AsyncGenerator<CopiedRow, void, void> {
    await Promise.resolve();
    for (let slice = 0; ; slice++) {
      const rows = this.within(place, from, to).slice(0, this.sliceRows);
      for (const { offset, cells } of rows) yield { offset, cells, malformed: false, slice };
      if (rows.length < this.sliceRows) return;
      from = (rows.at(-1)?.offset ?? to) + 1;
    }
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  private within(place: CopiedPlace, from: number, to: number): MemoryRow[] {
    return this.table
      .filter((row) => keyOf(row) === keyOf(place) && row.offset >= from && row.offset < to)
      .sort((a, b) => a.offset - b.offset);
  }

  private all(): CopiedExtent[] {
    const places = Map.groupBy(this.table, keyOf);
    return [...places.values()].flatMap((rows) => {
      const [first] = rows;
      if (first === undefined) return [];
      const { topic, generation, partition } = first;
      const offsets = rows.map(({ offset }) => offset);
      const bounds = { first: BigInt(Math.min(...offsets)), last: BigInt(Math.max(...offsets)) };
      return [{ topic, generation, partition, rows: rows.length, ...bounds }];
    });
  }
}

function keyOf({ topic, generation, partition }: CopiedPlace): string {
  return JSON.stringify([topic, generation, partition]);
}

function asRead(cell: unknown): CopiedCell {
  const isMap = cell !== null && typeof cell === 'object' && !Array.isArray(cell);
  return (isMap ? Object.entries(cell) : cell) as CopiedCell;
}
