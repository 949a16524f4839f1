import type { Finding, FindingCode } from '@tallystick/core/finding';
import type { TopicNames } from '@tallystick/kafka/record-log';

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
  readonly anchoredTo: AnchoredTo;
  readonly checked: Checked;
  readonly counts: Counts;
  /** In the order of where they are: statements first, then by topic, partition and offset. */
  readonly findings: readonly ReportedFinding[];
  /** Findings beyond the limit of those kept, counted by code. They weigh in the verdict like the others. */
  readonly findingsOmitted: Readonly<Record<string, number>>;
  readonly rates: Rates;
}

/** What this verdict rests on besides the records: a later rewriting of everything shows only against an anchor. */
export interface AnchoredTo {
  /** `anchor`: what an earlier run of this checker accepted. `key`: the root key alone. */
  readonly kind: 'anchor' | 'key';
  /** When the anchor was last moved, ISO 8601; null without one. */
  readonly since: string | null;
  /** Partitions for which the anchor named a statement. */
  readonly partitions: number;
  /** Whether this run moved the anchor forward. Only a run that ends 0 does. */
  readonly updated: boolean;
}

export interface Checked {
  /** Events whose batch gave exactly what its seal says. */
  readonly events: number;
  /** Seals that agree with the records. */
  readonly seals: number;
  /** Accepted statements, key statements included. */
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
  /** Offset that the first generation begins with. */
  readonly firstOffset: number;
  /** Last offset that any seal of the newest generation covers; null if nothing is sealed yet. */
  readonly lastSealedOffset: number | null;
  /** Events that accepted seals cover, all generations. */
  readonly sealedEvents: number;
  /** Of these, those that were read and agree. */
  readonly checkedEvents: number;
  readonly acceptedSeals: number;
  readonly matchedSeals: number;
  /** Leaf of the last sealed event, or the newest generation's genesis leaf; base64. */
  readonly head: string;
  /** Hash of the last accepted statement, base64. */
  readonly lastStatement: string;
  /** Records behind the last sealed offset. */
  readonly unsealed: number;
  /** As seen when the partition was read; null if that could not be asked. */
  readonly logStart: number | null;
  readonly highWatermark: number | null;
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
}

export interface Rates {
  readonly bytesRead: number;
  readonly eventsRead: number;
  readonly eventsPerSecond: number;
}

export interface ReportedFinding extends Finding {
  /** What acknowledges it: protocol section 9. */
  readonly hash: string;
}

/** What the verifier tells while it works. */
export interface Progress {
  readonly phase: 'statements' | 'records';
  /** Records of the seals topic, or sealed events, done and expected. */
  readonly done: number;
  readonly total: number;
  /** The partition whose records are read; null for statements. */
  readonly partition: number | null;
}

export type { Finding, FindingCode };
