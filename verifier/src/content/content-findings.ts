import { offsetsPlace } from '@tallystick/core/finding';
import type { NewFinding } from '../domain/findings.ts';
import { many } from './count-words.ts';
import { wordText } from './kept-text.ts';
import type { Skew, TallyData } from './tally.ts';

/** Findings of one code that are listed one by one; the rest is one more, with their number. */
export const mostListed = 1_000;

/** Whose findings they are. */
export interface Where {
  readonly topic: string;
  readonly partition: number;
}

/** Words what the events of one partition say (protocol, section 9, and ADR 6). Decides nothing. */
export function wordTally({ topic, partition }: Where, tally: TallyData, limitMs: number | null): NewFinding[] {
  const where = { topic, partition };
  const found: NewFinding[] = [];
  const add = (finding: NewFinding): void => void found.push({ ...where, ...finding });
  const at = (offset: number): string => offsetsPlace(offset, offset);
  for (const [code, { count, first }] of Object.entries(tally.undecodable)) {
    add({
      code: 'undecodable',
      place: at(first),
      found: code,
      message: `${many(count, 'record is', 'records are')} no audit event (${code}), the first at offset ${first}: nobody can read ${count === 1 ? 'it' : 'them'} as ${count === 1 ? 'an event' : 'events'}. That alone is no tampering; what is not as it was sealed is a finding of its own.`,
      detail: { count },
    });
  }
  for (const [code, { count, first }] of Object.entries(tally.unavailable)) {
    add({
      code: 'unavailable',
      expected: at(first),
      found: code,
      message: `The schema of ${many(count, 'record', 'records')} could not be had (${code}), the first at offset ${first}: what they say was not checked. Give the verifier a schema registry that knows it.`,
      detail: { count },
    });
  }
  if (tally.unpinned !== null) {
    const { count, first } = tally.unpinned;
    add({
      code: 'unpinned-schema',
      place: at(first),
      message: `${many(count, 'event does', 'events do')} not pin its schema, the first at offset ${first}: what it means is what the registry says today.`,
      detail: { count },
    });
  }
  for (const { offset, source, why } of tally.listedSignatures) {
    add({
      code: 'bad-signature',
      place: at(offset),
      expected: source === null ? null : `signed by ${wordText(source)}`,
      found: why,
      message: `The signature of the event at offset ${offset}${source === null ? '' : `, which says it is of ${wordText(source)},`} does not count: ${why}.`,
    });
  }
  const unlisted = tally.badSignatures - tally.listedSignatures.length;
  const last = tally.listedSignatures.at(-1);
  if (unlisted > 0 && last !== undefined) {
    add({
      code: 'bad-signature',
      place: at(last.offset),
      found: `${unlisted} more`,
      counts: true,
      message: `Behind offset ${last.offset} there are ${many(unlisted, 'more signature', 'more signatures')} that do not count; they are not named, so nobody can answer for them.`,
      detail: { count: unlisted },
    });
  }
  if (limitMs !== null) found.push(...wordSkew(where, tally, limitMs));
  return found;
}

function wordSkew(where: Where, { producerSkew, brokerSkew }: TallyData, limitMs: number): NewFinding[] {
  const word = (found: string, skew: Skew, message: string): NewFinding => ({
    ...where,
    code: 'clock-skew',
    place: offsetsPlace(skew.first, skew.first),
    expected: `at most ${limitMs} ms`,
    found,
    message,
    detail: { count: skew.count, worstMs: skew.worstMs, worstOffset: skew.worst },
  });
  const findings: NewFinding[] = [];
  if (producerSkew !== null) {
    const { count, first, worst, worstMs } = producerSkew;
    findings.push(
      word(
        'producer',
        producerSkew,
        `${many(count, 'event says it happened', 'events say they happened')} more than ${limitMs} ms after the broker stored it, the first at offset ${first}, at most ${worstMs} ms (offset ${worst}).`,
      ),
    );
  }
  if (brokerSkew !== null) {
    const { count, first, worst, worstMs } = brokerSkew;
    findings.push(
      word(
        'broker',
        brokerSkew,
        `The broker's clock went back by more than ${limitMs} ms ${count === 1 ? 'once' : `${count} times`} between batches, first at offset ${first}, at most by ${worstMs} ms (offset ${worst}).`,
      ),
    );
  }
  return findings;
}
