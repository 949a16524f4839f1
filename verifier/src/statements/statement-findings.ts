import { offsetsPlace } from '@tallystick/core/finding';
import { placeText } from '@tallystick/core/judge';
import type { Outcome } from '@tallystick/core/judge';
import type { Statement } from '@tallystick/core/statement-types';
import type { Findings, NewFinding } from '../domain/findings.ts';
import type { Accepted } from '../domain/plan.ts';

/** The partition that a statement speaks of, for a finding; nothing where it is of keys, or not known. */
export function chainOf(statement: Statement | null): Pick<NewFinding, 'topic' | 'partition' | 'generation'> {
  if (statement === null || statement.kind === 'key') return {};
  const { topic, partition, generation } = statement;
  return { topic, partition, generation };
}

/** What an accepted statement itself says that a reader must hear of: gaps and later generations are losses, prunes notes. */
export function reportStatement(findings: Findings, { hash, statement }: Accepted): void {
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

/** A key statement that the judge refused. */
export function keyRefused({ signed, why }: Extract<Outcome, { outcome: 'keyRefused' }>): NewFinding {
  const { statement, hash } = signed;
  return {
    code: 'key-refused',
    place: hash,
    expected: null,
    found: statement.key,
    message: `A key statement signed by the root key has no effect (to ${statement.action} a ${statement.role} key): ${why}.`,
  };
}

/** A statement of a later version. @param sealsTopic its name */
export function unknownStatement(
  { place, hash, kind }: Extract<Outcome, { outcome: 'unknownVersion' }>,
  sealsTopic: string,
): NewFinding {
  return {
    code: 'unknown-statement',
    found: hash,
    message: `At ${placeText(place, sealsTopic)} stands a signed statement of a kind that this release does not know (${JSON.stringify(kind)}). What follows it is not judged: verify with a newer release.`,
  };
}

/** An entry of the log that may be signed by a key which such a statement added. */
export function unknownSigner(index: number): NewFinding {
  return {
    code: 'unknown-statement',
    found: `entry ${index}`,
    message: `Entry ${index} of the published log is signed by no known key, behind a statement of the root key that this release does not know: verify with a newer release.`,
  };
}
