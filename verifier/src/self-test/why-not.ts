import type { FindingCode } from '@tallystick/core/finding';
import type { Verdict } from '../verdict.ts';
import { grave } from './bench.ts';
import type { Evidence } from './evidence.ts';

/** Findings that a sound log may tell of itself: they are no reason not to try. */
const told = new Set<FindingCode>([
  'gap',
  'generation',
  'archive-unchecked',
  'tail-old',
  'checkpoint-old',
  'unknown-statement',
]);

/** Why nothing can be shown; null where something can. */
export function whyNot(copy: Evidence, untouched: Verdict): string | null {
  const { parts, log, topics } = copy;
  const { logStart } = log.partition(topics.seals, 0);
  if (parts.length === 0 && logStart > 0)
    return `Topic ${topics.seals} begins at offset ${logStart}, and nothing from there on continues a chain from its beginning: there is nothing to alter. Run a verification: it says what is wrong.`;
  if (parts.length === 0 && copy.oldest)
    return `Nothing is sealed by ${oldestOf(copy)}, so there is nothing to alter. ${instead}`;
  if (parts.length === 0) return 'Nothing is sealed yet: there is nothing to alter.';
  const bad = grave(untouched).map(({ code }) => code);
  if (bad.every((code) => told.has(code))) return null;
  const notVerified = 'The copy is not verified as it is, before anything was altered';
  if (!copy.oldest) return `${notVerified}. Run a verification: it says what is wrong.`;
  // What later statements say of these records (another generation, a prune) was not copied, so the copy alone says nothing of the log.
  const begins = `${notVerified}: it begins with ${oldestOf(copy)}, and`;
  if (bad.includes('topic-recreated'))
    return `${begins} these are of an earlier generation: topic ${topics.events} was made anew since, and the records that they seal are gone. ${instead}`;
  if (bad.includes('deleted'))
    return `${begins} the records that these seal, at the beginning of topic ${topics.events}, are deleted. ${instead}`;
  return `${begins} that part of the log does not stand alone (${[...new Set(bad)].join(', ')}). ${instead}`;
}

const instead =
  'This says nothing of the log: run a verification for that. To try the verifier on the newest part, run the self-test on a log with fewer statements.';

function oldestOf({ records, log, topics }: Evidence): string {
  const { logStart, highWatermark } = log.partition(topics.seals, 0);
  return `the oldest ${highWatermark - logStart} of ${records} statements`;
}
