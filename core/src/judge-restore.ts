import { decodeUtf8, encodeUtf8, equalBytes } from './encoding.ts';
import { CoreError } from './errors.ts';
import { evolveChain } from './judge-chain.ts';
import { continuesKeys, evolveKeys, locateKey, noKeys, refusalOf } from './judge-keys.ts';
import { isOfRoot, readStatementNote } from './judge-note.ts';
import type { Accepted, Chain, ChainStart } from './judge-partition.ts';
import { stateInvalid, type JudgeState, type SavedPartition, type SavedStatement } from './judge-state.ts';
import type { ChainPoint, KeyState, SignedStatement } from './judge-types.ts';
import type { VerifierKey } from './note.ts';
import { formatStatement, parseStatement, statementHash } from './statement.ts';
import type { GenesisStatement, PartitionStatement, SealStatement, Statement } from './statement-types.ts';

// Between a judge and its saved state. What was saved must hold together; signatures are vouched for by who signed the whole.

/** @param offset of `audit.seals`, behind the last record judged */
export function saveState(size: number, offset: number, keys: KeyState, chains: readonly Chain[]): JudgeState {
  const saved = ({ signed, index }: Accepted): SavedStatement => {
    const entry = keys.entries.find(({ key }) => key === signed.key);
    return { note: decodeUtf8(signed.note), index, key: isOfRoot(signed.statement) ? null : (entry?.number ?? null) };
  };
  return {
    size,
    offset,
    keys: keys.statements.map(({ note }, number) => {
      const { index = 0, offset: at = null } = keys.places[number] ?? {};
      return { note: decodeUtf8(note), index, offset: at };
    }),
    partitions: chains.map(({ point, geneses, last, lastSeal }) => ({
      geneses: geneses.map(formatStatement),
      nextOffset: point.nextOffset,
      pruned: [...point.pruned],
      last: saved(last),
      lastSeal: lastSeal === null || last.signed.statement.kind === 'seal' ? null : saved(lastSeal),
    })),
  };
}

/** @throws CoreError JUDGE_STATE_INVALID */
export function restoreState(
  state: JudgeState,
  origin: string,
  rootKey: VerifierKey,
): { keys: KeyState; chains: ChainStart[] } {
  const restoring = new Restoring(state, origin, rootKey);
  const keys = restoring.keys();
  return { keys, chains: state.partitions.map((partition) => restoring.chain(partition, keys)) };
}

class Restoring {
  readonly #state: JudgeState;
  readonly #origin: string;
  readonly #rootKey: VerifierKey;
  readonly #indices = new Set<number>();
  readonly #chains = new Set<string>();

  constructor(state: JudgeState, origin: string, rootKey: VerifierKey) {
    this.#state = state;
    this.#origin = origin;
    this.#rootKey = rootKey;
  }

  keys(): KeyState {
    let keys = noKeys;
    let before = -1;
    for (const { note, index, offset } of this.#state.keys) {
      const signed = this.#open(note, index, this.#rootKey);
      const { statement } = signed;
      if (statement.kind !== 'key') throw stateInvalid(`a ${statement.kind} statement stands among the keys`);
      if (!continuesKeys(keys, statement)) throw stateInvalid(`key statement ${statement.number} does not continue`);
      const refusal = refusalOf(keys, statement, this.#rootKey);
      if (refusal !== null) throw stateInvalid(`key statement ${statement.number} has no effect: ${refusal}`);
      if (index <= before) throw stateInvalid('key statements are not in the order of the log');
      before = index;
      keys = evolveKeys(keys, { ...signed, statement }, index);
      if (offset === null) continue;
      if (offset >= this.#state.offset) throw stateInvalid(`offset ${offset} of a key was not read yet`);
      keys = locateKey(keys, statement.number, offset);
      if (keys.places.at(-1)?.offset !== offset) throw stateInvalid('key statements are not in the order of the topic');
    }
    return keys;
  }

  chain({ geneses: texts, nextOffset, pruned, last, lastSeal }: SavedPartition, keys: KeyState): ChainStart {
    const geneses = texts.map((text, generation) => genesisOf(text, generation, this.#origin));
    const [first] = geneses;
    const genesis = geneses.at(-1);
    if (first === undefined || genesis === undefined) throw stateInvalid('a partition has no genesis');
    const { topic, partition, generation } = genesis;
    const name = `partition ${partition} of ${topic}`;
    if (geneses.some((each) => each.topic !== topic || each.partition !== partition))
      throw stateInvalid(`genesis statements of several partitions stand in ${name}`);
    if (this.#chains.has(name)) throw stateInvalid(`${name} occurs twice`);
    this.#chains.add(name);

    const accepted = this.#accepted(last, keys, genesis);
    const seal = lastSeal === null ? null : this.#accepted(lastSeal, keys, genesis);
    if (seal !== null && (accepted.signed.statement.kind === 'seal' || seal.index >= accepted.index))
      throw stateInvalid(`the last seal of ${name} is not before its last statement`);
    const newestSeal = sealOf(seal ?? accepted);
    if (seal !== null && (newestSeal === null || accepted.signed.statement.kind === 'genesis'))
      throw stateInvalid(`the last seal of ${name} is none`);
    if (newestSeal !== null && newestSeal.signed.statement.generation !== generation)
      throw stateInvalid(`the last seal of ${name} is of another generation`);
    // Its state is what evolved from the genesis and the last seal; where the next offset is only the statements between say.
    const begun = evolveChain(null, {
      ...accepted.signed,
      statement: genesis,
      hash: statementHash(texts.at(-1) ?? ''),
    });
    const sealed = newestSeal === null ? begun : evolveChain(begun, newestSeal.signed);
    const { hash, place, key } = accepted.signed;
    const point: ChainPoint = { ...sealed, hash, place, signer: key.vkey, nextOffset, pruned: new Map(pruned) };
    checkLast(accepted.signed.statement, point, sealed.nextOffset, texts.at(-1) === accepted.signed.text, name);
    const beyond = pruned.some(([of, to]) => of > generation || (of === generation && to >= point.nextIndex));
    if (point.pruned.size !== pruned.length || beyond)
      throw stateInvalid(`what was pruned of ${name} was never sealed`);
    return { point, geneses, last: accepted, lastSeal: newestSeal };
  }

  #accepted({ note, index, key: number }: SavedStatement, keys: KeyState, genesis: GenesisStatement): Accepted {
    const entry = number === null ? undefined : keys.entries.find((each) => each.number === number);
    if (number !== null && entry?.role !== 'seal') throw stateInvalid(`key statement ${number} added no seal key`);
    const { statement, ...signed } = this.#open(note, index, entry?.key ?? this.#rootKey);
    if (statement.kind === 'key') throw stateInvalid('a key statement stands in a partition');
    if (isOfRoot(statement) !== (number === null)) throw stateInvalid('a statement is signed by a key of another role');
    if (statement.topic !== genesis.topic || statement.partition !== genesis.partition)
      throw stateInvalid('a statement stands in another partition');
    return { signed: { ...signed, statement }, index };
  }

  /** A statement whose signature line names this key. */
  #open(note: string, index: number, key: VerifierKey): SignedStatement {
    const bytes = encodeUtf8(note);
    const read = readStatementNote(bytes, this.#origin);
    if (read.is !== 'statement')
      throw stateInvalid(read.is === 'rubbish' ? read.why : 'a statement of a later version');
    const [line] = read.note.signatures;
    if (line?.name !== key.name || !equalBytes(line.keyId, key.keyId))
      throw stateInvalid(`a statement is not signed by ${key.name}, which it is said to be`);
    if (index >= this.#state.size || this.#indices.has(index))
      throw stateInvalid(`index ${index} is no place of its own`);
    this.#indices.add(index);
    const { text } = read.note;
    return {
      place: { in: 'log', index },
      note: bytes,
      text,
      hash: statementHash(text),
      statement: read.statement,
      key,
    };
  }
}

function genesisOf(text: string, generation: number, origin: string): GenesisStatement {
  let statement: Statement;
  try {
    statement = parseStatement(text);
  } catch (cause) {
    if (cause instanceof CoreError) throw stateInvalid('a genesis does not parse', cause);
    throw cause;
  }
  if (statement.kind !== 'genesis' || statement.generation !== generation || statement.origin !== origin)
    throw stateInvalid(`generation ${generation} has no genesis of its own`);
  return statement;
}

function sealOf({ signed, index }: Accepted): Accepted<SealStatement> | null {
  const { statement } = signed;
  return statement.kind === 'seal' ? { signed: { ...signed, statement }, index } : null;
}

/** Does the last statement say what the state says? `least`: the next offset after genesis and last seal alone. */
function checkLast(last: PartitionStatement, point: ChainPoint, least: number, isGenesis: boolean, name: string): void {
  const fits = (): boolean => {
    switch (last.kind) {
      case 'genesis':
        return isGenesis && point.nextOffset === least;
      case 'seal':
        return last.generation === point.generation && point.nextOffset === least;
      case 'gap':
        return last.generation === point.generation && point.nextOffset === last.offsets.last + 1;
      case 'prune':
        return last.generation <= point.generation && point.pruned.get(last.generation) === last.through;
    }
  };
  if (!fits() || point.nextOffset < least) throw stateInvalid(`the last statement of ${name} says something else`);
}
