import { sameBut } from './judge-chain.ts';
import { decideContested } from './judge-contest.ts';
import { NewestHashes } from './judge-memory.ts';
import type { Contested, JudgeCounts, Outcome, RecordFacts, Settlement, SignedStatement } from './judge-types.ts';
import type { GapStatement, PruneStatement, Statement } from './statement-types.ts';

export type Counts = { -readonly [K in keyof JudgeCounts]: JudgeCounts[K] };

export function noCounts(): Counts {
  return {
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
    past: 0,
    needsHistory: 0,
  };
}

/** A statement met and not accepted, so that it counts once. */
interface Met {
  as: 'contested' | 'race' | 'keyRefused' | 'unknownVersion' | 'afterUnknown';
  readonly contested?: Contested;
  settlement?: Settlement;
}

type Signed = Pick<SignedStatement, 'hash' | 'key'>;

/** What was well signed and not accepted, each kind up to a limit. */
export class Evidence {
  readonly #most: number;
  readonly #counts: Counts;
  readonly #met = new Map<string, Met>();
  readonly #kept = { contested: 0, race: 0, keyRefused: 0, unknownVersion: 0, afterUnknown: 0 };

  /** Hashes of unknown versions and of what follows them. */
  readonly #unknown: NewestHashes;

  /**
   * @param most kept of each kind
   * @param mostUnknown hashes kept of unknown versions and of what follows them
   * @param counts the judge's own, which it moves statements between when they turn out to be something else
   */
  constructor(most: number, mostUnknown: number, counts: Counts) {
    this.#most = most;
    this.#unknown = new NewestHashes(mostUnknown);
    this.#counts = counts;
  }

  has(signed: Signed): boolean {
    return this.#met.has(idOf(signed));
  }

  keep(signed: Signed, met: Met): void {
    const id = idOf(signed);
    if (this.#kept[met.as] >= this.#most || this.#met.has(id)) return;
    this.#met.set(id, met);
    this.#kept[met.as] += 1;
  }

  race(signed: SignedStatement): Outcome {
    this.keep(signed, { as: 'race' });
    return { outcome: 'race', signed };
  }

  unknownVersion(met: Omit<Extract<Outcome, { outcome: 'unknownVersion' }>, 'outcome'>): Outcome {
    this.#unknown.add(met.hash);
    this.keep(met, { as: 'unknownVersion' });
    return { outcome: 'unknownVersion', ...met };
  }

  followsUnknown({ previous }: Statement): boolean {
    return previous !== null && this.#unknown.has(previous);
  }

  afterUnknown(signed: SignedStatement): Outcome {
    this.#unknown.add(signed.hash);
    this.keep(signed, { as: 'afterUnknown' });
    return { outcome: 'afterUnknown', signed };
  }

  /** Keeps a contested statement where there is room, and says so in it. */
  contest(contested: Omit<Contested, 'kept'>): Outcome {
    const kept = this.#kept.contested < this.#most;
    const made = { ...contested, kept };
    if (kept) this.keep(contested.signed, { as: 'contested', contested: made });
    else this.#counts.dropped += 1;
    return { outcome: 'contested', contested: made };
  }

  /** It is accepted after all: its appearance before no longer counts. */
  withdraw(signed: Signed): Contested | null {
    const id = idOf(signed);
    const met = this.#met.get(id);
    if (met === undefined) return null;
    this.#met.delete(id);
    this.#kept[met.as] -= 1;
    this.#counts[met.settlement === 'race' ? 'race' : met.as] -= 1;
    return met.contested ?? null;
  }

  // "So did a gap or prune that has all lines but `previous` and `time` of an accepted one": also of one accepted later.
  turnIntoRaces(accepted: GapStatement | PruneStatement): Contested[] {
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

  settle(contested: Contested, facts: RecordFacts): Settlement {
    const settlement = decideContested(contested, facts);
    const met = this.#met.get(idOf(contested.signed));
    if (met?.contested === contested && met.settlement === undefined) this.#settle(met, settlement);
    return settlement;
  }

  /** Contested statements that are settled so (undefined: not yet), in order of their places. */
  contested(settlement: Settlement | undefined): Contested[] {
    const found: Contested[] = [];
    for (const met of this.#met.values())
      if (met.contested !== undefined && met.settlement === settlement) found.push(met.contested);
    return found;
  }

  #settle(met: Met, settlement: Settlement): void {
    met.settlement = settlement;
    if (settlement !== 'race') return;
    this.#counts.contested -= 1;
    this.#counts.race += 1;
    // Two ledgers alive for long lose any number of races: one that is settled leaves its place to the next.
    this.#kept.contested -= 1;
    met.as = 'race';
    if (this.#kept.race < this.#most) this.#kept.race += 1;
    else if (met.contested !== undefined) this.#met.delete(idOf(met.contested.signed));
  }
}

function idOf({ hash, key }: Signed): string {
  return `${hash} ${key.vkey}`;
}
