import type { Ed25519Verify } from '@tallystick/core/ed25519';
import type { NoteSigner, VerifierKey } from '@tallystick/core/note';
import type { Policy } from '@tallystick/core/policy';
import type { SealStatement } from '@tallystick/core/statement-types';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { BatchLimits } from './domain/limits.ts';
import type { Witness } from './log/asked-witness.ts';
import type { CheckpointStore } from './ports/checkpoint-store.ts';
import type { Clock } from './ports/clock.ts';
import type { LogStore } from './ports/log-store.ts';
import type { RoleName } from './ports/role.ts';
import type { StateFiles } from './ports/state-files.ts';
import type { ListenOn } from './serve/serve-options.ts';
import type { TopicSettings } from './ports/topic-settings.ts';

export interface LedgerOptions {
  /** Where Kafka is, or an open log, which stays the caller's to close. */
  readonly kafka: KafkaConfig | RecordLog;
  readonly topics: TopicNames;
  /** The log's name. */
  readonly origin: string;
  readonly rootKey: VerifierKey;
  /** Default: seal and publish. */
  readonly roles?: readonly RoleName[];
  /** The published log and its checkpoints; every role begins from them. They stay the caller's to close. */
  readonly stores: { readonly store: LogStore; readonly checkpoints: CheckpointStore };
  /** The log's keys: a stored checkpoint or snapshot counts if one of them signed it. At least one, named as the origin. */
  readonly logKeys: readonly VerifierKey[];
  /** Folder of this process alone: `status.json` and `published-checkpoint`. Made if it is missing. Or where such files are kept else. */
  readonly stateDir: string | StateFiles;

  /**
   * Seal: the notes of key statement 0 and, in ascending order, of others, all signed by the root key, which the ledger itself never
   * holds. Those that continue the key chain and are not there yet are written at the start.
   */
  readonly keyStatements?: readonly Uint8Array[];
  /** Seal: the seal key, named `<origin>/seal`. */
  readonly signer?: NoteSigner;
  readonly limits?: Partial<BatchLimits>;
  /** Seal: the partitions that are this ledger's. Default: all. Others are sealed only while their seals lag. */
  readonly partitions?: readonly number[];
  /** Seal: for how long records of other partitions may be unsealed before this ledger takes them over. Default 60,000 ms. */
  readonly takeoverMs?: number;
  /** Called with each seal of this ledger, once it is accepted. Must not throw. */
  readonly onSeal?: (seal: SealStatement) => void;

  /** Publish: the log key, named as the origin; while keys are rotated the old and the new one. */
  readonly logSigners?: readonly NoteSigner[];
  /** Publish: the witnesses that are asked, and how many must answer. Default: none. */
  readonly policy?: Policy | null;
  /** Publish: who is asked. Default: the witnesses of the policy that have a URL, over HTTP. */
  readonly witnesses?: readonly Witness[];
  /** Publish: how often a checkpoint is made while there is something new. Default 250 ms. */
  readonly publishMs?: number;
  /** Publish: how old cosignatures of an unchanged checkpoint may get before the witnesses are asked again. Default 600,000 ms. */
  readonly recosignMs?: number;
  /** Publish: how long the published checkpoint may lag behind the stored one before it is an alarm. Default 30,000 ms. */
  readonly quorumLateMs?: number;

  /** Serve: where it listens (a loopback address), and the public root of the log where a proxy stands before it. */
  readonly serve?: { readonly listen: ListenOn; readonly publicUrl?: string | null };

  /** The strict Ed25519 check of every signature that is read. Default: Node's. */
  readonly verify?: Ed25519Verify;
  readonly logger?: Logger;
  /** Where topic settings are read; default: Kafka, or nowhere where `kafka` is an open log. */
  readonly topicSettings?: TopicSettings;
  /** How long a disturbance may last before it is an alarm; what can pass is tried again all the same. Default 30,000 ms. */
  readonly deadlineMs?: number;
  /** How often the topics are asked for new partitions and their settings. Default 10,000 ms. */
  readonly topicCheckMs?: number;
  /** How often what somebody has to mend is tried again. Default 30,000 ms. */
  readonly mendMs?: number;
  /** How long alarms of what mends itself are shown at least, so that who looks now and then sees them. Default 60,000 ms. */
  readonly alarmShownMs?: number;
  /** Default: the machine's. */
  readonly clock?: Clock;
}
