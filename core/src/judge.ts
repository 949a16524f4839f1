import { verifyEd25519 } from './ed25519.ts';
import { breakOf, sameBut } from './judge-chain.ts';
import { Evidence, noCounts } from './judge-evidence.ts';
import { continuesKeys, evolveKeys, keysAt, keysNow, locateKey, noKeys, refusalOf } from './judge-keys.ts';
import { SealEnds } from './judge-memory.ts';
import { Reached } from './judge-reached.ts';
import { sealKeysAt, Signers } from './judge-signers.ts';
import { isOfRoot, readStatementNote, type ReadStatement } from './judge-note.ts';
import { Chain, type Memory } from './judge-partition.ts';
import { restoreState, saveState } from './judge-restore.ts';
import type { JudgeState } from './judge-state.ts';
import type {
  ChainPoint,
  Contested,
  JudgeCounts,
  JudgeOptions,
  KeyState,
  NeededEnd,
  Outcome,
  PartitionState,
  Place,
  RecordFacts,
  Settlement,
  SignedStatement,
} from './judge-types.ts';
import type { SignedNote, VerifierKey } from './note.ts';
import type { Base64Hash, KeyRole, KeyStatement, PartitionStatement, Statement } from './statement-types.ts';

export type * from './judge-types.ts';
export type { JudgeState, SavedKey, SavedPartition, SavedStatement } from './judge-state.ts';
export { placeText } from './judge-types.ts';
export { decideContested } from './judge-contest.ts';
export { readStatementNote, type ReadNote, type ReadStatement } from './judge-note.ts';
export { forgetTopic, readJudgeState } from './judge-state.ts';

type Unsigned<S extends Statement> = Omit<SignedStatement<S>, 'key'>;

/**
 * Says of every statement note what it is: "first valid wins" (protocol, section 5) as a state machine. It reads no records, no clock and
 * no network, never throws on what it is offered, and gives the same outcomes for the same notes at the same places, so that
 * whoever reads the same log and topic agrees on what is accepted.
 *
 * Where there is a log, its entries are offered first, in log order, and each must be `accepted`, or the log was tampered with; then the
 * records of `audit.seals`. Each note costs a parse; a signature is checked only where a line claims a key that is valid at that place.
 */
export class Judge {
  readonly #origin: string;
  readonly #rootKey: VerifierKey;
  readonly #memory: Memory;
  readonly #chains = new Map<string, Chain>();
  readonly #evidence: Evidence;
  #keys: KeyState = noKeys;
  /** Key statements below this number have their places for good. */
  #placedKeys = 0;
  readonly #at = new Reached();
  readonly #signers: Signers;
  readonly #read: ReadStatement;
  readonly #counts = noCounts();

  constructor(options: JudgeOptions) {
    const { origin, rootKey, verify = verifyEd25519, read = readStatementNote, evidence = 1024 } = options;
    const { remember = Infinity, rememberEnds = Infinity } = options;
    this.#origin = origin;
    this.#rootKey = rootKey;
    this.#signers = new Signers(rootKey, verify);
    this.#read = read;
    this.#memory = { remember, rememberEnds };
    this.#evidence = new Evidence(evidence, Math.max(evidence, remember), this.#counts);
  }

  /**
   * A judge that goes on from a saved state: offer it what the log holds from entry `state.size` on, then the records of `audit.seals`
   * from `state.offset` on (after {@link forgetTopic} from any offset). It remembers of each partition the last statement only.
   * @throws CoreError JUDGE_STATE_INVALID. Signatures are not checked again: whoever signed the state vouches for them.
   */
  static restore(options: JudgeOptions, state: JudgeState): Judge {
    const judge = new Judge(options);
    const { keys, chains } = restoreState(state, options.origin, options.rootKey);
    judge.#keys = keys;
    // Where records of the topic were judged before, all of this has its place among them.
    const placed = state.offset > 0;
    for (const start of chains) judge.#chains.set(chainId(start.point), Chain.resume(judge.#memory, start, placed));
    judge.#placedKeys = placed ? keys.nextNumber : 0;
    judge.#at.resume(state);
    return judge;
  }

  /**
   * All that is needed to go on from here, as plain JSON: it grows with partitions, generations and keys, not with statements. Contested
   * statements and races are no part of it. Where the log was read first, save only once the topic was read to where it holds that log:
   * what goes on from the state takes every statement in it for one that stands before `state.offset`.
   */
  save(): JudgeState {
    return saveState(this.#at.size, this.#at.lastOffset + 1, this.#keys, [...this.#chains.values()]);
  }

  get counts(): JudgeCounts {
    return { ...this.#counts };
  }

  get keys(): KeyState {
    return this.#keys;
  }

  /** Accepted statements: the size of the log once it holds them all. */
  get size(): number {
    return this.#at.size;
  }

  /** The state of a partition, or null before its genesis 0 was accepted. */
  partition(topic: string, partition: number): PartitionState | null {
    return this.#chains.get(chainId({ topic, partition }))?.state ?? null;
  }

  /** Every partition with an accepted genesis, in the order of their first ones. */
  partitions(): PartitionState[] {
    return [...this.#chains.values()].map(({ state }) => state);
  }

  /** The state after one accepted statement, or null where this one was not accepted or is no longer remembered. */
  point(topic: string, partition: number, hash: Base64Hash): ChainPoint | null {
    return this.#chains.get(chainId({ topic, partition }))?.at(hash) ?? null;
  }

  /** The keys of a role that are valid at a place (without one: after everything that was offered). */
  validKeys(role: KeyRole, place?: Place): VerifierKey[] {
    return place === undefined ? keysNow(this.#keys, role) : keysAt(this.#keys, role, place);
  }

  /** Contested statements that are kept and not yet settled, in order of their places. */
  open(): Contested[] {
    return this.#evidence.contested(undefined);
  }

  /** Contested statements that were settled so and are kept, in order of their places, without those that continued later after all. */
  settled(as: Settlement): Contested[] {
    return this.#evidence.contested(as);
  }

  /**
   * Settles a contested statement by {@link decideContested} and remembers the result: a race is counted as one from now on, the
   * others stay contested. Settling one that was withdrawn or is not kept changes no count.
   */
  settle(contested: Contested, facts: RecordFacts): Settlement {
    return this.#evidence.settle(contested, facts);
  }

  /**
   * Says where `audit.seals` holds a statement that the log holds, before its records are offered. Who offers entries of the log passes
   * once over the topic with this, in the order of its offsets: a record is judged at its place, where statements that stand behind it
   * did not count yet. What this was not told of is taken for a statement that only the log holds: it has the place of its `previous`.
   * @returns whether it is an accepted statement that is remembered, signed by the same key
   */
  locate(note: Uint8Array | null, offset: number): boolean {
    const read = this.#read(note, this.#origin);
    if (read.is !== 'statement') return false;
    const { statement, hash } = read;
    if (statement.kind === 'key') {
      const held = this.#keys.statements[statement.number]?.hash === hash;
      if (!held || this.#signers.of(read.note, [this.#rootKey]) === null) return false;
      this.#locateKey(statement.number, offset);
      return true;
    }
    const chain = this.#chains.get(chainId(statement));
    const point = chain?.at(hash);
    if (chain === undefined || point === undefined) return false;
    const signer = [this.#rootKey, ...this.#keys.entries.map(({ key }) => key)].find(
      ({ vkey }) => vkey === point.signer,
    );
    if (signer === undefined || this.#signers.of(read.note, [signer]) === null) return false;
    chain.locate(point, offset);
    return true;
  }

  /** Answers what a prune needed: whether the log holds an accepted seal of that partition and generation with that end. */
  answer(needs: NeededEnd, found: boolean): void {
    this.#chains.get(chainId(needs))?.ends.answer(needs, found);
  }

  /**
   * Judges the value of one record of `audit.seals` or one entry of the log. Records of control batches are no statements: do not
   * offer them.
   * @param note the record's value, or the entry
   * @param place must lie behind every place before (after `needsHistory`: the same again); the log comes before the topic
   * @throws RangeError where places do not ascend
   */
  offer(note: Uint8Array | null, place: Place): Outcome {
    this.#at.begin(place);
    this.#counts.offered += 1;
    const outcome = this.#judge(note, place);
    this.#counts[outcome.outcome] += 1;
    if (outcome.outcome !== 'needsHistory') this.#at.pass(place);
    return outcome;
  }

  #judge(bytes: Uint8Array | null, place: Place): Outcome {
    const read = this.#read(bytes, this.#origin);
    if (read.is === 'rubbish') return { outcome: 'rubbish', why: read.why };
    if (read.is === 'unknown') return this.#judgeUnknown(read.note, read.hash, place);
    const { note, hash, statement } = read;
    const met = { place, note: bytes?.slice() ?? new Uint8Array(), text: note.text, hash };
    if (statement.kind === 'key') return this.#judgeKey({ ...met, statement }, note);
    return this.#judgePartition({ ...met, statement }, note);
  }

  #judgeKey(unsigned: Unsigned<KeyStatement>, note: SignedNote): Outcome {
    const key = this.#signers.of(note, [this.#rootKey]);
    if (key === null) return noise('a key statement is signed by the root key');
    const signed = { ...unsigned, key };
    const { statement, place, hash } = signed;
    const refusal = refusalOf(this.#keys, statement, this.#rootKey);
    const { effective = -1 } = this.#keys.places.at(-1) ?? {};
    const inTime = place.in === 'log' || effective < place.offset;
    if (continuesKeys(this.#keys, statement) && inTime && refusal === null) {
      this.#keys = evolveKeys(this.#keys, signed, this.#at.size);
      return this.#accepted(signed, []);
    }
    const accepted = this.#keys.statements[statement.number];
    if (accepted?.hash === hash) {
      if (place.in === 'seals') this.#locateKey(statement.number, place.offset);
      return { outcome: 'repeated', place, hash };
    }
    if (this.#evidence.has(signed)) return { outcome: 'repeated', place, hash };
    if (accepted !== undefined && sameBut(accepted.statement, statement, ['time'])) return this.#evidence.race(signed);
    if (refusal !== null) {
      this.#evidence.keep(signed, { as: 'keyRefused' });
      return { outcome: 'keyRefused', signed, why: refusal };
    }
    if (this.#evidence.followsUnknown(statement)) return this.#evidence.afterUnknown(signed);
    const why = `key statement ${this.#keys.nextNumber} is next, with the hash of the one before`;
    return this.#evidence.contest({ signed, continues: null, forgotten: false, why });
  }

  #locateKey(number: number, offset: number): void {
    if (number >= this.#placedKeys) this.#keys = locateKey(this.#keys, number, offset);
  }

  #judgePartition(unsigned: Unsigned<PartitionStatement>, note: SignedNote): Outcome {
    const { statement, hash, place } = unsigned;
    const chain = this.#chains.get(chainId(statement));
    if (this.#at.fromLog && chain?.isPast(statement, hash) === true) return { outcome: 'past', place, hash };
    const accepted = chain?.at(hash);
    const key = this.#signers.of(note, this.#signers.possible(this.#keys, statement, place, accepted));
    if (key === null)
      return noise(
        `a ${statement.kind} like this is signed by a ${isOfRoot(statement) ? 'root' : 'seal'} key that is valid here`,
      );
    const signed = { ...unsigned, key };
    const isSeen = (point: ChainPoint) => chain?.isBefore(point, place) === true;
    const early =
      chain === undefined || isSeen(chain.point) ? null : 'the statement that it would continue stands behind it';
    const broken = breakOf(chain?.point ?? null, statement, chain?.ends ?? new SealEnds(0)) ?? early;
    if (broken === null) return this.#acceptInPartition(chain, signed);
    if (typeof broken !== 'string') return { outcome: 'needsHistory', signed, needs: broken };
    if (accepted?.signer === key.vkey || this.#evidence.has(signed)) return { outcome: 'repeated', place, hash };
    if (accepted !== undefined || chain?.saysNothingNew(statement) === true) return this.#evidence.race(signed);
    if (this.#evidence.followsUnknown(statement)) return this.#evidence.afterUnknown(signed);
    const point = statement.previous === null ? undefined : chain?.at(statement.previous);
    const seen = point !== undefined && isSeen(point);
    const then = !seen || chain === undefined ? '' : breakOf(point, statement, chain.ends);
    const forgotten = (point === undefined && chain?.forgot === true) || (then !== null && typeof then !== 'string');
    const continues = then === null ? (point ?? null) : null;
    return this.#evidence.contest({ signed, continues, forgotten, why: broken });
  }

  #acceptInPartition(chain: Chain | undefined, signed: SignedStatement<PartitionStatement>): Outcome {
    const { statement, key } = signed;
    // Pending statements count after all that the log holds: a key that it retires signs none of them.
    if (!isOfRoot(statement) && !keysNow(this.#keys, 'seal').includes(key))
      return noise('it continues, but the log retires the seal key that signed it');
    if (chain !== undefined) chain.accept(signed, this.#at.size);
    else if (statement.kind === 'genesis')
      this.#chains.set(chainId(statement), Chain.begin(this.#memory, { ...signed, statement }, this.#at.size));
    const aside = statement.kind === 'gap' || statement.kind === 'prune';
    return this.#accepted(signed, aside ? this.#evidence.turnIntoRaces(statement) : []);
  }

  #accepted(signed: SignedStatement, races: readonly Contested[]): Outcome {
    this.#at.size += 1;
    return { outcome: 'accepted', signed, withdrawn: this.#evidence.withdraw(signed), races };
  }

  #judgeUnknown(note: SignedNote, hash: Base64Hash, place: Place): Outcome {
    const key = this.#signers.of(note, [this.#rootKey, ...sealKeysAt(this.#keys, place)]);
    const kind = note.text.slice(0, note.text.indexOf('\n'));
    if (key === null)
      return noise('of an unknown version and signed by neither the root key nor a seal key that is valid here');
    if (this.#evidence.has({ hash, key })) return { outcome: 'repeated', place, hash };
    return this.#evidence.unknownVersion({ hash, key, place, kind });
  }
}

function chainId({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${partition}/${topic}`;
}

function noise(why: string): Outcome {
  return { outcome: 'noise', why };
}
