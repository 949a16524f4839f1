import { openCheckpoint, readCheckpointNote } from '@tallystick/core/checkpoint';
import type { Checkpoint } from '@tallystick/core/checkpoint';
import { verifiedCosignatures } from '@tallystick/core/cosignature';
import type { Cosigned } from '@tallystick/core/cosignature';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { encodeBase64, equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import type { VerifierKey } from '@tallystick/core/note';
import { quorumReached, quorumTime } from '@tallystick/core/policy';
import type { Policy } from '@tallystick/core/policy';
import { digestOfBytes } from '../domain/content-digest.ts';
import type { NewFinding } from '../domain/findings.ts';
import { restUnread } from './log-findings.ts';
import type { WitnessTime } from '../statements/statement-clocks.ts';

/** Whose word makes a checkpoint count. */
export interface LogTrust {
  readonly origin: string;
  /** Keys of the log that the checker holds. */
  readonly keys: readonly VerifierKey[];
  readonly policy: Policy | null;
}

/** A checkpoint that was served, and what is known of it. */
export interface ServedCheckpoint {
  readonly note: Uint8Array;
  readonly checkpoint: Checkpoint;
  /** null: by no key that is held. Key statements of the log may still vouch for the one that signed it. */
  readonly signer: VerifierKey | null;
  readonly cosigned: readonly Cosigned[];
  readonly quorumReached: boolean;
  /** Unix seconds; null where no quorum stood. */
  readonly quorumTime: number | null;
}

/**
 * Opens what was served as `checkpoint`.
 * @returns what is wrong with it in place of the checkpoint, where that is so
 */
export function openServed(note: Uint8Array, trust: LogTrust): ServedCheckpoint | { readonly wrong: NewFinding } {
  try {
    return openNote(note, trust);
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    return {
      wrong: {
        code: 'checkpoint',
        expected: trust.origin,
        found: noteFound(error.code, note),
        message: `The published checkpoint does not count: ${error.message}.`,
        detail: { note: Buffer.from(note).toString('base64'), ...error.evidence },
        ...restUnread('checkpoint'),
      },
    };
  }
}

/** Opens a checkpoint of the log, whoever had it. @throws CoreError where it is none, or a signature that counts is bad */
export function openNote(note: Uint8Array, { origin, keys, policy }: LogTrust): ServedCheckpoint {
  const verify = nodeVerifyEd25519;
  const { checkpoint, signed } = readCheckpointNote(note);
  const known = keys.some(({ name, keyId }) =>
    signed.signatures.some((line) => line.name === name && equalBytes(line.keyId, keyId)),
  );
  // Origin and form are judged in any case; without a key that is known the signature cannot be.
  const opened = known || checkpoint.origin !== origin ? openCheckpoint(note, { origin, keys, verify }) : null;
  const witnesses = policy?.witnesses ?? [];
  const cosigned = verifiedCosignatures(
    signed,
    witnesses.map(({ key }) => key),
    verify,
  );
  return {
    note,
    checkpoint,
    signer: opened?.key ?? null,
    cosigned,
    quorumReached: policy === null || quorumReached(policy, new Set(cosigned.map(({ key }) => key.vkey))),
    quorumTime: policy === null ? null : quorumTime(policy, cosigned),
  };
}

/** A checkpoint that no key of the log signed. */
export function unsigned({ note, checkpoint }: ServedCheckpoint, keys: readonly VerifierKey[]): NewFinding {
  return {
    code: 'checkpoint',
    expected: keys.map(({ vkey }) => vkey).join(' ') || null,
    found: noteFound('CHECKPOINT_UNSIGNED', note),
    message: `The published checkpoint (size ${checkpoint.size}) is signed by no key of the log: neither by one that was given nor by one that the log's key statements vouch for.`,
    detail: { note: Buffer.from(note).toString('base64') },
  };
}

/** The quorum that the policy asks for was not reached. */
export function noQuorum({ note, checkpoint, cosigned }: ServedCheckpoint, policy: Policy): NewFinding {
  const names = namesOf(policy, cosigned);
  const { size, root } = checkpoint;
  return {
    code: 'quorum',
    expected: `${policy.quorum === 'none' ? 'none' : policy.quorum.name} of size ${size} ${encodeBase64(root)}`,
    found: names.join(' ') || null,
    message: `The published checkpoint (size ${size}) does not reach the policy's quorum: ${names.length === 0 ? 'no known witness cosigned it' : `only ${names.join(', ')} cosigned it`}. It is not published before the quorum signs, so it is not the log's.`,
    detail: { note: Buffer.from(note).toString('base64') },
  };
}

/** What is wrong with a note, and with which: another note is another finding. */
function noteFound(code: string, note: Uint8Array): string {
  return `${code} (note with SHA-256 ${digestOfBytes(note)})`;
}

/** The policy's own names of those who cosigned. */
export function namesOf(policy: Policy, cosigned: readonly Cosigned[]): string[] {
  return policy.witnesses
    .filter(({ key }) => cosigned.some((each) => each.key.vkey === key.vkey))
    .map(({ name }) => name);
}

/** When the witnesses of a quorum that was reached cosigned, by the policy's names; empty without one. */
export function witnessTimes(policy: Policy | null, accepted: ServedCheckpoint | null): WitnessTime[] {
  if (policy === null || policy.quorum === 'none' || accepted === null) return [];
  return policy.witnesses.flatMap(({ name, key }) => {
    const cosigned = accepted.cosigned.find((each) => each.key.vkey === key.vkey);
    return cosigned === undefined ? [] : [{ name, time: cosigned.time }];
  });
}
