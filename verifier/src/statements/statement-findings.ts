import { offsetsPlace } from '@tallystick/core/finding';
import type { Findings } from '../domain/findings.ts';
import type { Accepted } from '../domain/plan.ts';

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
