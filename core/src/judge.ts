import { CoreError } from './errors.ts';
import { verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import { breakOf, evolveChain, lastSealAfter, NewestHashes, sameBut, SealEnds } from './judge-chain.ts';
import { decideContested } from './judge-contest.ts';
import { continuesKeys, evolveKeys, keysAt, noKeys, refusalOf } from './judge-keys.ts';
import type {
  ChainPoint,
  Contested,
  JudgeCounts,
  JudgeOptions,
  KeyState,
  Outcome,
  PartitionState,
  Place,
  RecordFacts,
  Settlement,
  SignedStatement,
} from './judge-types.ts';
import { noteSignedBy, parseNote, type SignedNote, type VerifierKey } from './note.ts';
import { maxStatementNoteBytes, parseStatement, statementHash } from './statement.ts';
import type {
  Base64Hash,
  GapStatement,
  GenesisStatement,
  KeyRole,
  KeyStatement,
  PartitionStatement,
  PruneStatement,
  Statement,
} from './statement-types.ts';

export type * from './judge-types.ts';
export { decideContested } from './judge-contest.ts';

/** A statement met and not accepted, so that it counts once. */
interface Met {
  as: 'contested' | 'race' | 'keyRefused' | 'unknownVersion' | 'afterUnknown';
  readonly contested?: Contested;
  settlement?: Settlement;
}

/** One partition's chain, with what later statements are compared with. */
interface Chain {
  state: PartitionState;
  /** Accepted statements by hash, oldest first. */
  readonly points: Map<Base64Hash, ChainPoint>;
  readonly ends: SealEnds;
  readonly asides: (GapStatement | PruneStatement)[];
  forgot: boolean;
}

type Counts = { -readonly [K in keyof JudgeCounts]: JudgeCounts[K] };

/**
 * Says of every statement note what it is: "first valid wins" (protocol, section 5) as a state machine. It reads no records, no clock and
 * no network, never throws on what it is offered, and gives the same outcomes for the same notes at the same places, so that
 * whoever reads the same topic agrees on what is accepted.
 *
 * Each note costs a parse; a signature is checked only where a line claims a key that is valid at that place.
 */
export class Judge {
  readonly #origin: string;
  readonly #rootKey: VerifierKey;
  readonly #verify: Ed25519Verify;
  readonly #evidence: number;
  readonly #remember: number;
  readonly #chains = new Map<string, Chain>();
  readonly #met = new Map<string, Met>();
  readonly #kept = { contested: 0, race: 0, keyRefused: 0, unknownVersion: 0, afterUnknown: 0 };
  /** Hashes of unknown versions and of what follows them. */
  readonly #unknown: NewestHashes;
  #keys: KeyState = noKeys;
  #lastOffset = -1;
  readonly #counts: Counts = {
    offered: 0,
    accepted: 0,
    repeated: 0,
    rubbish: 0,
    noise: 0,
    keyRefused: 0,
    race: 0,
    contested: 0,
    dropped: 0,
    unknownVersion: 0,
    afterUnknown: 0,
  };

  constructor({ origin, rootKey, verify = verifyEd25519, evidence = 1024, remember = Infinity }: JudgeOptions) {
    this.#origin = origin;
    this.#rootKey = rootKey;
    this.#verify = verify;
    this.#evidence = evidence;
    this.#remember = remember;
    this.#unknown = new NewestHashes(Math.max(evidence, remember));
  }

  get counts(): JudgeCounts {
    return { ...this.#counts };
  }

  get keys(): KeyState {
    return this.#keys;
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
    return this.#chains.get(chainId({ topic, partition }))?.points.get(hash) ?? null;
  }

  /** The keys of a role that are valid at a place (without one: after everything that was offered). */
  validKeys(role: KeyRole, place: Place = { in: 'seals', offset: this.#lastOffset + 1 }): VerifierKey[] {
    return keysAt(this.#keys, role, place);
  }

  /** Contested statements that are kept and not yet settled, in order of their places. */
  open(): Contested[] {
    return this.#contested((met) => met.settlement === undefined);
  }

  /** Contested statements that were settled so and are kept, in order of their places, without those that continued later after all. */
  settled(as: Settlement): Contested[] {
    return this.#contested((met) => met.settlement === as);
  }

  /**
   * Settles a contested statement by {@link decideContested} and remembers the result: a race is counted as one from now on, the
   * others stay contested. Settling one that was withdrawn or is not kept changes no count.
   */
  settle(contested: Contested, facts: RecordFacts): Settlement {
    const settlement = decideContested(contested, facts);
    const met = this.#met.get(metId(contested.signed));
    if (met?.contested === contested && met.settlement === undefined) this.#settle(met, settlement);
    return settlement;
  }

  /**
   * Judges the value of one record of `audit.seals`. Records of control batches are no statements: do not offer them.
   * @param note the record's value
   * @param place must lie behind every place before
   * @throws RangeError where places do not ascend
   */
  offer(note: Uint8Array | null, place: Place): Outcome {
    if (!(place.offset > this.#lastOffset)) {
      throw new RangeError(
        `place ${place.offset} is not behind ${this.#lastOffset}: statements are judged in the order of their places`,
      );
    }
    this.#lastOffset = place.offset;
    this.#counts.offered += 1;
    const outcome = this.#judge(note, place);
    this.#counts[outcome.outcome] += 1;
    return outcome;
  }

  #judge(bytes: Uint8Array | null, place: Place): Outcome {
    if (bytes === null) return rubbish('the record has no value');
    if (bytes.length > maxStatementNoteBytes)
      return rubbish(`${bytes.length} bytes are more than a statement may have`);
    let note: SignedNote;
    try {
      note = parseNote(bytes);
    } catch (error) {
      return rubbish(reason(error));
    }
    let statement: Statement;
    try {
      statement = parseStatement(note.text);
    } catch (error) {
      if (error instanceof CoreError && error.code === 'STATEMENT_UNKNOWN') return this.#judgeUnknown(note, place);
      return rubbish(reason(error));
    }
    const [signature, ...more] = note.signatures;
    if (more.length > 0) return rubbish(`${note.signatures.length} signature lines; a statement has one`);
    if (signature?.signature.length !== 64) return rubbish('its signature is not an Ed25519 one');
    if (statement.origin !== this.#origin) return rubbish(`it is of the log ${JSON.stringify(statement.origin)}`);

    const key = this.#signerOf(note, this.#mayHaveSigned(statement, place));
    const hash = statementHash(note.text);
    const met = { place, note: bytes.slice(), text: note.text, hash };
    if (statement.kind === 'key') return this.#judgeKey({ ...met, statement }, key);
    return this.#judgePartition({ ...met, statement }, key);
  }

  #judgeKey(unsigned: Omit<SignedStatement<KeyStatement>, 'key'>, key: VerifierKey | null): Outcome {
    if (key === null) return noise('a key statement is signed by the root key');
    const signed = { ...unsigned, key };
    const { statement, place, hash } = signed;
    const refusal = refusalOf(this.#keys, statement, this.#rootKey, place);
    const continues = continuesKeys(this.#keys, statement);
    if (continues && refusal === null) {
      this.#keys = evolveKeys(this.#keys, signed);
      return this.#accepted(signed, []);
    }
    const accepted = this.#keys.statements[statement.number];
    if (accepted?.hash === hash || this.#met.has(metId(signed)))
      return { outcome: 'repeated', place: signed.place, hash };
    if (accepted !== undefined && sameBut(accepted.statement, statement, ['time'])) return this.#race(signed);
    if (refusal !== null) {
      this.#keep(signed, { as: 'keyRefused' });
      return { outcome: 'keyRefused', signed, why: refusal };
    }
    if (this.#followsUnknown(statement)) return this.#afterUnknown(signed);
    return this.#contest(
      signed,
      null,
      false,
      `key statement ${this.#keys.nextNumber} is next, with the hash of the one before`,
    );
  }

  #judgePartition(unsigned: Omit<SignedStatement<PartitionStatement>, 'key'>, key: VerifierKey | null): Outcome {
    const { statement, hash } = unsigned;
    const id = chainId(statement);
    const chain = this.#chains.get(id);
    if (key === null)
      return noise(
        `a ${statement.kind} like this is signed by a ${isOfRoot(statement) ? 'root' : 'seal'} key that is valid here`,
      );
    const signed = { ...unsigned, key };
    const why = breakOf(chain?.state ?? null, statement, chain?.ends ?? new SealEnds());
    if (why === null) return this.#acceptInPartition(id, chain, signed);
    const accepted = chain?.points.get(hash);
    if (accepted?.signer === key.vkey || this.#met.has(metId(signed)))
      return { outcome: 'repeated', place: signed.place, hash };
    if (accepted !== undefined || (chain !== undefined && saysNothingNew(chain, statement))) return this.#race(signed);
    if (this.#followsUnknown(statement)) return this.#afterUnknown(signed);
    const point = statement.previous === null ? undefined : chain?.points.get(statement.previous);
    const continues =
      point !== undefined && chain !== undefined && breakOf(point, statement, chain.ends) === null ? point : null;
    return this.#contest(signed, continues, point === undefined && chain?.forgot === true, why);
  }

  #acceptInPartition(id: string, chain: Chain | undefined, signed: SignedStatement<PartitionStatement>): Outcome {
    const { statement, hash } = signed;
    const before = chain?.state;
    const point = evolveChain(before ?? null, signed);
    const state: PartitionState = {
      ...point,
      geneses: statement.kind === 'genesis' ? [...(before?.geneses ?? []), statement] : (before?.geneses ?? []),
      last: signed,
      lastSeal: lastSealAfter(before?.lastSeal ?? null, signed),
    };
    const next: Chain = chain ?? { state, points: new Map(), ends: new SealEnds(), asides: [], forgot: false };
    if (chain === undefined) this.#chains.set(id, next);
    next.state = state;
    next.points.set(hash, point);
    if (next.points.size > this.#remember) {
      const [oldest] = next.points.keys();
      if (oldest !== undefined) next.points.delete(oldest);
      next.forgot = true;
    }
    if (statement.kind === 'seal') next.ends.add(statement);
    if (statement.kind !== 'gap' && statement.kind !== 'prune') return this.#accepted(signed, []);
    next.asides.push(statement);
    return this.#accepted(signed, this.#turnIntoRaces(statement));
  }

  #accepted(signed: SignedStatement, races: readonly Contested[]): Outcome {
    const id = metId(signed);
    const met = this.#met.get(id);
    if (met === undefined) return { outcome: 'accepted', signed, withdrawn: null, races };
    this.#met.delete(id);
    this.#kept[met.as] -= 1;
    this.#counts[met.settlement === 'race' ? 'race' : met.as] -= 1;
    return { outcome: 'accepted', signed, withdrawn: met.contested ?? null, races };
  }

  // "So did a gap or prune that has all lines but `previous` and `time` of an accepted one": also of one accepted later.
  #turnIntoRaces(accepted: GapStatement | PruneStatement): Contested[] {
    const races: Contested[] = [];
    for (const met of this.#met.values()) {
      const statement = met.contested?.signed.statement;
      if (met.contested === undefined || met.settlement !== undefined || statement?.kind !== accepted.kind) continue;
      if (!sameBut(statement, accepted, ['previous', 'time'])) continue;
      this.#settle(met, 'race');
      races.push(met.contested);
    }
    return races;
  }

  #judgeUnknown(note: SignedNote, place: Place): Outcome {
    const key = this.#signerOf(note, [this.#rootKey, ...keysAt(this.#keys, 'seal', place)]);
    const kind = note.text.slice(0, note.text.indexOf('\n'));
    if (key === null)
      return noise('of an unknown version and signed by neither the root key nor a seal key that is valid here');
    const hash = statementHash(note.text);
    if (this.#met.has(metId({ hash, key }))) return { outcome: 'repeated', place, hash };
    this.#unknown.add(hash);
    this.#keep({ hash, key }, { as: 'unknownVersion' });
    return { outcome: 'unknownVersion', place, hash, kind, key };
  }

  #followsUnknown({ previous }: Statement): boolean {
    return previous !== null && this.#unknown.has(previous);
  }

  #afterUnknown(signed: SignedStatement): Outcome {
    this.#unknown.add(signed.hash);
    this.#keep(signed, { as: 'afterUnknown' });
    return { outcome: 'afterUnknown', signed };
  }

  #race(signed: SignedStatement): Outcome {
    this.#keep(signed, { as: 'race' });
    return { outcome: 'race', signed };
  }

  #contest(signed: SignedStatement, continues: ChainPoint | null, forgotten: boolean, why: string): Outcome {
    const kept = this.#kept.contested < this.#evidence;
    const contested = { signed, continues, forgotten, kept, why };
    if (kept) this.#keep(signed, { as: 'contested', contested });
    else this.#counts.dropped += 1;
    return { outcome: 'contested', contested };
  }

  #keep(signed: Pick<SignedStatement, 'hash' | 'key'>, met: Met): void {
    const id = metId(signed);
    if (this.#kept[met.as] >= this.#evidence || this.#met.has(id)) return;
    this.#met.set(id, met);
    this.#kept[met.as] += 1;
  }

  #settle(met: Met, settlement: Settlement): void {
    met.settlement = settlement;
    if (settlement !== 'race') return;
    this.#counts.contested -= 1;
    this.#counts.race += 1;
    // Two ledgers alive for long lose any number of races: one that is settled leaves its place to the next.
    this.#kept.contested -= 1;
    met.as = 'race';
    if (this.#kept.race < this.#evidence) this.#kept.race += 1;
    else if (met.contested !== undefined) this.#met.delete(metId(met.contested.signed));
  }

  #contested(which: (met: Met) => boolean): Contested[] {
    const found: Contested[] = [];
    for (const met of this.#met.values()) if (met.contested !== undefined && which(met)) found.push(met.contested);
    return found;
  }

  #mayHaveSigned(statement: Statement, place: Place): VerifierKey[] {
    return isOfRoot(statement) ? [this.#rootKey] : keysAt(this.#keys, 'seal', place);
  }

  #signerOf(note: SignedNote, keys: readonly VerifierKey[]): VerifierKey | null {
    return keys.find((key) => noteSignedBy(note, key, this.#verify)) ?? null;
  }
}

function isOfRoot(statement: Statement): boolean {
  return statement.kind === 'key' || (statement.kind === 'genesis' && statement.generation > 0);
}

/** Is a statement that does not continue, except for its clock, what an accepted one says? */
function saysNothingNew(chain: Chain, statement: PartitionStatement): boolean {
  if (statement.kind === 'seal') return false;
  if (statement.kind === 'genesis') {
    const accepted: GenesisStatement | undefined = chain.state.geneses[statement.generation];
    return accepted !== undefined && sameBut(accepted, statement, ['time']);
  }
  return chain.asides.some((accepted) => sameBut(accepted, statement, ['previous', 'time']));
}

function chainId({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${partition}/${topic}`;
}

function metId({ hash, key }: Pick<SignedStatement, 'hash' | 'key'>): string {
  return `${hash} ${key.vkey}`;
}

function rubbish(why: string): Outcome {
  return { outcome: 'rubbish', why };
}

function noise(why: string): Outcome {
  return { outcome: 'noise', why };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
