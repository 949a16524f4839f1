import { createHash } from 'node:crypto';
import { verifiedCosignatures, witnessKey, type WitnessKey, type WitnessSigner } from '@tallystick/core/cosignature';
import { nodeSigner, nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseNote, type VerifierKey } from '@tallystick/core/note';
import { memoryWitnessStore } from '../../src/witness/memory-store.ts';
import type { WitnessStore } from '../../src/witness/store.ts';
import { Witness } from '../../src/witness/witness.ts';

/** A witness' signer that is always the same for the same name. */
export function witnessSigner(name = 'witness.example/w1'): WitnessSigner {
  const signer = nodeSigner(name, createHash('sha256').update(`witness ${name}`).digest());
  return {
    key: witnessKey(name, signer.key.publicKey),
    sign: (message) => signer.sign(message),
  };
}

export function openWitness(
  logs: readonly VerifierKey[],
  { store = memoryWitnessStore(), now = Date.now, signer = witnessSigner() }: Partial<WitnessParts> = {},
): Promise<Witness> {
  return Witness.open({ logs, store, now, signer, verify: nodeVerifyEd25519 });
}

interface WitnessParts {
  readonly store: WitnessStore;
  readonly now: () => number;
  readonly signer: WitnessSigner;
}

/** The time of the cosignature of `key` in these lines over this text, none where it does not verify. */
export function timesOf(text: string, lines: Uint8Array | string, key: WitnessKey): number[] {
  const note = parseNote(Buffer.concat([Buffer.from(`${text}\n`), Buffer.from(lines)]));
  try {
    return verifiedCosignatures(note, [key], nodeVerifyEd25519).map(({ time }) => time);
  } catch {
    return [];
  }
}
