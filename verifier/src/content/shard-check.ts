import type { ParsedBatch, UnparsedBatch } from '@tallystick/core/batch';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { EventScan, eventNumber } from '@tallystick/schemas/event-scan';
import type { RecordContent } from '@tallystick/schemas/row';
import type { ContentCheck, ContentOptions, ContentPart, SkippedRun } from './content-types.ts';
import { byteWords, hasBytes } from './byte-words.ts';
import { idWords } from './event-id.ts';
import { IdSpill } from './id-spill.ts';
import { keptText } from './kept-text.ts';
import { Lives, mostRuns } from './lives.ts';
import type { Life } from './lives.ts';
import { RecordView } from './record-view.ts';
import { SchemaReader } from './schema-reader.ts';
import type { NotJudged } from './schema-reader.ts';
import { SignatureCheck } from './signature-check.ts';
import { emptyTally, meet, mostSignatures, skewed } from './tally.ts';

const wirePrefix = 5;

/**
 * Reads what the records of one shard say, in place: an event of this release's own schema is scanned where it lies, and nothing is
 * allocated for it. All others, and all that is wrong, go through the decoder.
 */
export class ShardCheck implements ContentCheck {
  private readonly options: ContentOptions;
  private readonly tally = emptyTally();
  private readonly lives = new Lives();
  private readonly ids: IdSpill;
  private readonly scan = new EventScan();
  private readonly view = new RecordView();
  private readonly words = new Uint32Array(4);
  private readonly schemas: SchemaReader;
  private readonly signatures: SignatureCheck;
  private readonly skippedRuns: SkippedRun[] = [];
  private first: number | null = null;
  private last = -1;

  // The life of the event before, by the bytes of its name: events of one producer follow each other.
  private life: Life | null = null;
  private name = byteWords(new Uint8Array(0));

  // The batch under way.
  private judged: ParsedBatch | UnparsedBatch | null = null;
  private dataView: DataView = new DataView(new ArrayBuffer(0));
  private at = 0;
  private next = 0;
  private appendMs: number | null = null;

  constructor(options: ContentOptions) {
    this.options = options;
    this.ids = new IdSpill(options.tempDir);
    this.schemas = new SchemaReader(options.schemas, options.deadlineMs ?? 30_000);
    this.signatures = new SignatureCheck(options);
    this.signatures.at(Infinity);
  }

  section(place: number): void {
    this.signatures.at(place);
  }

  batch(judged: ParsedBatch | UnparsedBatch, from: number, to: number): void | Promise<void> {
    const { header } = judged;
    const first = Math.max(from, header.baseOffset);
    const last = Math.min(to, header.lastOffset);
    if (first > last) return;
    this.see(first, last);
    this.tally.records += last - first + 1;
    if (judged !== this.judged) this.open(judged, first);
    if (!judged.parsed) {
      this.tally.unparsed += last - first + 1;
      return;
    }
    if (header.control) {
      this.tally.control += last - first + 1;
      return;
    }
    return this.records(judged, first, last);
  }

  skipped(first: number, last: number, why: 'unread' | 'lost'): void {
    if (first > last) return;
    this.see(first, last);
    this.skip(first, last, why);
  }

  finish(): Promise<ContentPart> {
    const { topic, partition, maxClockSkewMs } = this.options;
    const { begun, forgotten, overflow } = this.lives;
    const { tally, first, last, skippedRuns: skipped } = this;
    const offsets = first === null ? null : { first, last };
    const rest = {
      lives: this.lives.list(),
      begun,
      forgotten,
      overflow,
      skipped,
      ids: this.ids.finish(),
      maxClockSkewMs,
    };
    return Promise.resolve({ topic, partition, offsets, tally, ...rest });
  }

  private see(first: number, last: number): void {
    this.first ??= first;
    this.last = Math.max(this.last, last);
  }

  private skip(first: number, last: number, why: 'unread' | 'lost'): void {
    const before = this.skippedRuns.at(-1);
    if (
      before !== undefined &&
      before.why === why &&
      (before.last + 1 === first || this.skippedRuns.length >= mostRuns)
    ) {
      // With too many runs what lies between two of them counts as not read either: then less can be said of holes, never more.
      before.last = last;
    } else this.skippedRuns.push({ first, last, why });
  }

  private open(judged: ParsedBatch | UnparsedBatch, first: number): void {
    const { header } = judged;
    this.judged = judged;
    this.at = judged.parsed ? judged.start : 0;
    this.next = header.baseOffset;
    if (judged.parsed) this.openData(judged.data);
    this.appendMs = header.appendTime && judged.parsed ? Number(header.maxTimestamp) : null;
    if (this.appendMs !== null) this.clock(this.appendMs, first);
  }

  private openData(data: Uint8Array): void {
    this.view.open(data);
    this.dataView = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  /** The broker's clock against itself: it does not go back from one batch to the next. */
  private clock(ms: number, offset: number): void {
    const { tally } = this;
    const limit = this.options.maxClockSkewMs;
    const back = tally.lastTime === null ? 0 : tally.lastTime.ms - ms;
    if (limit !== null && back > limit) tally.brokerSkew = skewed(tally.brokerSkew, offset, back);
    tally.firstTime ??= { ms, offset };
    tally.lastTime = { ms, offset };
  }

  private records(batch: ParsedBatch, first: number, last: number): void | Promise<void> {
    const { data } = batch;
    const { view } = this;
    if (first < this.next) {
      this.at = batch.start;
      this.next = batch.header.baseOffset;
    }
    while (this.next <= last) {
      const offset = this.next++;
      view.read(this.at);
      this.at = view.end;
      if (offset < first || this.quick(data, offset)) continue;
      const slow = this.slow(batch, offset);
      if (slow !== undefined) return slow.then(() => this.records(batch, this.next, last));
    }
    return undefined;
  }

  /** An event that pins this release's schema and has no fault; false for all others. */
  private quick(data: Uint8Array, offset: number): boolean {
    const { view, scan } = this;
    const { valueAt } = view;
    if (!view.own || valueAt < 0 || view.valueEnd - valueAt < wirePrefix || data[valueAt] !== 0) return false;
    if (!scan.scan(data, valueAt + wirePrefix, view.valueEnd)) return false;
    const { numbers } = scan;
    this.tally.decoded += 1;
    if (view.signatures === 0) this.tally.unsigned += 1;
    else this.signature(data, offset, text(data, scan.sourceAt, scan.sourceEnd));
    idWords(data, scan.idAt, scan.idEnd, this.words);
    this.ids.add(this.words, offset);
    this.times(numbers[eventNumber.occurredAtMs] ?? 0, offset);
    const epoch = numbers[eventNumber.epoch] ?? 0;
    const sequence = numbers[eventNumber.sequence] ?? 0;
    const life = this.lifeOf(data, scan.instanceAt, scan.instanceEnd, epoch, sequence, offset);
    if (sequence === life.next) {
      life.next = sequence + 1;
      life.lastOffset = offset;
    } else this.lives.outOfTurn(life, sequence, offset);
    if (sequence === 0)
      before(life, numbers[eventNumber.previousEpoch] ?? NaN, numbers[eventNumber.previousSequence] ?? NaN, offset);
    return true;
  }

  private lifeOf(data: Uint8Array, at: number, end: number, epoch: number, sequence: number, offset: number): Life {
    const { life, name } = this;
    if (life?.epoch === epoch && name.length === end - at && hasBytes(this.dataView, at, name)) return life;
    const found = this.lives.of(text(data, at, end), epoch, sequence, offset);
    this.life = found;
    this.name = byteWords(data.subarray(at, end));
    return found;
  }

  private slow(batch: ParsedBatch, offset: number): void | Promise<void> {
    const { data } = batch;
    const { view } = this;
    const value = view.valueAt < 0 ? null : data.subarray(view.valueAt, view.valueEnd);
    // Only the headers of this name matter to the decoder; two of them are two, whatever is in them.
    const schema = view.schemaAt < 0 ? null : data.subarray(view.schemaAt, view.schemaEnd);
    const headers = Array.from({ length: view.schemas }, () => [schemaName, schema] as const);
    const content = this.schemas.read({ value, headers });
    if (content instanceof Promise) return content.then((known) => this.content(data, offset, known));
    this.content(data, offset, content);
  }

  private content(data: Uint8Array, offset: number, content: RecordContent | NotJudged): void {
    const { tally, view } = this;
    if (view.signatures === 0) tally.unsigned += 1;
    else this.signature(data, offset, content.status === 'decoded' ? content.event.source : null);
    switch (content.status) {
      case 'decoded':
        tally.decoded += 1;
        if (!content.pinned) tally.unpinned = meet(tally.unpinned, offset);
        this.event(content.event, offset);
        return;
      case 'undecodable':
        tally.undecodable[content.code] = meet(tally.undecodable[content.code], offset);
        return;
      case 'unavailable':
        tally.unavailable[content.code] = meet(tally.unavailable[content.code], offset);
        this.skip(offset, offset, 'unread');
        return;
      case 'control':
      case 'unparsed':
        throw new TypeError('a decoder says nothing of batches');
    }
  }

  private event(event: AuditEvent, offset: number): void {
    const id = Buffer.from(event.id);
    idWords(id, 0, id.length, this.words);
    this.ids.add(this.words, offset);
    this.times(event.occurredAtMs, offset);
    const { epoch, sequence } = event;
    const life = this.lives.of(event.instance, epoch, sequence, offset);
    this.life = null;
    this.lives.observe(life, sequence, offset);
    if (sequence === 0) before(life, event.previousEpoch ?? NaN, event.previousSequence ?? NaN, offset);
  }

  private times(occurredAtMs: number, offset: number): void {
    const limit = this.options.maxClockSkewMs;
    if (limit === null || this.appendMs === null) return;
    const ahead = occurredAtMs - this.appendMs;
    if (ahead > limit) this.tally.producerSkew = skewed(this.tally.producerSkew, offset, ahead);
  }

  private signature(data: Uint8Array, offset: number, source: string | null): void {
    const { view, tally } = this;
    const key = view.keyAt < 0 ? null : data.subarray(view.keyAt, view.keyEnd);
    const value = view.valueAt < 0 ? null : data.subarray(view.valueAt, view.valueEnd);
    const signature = view.signatureAt < 0 ? null : data.subarray(view.signatureAt, view.signatureEnd);
    const why = this.signatures.refusal({ key, value, count: view.signatures, signature }, source);
    if (why === null) {
      tally.signed += 1;
      return;
    }
    tally.badSignatures += 1;
    if (tally.listedSignatures.length === mostSignatures) return;
    tally.listedSignatures.push({ offset, source: source === null ? null : keptText(source), why });
  }
}

const schemaName = Buffer.from('avro-schema');

/** What the first event of a life says of the one before: only where it says both. */
function before(life: Life, epoch: number, sequence: number, offset: number): void {
  if (epoch >= 0 && sequence >= 0) life.previous ??= { epoch, sequence, offset };
}

function text(data: Uint8Array, from: number, to: number): string {
  return Buffer.from(data.buffer, data.byteOffset + from, to - from).toString('utf8');
}
