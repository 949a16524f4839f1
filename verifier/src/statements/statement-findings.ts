import { offsetsPlace } from '@tallystick/core/finding';
import type { Findings } from '../domain/findings.ts';
import type { Accepted, Plan } from '../domain/plan.ts';

/** What accepted statements themselves say that a reader must hear of: gaps and later generations are losses, prunes notes. */
export function reportStatements(findings: Findings, chain: readonly Accepted[]): void {
  for (const { hash, statement } of chain) {
    const { kind, topic, partition, generation } = statement;
    const where = { topic, partition, generation, place: hash };
    switch (kind) {
      case 'gap': {
        const { first, last } = statement.offsets;
        findings.add({
          ...where,
          code: 'gap',
          expected: offsetsPlace(first, last),
          message: `The events at offsets ${first} to ${last} were deleted before the ledger sealed them. It says so itself; what they were is not known.`,
        });
        break;
      }
      case 'prune':
        findings.add({
          ...where,
          code: 'prune',
          expected: statement.sha256,
          message: `Events up to offset ${statement.offset} were removed under the rule ${statement.rule}; they are archived at ${statement.archive}.`,
        });
        findings.add({
          topic,
          partition,
          generation,
          code: 'archive-unchecked',
          expected: statement.sha256,
          message: `The archive object ${statement.archive} was not looked at: this release reads no archives, so the events up to offset ${statement.offset} are not verified.`,
        });
        break;
      case 'genesis':
        if (generation === 0) break;
        findings.add({
          ...where,
          code: 'generation',
          expected: null,
          found: statement.reason,
          message: `Generation ${generation} begins at offset ${statement.firstOffset} (${statement.reason}), by order of the root key. Events after the last seal of generation ${generation - 1} and before it are lost to the check.`,
        });
        break;
      case 'seal':
        break;
    }
  }
}

/** A topic or partition that accepted statements speak of and that is not there. */
export function reportMissing(findings: Findings, plan: Plan, what: string): void {
  findings.add({
    ...placeOf(plan),
    code: 'topic-missing',
    expected: plan.genesis.statement.topicId,
    message: `${what}, but accepted statements speak of it: its records are gone.`,
  });
}

/** The topic is another one than the newest genesis says. */
export function reportRecreated(findings: Findings, plan: Plan, topicId: string): void {
  findings.add({
    ...placeOf(plan),
    code: 'topic-recreated',
    expected: plan.genesis.statement.topicId,
    found: topicId,
    message: `Topic ${plan.topic} was deleted and made anew: its id is ${topicId}, the genesis of partition ${plan.partition} says ${plan.genesis.statement.topicId}. The sealed records are gone; what is there now is not checked.`,
  });
}

function placeOf(plan: Plan) {
  const { topic, partition, genesis, from, end } = plan;
  const place = end > from ? offsetsPlace(from, end - 1) : '-';
  return { topic, partition, generation: genesis.statement.generation, place };
}
