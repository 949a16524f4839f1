import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { describeTopicConfig } from '@tallystick/kafka/admin';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { silentLogger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { openStateFolder } from './adapters/state-folder.ts';
import { AlarmBoard } from './alarm-board.ts';
import { checkKeyStatements } from './domain/key-statement.ts';
import { checkLimits } from './domain/limits.ts';
import { checkLogKeys, checkRoles, checkSealKey, checkWhole, needed } from './domain/ledger-rules.ts';
import type { LedgerError } from './errors.ts';
import type { LedgerOptions } from './ledger-options.ts';
import { Ledger, type LedgerRoles } from './ledger.ts';
import { holdsSealEnd, openLogState } from './log/log-state.ts';
import { startPublisher } from './log/publisher.ts';
import { seenCheckpointIn } from './log/seen-checkpoint.ts';
import { emptyHead, newestHead, verifiedEntries } from './log/stored-log.ts';
import { systemClock } from './ports/clock.ts';
import type { LogReader } from './ports/published-log.ts';
import { Sealing } from './seal/sealing.ts';
import type { SealingParts } from './seal/sealing-parts.ts';
import type { LedgerStatus } from './status.ts';
import { SupervisedRole } from './supervised-role.ts';

export type { BatchLimits } from './domain/limits.ts';
export type { LedgerOptions } from './ledger-options.ts';
export type { RoleName } from './ports/role.ts';
export type { TopicSettings } from './ports/topic-settings.ts';
export type { Alarm, LedgerStatus, PartitionActivity, PartitionStatus, RoleState } from './status.ts';

/** A ledger that runs. */
export interface RunningLedger {
  status(): LedgerStatus;
  /** Stops after the seals that are under way, at most a few seconds. What is not sealed yet stays for the next start. */
  stop(): Promise<void>;
  /** Resolves after `stop()`. Rejects where none of its roles can go on in this process (UNKNOWN_STATEMENT). */
  readonly done: Promise<void>;
}

/**
 * Starts a ledger: checks keys, settings and state folder, and begins its roles. Each of them starts, fails, is tried again and reports by
 * itself. The role that seals goes on from the published log and the seals topic, writes the key statements that are missing, and seals
 * every partition from then on; any number of ledgers may run at once. A partition whose state is unknown stops alone, with an alarm in the
 * status.
 *
 * It resolves when its first role (of seal, publish, serve) has begun, or waits for a store of the log that is away: that is an alarm then.
 *
 * @throws LedgerError CONFIG_INVALID, KEY_STATEMENT_INVALID; and what keeps the first role from beginning: for the one that seals
 *   KEY_NOT_VALID (where the log would begin with this key), ROOT_KEY_WRONG, TOPIC_SETTINGS, TOPIC_PARTITIONS, UNKNOWN_STATEMENT,
 *   LOG_STORE_INVALID; KafkaError where Kafka cannot be used
 */
export async function startLedger(options: LedgerOptions): Promise<RunningLedger> {
  const { kafka, origin, rootKey, stateDir, roles = ['seal', 'publish'], clock = systemClock } = options;
  const { logger = silentLogger, mendMs = 30_000, alarmShownMs = 60_000 } = options;
  checkRoles(roles);
  checkLogKeys(options.logKeys, origin, rootKey);
  const given = isRecordLog(kafka);
  const seal = roles.includes('seal') ? checkSealing(options) : null;
  const publish = roles.includes('publish') ? needed('publish', 'logSigners', options.logSigners) : null;
  const serve = roles.includes('serve') ? needed('serve', 'serve', options.serve) : null;
  const state = typeof stateDir === 'string' ? await openStateFolder(stateDir) : stateDir;
  const log = given ? kafka : connectRecordLog(kafka);
  const shared = { clock, logger, mendMs };
  const seen = seenCheckpointIn(state);
  // One each, so that what one role clears is never another's.
  const board = () => new AlarmBoard(clock, alarmShownMs);
  const boards = { ledger: board(), seal: board(), publish: board(), serve: board() };
  const made: LedgerRoles = {
    ...(seal && {
      seal: new SupervisedRole({
        ...shared,
        name: 'seal',
        alarms: boards.seal,
        start: (signal) => Sealing.start({ ...seal, log, alarms: boards.seal }, signal),
      }),
    }),
    ...(publish && {
      publish: new SupervisedRole({
        ...shared,
        name: 'publish',
        alarms: boards.publish,
        start: (signal) =>
          startPublisher({ ...options, log, seen, clock, logger, signers: publish, alarms: boards.publish, signal }),
      }),
    }),
    ...(serve && {
      serve: new SupervisedRole({
        ...shared,
        name: 'serve',
        alarms: boards.serve,
        start: async (signal) => {
          // Only where it is asked for: an HTTP server is no part of sealing.
          const { startServe } = await import('./serve/start-serve.ts');
          return await startServe({ ...servedOf(options), ...serve, log, clock, logger, signal, alarms: boards.serve });
        },
      }),
    }),
  };
  const key = seal?.signer.key.vkey ?? null;
  const ledger = new Ledger({ ...shared, boards, origin, key, roles: made, log: given ? null : log, state });
  await ledger.started();
  return ledger;
}

/** What the role that serves is given: the public halves, and no signer. */
function servedOf({ topics, origin, rootKey, logKeys, stores, policy = null }: LedgerOptions) {
  return { topics, origin, rootKey, logKeys, stores, policy };
}

/** What the role that seals works with. @throws LedgerError CONFIG_INVALID, KEY_STATEMENT_INVALID */
function checkSealing(options: LedgerOptions): Omit<SealingParts, 'log' | 'alarms'> {
  const { kafka, topics, origin, rootKey, clock = systemClock, logger = silentLogger } = options;
  const signer = needed('seal', 'signer', options.signer);
  const keyStatements = needed('seal', 'keyStatements', options.keyStatements);
  checkSealKey(signer, origin, rootKey);
  for (const partition of options.partitions ?? []) checkWhole('partitions', partition, 0);
  return {
    topics,
    origin,
    limits: checkLimits(options.limits),
    signer,
    keyStatements: checkKeyStatements(keyStatements, origin, rootKey, nodeVerifyEd25519),
    published: logReader(options),
    codecs: nodeCodecs,
    sha256: nodeSha256,
    settings:
      options.topicSettings ?? (isRecordLog(kafka) ? null : { describe: (topic) => describeTopicConfig(kafka, topic) }),
    logger,
    onSeal: options.onSeal ?? (() => undefined),
    deadlineMs: options.deadlineMs ?? 30_000,
    topicCheckMs: options.topicCheckMs ?? 10_000,
    mendMs: options.mendMs ?? 30_000,
    partitions: options.partitions === undefined ? null : new Set(options.partitions),
    alarmShownMs: options.alarmShownMs ?? 60_000,
    takeoverMs: checkWhole('takeoverMs', options.takeoverMs ?? 60_000, 1),
    partitionAlarms: new Map(),
    memory: { begun: false, lost: false },
    clock,
  };
}

function logReader({ origin, rootKey, stores, logKeys, ...options }: LedgerOptions): LogReader {
  const { logger = silentLogger, verify = nodeVerifyEd25519 } = options;
  const place = { ...stores, origin, logKeys, verify };
  // The ledger decides nothing on old statements, so its judge need not remember all of them.
  const memory = { evidence: 256, remember: 4_096, rememberEnds: 65_536 };
  const onSnapshotUnusable = ({ message }: LedgerError) => logger.warn(message);
  return {
    open: async () => ({
      ...(await openLogState({ ...place, ...memory, rootKey, onSnapshotUnusable })),
      remembered: memory.remember,
    }),
    since: async (from) => {
      const head = (await newestHead(place)) ?? emptyHead;
      return { size: head.size, entries: verifiedEntries(stores.store, head, from, head.size) };
    },
    holdsSealEnd: async (needs) => await holdsSealEnd(stores.store, needs, (await newestHead(place))?.size ?? 0),
  };
}

function isRecordLog(kafka: KafkaConfig | RecordLog): kafka is RecordLog {
  return 'fetch' in kafka;
}
