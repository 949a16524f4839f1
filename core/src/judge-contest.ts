import type { Contested, RecordFacts, Settlement } from './judge-types.ts';

/**
 * Settles a contested statement by what the caller found where its records are (protocol, section 5, "What is not accepted"). It is
 * a race if it continues an accepted state and every value that it takes from the records is what they give; the clock `time` of a
 * gap means nothing. It is unjudged if its records are excused. Otherwise it is a fork.
 *
 * A genesis, prune or key statement that the judge contests is never a race by records: those that lost a race are recognised
 * without, by the accepted one that says the same.
 */
export function decideContested({ signed, continues }: Contested, facts: RecordFacts): Settlement {
  const { statement } = signed;
  if (continues === null) return 'fork';
  if (facts.found === 'unreadable')
    return statement.kind === 'genesis' || statement.kind === 'key' ? 'fork' : 'unjudged';
  if (statement.kind === 'seal' && facts.found === 'records') {
    const same =
      statement.root === facts.root &&
      statement.head === facts.head &&
      statement.epoch === facts.epoch &&
      statement.time === facts.time;
    return same ? 'race' : 'fork';
  }
  if (statement.kind === 'gap' && facts.found === 'log-start') {
    return statement.offsets.last < facts.logStart ? 'race' : 'fork';
  }
  return 'fork';
}
