import type { SealEnds } from './judge-memory.ts';
import type { ChainPoint, NeededEnd, SignedStatement } from './judge-types.ts';
import type { GenesisStatement, PartitionStatement, PruneStatement, Statement } from './statement-types.ts';

// One partition's chain (protocol, section 5): what continues a state, and the state after it.

/**
 * Why the statement does not continue a state, or null. `point` null is the partition before its first genesis. `previous` is asked
 * for first, so that an answer about something else says that `previous` fits. A {@link NeededEnd}: it continues if there is this seal.
 */
export function breakOf(
  point: ChainPoint | null,
  statement: PartitionStatement,
  ends: SealEnds,
): string | NeededEnd | null {
  if (point === null) {
    return statement.kind === 'genesis' && statement.generation === 0 ? null : 'the partition has no genesis yet';
  }
  if (statement.previous !== point.hash) return 'previous is not the statement accepted last';
  const { generation } = statement;
  if (statement.kind === 'genesis') {
    return generation === point.generation + 1 ? null : `generation ${point.generation + 1} is next`;
  }
  if (statement.kind === 'prune') return pruneBreak(point, statement, ends);
  if (generation !== point.generation) return `generation ${point.generation} is the current one`;
  if (statement.offsets.first !== point.nextOffset) return `offset ${point.nextOffset} is next`;
  if (statement.kind === 'gap') return null;
  if (statement.seal !== point.nextSeal) return `seal ${point.nextSeal} is next`;
  if (statement.events.first !== point.nextIndex) return `event ${point.nextIndex} is next`;
  return statement.after === point.head ? null : 'after is not the head before';
}

function pruneBreak(point: ChainPoint, statement: PruneStatement, ends: SealEnds): string | NeededEnd | null {
  const { topic, partition, generation, through: index, offset } = statement;
  if (generation > point.generation) return `generation ${point.generation} is the current one`;
  // Ends grow while a point stays: a seal accepted after it is none that it can name.
  if (generation === point.generation && index >= point.nextIndex) return 'the seal it names is later';
  if (index <= (point.pruned.get(generation) ?? -1)) return 'it is not beyond the last prune';
  const known = ends.has(generation, index, offset);
  if (known === null) return { topic, partition, generation, index, offset };
  return known ? null : 'no seal ends with this event at this offset';
}

/** The state after a statement that continues `point`. */
export function evolveChain(point: ChainPoint | null, signed: SignedStatement<PartitionStatement>): ChainPoint {
  const { statement, hash, place, key } = signed;
  const signer = key.vkey;
  if (statement.kind === 'genesis') return afterGenesis(point, statement, { hash, place, signer });
  if (point === null) throw new RangeError(`a ${statement.kind} does not begin a chain`);
  const next = { ...point, hash, place, signer };
  if (statement.kind === 'gap') return { ...next, nextOffset: statement.offsets.last + 1 };
  if (statement.kind === 'prune') {
    return { ...next, pruned: new Map(point.pruned).set(statement.generation, statement.through) };
  }
  return {
    ...next,
    nextSeal: statement.seal + 1,
    nextIndex: statement.events.last + 1,
    nextOffset: statement.offsets.last + 1,
    head: flat(statement.head),
  };
}

function afterGenesis(
  point: ChainPoint | null,
  { topic, partition, generation, topicId, firstOffset }: GenesisStatement,
  met: Pick<ChainPoint, 'hash' | 'place' | 'signer'>,
): ChainPoint {
  return {
    ...met,
    topic,
    partition,
    generation,
    topicId,
    firstOffset,
    nextSeal: 0,
    nextIndex: 0,
    nextOffset: firstOffset,
    // Section 2: the leaf before the first is SHA-256 of the genesis' text, and that is its hash.
    head: met.hash,
    pruned: point?.pruned ?? new Map(),
  };
}

// A part of a text keeps the whole text alive; points are kept by the million.
function flat(text: string): string {
  return Array.from(text).join('');
}

/**
 * Are two statements the same in every line but these?
 */
export function sameBut(a: Statement, b: Statement, but: readonly string[]): boolean {
  const lines = (statement: Statement) =>
    JSON.stringify(
      Object.entries(statement)
        .filter(([name]) => !but.includes(name))
        .sort(([x], [y]) => (x < y ? -1 : 1)),
    );
  return lines(a) === lines(b);
}
