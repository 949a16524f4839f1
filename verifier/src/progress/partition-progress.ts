import { findingCodes } from '@tallystick/core/finding';
import type { NewFinding } from '../domain/findings.ts';
import type { Plan } from '../domain/plan.ts';
import { firstEndingAt, JoinedSections, sectionsBetween } from '../domain/sections.ts';
import { endOfRun } from '../domain/shards.ts';
import type { Bounds, ShardLimits } from '../domain/shards.ts';
import type { CheckedShard } from '../parallel/check-shards.ts';
import { isOneBorder } from '../records/batch-marks.ts';
import type { LeavesFollower } from '../records/follow-leaves.ts';
import { borderAt } from '../records/read-shard.ts';
import type { Source } from '../records/read-through.ts';
import type { Run } from '../run/run.ts';
import { hashOf, keysBefore } from './progress-fit.ts';
import { canBeKept } from './progress-part.ts';
import type { CheckedPart, PartHead } from './progress-part.ts';
import type { RunProgress } from './run-progress.ts';

/** Seals without stored leaves, and findings, that are kept with a part; where there are more, nothing more of the partition is kept. */
const mostKept = 10_000;

/** What was taken over of one partition, or read. */
type Checked = Pick<CheckedShard, 'counts' | 'content'> & {
  readonly shard: Pick<CheckedShard['shard'], 'from' | 'end'>;
};

/**
 * The progress of one partition: what an earlier run that did not end had checked of it, and what this one checks. Only what changes no verdict is kept: from
 * the first finding on that does, the next run reads again and finds the same.
 */
export class PartitionProgress {
  /** How the records are cut where one thread reads them all. */
  readonly limits: ShardLimits;
  private readonly run: Run;
  private readonly progress: RunProgress;
  private readonly plan: Plan;
  private readonly bounds: Bounds;
  /** Whether what an earlier run checked may be taken over. */
  private readonly isWhole: boolean;
  /** What was taken over last. */
  private before: Pick<CheckedPart, 'end' | 'open'> | null = null;
  private readonly findings: NewFinding[] = [];
  private stopped = false;

  private constructor(run: Run, progress: RunProgress, plan: Plan, bounds: Bounds) {
    this.run = run;
    this.progress = progress;
    this.plan = plan;
    this.bounds = bounds;
    this.isWhole = bounds.highWatermark >= plan.end;
    this.limits = { events: progress.everyEvents, sections: Infinity };
  }

  /** @returns null where the run keeps no progress */
  static of(run: Run, plan: Plan, bounds: Bounds): PartitionProgress | null {
    const { unfinished: progress = null } = run;
    return progress === null ? null : new PartitionProgress(run, progress, plan, bounds);
  }

  /** The offset behind what was taken over; 0 where nothing was. */
  get end(): number {
    return this.before?.end ?? 0;
  }

  /** The plan of what lies behind that. */
  get ahead(): Plan {
    return this.before === null ? this.plan : behind(this.plan, this.before.end);
  }

  /** As `Findings`: every finding of this partition comes by here. */
  add(finding: NewFinding): void {
    this.run.findings.add(finding);
    if (!canBeKeptWith(finding) || this.findings.length >= mostKept) this.stopped = true;
    else this.findings.push(finding);
  }

  /** What the run before checked, as if it had been read now. @throws KafkaError where the partition cannot be read at all */
  async *taken(
    source: Source,
    tempDir: string,
  ): AsyncGenerator<Checked & { findings: readonly NewFinding[] }, void, void> {
    if (!this.isWhole) return;
    // Each part has the findings of all before it too.
    let told = 0;
    const { bounds, plan, run } = this;
    const isThere = async ({ end, last, behind }: PartHead): Promise<boolean> => {
      const border = await borderAt(source, end, endOfRun(plan, bounds, end));
      // Behind a part that ended with what there was nobody has seen what came first.
      return border !== null && isOneBorder(border, { last, behind });
    };
    const { logStart } = bounds;
    for await (const part of this.progress.taken(plan, { logStart, keys: run.keys, isThere, tempDir })) {
      const { from, end, checkedEvents, matchedSeals, findings, open, content } = part;
      const counts = { checkedEvents, matchedSeals, unsealed: 0, oldestUnsealed: null };
      this.before = { end, open };
      yield { shard: { from, end }, counts, findings: findings.slice(told), content: { sealed: content, tail: null } };
      told = findings.length;
    }
  }

  /** Seals that lacked their leaves in what was taken over are looked for again. */
  expect(seals: LeavesFollower): void {
    for (const { first, met } of this.before?.open ?? []) {
      const section = this.plan.sections.at(firstEndingAt(this.plan.sections, first));
      if (section?.kind === 'seal') seals.expect(section, met);
    }
  }

  async keep({ shard, counts, content, border }: CheckedShard, seals: LeavesFollower): Promise<void> {
    const { topic, partition, sections } = this.plan;
    const { from, end } = shard;
    let sealed = 0;
    for (const section of sectionsBetween(sections, from, end - 1))
      if (section.kind === 'seal') sealed += section.last - section.first + 1;
    const last = sections.at(firstEndingAt(sections, end - 1));
    const statement = last === undefined || last.last !== end - 1 ? null : hashOf(last);
    const open = seals.unmet();
    const known = content.sealed === null || canBeKept(content.sealed);
    // With a gap at its end nobody could tell whether the next run goes on behind what this one read.
    const { last: mark, behind } = border;
    const good = known && mark !== null && counts.checkedEvents === sealed && open !== null && open.length <= mostKept;
    if (this.stopped || !good) this.stopped = true;
    // Behind the last seal there is nothing to keep: the unsealed tail is looked at again.
    else if (last !== undefined && statement !== null && end > from) {
      const { checkedEvents, matchedSeals } = counts;
      const of = {
        topic,
        partition,
        from,
        end,
        statement,
        logStart: this.bounds.logStart,
        checkedEvents,
        matchedSeals,
      };
      const keys = keysBefore(this.run.keys, last);
      await this.progress.keep({
        ...of,
        last: mark,
        behind,
        keys,
        open,
        findings: [...this.findings],
        content: content.sealed,
      });
    }
  }
}

/** Only of the stored bytes can be said tomorrow what was said today; what could not be looked at can be there again. */
function canBeKeptWith({ code }: NewFinding): boolean {
  return findingCodes[code].exit === 0 && code !== 'leaves-unreadable';
}

function behind(plan: Plan, end: number): Plan {
  const from = firstEndingAt(plan.sections, end);
  const count = plan.sections.length - from;
  return { ...plan, sections: new JoinedSections([{ list: plan.sections, from, count }]) };
}
