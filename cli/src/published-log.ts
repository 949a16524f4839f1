import { openCheckpoint } from '@tallystick/core/checkpoint';
import { verifiedCosignatures } from '@tallystick/core/cosignature';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { quorumReached } from '@tallystick/core/policy';
import { openStores } from '@tallystick/ledger-service/log-stores';
import type { Deployment } from './deployment.ts';
import { readPolicy } from './open-ledger.ts';
import { logKeysOf } from './statements.ts';

const maxCheckpointBytes = 64 * 1024;

/** The published log as `status` shows it. */
export interface PublishedLog {
  /** The folder, or `s3://bucket/prefix`. */
  readonly place: string;
  readonly dir: string | null;
  readonly checkpointDir: string | null;
  readonly bucket: string | null;
  readonly prefix: string | null;
  readonly endpoint: string | null;
  /** Where others read it, as configured. */
  readonly url: string | null;
  readonly vkeys: readonly string[];
  readonly policyFile: string | null;
  /** What is published; null before the first checkpoint. */
  readonly checkpoint: PublishedCheckpoint | null;
}

export interface PublishedCheckpoint {
  readonly size: number;
  /** base64. */
  readonly root: string;
  /** The witnesses of the policy, and when each cosigned it (unix seconds; null: it did not). */
  readonly witnesses: readonly { readonly name: string; readonly vkey: string; readonly time: number | null }[];
  /** Whether the policy's quorum is reached; null where it asks for none. */
  readonly quorum: boolean | null;
}

/** Where the log is, without looking. @throws CliError CONFIG_… */
export function placeOfLog(deployment: Deployment): Omit<PublishedLog, 'checkpoint'> {
  const { logPlace, logUrl: url, policyFile } = deployment;
  const vkeys = (logKeysOf(deployment) ?? []).map(({ vkey }) => vkey);
  const none = { dir: null, checkpointDir: null, bucket: null, prefix: null, endpoint: null };
  if ('dir' in logPlace) return { ...none, place: logPlace.dir, ...logPlace, url, vkeys, policyFile };
  const { bucket, prefix = '', endpoint = null } = logPlace.s3;
  return { ...none, place: `s3://${bucket}/${prefix}`, bucket, prefix, endpoint, url, vkeys, policyFile };
}

/**
 * Reads the published checkpoint, as anybody would, and checks it under the log's keys and the policy.
 * @throws CoreError CHECKPOINT_…, COSIGNATURE_INVALID, POLICY_MALFORMED; LedgerError LOG_STORE_…
 */
export async function readCheckpoint(deployment: Deployment): Promise<PublishedCheckpoint | null> {
  const keys = logKeysOf(deployment);
  if (keys === null) return null;
  const { store, checkpoints } = await openStores(deployment.logPlace);
  try {
    const note = await store.read('checkpoint', maxCheckpointBytes);
    if (note === null) return null;
    const verify = nodeVerifyEd25519;
    const { checkpoint, signed } = openCheckpoint(note, { origin: deployment.origin, keys, verify });
    const policy = readPolicy(deployment);
    const known = policy?.witnesses ?? [];
    const cosigned = verifiedCosignatures(
      signed,
      known.map(({ key }) => key),
      verify,
    );
    const times = new Map(cosigned.map(({ key, time }) => [key.vkey, time]));
    return {
      size: checkpoint.size,
      root: Buffer.from(checkpoint.root).toString('base64'),
      witnesses: known.map(({ name, key: { vkey } }) => ({ name, vkey, time: times.get(vkey) ?? null })),
      quorum: policy === null || policy.quorum === 'none' ? null : quorumReached(policy, new Set(times.keys())),
    };
  } finally {
    await Promise.all([store.close(), checkpoints.close()]);
  }
}
