import { openCheckpoint, type OpenedCheckpoint } from './checkpoint.ts';
import { verifiedCosignatures, type Cosigned } from './cosignature.ts';
import { verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import { excerpt } from './encoding.ts';
import { CoreError } from './errors.ts';
import type { Policy, Quorum } from './policy-types.ts';

// C2SP tlog-policy (https://c2sp.org/tlog-policy): whose word makes a checkpoint count.

export { maxPolicyItems, maxPolicyLength, parsePolicy } from './policy-text.ts';
export type { Policy, PolicyGroup, PolicyLog, PolicyWitness, Quorum } from './policy-types.ts';

/** A checkpoint that counts by a policy. */
export interface WitnessedCheckpoint extends OpenedCheckpoint {
  /** All witnesses of the policy that cosigned it, also those that the quorum does not need. */
  readonly cosigned: readonly Cosigned[];
  /** Unix seconds: the newest time at which the quorum stood; null where the policy asks for none. */
  readonly quorumTime: number | null;
}

/**
 * Do these cosigners reach the quorum? `quorum none` is always reached.
 * @param cosigners vkeys of witnesses whose cosignatures were verified
 */
export function quorumReached(policy: Pick<Policy, 'quorum'>, cosigners: ReadonlySet<string>): boolean {
  return policy.quorum === 'none' || timeOf(policy.quorum, (vkey) => (cosigners.has(vkey) ? 0 : null)) !== null;
}

/**
 * The newest time T (unix seconds) such that the cosignatures of T or later reach the quorum: a checkpoint is as old as that.
 * null where they do not reach it at all, and where the policy asks for none: then nobody vouches for a time.
 */
export function quorumTime(policy: Pick<Policy, 'quorum'>, cosigned: Iterable<Cosigned>): number | null {
  if (policy.quorum === 'none') return null;
  const times = new Map<string, number>();
  for (const { key, time } of cosigned) times.set(key.vkey, Math.max(time, times.get(key.vkey) ?? time));
  return timeOf(policy.quorum, (vkey) => times.get(vkey) ?? null);
}

/**
 * Opens the checkpoint of the log `origin` by a policy: signed by one of its keys that has that name, cosigned as its quorum asks.
 * @throws CoreError CHECKPOINT_MALFORMED, CHECKPOINT_ORIGIN, CHECKPOINT_UNSIGNED, COSIGNATURE_INVALID, CHECKPOINT_QUORUM
 */
export function openByPolicy(
  note: Uint8Array,
  options: { readonly origin: string; readonly policy: Policy; readonly verify?: Ed25519Verify },
): WitnessedCheckpoint {
  const { origin, policy, verify = verifyEd25519 } = options;
  const opened = openCheckpoint(note, { origin, keys: policy.logs.map(({ key }) => key), verify });
  const witnesses = policy.witnesses.map(({ key }) => key);
  const cosigned = verifiedCosignatures(opened.signed, witnesses, verify);
  if (!quorumReached(policy, new Set(cosigned.map(({ key }) => key.vkey)))) {
    throw new CoreError(
      'CHECKPOINT_QUORUM',
      `too few witnesses vouch for the checkpoint of ${excerpt(origin)}: it is cosigned by ${namesOf(cosigned).join(', ') || 'none'} of those the policy names, and its quorum asks for more`,
      {
        evidence: { expected: policy.quorum === 'none' ? 'none' : policy.quorum.name, found: namesOf(cosigned) },
      },
    );
  }
  return { ...opened, cosigned, quorumTime: quorumTime(policy, cosigned) };
}

/** When the node last witnessed: a witness' own time; of a group the threshold-th newest of its members. null: never. */
function timeOf(node: Quorum, timeOfWitness: (vkey: string) => number | null): number | null {
  if (node.kind === 'witness') return timeOfWitness(node.key.vkey);
  const times = node.members.map((member) => timeOf(member, timeOfWitness)).filter((time) => time !== null);
  return times.sort((a, b) => b - a)[node.threshold - 1] ?? null;
}

function namesOf(cosigned: readonly Cosigned[]): readonly string[] {
  return cosigned.map(({ key }) => key.name);
}
