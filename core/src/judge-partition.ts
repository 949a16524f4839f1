import { evolveChain, sameBut } from './judge-chain.ts';
import { NewestMap, SealEnds } from './judge-memory.ts';
import type { ChainPoint, PartitionState, Place, SignedStatement } from './judge-types.ts';
import type {
  Base64Hash,
  GapStatement,
  GenesisStatement,
  PartitionStatement,
  PruneStatement,
  SealStatement,
} from './statement-types.ts';

/** How much a chain remembers: see `JudgeOptions`. */
export interface Memory {
  readonly remember: number;
  readonly rememberEnds: number;
}

/** An accepted statement and its index in the log. */
export interface Accepted<S extends PartitionStatement = PartitionStatement> {
  readonly signed: SignedStatement<S>;
  readonly index: number;
}

/** What a chain goes on from after a restart: see `JudgeState`. */
export interface ChainStart {
  readonly point: ChainPoint;
  readonly geneses: readonly GenesisStatement[];
  readonly last: Accepted;
  readonly lastSeal: Accepted<SealStatement> | null;
}

/** One partition's chain, with what later statements are compared with. */
export class Chain {
  readonly #points: NewestMap<ChainPoint>;
  readonly #asides: (GapStatement | PruneStatement)[] = [];
  readonly #remember: number;
  #point: ChainPoint;
  #geneses: readonly GenesisStatement[];
  #last: Accepted;
  #lastSeal: Accepted<SealStatement> | null;
  #accepted = 0;
  #restored = false;
  /** Where the topic holds what was read from the log: index there and offset here, both ascending. */
  readonly #located: { readonly index: number; readonly offset: number }[] = [];
  readonly ends: SealEnds;

  private constructor({ remember, rememberEnds }: Memory, { point, geneses, last, lastSeal }: ChainStart) {
    this.#points = new NewestMap(remember);
    this.#remember = remember;
    this.ends = new SealEnds(rememberEnds);
    this.#point = point;
    this.#geneses = geneses;
    this.#last = last;
    this.#lastSeal = lastSeal;
    this.#remembered(point);
  }

  /** Begins with generation 0. */
  static begin(memory: Memory, signed: SignedStatement<GenesisStatement>, index: number): Chain {
    const point = evolveChain(null, signed);
    return new Chain(memory, { point, geneses: [signed.statement], last: { signed, index }, lastSeal: null });
  }

  /**
   * Goes on from what was accepted before, knowing nothing of what led to it.
   * @param placed whether that has its place before all that the topic is read from now on: another copy further on is a resend
   */
  static resume(memory: Memory, start: ChainStart, placed: boolean): Chain {
    const chain = new Chain(memory, start);
    chain.#restored = true;
    if (placed) chain.#located.push({ index: start.last.index, offset: -1 });
    const seal = start.lastSeal?.signed.statement;
    chain.ends.forgetUpTo(start.point.generation, seal === undefined ? -1 : seal.events.first - 1);
    if (seal !== undefined) chain.ends.add(seal.generation, seal.events.last, seal.offsets.last);
    return chain;
  }

  /** Accepts a statement that continues the chain. */
  accept(signed: SignedStatement<PartitionStatement>, index: number): void {
    const { statement } = signed;
    this.#point = evolveChain(this.#point, signed);
    this.#last = { signed, index };
    if (statement.kind === 'genesis') {
      this.#geneses = [...this.#geneses, statement];
      this.#lastSeal = null;
    } else if (statement.kind === 'seal') {
      this.#lastSeal = { signed: { ...signed, statement }, index };
      this.ends.add(statement.generation, statement.events.last, statement.offsets.last);
    } else {
      this.#asides.push(statement);
      if (this.#asides.length > this.#remember) this.#asides.shift();
    }
    this.#remembered(this.#point);
  }

  get point(): ChainPoint {
    return this.#point;
  }

  get state(): PartitionState {
    return {
      ...this.#point,
      geneses: this.#geneses,
      last: this.#last.signed,
      lastSeal: this.#lastSeal?.signed ?? null,
    };
  }

  get last(): Accepted {
    return this.#last;
  }

  get lastSeal(): Accepted<SealStatement> | null {
    return this.#lastSeal;
  }

  get geneses(): readonly GenesisStatement[] {
    return this.#geneses;
  }

  /** Whether accepted statements are no longer remembered. */
  get forgot(): boolean {
    return this.#restored || this.#accepted > this.#remember;
  }

  /** The state after an accepted statement, where it is remembered. */
  at(hash: Base64Hash): ChainPoint | undefined {
    return this.#points.get(hash);
  }

  /**
   * Says where the topic holds a remembered statement of the log. Only its first place counts, and none behind a later statement of the
   * chain: there it was produced again, and has the place of its `previous`.
   */
  locate(point: ChainPoint, offset: number): void {
    const last = this.#located.at(-1);
    if (point.place.in === 'seals' || (last !== undefined && last.index >= point.place.index)) return;
    this.#located.push({ index: point.place.index, offset });
  }

  /** Was a remembered statement accepted before this place? What only the log holds has the place of its `previous`. */
  isBefore(point: ChainPoint, place: Place): boolean {
    const own = point.place;
    if (own.in === 'seals' || place.in === 'log') return true;
    const at = this.#located.findLast(({ index }) => index <= own.index);
    return at === undefined || at.offset < place.offset;
  }

  /**
   * Does the statement lie below what is remembered? Then it is one that was accepted and forgotten, or one that lost to such a one: of
   * a later one the statement before it would be remembered, or is none that was ever accepted.
   */
  isPast(statement: PartitionStatement, hash: Base64Hash): boolean {
    const { previous } = statement;
    if (!this.forgot || previous === this.#point.hash || this.#points.get(hash) !== undefined) return false;
    if (previous !== null && this.#points.get(previous) !== undefined) return false;
    const { generation, nextOffset } = this.#points.oldest ?? this.#point;
    if (statement.kind === 'prune') return statement.generation <= this.#point.generation;
    if (statement.kind === 'genesis') return statement.generation <= generation;
    return (
      statement.generation < generation || (statement.generation === generation && statement.offsets.first < nextOffset)
    );
  }

  /** Is a statement that does not continue, except for its clock, what an accepted one says? */
  saysNothingNew(statement: PartitionStatement): boolean {
    if (statement.kind === 'seal') return false;
    if (statement.kind === 'genesis') {
      const accepted: GenesisStatement | undefined = this.#geneses[statement.generation];
      return accepted !== undefined && sameBut(accepted, statement, ['time']);
    }
    return this.#asides.some((accepted) => sameBut(accepted, statement, ['previous', 'time']));
  }

  #remembered(point: ChainPoint): void {
    this.#points.add(point.hash, point);
    this.#accepted += 1;
  }
}
