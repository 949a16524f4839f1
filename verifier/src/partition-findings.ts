import type { BatchHeader } from '@tallystick/core/batch';
import { offsetsPlace } from '@tallystick/core/finding';
import type { FindingCode } from '@tallystick/core/finding';
import type { KafkaError } from '@tallystick/kafka/errors';
import type { Findings, NewFinding } from './domain/findings.ts';
import { sectionAt } from './domain/plan.ts';
import type { Plan, SealSection, Section } from './domain/plan.ts';
import { sectionsBetween } from './domain/sections.ts';
import type { AlteredRun } from './name-altered.ts';
import type { Piece } from './read-through.ts';
import type { DamagedSeal } from './seal-pass.ts';

export interface LastEvent {
  readonly head: string;
  readonly time: number | null;
  readonly epoch: number | null;
}

/** What the findings of one partition say of it. */
export type PlanOfFindings = Pick<
  Plan,
  'topic' | 'partition' | 'genesis' | 'genesisOffset' | 'sections' | 'from' | 'end' | 'floor' | 'readTo' | 'prunedTo'
>;

/** Warnings that there is one of for each partition, with the first offset. */
const onceAPartition = new Set<FindingCode>([
  'control-batch',
  'transactional-batch',
  'create-time',
  'time-outside',
  'unparsed-batch',
  'leaves-missing',
  'leaves-wrong',
  'leaves-unreadable',
]);

/** Words the findings of one partition. Decides nothing but which code a place and a cause come to (protocol section 9). */
export class PartitionFindings {
  private readonly findings: Pick<Findings, 'add'>;
  private readonly plan: PlanOfFindings;
  private readonly hasUnknown: boolean;
  private readonly warned = new Set<FindingCode>();

  constructor(findings: Pick<Findings, 'add'>, plan: PlanOfFindings, hasUnknown: boolean) {
    this.findings = findings;
    this.plan = plan;
    this.hasUnknown = hasUnknown;
  }

  /** What log start and high watermark alone say. */
  bounds({ logStart, highWatermark }: { logStart: number; highWatermark: number }): void {
    const { genesisOffset, floor, from, end } = this.plan;
    if (genesisOffset !== null && logStart < Math.min(genesisOffset, highWatermark)) {
      this.add({
        code: 'before-genesis',
        place: offsetsPlace(logStart, Math.min(genesisOffset, highWatermark) - 1),
        expected: String(genesisOffset),
        found: String(logStart),
        message: `There are records below offset ${genesisOffset}, where generation 0 began with the first offset there was then. A log start never goes back: the partition was rewritten.`,
      });
    }
    if (logStart > from) this.lostBelow(from, logStart - 1, logStart);
    if (logStart > end && this.plan.readTo > end) {
      this.add({
        code: this.hasUnknown ? 'unreadable' : 'not-covered',
        place: this.hasUnknown ? '-' : offsetsPlace(end, logStart - 1),
        expected: this.hasUnknown ? offsetsPlace(end, logStart - 1) : String(end),
        found: String(logStart),
        message: this.hasUnknown
          ? `Offsets ${end} to ${logStart - 1} are gone; a statement of a later version may account for them. Use a newer release.`
          : `Offsets ${end} to ${logStart - 1} are in no seal and in no gap, and the log starts at ${logStart}: these events were deleted before they were sealed.`,
      });
    }
    if (highWatermark < end) this.truncated(Math.max(floor, highWatermark), highWatermark);
  }

  /** What the reader could not read as it should be. */
  damage({ first, last, damage }: Extract<Piece, { kind: 'hole' }>): void {
    const { cause, base, batchLast, error } = damage;
    switch (cause) {
      case 'deleted':
        this.lostBelow(first, last, last + 1);
        return;
      case 'truncated':
        if (first < this.plan.end) this.truncated(first, first);
        return;
      case 'repeated':
        this.repeated(error, first);
        return;
      case 'missing':
        for (const [from, to] of this.covered(first, last)) this.missing(from, to, error);
        return;
      case 'corrupt':
        this.badBatch('bad-crc', base, error, 'It was changed after it was stored, or the disk is damaged.');
        break;
      case 'magic':
      case 'invalid':
        this.neverSealed(cause, base, error);
        break;
    }
    // What the bad batch itself does not account for.
    const rest = batchLast === null ? first : batchLast + 1;
    if (rest <= last) {
      this.unreadable(rest, last, error, `behind the bad batch at offset ${base} could not be read`);
    }
  }

  /** Compares what the seal says of its last event; true if all agrees. */
  lastEvent(section: SealSection, found: LastEvent): boolean {
    const { seal, first, last } = section;
    const place = offsetsPlace(first, last);
    const values = [
      ['head-mismatch', 'leaf', seal.head, found.head],
      ['time-mismatch', 'timestamp', seal.time, found.time],
      ['epoch-mismatch', 'leader epoch', seal.epoch, found.epoch],
    ] as const;
    let fits = true;
    for (const [code, what, expected, stored] of values) {
      if (expected === stored) continue;
      fits = false;
      this.add({
        code,
        generation: seal.generation,
        place,
        expected: text(expected),
        found: text(stored),
        message: `The last event of seal ${seal.seal} (offset ${last}) has the ${what} ${text(stored) ?? 'none'}; the seal says ${text(expected) ?? 'none'}.`,
        detail: { seal: seal.seal, statement: section.hash },
      });
    }
    if (seal.time === null) {
      this.warn(
        'time-outside',
        last,
        `The event at offset ${last} has a timestamp outside 0 to 2^53-1 ms: its time means nothing.`,
      );
    }
    return fits;
  }

  altered({ seal, hash, first }: SealSection, run: AlteredRun): void {
    const count = run.last - run.first + 1;
    const index = seal.events.first + run.first - first;
    this.add({
      code: 'altered',
      generation: seal.generation,
      place: offsetsPlace(run.first, run.last),
      expected: run.expected,
      found: run.found,
      message:
        `${count === 1 ? `The event at offset ${run.first} is` : `The ${count} events at offsets ${run.first} to ${run.last} are`} not what was sealed ` +
        `(seal ${seal.seal}, ${count === 1 ? `event ${index}` : `events ${index} to ${index + count - 1}`}). The stored leaves name ${count === 1 ? 'it' : 'them'} exactly; restore from a copy, and keep this log as evidence.`,
      detail: { seal: seal.seal, statement: hash, firstIndex: index, lastIndex: index + count - 1, count },
    });
  }

  /** A batch that does not fit and that no stored leaves can take apart. */
  unnamed({ section, root }: DamagedSeal): void {
    const { seal, first, last } = section;
    if (root === null) {
      this.unreadable(
        first,
        last,
        null,
        `belong to seal ${seal.seal}, of which events are missing; without its stored leaves the rest of it cannot be checked`,
      );
      return;
    }
    this.rootMismatch(section, root);
  }

  rootMismatch({ seal, hash, first, last }: SealSection, root: string | null): void {
    this.add({
      code: 'root-mismatch',
      generation: seal.generation,
      place: offsetsPlace(first, last),
      expected: seal.root,
      found: root,
      message: `The records at offsets ${first} to ${last} are not what seal ${seal.seal} was made of. No usable leaves are stored for it, so which of them was changed cannot be said.`,
      detail: { seal: seal.seal, statement: hash },
    });
  }

  falseGap({ hash, first, last, generation }: Extract<Section, { kind: 'gap' }>, offset: number): void {
    this.add({
      code: 'false-gap',
      generation,
      place: hash,
      expected: `no record at ${offsetsPlace(first, last)}`,
      found: 'records',
      message: `A gap says that offsets ${first} to ${last} were deleted before they were sealed, but there still are records (first met at ${offset}): the ledger left them out.`,
    });
  }

  /** Warnings that a batch's header alone gives. */
  batch(header: BatchHeader): void {
    const { baseOffset: at } = header;
    if (header.control)
      this.warn(
        'control-batch',
        at,
        `A control batch of transactions lies at offset ${at}. It is sealed, but nobody should use transactions here.`,
      );
    else if (header.transactional)
      this.warn(
        'transactional-batch',
        at,
        `The batch at offset ${at} belongs to a transaction, which may have been aborted. Producers of audit events use none.`,
      );
    if (!header.appendTime)
      this.warn(
        'create-time',
        at,
        `The batch at offset ${at} carries its producer's clock, not the broker's. Set message.timestamp.type=LogAppendTime.`,
      );
  }

  unparsed({ baseOffset }: BatchHeader, reason: string): void {
    this.warn(
      'unparsed-batch',
      baseOffset,
      `The batch at offset ${baseOffset} does not parse (${reason}). It can only be checked as a whole.`,
    );
  }

  tail(oldest: bigint, ageMs: number, limitMs: number): void {
    this.add({
      code: 'tail-old',
      expected: `at most ${limitMs} ms`,
      found: `first unsealed record of ${oldest}`,
      message: `The oldest unsealed record is ${ageMs} ms old; the limit is ${limitMs} ms. See whether the ledger service runs.`,
    });
  }

  leavesLacking(missing: readonly SealSection[], wrong: readonly SealSection[]): void {
    for (const [code, sections, what] of [
      ['leaves-missing', missing, 'has no stored leaves'],
      ['leaves-wrong', wrong, 'has stored leaves that do not give its root'],
    ] as const) {
      const first = sections[0];
      if (first === undefined) continue;
      const more = sections.length === 1 ? '' : `, and so have ${sections.length - 1} later ones`;
      this.warn(
        code,
        first.first,
        `Seal ${first.seal.seal} (offsets ${first.first} to ${first.last}) ${what}${more}. Tampering is found without them too, but not named to the event.`,
        {
          seals: sections.length,
        },
      );
    }
  }

  leavesUnreadable(error: KafkaError): void {
    this.warn('leaves-unreadable', this.plan.from, `Stored leaves of this partition cannot be read: ${error.message}`, {
      code: error.code,
    });
  }

  private lostBelow(first: number, last: number, logStart: number): void {
    for (const section of sectionsBetween(this.plan.sections, first, last)) {
      if (section.kind !== 'seal') continue;
      const { seal, hash } = section;
      const to = Math.min(last, section.last);
      if (to <= (this.plan.prunedTo.get(seal.generation) ?? -1)) continue;
      this.add({
        code: 'deleted',
        generation: seal.generation,
        place: offsetsPlace(section.first, to),
        expected: `log start at most ${section.first}`,
        found: String(logStart),
        message: `The events at offsets ${section.first} to ${to} (seal ${seal.seal}) were deleted without a prune statement: the log starts at ${logStart}. See who has the Delete right, and retention.ms and retention.bytes.`,
        detail: { seal: seal.seal, statement: hash },
      });
    }
  }

  private truncated(first: number, highWatermark: number): void {
    const { end } = this.plan;
    this.add({
      code: 'truncated',
      place: offsetsPlace(first, end - 1),
      expected: String(end),
      found: String(highWatermark),
      message: `The partition ends at offset ${highWatermark}, but is sealed up to ${end - 1}: its last ${end - first} sealed offsets are gone.`,
    });
  }

  private missing(first: number, last: number, error: KafkaError): void {
    if (first >= this.plan.end && this.hasUnknown) {
      this.unreadable(first, last, error, 'hold nothing; a statement of a later version may account for them');
      return;
    }
    this.add({
      code: 'missing-offsets',
      place: offsetsPlace(first, last),
      expected: String(first),
      found: String(last + 1),
      message: `Offsets ${first} to ${last} hold no record, though those around them do: records were taken out of the log.`,
    });
  }

  private repeated(error: KafkaError, position: number): void {
    const first = Number(error.evidence['found']);
    const last = Math.min(Number(error.evidence['lastOffset']), position - 1);
    this.add({
      code: 'root-mismatch',
      place: offsetsPlace(first, Math.max(first, last)),
      expected: String(position),
      found: String(first),
      message: `Behind offset ${position - 1} the log goes back: a batch that says it begins at ${first} is stored there. A broker never writes that.`,
    });
  }

  private neverSealed(cause: 'magic' | 'invalid', base: number, error: KafkaError): void {
    const { evidence } = error;
    const section = sectionAt(this.plan, base);
    if (error.code === 'BROKER_ERROR') {
      this.unreadable(base, base, error, `cannot be served (${error.message})`);
    } else if (section?.kind !== 'seal') {
      this.unreadable(base, base, error, `hold a batch that is never sealed (${error.message})`);
    } else if (cause === 'magic') {
      this.badBatch('bad-magic', base, error, 'No batch of such a format is ever sealed.');
    } else if (evidence['lastOffset'] === undefined) {
      this.badBatch('bad-crc', base, error, 'Its header was changed after it was stored.');
    } else {
      this.rootMismatch(section, null);
    }
  }

  private badBatch(code: 'bad-crc' | 'bad-magic', base: number, error: KafkaError, why: string): void {
    const { expected, found } = error.evidence;
    this.add({
      code,
      place: offsetsPlace(base, base),
      expected: evidenceText(expected),
      found: evidenceText(found),
      message: `${error.message} ${why}`,
    });
  }

  private unreadable(first: number, last: number, error: KafkaError | null, why: string): void {
    this.add({
      code: 'unreadable',
      expected: offsetsPlace(first, last),
      found: error?.code ?? null,
      message: `Offsets ${first} to ${last} ${why}.`,
    });
  }

  /** The parts of a run of offsets that must hold records: sealed ones and the tail. */
  private covered(first: number, last: number): [number, number][] {
    const parts: [number, number][] = [];
    const take = (from: number, to: number): void => {
      const before = parts.at(-1);
      if (from > to) return;
      if (before !== undefined && before[1] + 1 === from) before[1] = to;
      else parts.push([from, to]);
    };
    for (const section of sectionsBetween(this.plan.sections, first, last)) {
      if (section.kind === 'seal') take(Math.max(first, section.first), Math.min(last, section.last));
    }
    take(Math.max(first, this.plan.end), last);
    return parts;
  }

  private warn(code: FindingCode, offset: number, message: string, detail?: Record<string, unknown>): void {
    if (this.warned.has(code)) return;
    this.add({ code, place: offsetsPlace(offset, offset), message, ...(detail === undefined ? {} : { detail }) });
  }

  /** Takes over a finding of this partition that was worded elsewhere: by the same class in another thread, say. */
  add(finding: NewFinding): void {
    const { topic, partition, genesis } = this.plan;
    if (onceAPartition.has(finding.code)) {
      if (this.warned.has(finding.code)) return;
      this.warned.add(finding.code);
    }
    this.findings.add({ topic, partition, generation: genesis.statement.generation, ...finding });
  }
}

function text(value: string | number | null): string | null {
  return value === null ? null : String(value);
}

function evidenceText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value).replaceAll('\n', ' ') : null;
}
