// Verifications that read a bundle, in one thread and in two, and one that goes on from what an earlier one checked.
import { copyFileSync } from 'node:fs';
import { parseVerifierKey } from '@tallystick/core/note';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { fileAnchorStore } from '@tallystick/verifier/anchor-file';
import { exportBundle, fileSink } from '@tallystick/verifier/export-bundle';
import { openBundle } from '@tallystick/verifier/open-bundle';
import { verify } from '@tallystick/verifier/verify';
import type { VerifyOptions } from '@tallystick/verifier/verify';
import type { Verdict } from '@tallystick/verifier/verdict';
import type { Case, CaseInput } from './cases.ts';

/** New events that the incremental run finds behind the others. */
export const newEvents = 10_000;

/** Writes the bundle that the next cases read. */
export const bundleExport: Case = async (input, begin) => {
  const log = connectRecordLog(input.kafka);
  begin();
  const everything = { from: null, to: null, partition: null };
  const exported = await exportBundle({
    log,
    topics: input.topics,
    origin: input.origin,
    rootKey: parseVerifierKey(input.rootVkey),
    published: null,
    schemas: null,
    logKeys: [],
    policy: null,
    choice: everything,
    asked: everything,
    sink: await fileSink(input.bundle),
  });
  await log.close();
  return exported.events;
};

/** From the bundle, its own sums included, as one who was sent it checks it. */
export function verifyBundle(workers: number): Case {
  return async (input, begin) => {
    begin();
    const bundle = await openBundle(input.bundle, { digests: workers > 1 ? 'beside' : true });
    const { records, manifest } = bundle;
    const reopen = { kind: 'bundle', file: input.bundle } as const;
    // The bundle is of one round, and serves them all.
    const { topics, scope } = manifest;
    const verdict = await verify({
      ...commonOf(input),
      topics,
      log: records,
      scope,
      workers,
      reopen,
      intact: bundle.intact,
    });
    await bundle.close();
    return verified(verdict).checked.events;
  };
}

/** Checks everything once, so that the state is there. */
export const verifyFirst: Case = async (input, begin) => {
  const log = connectRecordLog(input.kafka);
  begin();
  const verdict = await verify({ ...commonOf(input), log, anchor: fileAnchorStore(input.state) });
  await log.close();
  return verified(verdict).checked.events;
};

/** Goes on from a copy of that state, so that every round has the same to do. */
export const verifyIncremental: Case = async (input, begin) => {
  const state = `${input.state}.again`;
  for (const suffix of ['', '.key']) copyFileSync(`${input.state}${suffix}`, `${state}${suffix}`);
  const log = connectRecordLog(input.kafka);
  begin();
  const verdict = await verify({ ...commonOf(input), log, anchor: fileAnchorStore(state), incremental: true });
  await log.close();
  if (verified(verdict).mode !== 'incremental') throw new Error('it was a full run');
  return newEvents;
};

function commonOf({ topics, origin, rootVkey }: CaseInput): Pick<VerifyOptions, 'topics' | 'origin' | 'rootKey'> {
  return { topics, origin, rootKey: parseVerifierKey(rootVkey) };
}

function verified(verdict: Verdict): Verdict {
  if (verdict.exitCode !== 0)
    throw new Error(`the verdict is ${verdict.verdict}: ${JSON.stringify(verdict.findings[0])}`);
  return verdict;
}
