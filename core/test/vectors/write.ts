// Writes core/testdata/{checkpoints,cosignatures,policies,tlog-proofs,proofs}/*.json: `node core/test/vectors/write.ts`.
// What a vector expects comes from how it was made: the code under test has no part in it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { checkpointNotes, checkpointTexts } from './checkpoints.ts';
import { cosignatureMessages, cosignatureVectors, witnessKeys } from './cosignatures.ts';
import { policyVectors } from './policies.ts';
import { proofVectors } from './proofs.ts';
import { tlogProofVectors } from './tlog-proofs.ts';

const files: Record<string, readonly object[]> = {
  'checkpoints/texts': checkpointTexts,
  'checkpoints/notes': checkpointNotes,
  'cosignatures/cosignatures': cosignatureVectors,
  'cosignatures/messages': cosignatureMessages,
  'cosignatures/keys': witnessKeys,
  'policies/policies': policyVectors,
  'tlog-proofs/tlog-proofs': tlogProofVectors,
  'proofs/proofs': proofVectors,
};
const testdata = new URL('../../testdata/', import.meta.url);
for (const [name, vectors] of Object.entries(files)) {
  const file = new URL(`${name}.json`, testdata);
  mkdirSync(new URL('.', file), { recursive: true });
  // One vector a line, so that a change shows as one.
  writeFileSync(file, `[\n${vectors.map((vector) => JSON.stringify(vector)).join(',\n')}\n]\n`);
}
