// Writes core/testdata/{checkpoints,cosignatures,policies,tlog-proofs,proofs,leaves,events,findings}/*.json: `node core/test/vectors/write.ts`.
// What a vector expects comes from how it was made: the code under test has no part in it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { files } from './files.ts';

const testdata = new URL('../../testdata/', import.meta.url);
for (const [name, text] of files) {
  const file = new URL(`${name}.json`, testdata);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
