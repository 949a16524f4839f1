import type { VerifierKey } from '@tallystick/core/note';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { LedgerError } from '../errors.ts';
import { maxCheckpointBytes, type CheckpointStore } from '../ports/checkpoint-store.ts';
import type { LogStore } from '../ports/log-store.ts';
import { topicStatements } from '../seal/topic-statements.ts';
import { rolledBack } from './log-errors.ts';
import { checkLogStore, repairLogStore } from './repair.ts';
import { checkGrowth } from './growth.ts';
import { newestHead, openHead, type SignedHead, type StoredHead } from './stored-log.ts';

export interface CheckLogOptions {
  readonly store: LogStore;
  readonly checkpoints: CheckpointStore;
  readonly origin: string;
  readonly logKeys: readonly VerifierKey[];
  /** Told how many entries are done. */
  readonly onProgress?: (entries: number) => void;
}

export interface RepairLogOptions extends CheckLogOptions {
  readonly rootKey: VerifierKey;
  /** The seals topic, which what is missing is made from. */
  readonly log: RecordLog;
  readonly topic: string;
}

export interface CheckedLog {
  /** Of the newest stored checkpoint. */
  readonly size: number;
  /** Missing or wrong; of a repair those that were written. */
  readonly paths: readonly string[];
}

/** A log that is published to meanwhile loses partial tiles of the size that is checked: then it is checked at its new size. */
const tries = 5;

/**
 * Holds every tile and bundle of the published log against the newest stored checkpoint, and sees whether one is published. null before the
 * first.
 * @throws LedgerError CHECKPOINT_ROLLED_BACK, LOG_FORKED where what is published is larger or another tree, LOG_DAMAGED where the bundles do
 *   not give its root, CHECKPOINT_INVALID, and those of the stores
 */
export async function checkLog(options: CheckLogOptions): Promise<CheckedLog | null> {
  for (let attempt = 1; ; attempt += 1) {
    // In this order: what is published was stored before.
    const published = await publishedHead(options);
    const head = await headOf(options);
    if (published !== null) await checkGrowth(options.store, published, head, 'The published checkpoint');
    if (head === null) return null;
    const { size } = head;
    const grew = async () => attempt < tries && ((await headOf(options))?.size ?? size) > size;
    try {
      const paths = await checkLogStore(options.store, head, options.onProgress);
      if (paths.length === 0 || !(await grew()))
        return { size, paths: published === null ? [...paths, 'checkpoint'] : paths };
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== 'LOG_DAMAGED' || !(await grew())) throw error;
    }
  }
}

/**
 * Makes what is missing or wrong of the log anew, from what there is of it and from the seals topic. null before the first checkpoint.
 * @throws LedgerError LOG_DAMAGED where they do not give its root: then nothing was written; CHECKPOINT_INVALID, and those of the stores;
 *   KafkaError
 */
export async function repairLog(options: RepairLogOptions): Promise<CheckedLog | null> {
  const { log, topic, store, origin, rootKey, onProgress } = options;
  const published = await publishedHead(options);
  const head = await headOf(options);
  // Nothing is mended to fit a checkpoint that was put back.
  if (published !== null && (head === null || head.size < published.size))
    throw rolledBack('The published checkpoint', published.size, head?.size ?? null);
  if (head === null) return null;
  const { topicId } = await log.describeTopic(topic);
  const { logStart: from, highWatermark: to } = await log.bounds(topic, 0);
  const { signal } = new AbortController();
  const statements = () =>
    topicStatements({ log, topic, topicId, codecs: nodeCodecs, deadlineMs: 30_000, signal, from, to });
  const judge = { origin, rootKey, verify: nodeVerifyEd25519, evidence: 256, remember: 256, rememberEnds: Infinity };
  const paths = await repairLogStore({ ...judge, store, head, topic: statements, ...(onProgress && { onProgress }) });
  return { size: head.size, paths };
}

async function publishedHead({ store, origin, logKeys }: CheckLogOptions): Promise<SignedHead | null> {
  const note = await store.read('checkpoint', maxCheckpointBytes);
  return note === null ? null : openHead(note, { origin, logKeys, verify: nodeVerifyEd25519 }, 'published checkpoint');
}

async function headOf({ store, checkpoints, origin, logKeys }: CheckLogOptions): Promise<StoredHead | null> {
  return await newestHead({ store, checkpoints, origin, logKeys, verify: nodeVerifyEd25519 });
}
