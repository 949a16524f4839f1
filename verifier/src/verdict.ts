import type { Finding, FindingCode } from '@tallystick/core/finding';
import type { TopicNames } from '@tallystick/kafka/record-log';
import type { ComparedCounts } from './records/check-content.ts';
import type { ContentCounts } from './content/content-types.ts';
import type { Acknowledgement } from './domain/acknowledgement.ts';
import type { CopiedPartition, QueryCopyCounts } from './query-copy/query-copy-result.ts';
import type { ScopeRange } from './scope.ts';

/**
 * What one run of the verifier says: plain data, safe to write as JSON. `version` changes when a member changes its meaning;
 * members may be added.
 */
export interface Verdict {
  readonly version: 1;
  /** `verified` only when everything that the statements speak of was read and agrees. */
  readonly verdict: 'verified' | 'failed' | 'inconclusive';
  /** 0 verified; 1 tampering, loss or fork; 3 could not check, or nothing to check. 1 wins over 3. */
  readonly exitCode: 0 | 1 | 3;
  readonly origin: string;
  /** The pinned root key, C2SP vkey text. */
  readonly rootKey: string;
  readonly topics: TopicNames;
  /** ISO 8601, this machine's clock. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** `incremental`: what an earlier run checked was not read again. */
  readonly mode: 'full' | 'incremental';
  /** ISO 8601: the run that an incremental one goes on from. What that had checked was not looked at again. null: a full run. */
  readonly since: string | null;
  /** Why an incremental run that was asked for was a full one. */
  readonly fullBecause: string | null;
  /** What was taken over from a run that did not end; null where there was none, and nothing went wrong with keeping progress. */
  readonly resumed: ResumedRun | null;
  readonly scope: VerdictScope;
  /** The published log as this run found it; null without one. */
  readonly published: PublishedVerdict | null;
  /** The comparison of the query copy with the records; null where it was not asked for. */
  readonly queryCopy: QueryCopyVerdict | null;
  readonly anchoredTo: AnchoredTo;
  readonly checked: Checked;
  /** What the records say of themselves, all partitions together. */
  readonly content: ContentVerdict;
  /** Whose clocks were compared; left out where no limit was given. */
  readonly clocks?: ComparedClocks;
  readonly counts: Counts;
  readonly ages: Ages;
  /** In the order of where they are: statements first, then by topic, partition and offset. */
  readonly findings: readonly ReportedFinding[];
  /** Findings beyond the limit of those kept, counted by code. They weigh in the verdict like the others. */
  readonly findingsOmitted: Readonly<Record<string, number>>;
  readonly rates: Rates;
}

/** A run that was killed leaves what it had checked to the next one. */
export interface ResumedRun {
  /** ISO 8601: when the run began that this one goes on from. null: nothing was taken over. */
  readonly begunAt: string | null;
  /** Events that it had found to agree, and that were not read again: they are in the counts of this verdict. */
  readonly events: number;
  /** Why what it left was not used, or this run's own progress could not be kept: a code and what it means here. */
  readonly leftAside: { readonly code: string; readonly message: string } | null;
}

/** Which events were looked at. */
export interface VerdictScope {
  readonly kind: 'all' | 'ranges';
  /** As asked, before they were widened to whole seals; null for everything. `last` is null where there is no end. */
  readonly ranges: readonly (Omit<ScopeRange, 'last'> & { readonly last: number | null })[] | null;
  /** Events that accepted seals cover, and how many of these this run was asked to look at. */
  readonly sealedEvents: number;
  readonly inScope: number;
}

/** Sums over what this run looked at; each partition's own counts are with the partition. */
export interface ContentVerdict {
  /** Records that are audit events; those that are none, by the code that says why; those whose schema could not be had. */
  readonly decoded: number;
  readonly undecodable: Readonly<Record<string, number>>;
  readonly unavailable: number;
  /** Records with a producer's signature that counts; with one that does not; without one. */
  readonly signed: number;
  readonly badSignatures: number;
  readonly unsigned: number;
  /** Lives of producers (instance and epoch), counted in each partition. */
  readonly lives: number;
  readonly ids: ComparedCounts;
}

export interface QueryCopyVerdict {
  /** Where it is, without a login. */
  readonly place: string;
  readonly counts: QueryCopyCounts;
  readonly partitions: readonly CopiedPartition[];
  /** How long rows had to be kept, ms: older ones that the database says expired may be gone. Absent: all had to be there. */
  readonly minRetentionMs?: number;
}

export interface PublishedVerdict {
  /** URL, folder or file. */
  readonly place: string;
  /** Of the checkpoint that the run went by; null where there was none that counts. */
  readonly size: number | null;
  /** Base64. */
  readonly root: string | null;
  /** vkey of the key that signed it. */
  readonly signer: string | null;
  /** Entries and tiles (bundles among them) that were read; whether they agree the findings say. */
  readonly entries: number;
  readonly tiles: number;
  /** Names in the policy of the witnesses that cosigned, and when (ISO 8601). */
  readonly cosigners: readonly { readonly name: string; readonly vkey: string; readonly time: string }[];
  /** Name of the quorum in the policy; null without a policy or where it asks for none. */
  readonly quorum: string | null;
  /** When the quorum stood, ISO 8601; null without one, or where it was not reached. */
  readonly quorumTime: string | null;
  /** Checkpoints that were given to compare the log with, and what came of each; empty without one. */
  readonly given: readonly ComparedCheckpoint[];
}

/** A checkpoint of the log that came from elsewhere: a witness, a colleague, a newspaper. */
export interface ComparedCheckpoint {
  /** Name of the file. */
  readonly name: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /**
   * `consistent`: the log that is served had this very state. `ahead`: it is not that far; whether that is a rollback the findings say. `other`: it had
   * another root at this size. `unknown`: not so much of it could be read that this could be said.
   */
  readonly outcome: 'consistent' | 'ahead' | 'other' | 'unknown';
}

/** What this verdict rests on besides the records: a later rewriting of everything shows only against an anchor. */
export interface AnchoredTo {
  /** `anchor`: what an earlier run of this checker accepted. `witnesses`: the quorum's cosignatures, and no earlier run. `key`: the root key alone. */
  readonly kind: 'anchor' | 'witnesses' | 'key';
  /** When the anchor was last moved, ISO 8601; null without one. */
  readonly since: string | null;
  /** Names of the witnesses whose cosignatures reached the policy's quorum; empty without one. */
  readonly witnesses: readonly string[];
  /** The checkpoint that an earlier run accepted and this one held the log to; null without one. */
  readonly checkpoint: { readonly size: number; readonly root: string } | null;
  /** Partitions for which the anchor named a statement. */
  readonly partitions: number;
  /** Whether this run moved the anchor forward. Only a run that ends 0 does. */
  readonly updated: boolean;
  /** Where what shows a rollback or a split history was kept; null where there is none, or it could not be kept. */
  readonly evidence: string | null;
}

export interface Checked {
  /** Events whose batch gave exactly what its seal says. */
  readonly events: number;
  /** Seals that agree with the records. */
  readonly seals: number;
  /** Accepted statements, key statements included; of an incremental run the new ones. */
  readonly statements: number;
  readonly keyStatements: number;
  readonly partitions: readonly CheckedPartition[];
}

export interface CheckedPartition {
  readonly topic: string;
  readonly partition: number;
  /** The newest generation. */
  readonly generation: number;
  readonly topicId: string;
  /** Where what is sealed begins, whatever part of it was asked for. */
  readonly firstOffset: number;
  /** Last offset that any seal of the newest generation covers; null if nothing is sealed yet. */
  readonly lastSealedOffset: number | null;
  /** Events that accepted seals cover, all generations. */
  readonly sealedEvents: number;
  /** Of these, those that this run was asked to look at (those behind an earlier run, those in scope). */
  readonly plannedEvents: number;
  /** Of these, those that were read and agree. */
  readonly checkedEvents: number;
  readonly acceptedSeals: number;
  readonly plannedSeals: number;
  readonly matchedSeals: number;
  /** Leaf of the last sealed event, or the newest generation's genesis leaf; base64. */
  readonly head: string;
  /** Hash of the last accepted statement, base64. */
  readonly lastStatement: string;
  /** Records behind the last sealed offset. */
  readonly unsealed: number;
  /** The oldest of them; null where there is none, or its time means nothing. */
  readonly oldestUnsealed: Age | null;
  /** As seen when the partition was read; null if that could not be asked. */
  readonly logStart: number | null;
  readonly highWatermark: number | null;
  /** What the records say of themselves; null where they were not looked at. */
  readonly content: ContentCounts | null;
}

/** How far clocks may be apart, ms, and those that were compared besides the producers' and the brokers' of the events. */
export interface ComparedClocks {
  readonly limitMs: number;
  /** Seals by when the seals topic's broker stored them. */
  readonly seals: {
    readonly compared: number;
    /** In batches that carry their writer's clock: not compared. */
    readonly withoutClock: number;
    /** Statements that only the log holds, so that no broker's time of them is known; null: what the topic holds could not be read. */
    readonly onlyInLog: number | null;
  };
  /** Names of the witnesses whose cosignatures were compared with the newest event under the checkpoint; empty without a quorum. */
  readonly witnesses: readonly string[];
}

/** What was met and changes no verdict. */
export interface Counts {
  /** Records of the seals topic that are no statement of this log. */
  readonly rubbish: number;
  /** Statements that no key of the right role, valid at their place, signed. */
  readonly noise: number;
  /** Statements that lost a race between two ledgers: they say what the records say. */
  readonly races: number;
  /** Statements met again under the same key: produced again, no alarm. */
  readonly resends: number;
  readonly forks: number;
  /** Records not sealed yet, all partitions. */
  readonly unsealed: number;
  /** Accepted statements of the seals topic that the published log does not hold; null without a log, or where that could not be told. */
  readonly pending: number | null;
}

/** Since when what is not covered yet has waited. null: there is none, or nobody says. */
export interface Ages {
  /** The oldest record that no statement covers, all partitions. */
  readonly unsealed: Age | null;
  /** The first statement that the published log does not hold. */
  readonly pending: Age | null;
  /** The checkpoint, by the newest cosignatures that reach the quorum. */
  readonly checkpoint: Age | null;
}

export interface Age {
  /** ISO 8601. */
  readonly since: string;
  /** Who says since when. `stored`: the time that is stored with the record: the broker's, unless `create-time` is found. */
  readonly clock: 'stored' | 'witnesses';
}

export interface Rates {
  readonly bytesRead: number;
  readonly eventsRead: number;
  readonly eventsPerSecond: number;
}

export interface ReportedFinding extends Finding {
  /** What acknowledges it: protocol section 9. */
  readonly hash: string;
  /** Set where somebody answers for it and that still counts: it lifts an exit code 1 of this finding. */
  readonly acknowledged?: Omit<Acknowledgement, 'hash'>;
  /** Set where somebody answered for it, for a time that is over. */
  readonly lapsed?: Omit<Acknowledgement, 'hash'>;
}

/** What the verifier tells while it works. */
export interface Progress {
  readonly phase: 'log' | 'statements' | 'records' | 'copy';
  /** Entries of the log, records of the seals topic, sealed events, or rows of the query copy, done and expected. */
  readonly done: number;
  readonly total: number;
  /** The partition whose records or rows are read; null for the log and statements. */
  readonly partition: number | null;
  /** About how long this phase will take yet, ms, from the rate so far; null while that is not known. */
  readonly leftMs: number | null;
}

export type { Acknowledgement, Finding, FindingCode };
