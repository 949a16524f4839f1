import { expect, test } from 'vitest';
import { Findings } from '../src/domain/findings.ts';
import type { SealSection } from '../src/domain/plan.ts';
import { PartitionFindings } from '../src/records/partition-findings.ts';
import type { PlanOfFindings } from '../src/records/partition-findings.ts';

const seals = 200_000;

/** A partition of so many seals of one event each. */
function plan(): PlanOfFindings {
  const at = (index: number): SealSection | undefined =>
    index < 0 || index >= seals
      ? undefined
      : ({
          ...{ kind: 'seal', first: index, last: index, hash: `h${index}`, place: index },
          seal: { generation: 0, seal: index },
        } as unknown as SealSection);
  const sections = {
    length: seals,
    at,
    *[Symbol.iterator]() {
      for (let index = 0; index < seals; index += 1) yield at(index);
    },
  };
  return {
    ...{ topic: 'audit.events', partition: 0, genesis: { statement: { generation: 0 } }, genesisOffset: 0, sections },
    ...{ from: 0, end: seals, floor: 0, readTo: Infinity, prunedTo: new Map() },
  } as unknown as PlanOfFindings;
}

test('a partition that was emptied: every seal is found deleted, and as many are kept as may be', () => {
  const findings = new Findings(100);
  new PartitionFindings(findings, plan(), false).bounds({ logStart: seals, highWatermark: seals });
  expect(findings.list()).toHaveLength(100);
  expect(findings.omittedByCode()).toEqual({ deleted: seals - 100 });
  expect(findings.verdict().exitCode).toBe(1);
});
