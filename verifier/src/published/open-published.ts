import type { Anchor } from '../ports/anchor-store.ts';
import type { Run } from '../run/run.ts';
import type { TimeLeft } from '../run/time-left.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { GivenCheckpoints } from './given-checkpoints.ts';
import { PublishedReader } from './published-reader.ts';
import { Resources } from './resources.ts';

/** The published log of a run, and what it is held to. */
export interface PublishedLogOfRun {
  readonly resources: Resources;
  readonly reader: PublishedReader;
  readonly given: GivenCheckpoints;
}

/** @returns null where the run has no published log; that earlier runs of the anchor read one is a finding then */
export function openPublished(
  options: VerifyOptions,
  run: Run,
  anchor: Anchor | null,
  progress: TimeLeft,
): PublishedLogOfRun | null {
  const { published: log, logKeys = [] } = options;
  const policy = options.policy ?? null;
  if (log === undefined) {
    if (options.leaveOutLog !== true && (anchor?.log?.checkpoints.length ?? 0) > 0)
      run.findings.add({
        code: 'unavailable',
        found: 'no published log',
        message:
          'Earlier runs read the published log, and this one was given none: name its URL or folder, or leave it out on purpose.',
      });
    return null;
  }
  const { origin, findings, sha256, settleMs, signal } = run;
  const keys = [...logKeys, ...(policy?.logs ?? []).map(({ key }) => key)];
  const resources = new Resources(log, run, (bytes) => run.meter.add(bytes, 0));
  const trust = { origin, keys, policy };
  const given = new GivenCheckpoints(options.checkpoints ?? [], trust);
  const reader = new PublishedReader({
    resources,
    findings,
    sha256,
    settleMs,
    signal,
    trust,
    now: run.now,
    watched: given.sizes,
    known: anchor?.log?.checkpoints ?? [],
    onProgress: (done, total) => progress.tell('log', done, total),
  });
  return { resources, reader, given };
}
