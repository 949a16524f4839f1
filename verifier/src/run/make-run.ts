import { nodeSha256 } from '@tallystick/core/sha256-node';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { inForce } from '../domain/acknowledgement.ts';
import { olderCopyNote } from '../domain/anchor.ts';
import { Findings } from '../domain/findings.ts';
import type { Anchor } from '../ports/anchor-store.ts';
import type { RunProgress } from '../progress/run-progress.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { Meter } from './run.ts';
import type { Run } from './run.ts';
import type { TimeLeft } from './time-left.ts';

/** What all parts of a run share; what becomes known only later is asked for when it is needed. */
export function makeRun(
  options: VerifyOptions,
  startedAt: number,
  progress: TimeLeft,
  anchor: Anchor | null,
  of: {
    readonly keys: () => Run['keys'];
    readonly content: () => Run['contentBefore'];
    readonly unfinished: () => RunProgress | null;
  },
): Run {
  const { log, topics, origin, rootKey, signal } = options;
  const { acknowledged = [] } = options;
  const answered = inForce(acknowledged, startedAt);
  return {
    log,
    topics,
    origin,
    rootKey,
    signal,
    get keys() {
      return of.keys();
    },
    get contentBefore() {
      return of.content();
    },
    get unfinished() {
      return of.unfinished();
    },
    deadlineMs: options.deadlineMs ?? 30_000,
    settleMs: options.settleMs ?? 10_000,
    maxTailAgeMs: options.maxTailAgeMs ?? null,
    schemas: options.schemas ?? null,
    maxClockSkewMs: options.maxClockSkewMs ?? null,
    workers: options.workers ?? 1,
    reopen: options.reopen ?? null,
    threadsFrom: options.threadsFrom ?? 0,
    now: options.now ?? Date.now,
    sha256: options.sha256 ?? nodeSha256,
    codecs: options.codecs ?? nodeCodecs,
    findings: new Findings(
      options.maxFindings ?? 10_000,
      answered,
      acknowledged.filter((each) => !answered.includes(each)),
      olderCopyNote(options.sourceMade ?? null, anchor),
    ),
    meter: new Meter((events, partition) => progress.records(events, partition)),
  };
}
