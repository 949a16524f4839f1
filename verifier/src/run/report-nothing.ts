import type { Judge } from '@tallystick/core/judge';
import type { Plan } from '../domain/plan.ts';
import type { Statements } from '../statements/read-statements.ts';
import type { CheckedPlan } from '../records/check-records.ts';
import type { Run } from './run.ts';

/** "There was nothing to check" is never a success. */
export function reportNothing(
  { findings, topics }: Run,
  judge: Judge,
  { logStart }: Pick<Statements, 'logStart'>,
  plans: readonly Plan[],
): void {
  const { offered, rubbish, noise } = judge.counts;
  const why =
    plans.length > 0
      ? `${plans.length} partitions have a genesis, but no event is sealed yet. Let the ledger service seal something first`
      : judge.keys.statements.length > 0
        ? 'Key statements are accepted, but no partition has a genesis. Let the ledger service start'
        : offered === 0
          ? `Topic ${topics.seals} holds no statement. Let the ledger service start; if it ran before, its statements are gone`
          : `None of the ${offered} records of ${topics.seals} is a valid statement of this log under the root key given (${rubbish} rubbish, ${noise} signed by no valid key` +
            `${logStart > 0 ? `; the first ${logStart} records of the topic were deleted` : ''}). Check the root key and the origin`;
  findings.add({ code: 'nothing-to-check', found: String(offered), message: `There was nothing to check: ${why}.` });
}

/**
 * What is sealed was not held against any record: all of it lies in generations that are closed, or all that there was is lost, and somebody answers
 * for that. Then nothing is wrong that he does not know of, and nothing was verified either.
 * @param isFull whether the run checked all itself; else what earlier runs checked in the topic that is there now counts
 */
export function reportNoneCompared({ findings }: Run, checked: readonly CheckedPlan[], isFull: boolean): void {
  const isCompared = ({ plan, result }: CheckedPlan): boolean =>
    isFull ? (result?.checkedEvents ?? 0) > 0 : plan.state.next > plan.begin;
  if (findings.verdict().exitCode !== 0 || checked.some(isCompared)) return;
  const sealed = checked.reduce((sum, { plan }) => sum + plan.sealedEvents, 0);
  findings.add({
    code: 'nothing-to-check',
    expected: `${sealed} sealed events`,
    found: 'no event that is what was sealed',
    message: `${sealed} events are sealed, and no record is there that could be verified by that: what is acknowledged accounts for all of them. Let the ledger service seal something in the newest generation first.`,
  });
}
