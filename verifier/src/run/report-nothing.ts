import type { Judge } from '@tallystick/core/judge';
import type { Plan } from '../domain/plan.ts';
import type { Statements } from '../statements/read-statements.ts';
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
