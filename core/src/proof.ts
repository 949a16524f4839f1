import { readCheckpointNote } from './checkpoint.ts';
import { verifyEd25519 } from './ed25519.ts';
import { CoreError } from './errors.ts';
import { leafHash, verifyInclusion } from './merkle.ts';
import type { VerifierKey } from './note.ts';
import { openByPolicy, type Policy, type WitnessedCheckpoint } from './policy.ts';
import { proofStep, type ProofErrorCode } from './proof-error.ts';
import { placeEvent, redactedParts, type PlacedEvent } from './proof-event.ts';
import { formatProof, parseProof } from './proof-json.ts';
import { checkOrigin, checkRootSigned, claimedSealKeys, readNotes, sealKeyOf, type ProofNotes } from './proof-notes.ts';
import type { CheckedProof, ProofCheck, ProofParts } from './proof-types.ts';
import { statementHash } from './statement.ts';

// The proof that one event is sealed and in the log (protocol.md section 7): made, redacted, checked. Pure: it runs in a browser,
// and the checker brings every key.

export type { ProofErrorCode } from './proof-error.ts';
export { maxProofLength, parseProof } from './proof-json.ts';
export type * from './proof-types.ts';

/** Media type of the JSON. */
export const proofMediaType = 'application/vnd.tallystick.proof+json';

/**
 * Makes a proof of parts that fit together. Checks all that needs no key: what it makes fails a check only over signatures, and
 * over what the checker asks for.
 * @throws CoreError PROOF_MALFORMED, PROOF_STATEMENT, PROOF_KEYS, PROOF_ORIGIN, PROOF_ENTRY, PROOF_PLACE, PROOF_LEAF, PROOF_TIME,
 *   PROOF_ROOT, PROOF_SEAL_KEY, PROOF_CHECKPOINT, PROOF_INCLUSION
 */
export function buildProof(parts: ProofParts): string {
  const json = formatProof(parts);
  const notes = readNotes(parts);
  placeEvent(parts, notes.seal.statement);
  claimedSealKeys(notes);
  checkInclusion(parts, notes.seal.statement.origin);
  return json;
}

/**
 * The same proof without the event: its leaf and offset stand in its place. Who guesses the event and knows the leaf before it can
 * still try; and that leaf is in the path of every event at an odd place of its batch. What keeps an event secret is that its
 * random id cannot be guessed. A proof that is redacted already stays as it is.
 * @throws CoreError as {@link buildProof}
 */
export function redactProof(json: string): string {
  const parts = parseProof(json);
  // Before the event is gone: what only shows in the event is not refused afterwards.
  buildProof(parts);
  return buildProof(redactedParts(parts));
}

/**
 * Checks a proof against what the checker holds: the event's leaf leads to the batch's root, a key that the root key vouches for
 * signed that root, the seal is in the tree of a checkpoint that a log key held signed and the policy's quorum cosigned. It
 * says nothing about whether the seal's key was retired before, or whether the log's readers accept the seal: full verification
 * does. The first check that fails gives the code, in the order in which the protocol names them.
 * @throws CoreError as {@link buildProof}, and PROOF_COSIGNATURE, PROOF_QUORUM
 */
export function checkProof(json: string, { rootKey, policy, verify = verifyEd25519 }: ProofCheck): CheckedProof {
  const parts = parseProof(json);
  const notes = readNotes(parts);
  const { origin } = notes.seal.statement;
  checkHeldNames(origin, rootKey, policy);
  const event = placeEvent(parts, notes.seal.statement);
  checkRootSigned(notes, rootKey, verify);
  const sealKey = sealKeyOf(notes, rootKey, verify);
  checkInclusion(parts, origin);
  const opened = checkpointStep(() => openByPolicy(parts.log.checkpoint, { origin, policy, verify }));
  return { ...shown(notes, event), sealKey, logIndex: parts.log.index, ...anchor(opened) };
}

function checkHeldNames(origin: string, rootKey: VerifierKey, { logs }: Policy): void {
  checkOrigin('the root key that is held', `${origin}/root`, rootKey.name);
  const names = logs.map(({ key }) => key.name);
  if (!names.includes(origin)) checkOrigin('the log of the policy that is held', origin, names.join(', '));
}

/** The note of the seal is an entry of the checkpoint's tree. Who signed the checkpoint is looked at behind. */
function checkInclusion({ statement, log }: ProofParts, origin: string): void {
  const { index, path } = log;
  const { checkpoint } = proofStep('PROOF_CHECKPOINT', () => readCheckpointNote(log.checkpoint));
  checkOrigin('the checkpoint', origin, checkpoint.origin);
  const { size, root } = checkpoint;
  proofStep('PROOF_INCLUSION', () => verifyInclusion({ index, size, leaf: leafHash(statement), path, root }));
}

const checkpointCodes: Readonly<Partial<Record<string, ProofErrorCode>>> = {
  COSIGNATURE_INVALID: 'PROOF_COSIGNATURE',
  CHECKPOINT_QUORUM: 'PROOF_QUORUM',
};

function checkpointStep(open: () => WitnessedCheckpoint): WitnessedCheckpoint {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    return proofStep(checkpointCodes[error.code] ?? 'PROOF_CHECKPOINT', () => {
      throw error;
    });
  }
}

type Shown = Omit<CheckedProof, 'sealKey' | 'logIndex' | keyof ReturnType<typeof anchor>>;

function shown({ seal }: ProofNotes, { offset, index, leaf, entry }: PlacedEvent): Shown {
  const { origin, topic, partition, generation, seal: number, time, offsets } = seal.statement;
  const sealTime = offset === offsets.last && time !== null ? BigInt(time) : null;
  const place = { origin, topic, partition, generation, offset, index, seal: number, leaf };
  return {
    ...place,
    statementHash: statementHash(seal.note.text),
    timestamp: entry?.timestamp ?? sealTime,
    redacted: entry === null,
    record: entry?.version === 1 ? { key: entry.key, value: entry.value, headers: entry.headers } : null,
    batchHash: entry?.version === 2 ? entry.batchHash : null,
  };
}

function anchor({ checkpoint: { size, root }, key, cosigned, quorumTime }: WitnessedCheckpoint) {
  return { checkpoint: { size, root }, logKey: key, cosigned, quorumTime };
}
