import type { Ed25519Verify } from './ed25519.ts';
import type { ReadStatement } from './judge-note.ts';
import type { VerifierKey } from './note.ts';
import type {
  Base64Hash,
  GenesisStatement,
  KeyRole,
  KeyStatement,
  PartitionStatement,
  SealStatement,
  Statement,
} from './statement-types.ts';

/** Where a statement was met: the offset of its record in `audit.seals`, or its index in the log. */
export type Place = { readonly in: 'seals'; readonly offset: number } | { readonly in: 'log'; readonly index: number };

/** The place in words, where `topic` is the name of `audit.seals`. */
export function placeText(place: Place, topic: string): string {
  return place.in === 'log' ? `entry ${place.index} of the log` : `offset ${place.offset} of ${topic}`;
}

export interface JudgeOptions {
  /** The log's name. */
  readonly origin: string;
  /** The one key that is trusted from the start. */
  readonly rootKey: VerifierKey;
  /** The strict Ed25519 check; default: the portable one. */
  readonly verify?: Ed25519Verify;
  /** How notes are read; default: `readStatementNote`. Another one gives the same answers, at other cost. */
  readonly read?: ReadStatement;
  /**
   * How many contested, raced, refused and unknown statements are kept (default 1024 of each). Further ones are still judged and counted;
   * contested ones that were not kept are counted in `counts.dropped`. One that is settled as a race makes room for another.
   */
  readonly evidence?: number;
  /**
   * For how many statements of each partition, newest first, it is remembered that they were accepted (default: all). What continues or
   * repeats an older one is `past` where this judge began with the log, which settled it; elsewhere it is contested and `forgotten` is
   * set. Both are good enough for a ledger, which decides nothing on it; a verifier remembers all.
   */
  readonly remember?: number;
  /**
   * How many ends of seals are remembered of each generation, newest first (default: all, 16 bytes each). A prune that names an older
   * one `needsHistory`.
   */
  readonly rememberEnds?: number;
}

/** A statement whose signature was checked. */
export interface SignedStatement<S extends Statement = Statement> {
  readonly place: Place;
  /** The note's bytes as they were offered. */
  readonly note: Uint8Array;
  readonly text: string;
  /** SHA-256 of the text. */
  readonly hash: Base64Hash;
  readonly statement: S;
  /** The key that signed it. */
  readonly key: VerifierKey;
}

/** The state of one partition's chain after one accepted statement. Immutable. */
export interface ChainPoint {
  readonly topic: string;
  readonly partition: number;
  /** The statement accepted last, which the next one names as `previous`. */
  readonly hash: Base64Hash;
  readonly place: Place;
  /** The vkey that signed it. */
  readonly signer: string;
  readonly generation: number;
  /** Of the generation's genesis. */
  readonly topicId: string;
  readonly firstOffset: number;
  /** Number, event index and offset that the next seal begins with; a gap begins at `nextOffset` too. */
  readonly nextSeal: number;
  readonly nextIndex: number;
  readonly nextOffset: number;
  /** Leaf of the last sealed event; of an empty generation SHA-256 of the genesis' text. The next seal's `after`. */
  readonly head: Base64Hash;
  /** Index of the last event pruned, by generation. */
  readonly pruned: ReadonlyMap<number, number>;
}

/** What is accepted of one partition. */
export interface PartitionState extends ChainPoint {
  /** Genesis statements accepted, by generation. */
  readonly geneses: readonly GenesisStatement[];
  /** The last accepted statement. */
  readonly last: SignedStatement<PartitionStatement>;
  /** The last accepted seal of the current generation. */
  readonly lastSeal: SignedStatement<SealStatement> | null;
}

/** One accepted addition of a key. */
export interface KeyEntry {
  readonly role: KeyRole;
  readonly key: VerifierKey;
  /** Number of the key statement that added it. */
  readonly number: number;
  /** Number of the one that retired it. */
  readonly retiredBy: number | null;
}

/** Where an accepted key statement takes effect. */
export interface KeyPlace {
  /** Its index in the log (that it will have, while it is pending). */
  readonly index: number;
  /** Where `audit.seals` holds it; null while it was met in the log only, or behind a later key statement. */
  readonly offset: number | null;
  /** It counts for what lies behind this offset: its own, else that of the key statement before it; -1 before everything. */
  readonly effective: number;
}

/** The key chain: accepted key statements in order, and the keys that they gave. */
export interface KeyState {
  readonly nextNumber: number;
  readonly previous: Base64Hash | null;
  readonly statements: readonly SignedStatement<KeyStatement>[];
  /** By number. */
  readonly places: readonly KeyPlace[];
  readonly entries: readonly KeyEntry[];
}

/** A seal that a prune names and that may be older than what is remembered. */
export interface NeededEnd {
  readonly topic: string;
  readonly partition: number;
  readonly generation: number;
  /** Index and offset of the last event of the seal that is asked for. */
  readonly index: number;
  readonly offset: number;
}

/** Well-signed, but it does not continue: a lost race or a fork. Carries everything that {@link decideContested} needs but the records. */
export interface Contested {
  readonly signed: SignedStatement;
  /**
   * The accepted state that it continues in everything its lines say of other statements; the records of its offsets, chained from
   * `continues.head`, decide. null: it continues nothing that was accepted before it, so no record can make it a race.
   */
  readonly continues: ChainPoint | null;
  /** The statement that it continues or repeats may be older than what this judge remembers (see `remember`). */
  readonly forgotten: boolean;
  /** Whether the judge keeps it. */
  readonly kept: boolean;
  /** One sentence: what did not continue. */
  readonly why: string;
}

/** What the caller found where a contested statement's records are. */
export type RecordFacts =
  /** A seal's records, chained from `continues.head`: its four values. */
  | {
      readonly found: 'records';
      readonly root: Base64Hash;
      readonly head: Base64Hash;
      readonly epoch: number | null;
      readonly time: number | null;
    }
  /** A gap's offsets: the partition's log start now. */
  | { readonly found: 'log-start'; readonly logStart: number }
  /** They cannot be read any more because they are pruned or their generation is closed. */
  | { readonly found: 'unreadable'; readonly because: 'pruned' | 'generation-closed' }
  /** They are not there and nothing excuses it, or (for a genesis, prune or key statement) there are none to look at. */
  | { readonly found: 'nothing' };

/** race: a note. fork: tampering. unjudged: a warning, it cannot be told from a race any more. */
export type Settlement = 'race' | 'fork' | 'unjudged';

export type Outcome =
  /** It counts, from here on. */
  | {
      readonly outcome: 'accepted';
      readonly signed: SignedStatement;
      /** Met before, when it did not continue: that appearance no longer counts, whatever was decided of it. */
      readonly withdrawn: Contested | null;
      /** Gaps and prunes met before that lost a race against this one, as is known now: no longer open. */
      readonly races: readonly Contested[];
    }
  /** The same text under the same key was met before: ignored. */
  | { readonly outcome: 'repeated'; readonly place: Place; readonly hash: Base64Hash }
  /** Not a statement of this log: counted. No signature was checked. */
  | { readonly outcome: 'rubbish'; readonly why: string }
  /** Signed by no key of the right role that is valid here: counted. */
  | { readonly outcome: 'noise'; readonly why: string }
  /** Signed by the root key, but the addition or retirement does not count: no effect, no number, a warning. */
  | { readonly outcome: 'keyRefused'; readonly signed: SignedStatement<KeyStatement>; readonly why: string }
  /** Well-signed, does not continue, and says nothing but what was accepted already. */
  | { readonly outcome: 'race'; readonly signed: SignedStatement }
  | { readonly outcome: 'contested'; readonly contested: Contested }
  /** Signed by the root key or a valid seal key, of a kind or version that this release does not know: inconclusive. */
  | {
      readonly outcome: 'unknownVersion';
      readonly place: Place;
      readonly hash: Base64Hash;
      /** Its first line. */
      readonly kind: string;
      readonly key: VerifierKey;
    }
  /** Well-signed, follows an unknown version in its chain: not judged. */
  | { readonly outcome: 'afterUnknown'; readonly signed: SignedStatement }
  /**
   * It lies below what this judge remembers of a chain that it read from the log: accepted long ago, or lost to what was. Not judged any
   * more, its signature is not checked.
   */
  | { readonly outcome: 'past'; readonly place: Place; readonly hash: Base64Hash }
  /**
   * A well-signed prune that continues its chain if the log holds the seal that it names, which is too old to be remembered. Nothing was
   * decided: look the seal up in the log, say what you found (`Judge.answer`), and offer the same note at the same place again.
   */
  | { readonly outcome: 'needsHistory'; readonly signed: SignedStatement; readonly needs: NeededEnd };

/** How many offered statements had each outcome. Contested ones that turned into a race count there, once that is known. */
export interface JudgeCounts {
  readonly offered: number;
  readonly accepted: number;
  readonly repeated: number;
  readonly rubbish: number;
  readonly noise: number;
  readonly keyRefused: number;
  readonly race: number;
  /** Open or settled as fork or unjudged; withdrawn ones are taken off again. */
  readonly contested: number;
  /** Contested ones that were not kept. Nobody knows what they were: treat each as a fork. */
  readonly dropped: number;
  readonly unknownVersion: number;
  readonly afterUnknown: number;
  readonly past: number;
  readonly needsHistory: number;
}
