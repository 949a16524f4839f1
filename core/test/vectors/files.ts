// The files of core/testdata that are written here, each with its text.
import { checkpointNotes, checkpointTexts } from './checkpoints.ts';
import { cosignatureMessages, cosignatureVectors, witnessKeys } from './cosignatures.ts';
import { eventSignatures } from './event-signatures.ts';
import { duplicateVectors, schemaVectors, valueVectors } from './events.ts';
import { findingVectors, verdictVectors } from './findings.ts';
import { leavesVectors } from './leaves.ts';
import { policyVectors } from './policies.ts';
import { proofVectors } from './proofs.ts';
import { tlogProofVectors } from './tlog-proofs.ts';

const vectors: Record<string, readonly object[]> = {
  'checkpoints/texts': checkpointTexts,
  'checkpoints/notes': checkpointNotes,
  'cosignatures/cosignatures': cosignatureVectors,
  'cosignatures/messages': cosignatureMessages,
  'cosignatures/keys': witnessKeys,
  'policies/policies': policyVectors,
  'tlog-proofs/tlog-proofs': tlogProofVectors,
  'proofs/proofs': proofVectors,
  'leaves/leaves': leavesVectors,
  'events/signatures': eventSignatures,
  'events/schemas': schemaVectors,
  'events/values': valueVectors,
  'events/duplicates': duplicateVectors,
  'findings/findings': findingVectors,
  'findings/verdicts': verdictVectors,
};
// One vector a line, so that a change shows as one.
const textOf = (all: readonly object[]) => `[\n${all.map((vector) => JSON.stringify(vector)).join(',\n')}\n]\n`;

/** Paths below core/testdata without `.json`, and texts. */
export const files: readonly (readonly [name: string, text: string])[] = Object.entries(vectors).map(([name, all]) => [
  name,
  textOf(all),
]);
