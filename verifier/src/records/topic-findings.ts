import { offsetsPlace } from '@tallystick/core/finding';
import type { Findings } from '../domain/findings.ts';
import type { Plan } from '../domain/plan.ts';

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
