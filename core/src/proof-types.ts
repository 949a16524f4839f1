import type { Cosigned } from './cosignature.ts';
import type { Ed25519Verify } from './ed25519.ts';
import type { RecordFields } from './records.ts';
import type { VerifierKey } from './note.ts';
import type { Policy } from './policy-types.ts';
import type { TlogProof } from './tlog-proof.ts';

/** What a proof is made of (protocol.md section 7). Bytes as they are, not in base64. */
export type ProofParts = (FullEvent | RedactedEvent) & {
  /** Sibling leaves and nodes from the event's leaf to the batch's root, from the leaf upwards. */
  readonly path: readonly Uint8Array[];
  /** The whole note of the seal. */
  readonly statement: Uint8Array;
  /** Whole notes of the key statements that vouch for the seal's key. */
  readonly keys: readonly Uint8Array[];
  /** The statement in the log. */
  readonly log: TlogProof;
};

/** The event itself. */
export interface FullEvent {
  /** The canonical bytes of section 1. */
  readonly entry: Uint8Array;
  /** The leaf of the event before, 32 bytes. */
  readonly previousLeaf: Uint8Array;
}

/** Only the event's leaf. */
export interface RedactedEvent {
  /** 32 bytes. */
  readonly leaf: Uint8Array;
  readonly offset: number;
}

/** What a checker holds before it sees a proof. */
export interface ProofCheck {
  /** Named `<origin>/root`. */
  readonly rootKey: VerifierKey;
  /** Its log keys named `<origin>` count. Who has no witnesses holds one with the log's vkey and `quorum none`. */
  readonly policy: Policy;
  readonly verify?: Ed25519Verify;
}

/** What a proof has shown. */
export interface CheckedProof {
  /** The log's name. */
  readonly origin: string;
  readonly topic: string;
  readonly partition: number;
  readonly generation: number;
  readonly offset: number;
  /** Of the event in its partition's generation, from 0. */
  readonly index: number;
  /** Of the seal in the generation, from 0. */
  readonly seal: number;
  /** SHA-256 of the seal's text in base64: its place in findings. */
  readonly statementHash: string;
  /**
   * The event's timestamp, unix ms, signed 64 bits. Of a redacted event it is known only at the end of a batch, where the seal
   * gives it; else null.
   */
  readonly timestamp: bigint | null;
  /** 32 bytes. */
  readonly leaf: Uint8Array;
  readonly redacted: boolean;
  /** Key, value and headers as stored; null where the proof is redacted or the batch did not parse (version 2). */
  readonly record: RecordFields | null;
  /** SHA-256 of the stored batch that did not parse (version 2); else null. */
  readonly batchHash: Uint8Array | null;
  /** Who signed the seal. */
  readonly sealKey: VerifierKey;
  /** Of the seal in the log, from 0. */
  readonly logIndex: number;
  readonly checkpoint: { readonly size: number; readonly root: Uint8Array };
  readonly logKey: VerifierKey;
  /** All witnesses of the policy that cosigned the checkpoint. */
  readonly cosigned: readonly Cosigned[];
  /** Unix seconds: the newest time at which the quorum stood; null where the policy asks for none: then only the log's key vouches. */
  readonly quorumTime: number | null;
}
