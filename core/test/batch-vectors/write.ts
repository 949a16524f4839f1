// Writes core/testdata/batches/*.json: `node --conditions=@tallystick/source core/test/batch-vectors/write.ts`.
// What a vector expects comes from how it was made, never from the code under test.
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipVectors } from './gzip.ts';
import { lz4Vectors } from './lz4.ts';
import { recordVectors } from './records.ts';
import { snappyVectors } from './snappy.ts';
import type { Vector } from './vector.ts';
import { zstdVectors } from './zstd.ts';

const folder = new URL('../../testdata/batches/', import.meta.url);
mkdirSync(folder, { recursive: true });
const files: Record<string, Vector[]> = {
  records: recordVectors,
  gzip: gzipVectors,
  snappy: snappyVectors,
  lz4: lz4Vectors,
  zstd: zstdVectors,
};
for (const [name, vectors] of Object.entries(files)) {
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(vectors, null, 1)}\n`);
}
