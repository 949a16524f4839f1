import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge, type Outcome } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { openLogState } from '@tallystick/ledger-service/log-state';
import { openStores } from '@tallystick/ledger-service/log-stores';
import type { Deployment } from './deployment.ts';
import { CliError } from './errors.ts';
import type { KafkaRole } from './settings.ts';

/** What the statements say, judged by the one rule that ledger and verifier share. */
export interface Statements {
  readonly judge: Judge;
  /** Offset in the seals topic after the last record that was read. */
  readonly end: number;
}

export interface ReadOptions {
  /** Called with what was read at each offset of the seals topic. */
  readonly onOutcome?: (outcome: Outcome, offset: number) => void;
}

/**
 * Reads and judges the published log, where this machine can reach it, and behind it what the seals topic holds now: that costs as much
 * as there is behind the log's snapshot, not as much as there ever was.
 * @throws KafkaError; LedgerError of the log's stores, and where the log is not what its key signed; CliError where Kafka is not configured
 */
export async function readStatements(
  log: RecordLog,
  deployment: Deployment,
  { onOutcome }: ReadOptions = {},
): Promise<Statements> {
  const { judge, position } = await readLog(deployment);
  const topic = deployment.topics.seals;
  const { topicId } = await log.describeTopic(topic);
  const { logStart, highWatermark } = await log.bounds(topic, 0);
  // A topic that was made anew or rolled back is read whole: what is there is what counts behind the log.
  const known = position?.topicId === topicId && position.offset <= highWatermark ? position.offset : 0;
  const from = Math.max(logStart, known);
  let end = Math.max(from, highWatermark);
  for await (const { batches, nextOffset } of readPartition({ log, topic, topicId, partition: 0, from })) {
    end = Math.max(end, nextOffset);
    for (const { bytes, header } of batches) {
      const parsed = header.control ? null : parseBatch(bytes, header, nodeCodecs);
      if (parsed === null || !parsed.parsed) continue;
      for (const { offset, value } of recordsOf(parsed)) {
        if (offset < from) continue;
        const outcome = judge.offer(value, { in: 'seals', offset });
        onOutcome?.(outcome, offset);
      }
    }
  }
  return { judge, end };
}

interface Beginning {
  readonly judge: Judge;
  /** Where the seals topic goes on behind it; null: from its start. */
  readonly position: { readonly topicId: string; readonly offset: number } | null;
}

async function readLog(deployment: Deployment): Promise<Beginning> {
  const { origin, rootKey } = deployment;
  const options = { origin, rootKey, verify: nodeVerifyEd25519, remember: 1000 };
  const logKeys = logKeysOf(deployment);
  if (logKeys === null) return { judge: new Judge(options), position: null };
  const { store, checkpoints } = await openStores(deployment.logPlace);
  try {
    return await openLogState({ ...options, store, checkpoints, logKeys });
  } finally {
    await Promise.all([store.close(), checkpoints.close()]);
  }
}

/** The keys of the log; null where nobody has said them: then its statements are read from Kafka alone. */
export function logKeysOf(deployment: Deployment): readonly VerifierKey[] | null {
  try {
    return deployment.logKeys;
  } catch (error) {
    if (error instanceof CliError && error.code === 'CONFIG_MISSING') return null;
    throw error;
  }
}

/** Opens Kafka under the login of a role for the time of `work`. */
export async function withLog<T>(
  deployment: Deployment,
  role: KafkaRole,
  work: (log: RecordLog) => Promise<T>,
): Promise<T> {
  const log = connectRecordLog(deployment.kafka(role));
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}
