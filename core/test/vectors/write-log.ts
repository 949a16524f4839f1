// Writes core/testdata/{tiles,snapshots,acceptance}/*.json: `node core/test/vectors/write-log.ts`.
// What a vector expects comes from how it was made: the code under test has no part in it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { acceptanceVectors } from './acceptance.ts';
import { snapshotVectors } from './snapshots.ts';
import { bundleVectors, consistencyVectors, inclusionVectors, pathVectors, treeVectors } from './tiles.ts';

const files: Record<string, readonly object[]> = {
  'tiles/paths': pathVectors,
  'tiles/bundles': bundleVectors,
  'tiles/trees': treeVectors,
  'tiles/inclusion': inclusionVectors,
  'tiles/consistency': consistencyVectors,
  'snapshots/snapshots': snapshotVectors,
  'acceptance/acceptance': acceptanceVectors,
};
const testdata = new URL('../../testdata/', import.meta.url);
for (const [name, vectors] of Object.entries(files)) {
  const file = new URL(`${name}.json`, testdata);
  mkdirSync(new URL('.', file), { recursive: true });
  // One vector a line, so that a change shows as one.
  writeFileSync(file, `[\n${vectors.map((vector) => JSON.stringify(vector)).join(',\n')}\n]\n`);
}
