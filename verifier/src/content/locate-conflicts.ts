import { parseBatch, slicesOf } from '@tallystick/core/batch';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import { EventScan, eventNumber } from '@tallystick/schemas/event-scan';
import type { CompareOptions } from './compare-ids.ts';
import { keptText } from './kept-text.ts';
import { knownEvent } from './read-again.ts';
import type { KnownEvent } from './read-again.ts';
import { RecordView } from './record-view.ts';
import { lifeKey } from './repeats.ts';
import type { Repeat } from './repeats.ts';
import type { SchemaReader } from './schema-reader.ts';

/** Numbers that are looked at one by one. */
const mostNumbers = 4_000;
const wirePrefix = 5;

/** Two events of one life that claim one number. */
export interface NumberConflict {
  readonly partition: number;
  readonly instance: string;
  readonly epoch: number;
  readonly sequence: number;
  /** The later one. */
  readonly offset: number;
  readonly id: string;
  /** The one that had the number first. */
  readonly stoodAt: number;
  readonly stoodId: string;
}

export interface LocatedConflicts {
  readonly conflicts: readonly NumberConflict[];
  /** Runs in which something was met that explains what is pending, if only in part. */
  readonly explained: ReadonlySet<Repeat>;
  /** There were too many to look at all. */
  readonly cut: boolean;
}

/**
 * Reads a partition once more, from where the lives in question begin, to name the events that claim a number which another one had.
 * @param repeats of one partition, of which some numbers came with other events
 * @throws what `read` throws
 */
export async function locateConflicts(
  { read, codecs }: Pick<CompareOptions, 'read' | 'codecs'>,
  schemas: SchemaReader,
  repeats: readonly Repeat[],
): Promise<LocatedConflicts> {
  const partition = repeats[0]?.run.partition ?? 0;
  const search = new Search(repeats);
  const from = repeats.reduce((least, { run }) => Math.min(least, run.began), Infinity);
  const to = repeats.reduce((most, { run }) => Math.max(most, run.lastOffset + 1), 0);
  if (from >= to) return search;
  for await (const batches of read(partition, from, to))
    for (const batch of batches) await search.batch(batch, codecs, schemas);
  return search;
}

interface Met extends KnownEvent {
  readonly offset: number;
}

class Search implements LocatedConflicts {
  readonly conflicts: NumberConflict[] = [];
  readonly explained = new Set<Repeat>();
  cut = false;
  private readonly byLife = new Map<string, Repeat[]>();
  private readonly met = new Map<string, Met[]>();
  private readonly scan = new EventScan();
  private kept = 0;

  constructor(repeats: readonly Repeat[]) {
    for (const repeat of repeats) {
      const key = lifeKey(repeat.run);
      const known = this.byLife.get(key);
      if (known === undefined) this.byLife.set(key, [repeat]);
      else known.push(repeat);
    }
  }

  async batch({ bytes, header }: ReadBatch, codecs: CompareOptions['codecs'], schemas: SchemaReader): Promise<void> {
    if (header.control) return;
    const batch = parseBatch(bytes, header, codecs);
    if (!batch.parsed) return;
    const view = new RecordView();
    for (const { offset, body } of slicesOf(batch)) {
      view.readBody(body);
      if (this.isOther(view, body)) continue;
      const event = await knownEvent(view, body, schemas);
      if (event !== null) this.event({ ...event, offset });
    }
  }

  /** Sees without decoding it that an event is of no life or number in question. */
  private isOther({ own, valueAt, valueEnd }: RecordView, body: Uint8Array): boolean {
    const { scan } = this;
    if (!own || valueAt < 0 || valueEnd - valueAt < wirePrefix || body[valueAt] !== 0) return false;
    if (!scan.scan(body, valueAt + wirePrefix, valueEnd)) return false;
    const instance = Buffer.from(body.buffer, body.byteOffset + scan.instanceAt, scan.instanceEnd - scan.instanceAt);
    const epoch = scan.numbers[eventNumber.epoch] ?? NaN;
    const sequence = scan.numbers[eventNumber.sequence] ?? NaN;
    return this.repeatsOf({ instance: keptText(instance.toString('utf8')), epoch, sequence }).length === 0;
  }

  private repeatsOf(event: Pick<KnownEvent, 'instance' | 'epoch' | 'sequence'>): Repeat[] {
    const { sequence } = event;
    return (this.byLife.get(lifeKey(event)) ?? []).filter(({ run }) => run.first <= sequence && sequence <= run.last);
  }

  private event(event: Met): void {
    const repeats = this.repeatsOf(event);
    const [repeat] = repeats;
    if (repeat === undefined) return;
    const { instance, epoch, sequence, id, offset } = event;
    const key = `${lifeKey(event)} ${sequence}`;
    const met = this.met.get(key);
    if (met === undefined) {
      if (this.met.size < mostNumbers) this.met.set(key, [event]);
      else this.cut = true;
      return;
    }
    // One of them again.
    if (met.some((each) => each.id === id && each.hash === event.hash)) return;
    for (const each of repeats)
      if (each.run.firstOffset <= offset && offset <= each.run.lastOffset) this.explained.add(each);
    // The same id with other content is a conflict of ids, which names both.
    const sameId = met.some((each) => each.id === id);
    const [first] = met;
    if (this.kept === mostNumbers) {
      this.cut = true;
      return;
    }
    this.kept += 1;
    met.push(event);
    if (sameId || first === undefined) return;
    const { partition } = repeat.run;
    const stood = { stoodAt: first.offset, stoodId: first.id };
    this.conflicts.push({ partition, instance, epoch, sequence, offset, id, ...stood });
  }
}
