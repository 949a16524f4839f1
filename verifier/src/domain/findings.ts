import { findingCodes, findingHash, makeFinding, verdictOf } from '@tallystick/core/finding';
import type { Finding, FindingCode } from '@tallystick/core/finding';
import type { ReportedFinding, Verdict } from '../verdict.ts';
import type { Acknowledgement } from './acknowledgement.ts';

/** A finding without what follows from its code. */
export interface NewFinding {
  readonly code: FindingCode;
  readonly topic?: string | null;
  readonly partition?: number | null;
  readonly generation?: number | null;
  /** A statement's hash, or what `offsetsPlace` of core gives. Default none. */
  readonly place?: string;
  readonly expected?: string | null;
  readonly found?: string | null;
  /** What happened, where, and what to do. */
  readonly message: string;
  readonly detail?: Record<string, unknown>;
  /** It only counts others, which it cannot name: nobody can answer for what nobody can see. */
  readonly counts?: true;
  /** What is to be said besides where somebody answers for this finding: that something could not be judged because of it. */
  readonly stays?: NewFinding;
}

/**
 * What one run found. The same finding met twice is kept once; beyond `limit` they are only counted, but the first of each code
 * is always kept, so that the verdict never depends on the limit.
 */
export class Findings {
  private readonly kept = new Map<string, ReportedFinding>();
  private readonly omitted = new Map<string, number>();
  private readonly codes = new Set<FindingCode>();
  private readonly limit: number;
  private readonly acknowledged: ReadonlyMap<string, Acknowledgement>;

  private readonly lapsed: ReadonlyMap<string, Acknowledgement>;
  private readonly rollbackNote: string;

  /**
   * @param acknowledged those that count now
   * @param lapsed those whose time is over: they are told, and lift nothing
   * @param rollbackNote what stands behind the message of every rollback; may be empty
   */
  constructor(
    limit: number,
    acknowledged: readonly Acknowledgement[] = [],
    lapsed: readonly Acknowledgement[] = [],
    rollbackNote = '',
  ) {
    this.limit = limit;
    this.rollbackNote = rollbackNote;
    this.lapsed = new Map(lapsed.map((each) => [each.hash, each]));
    this.acknowledged = new Map(acknowledged.map((each) => [each.hash, each]));
  }

  add(found: NewFinding): void {
    const finding = makeFinding({
      code: found.code,
      topic: found.topic ?? null,
      partition: found.partition ?? null,
      generation: found.generation ?? null,
      place: found.place ?? '-',
      expected: found.expected ?? null,
      found: found.found ?? null,
      message: found.code === 'rollback' ? found.message + this.rollbackNote : found.message,
      ...(found.detail === undefined ? {} : { detail: found.detail }),
    });
    const hash = findingHash(finding);
    if (this.kept.has(hash)) return;
    const answered = found.counts === true ? undefined : this.acknowledged.get(hash);
    if (answered === undefined && this.kept.size >= this.limit && this.codes.has(finding.code)) {
      this.omitted.set(finding.code, (this.omitted.get(finding.code) ?? 0) + 1);
      return;
    }
    this.codes.add(finding.code);
    const lapsed = this.lapsed.get(hash);
    this.kept.set(hash, {
      ...finding,
      hash,
      ...(answered === undefined ? {} : { acknowledged: wordsOf(answered) }),
      ...(lapsed === undefined ? {} : { lapsed: wordsOf(lapsed) }),
    });
    const { topic, partition, generation } = finding;
    if (answered !== undefined && found.stays !== undefined) this.add({ topic, partition, generation, ...found.stays });
  }

  addAll(found: Iterable<NewFinding>): void {
    for (const finding of found) this.add(finding);
  }

  has(code: FindingCode): boolean {
    return this.codes.has(code);
  }

  /** An acknowledgement lifts a 1, never a 3. Findings that were only counted are acknowledged by nobody. */
  verdict(): Pick<Verdict, 'verdict' | 'exitCode'> {
    const lifted = ({ code, acknowledged }: ReportedFinding): boolean =>
      acknowledged !== undefined && findingCodes[code].exit === 1 && !this.omitted.has(code);
    return verdictOf([...this.kept.values()].filter((finding) => !lifted(finding)));
  }

  /** By topic, partition and first offset; what has no place in a partition comes first. */
  list(): ReportedFinding[] {
    return [...this.kept.values()].sort(
      (a, b) =>
        compare(a.topic ?? '', b.topic ?? '') ||
        (a.partition ?? -1) - (b.partition ?? -1) ||
        firstOffset(a) - firstOffset(b) ||
        compare(a.code, b.code),
    );
  }

  omittedByCode(): Record<string, number> {
    return Object.fromEntries([...this.omitted].sort(([a], [b]) => compare(a, b)));
  }
}

function wordsOf({ reason, by, until }: Acknowledgement): Omit<Acknowledgement, 'hash'> {
  return { reason, ...(by === undefined ? {} : { by }), ...(until === undefined ? {} : { until }) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function firstOffset({ place }: Finding): number {
  const match = /^offsets (\d+)-/.exec(place);
  return match === null ? -1 : Number(match[1]);
}
