import { findingCodes } from '@tallystick/core/finding';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { memoryAnchorStore } from '../adapters/anchor-memory.ts';
import { checkAbort } from '../deadline.ts';
import type { AnchorStore } from '../ports/anchor-store.ts';
import type { PublishedLog } from '../ports/published-log.ts';
import type { ReportedFinding, Verdict } from '../verdict.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { verify as realVerify } from '../verify.ts';
import { logAlterations } from './alter-log.ts';
import { recordAlterations } from './alter-records.ts';
import { statementAlterations } from './alter-statements.ts';
import type { Alteration, Expected } from './alteration.ts';
import { anchorOf } from './copy-anchor.ts';
import { CopiedPublished } from './copied-published.ts';
import { scopeOf } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import type { Trial } from './self-test-result.ts';

export interface BenchOptions extends Pick<
  VerifyOptions,
  'topics' | 'origin' | 'rootKey' | 'logKeys' | 'policy' | 'schemas' | 'signal' | 'codecs' | 'judging'
> {
  readonly onProgress?: (done: number, total: number) => void;
  /** What is put to the test. Default: the verifier of this package. */
  readonly verify?: (options: VerifyOptions) => Promise<Verdict>;
}

/** Verifies copies. */
export class Bench {
  private readonly options: BenchOptions;
  private readonly verifyOptions: Omit<VerifyOptions, 'log'>;
  private readonly verify: (options: VerifyOptions) => Promise<Verdict>;
  private readonly original: Evidence;
  /** What was accepted of the untouched copy. */
  private readonly memory = memoryAnchorStore();

  constructor(options: BenchOptions, original: Evidence) {
    const { topics, origin, rootKey, logKeys, policy, schemas, signal, codecs, judging } = options;
    const ranges = scopeOf(original);
    this.options = options;
    this.verify = options.verify ?? realVerify;
    this.verifyOptions = {
      topics,
      origin,
      rootKey,
      deadlineMs: 2_000,
      settleMs: 0,
      maxFindings: 1_000,
      ...(logKeys === undefined ? {} : { logKeys }),
      ...(policy === undefined ? {} : { policy }),
      ...(schemas === undefined ? {} : { schemas }),
      ...(signal === undefined ? {} : { signal }),
      ...(codecs === undefined ? {} : { codecs }),
      ...(judging === undefined ? {} : { judging }),
      ...(ranges === null ? {} : { scope: { kind: 'ranges', ranges } as const }),
    };
    this.original = original;
  }

  /** Verifies the untouched copy: what it accepts is what the altered ones are held against. */
  async first(published: PublishedLog | null): Promise<Verdict> {
    const { original } = this;
    const anchor = anchorOf(original, this.options.rootKey);
    if (anchor !== null) await this.memory.update(() => anchor);
    return await this.run(original.log, this.memory, published);
  }

  async all(original: Evidence, untouched: Verdict): Promise<{ tried: Trial[]; notTried: string[] }> {
    const known = new Set(untouched.findings.map(({ hash }) => hash));
    const tried: Trial[] = [];
    const notTried: string[] = [];
    const ofLog = original.published === null ? [] : logAlterations;
    const alterations = [...recordAlterations, ...statementAlterations, ...ofLog];
    for (const [done, alteration] of alterations.entries()) {
      checkAbort(this.options.signal);
      const copy = freshCopy(original);
      const expected = await alteration.apply(copy);
      if (expected === null) notTried.push(alteration.name);
      else tried.push(await this.trial(alteration, copy, expected, known));
      this.options.onProgress?.(done + 1, alterations.length);
      // Whoever else waits in this process gets a turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { tried, notTried };
  }

  private async trial(
    { name, kind }: Alteration,
    copy: Evidence,
    expected: Expected,
    known: ReadonlySet<string>,
  ): Promise<Trial> {
    const trial = { name, kind, expected };
    try {
      const verdict = await this.run(copy.log, await frozen(this.memory), copy.published);
      const news = grave(verdict).filter(({ hash }) => !known.has(hash));
      const catching = verdict.exitCode === 1 ? news.find((finding) => catches(finding, expected)) : undefined;
      const finding = catching ?? news[0] ?? null;
      const found =
        finding === null ? null : { code: finding.code, partition: finding.partition, place: finding.place };
      return { ...trial, caught: catching !== undefined, exitCode: verdict.exitCode, found, error: null };
    } catch (error) {
      checkAbort(this.options.signal);
      return { ...trial, caught: false, exitCode: null, found: null, error: String(error) };
    }
  }

  private async run(log: RecordLog, anchor: AnchorStore, published: PublishedLog | null): Promise<Verdict> {
    return await this.verify({ ...this.verifyOptions, log, anchor, ...(published === null ? {} : { published }) });
  }
}

function freshCopy(original: Evidence): Evidence {
  const published = original.published === null ? null : new CopiedPublished(original.published.files);
  return { ...original, log: original.log.clone(), published };
}

/** A store with the same anchor, which keeps what it is given to itself. */
async function frozen(store: AnchorStore): Promise<AnchorStore> {
  const copy = memoryAnchorStore();
  const anchor = await store.load();
  if (anchor !== null) await copy.update(() => anchor);
  return copy;
}

/** Findings that keep a verdict from being "verified". */
export function grave({ findings }: Verdict): ReportedFinding[] {
  return findings.filter(({ code }) => findingCodes[code].exit !== 0);
}

function catches({ code, partition, place }: ReportedFinding, { codes, partition: of, offsets }: Expected): boolean {
  if (!codes.includes(code) || (of !== null && partition !== of)) return false;
  if (offsets === undefined) return true;
  const [, first, last] = /^offsets (\d+)-(\d+)$/.exec(place) ?? [];
  return first !== undefined && Number(first) <= offsets[1] && Number(last) >= offsets[0];
}
