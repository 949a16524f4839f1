import type { VerifierKey } from '@tallystick/core/note';
import type { SealStatement } from '@tallystick/core/statement-types';
import type { Anchor, AnchoredPartition } from '../ports/anchor-store.ts';
import type { CopiedStatement, Evidence } from './evidence.ts';

/** What a verification of the copy accepts, as an anchor would remember it; null where nothing is. */
export function anchorOf({ statements, origin }: Evidence, rootKey: VerifierKey): Anchor | null {
  const key = statements.findLast(({ statement }) => statement.kind === 'key');
  if (key?.statement.kind !== 'key') return null;
  const chains = new Map<string, CopiedStatement[]>();
  for (const one of statements) {
    if (one.statement.kind === 'key') continue;
    const name = `${one.statement.topic}/${String(one.statement.partition).padStart(10, '0')}`;
    const chain = chains.get(name);
    if (chain === undefined) chains.set(name, [one]);
    else chain.push(one);
  }
  const partitions = [...chains].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, chain]) => partitionOf(chain));
  const keys = { number: key.statement.number, statement: key.hash };
  return { origin, rootKey: rootKey.vkey, savedAt: 0, keys, partitions, log: null, resume: null };
}

function partitionOf(chain: readonly CopiedStatement[]): AnchoredPartition[] {
  const last = chain.at(-1);
  const begun = chain.findLast(({ statement }) => statement.kind === 'genesis');
  if (last === undefined || last.statement.kind === 'key' || begun?.statement.kind !== 'genesis') return [];
  const { topic, partition, generation, topicId } = begun.statement;
  const seals = chain
    .map(({ statement }) => statement)
    .filter(
      (statement): statement is SealStatement => statement.kind === 'seal' && statement.generation === generation,
    );
  const seal = seals.at(-1);
  return [
    {
      topic,
      partition,
      generation,
      topicId,
      statement: last.hash,
      kind: last.statement.kind,
      count: chain.length,
      seal: seal?.seal ?? null,
      index: seal?.events.last ?? null,
      offset: seal?.offsets.last ?? null,
      head: seal?.head ?? begun.hash,
    },
  ];
}
