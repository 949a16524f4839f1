import type { BatchHeader } from '@tallystick/core/batch';
import { offsetsPlace } from '@tallystick/core/finding';
import type { FindingCode } from '@tallystick/core/finding';
import type { KafkaError } from '@tallystick/kafka/errors';
import type { Findings, NewFinding } from '../domain/findings.ts';
import type { SealSection, Section } from '../domain/plan.ts';
import type { Bounds } from '../domain/shards.ts';
import { boundsFindings, damageFindings, rootMismatch, unreadable } from './damage-findings.ts';
import type { PlanOfDamage } from './damage-findings.ts';
import type { AlteredRun } from './name-altered.ts';
import type { Hole } from './read-through.ts';
import type { DamagedSeal } from './seal-pass.ts';
import type { LackingSeals } from './stored-leaves.ts';

export interface LastEvent {
  readonly head: string;
  readonly time: number | null;
  readonly epoch: number | null;
}

/** What the findings of one partition say of it. */
export type PlanOfFindings = PlanOfDamage;

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
  bounds(bounds: Bounds): void {
    for (const finding of boundsFindings(this.plan, this.hasUnknown, bounds)) this.add(finding);
  }

  /** What the reader could not read as it should be. */
  damage(hole: Hole): void {
    for (const finding of damageFindings(this.plan, this.hasUnknown, hole)) this.add(finding);
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
      const why = `belong to seal ${seal.seal}, of which events are missing; without its stored leaves the rest of it cannot be checked`;
      this.add(unreadable(first, last, null, why));
      return;
    }
    this.rootMismatch(section, root);
  }

  rootMismatch(section: SealSection, root: string | null): void {
    this.add(rootMismatch(section, root));
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

  leavesLacking(missing: LackingSeals, wrong: LackingSeals): void {
    for (const [code, { count, first }, what] of [
      ['leaves-missing', missing, 'has no stored leaves'],
      ['leaves-wrong', wrong, 'has stored leaves that do not give its root'],
    ] as const) {
      if (first === null) continue;
      const more = count === 1 ? '' : `, and so have ${count - 1} later ones`;
      this.warn(
        code,
        first.first,
        `Seal ${first.seal} (offsets ${first.first} to ${first.last}) ${what}${more}. Tampering is found without them too, but not named to the event.`,
        {
          seals: count,
        },
      );
    }
  }

  leavesUnreadable(error: KafkaError): void {
    this.warn('leaves-unreadable', this.plan.from, `Stored leaves of this partition cannot be read: ${error.message}`, {
      code: error.code,
    });
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
