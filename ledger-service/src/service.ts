import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import type { NoteSigner, VerifierKey } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import type { SealStatement } from '@tallystick/core/statement-types';
import { describeTopicConfig } from '@tallystick/kafka/admin';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { silentLogger, type Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LastStatementsFile } from './adapters/last-statements-file.ts';
import { checkKeyStatement } from './domain/key-statement.ts';
import { checkLimits, type BatchLimits } from './domain/limits.ts';
import { LedgerError } from './errors.ts';
import { Ledger } from './ledger.ts';
import type { TopicSettings } from './ports/topic-settings.ts';
import type { LedgerStatus } from './status.ts';

export type { BatchLimits } from './domain/limits.ts';
export type { TopicSettings } from './ports/topic-settings.ts';
export type { Alarm, LedgerStatus, PartitionActivity, PartitionStatus } from './status.ts';

export interface LedgerOptions {
  /** Where Kafka is, or an open log, which stays the caller's to close. */
  readonly kafka: KafkaConfig | RecordLog;
  readonly topics: TopicNames;
  /** The log's name. */
  readonly origin: string;
  readonly rootKey: VerifierKey;
  /** The note of key statement 0, signed by the root key, which the ledger itself never holds. */
  readonly keyStatement: Uint8Array;
  /** The seal key, named `<origin>/seal`. */
  readonly signer: NoteSigner;
  /** Folder of this ledger alone: `last-statements.json` and `status.json`. Made if it is missing. */
  readonly stateDir: string;
  readonly limits?: Partial<BatchLimits>;
  readonly logger?: Logger;
  /** Called with each seal of this ledger, once it is accepted. Must not throw. */
  readonly onSeal?: (seal: SealStatement) => void;
  /** Where topic settings are read; default: Kafka, or nowhere where `kafka` is an open log. */
  readonly topicSettings?: TopicSettings;
  /** How long a disturbance may last before it is an alarm; what can pass is tried again all the same. Default 30,000 ms. */
  readonly deadlineMs?: number;
  /** How often the events topic is asked for new partitions. Default 10,000 ms. */
  readonly topicCheckMs?: number;
}

/** A ledger that runs. */
export interface RunningLedger {
  status(): LedgerStatus;
  /** Stops after the seals that are under way, at most a few seconds. What is not sealed yet stays for the next start. */
  stop(): Promise<void>;
  /** Resolves after `stop()`. Rejects where the whole ledger had to stop (SEALS_LOST, UNKNOWN_STATEMENT, KEY_NOT_VALID, …). */
  readonly done: Promise<void>;
}

/**
 * Starts a ledger: checks keys, state folder and topics, reads all statements, writes key statement 0 if there is none, and seals every
 * partition from then on. Any number of ledgers may run at once. A partition whose state is unknown stops alone, with an alarm in the status.
 *
 * @throws LedgerError CONFIG_INVALID, KEY_STATEMENT_INVALID, KEY_NOT_VALID, ROOT_KEY_WRONG, STATE_FILE_INVALID, STATE_FILE_OTHER_LOG,
 *   TOPIC_SETTINGS, TOPIC_PARTITIONS, SEALS_LOST, UNKNOWN_STATEMENT; KafkaError where Kafka cannot be used
 */
export async function startLedger(options: LedgerOptions): Promise<RunningLedger> {
  const { kafka, topics, origin, rootKey, keyStatement, signer, stateDir, logger = silentLogger } = options;
  const limits = checkLimits(options.limits);
  checkSigner(signer, origin, rootKey);
  const statement = checkKeyStatement(keyStatement, origin, rootKey, nodeVerifyEd25519);
  const stateFile = new LastStatementsFile(join(stateDir, 'last-statements.json'), origin, rootKey);
  await makeFolder(stateDir);
  const expected = await stateFile.read();
  const given = isRecordLog(kafka);
  const log = given ? kafka : connectRecordLog(kafka);
  return await Ledger.start({
    log,
    topics,
    origin,
    limits,
    signer,
    logger,
    keyStatement: { note: keyStatement, statement },
    // The ledger decides nothing on old statements, so it need not remember all of them.
    judge: new Judge({ origin, rootKey, verify: nodeVerifyEd25519, evidence: 256, remember: 4096 }),
    codecs: nodeCodecs,
    sha256: nodeSha256,
    settings: options.topicSettings ?? (given ? null : { describe: (topic) => describeTopicConfig(kafka, topic) }),
    stateFile,
    expected,
    statusFile: join(stateDir, 'status.json'),
    onSeal: options.onSeal ?? (() => undefined),
    onClose: () => (given ? Promise.resolve() : log.close()),
    deadlineMs: options.deadlineMs ?? 30_000,
    topicCheckMs: options.topicCheckMs ?? 10_000,
  });
}

function checkSigner(signer: NoteSigner, origin: string, rootKey: VerifierKey): void {
  const { name, vkey } = signer.key;
  if (name !== `${origin}/seal`) {
    throw new LedgerError(
      'CONFIG_INVALID',
      `The seal key is named ${name}; that of the log ${origin} is named ${origin}/seal. Give the key of this log.`,
      {
        evidence: { setting: 'signer', expected: `${origin}/seal`, found: name },
      },
    );
  }
  if (Buffer.from(signer.key.publicKey).equals(rootKey.publicKey)) {
    throw new LedgerError(
      'CONFIG_INVALID',
      `The seal key ${vkey} is the root key. The root key stays offline; make a seal key of its own.`,
      {
        evidence: { setting: 'signer', found: vkey },
      },
    );
  }
}

async function makeFolder(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new LedgerError(
      'CONFIG_INVALID',
      `The state folder ${stateDir} cannot be made. Name another one, or set its rights.`,
      {
        evidence: { setting: 'stateDir', found: stateDir },
        cause,
      },
    );
  }
}

function isRecordLog(kafka: KafkaConfig | RecordLog): kafka is RecordLog {
  return 'fetch' in kafka;
}
