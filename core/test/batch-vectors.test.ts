import { neverSealed, parseBatch, readBatchHeader } from '@tallystick/core/batch';
import { entriesOf } from '@tallystick/core/entry';
import { LeafChain } from '@tallystick/core/leaf';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { crc32c } from '@tallystick/kafka/crc32c';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Vector } from './batch-vectors/vector.ts';

const folder = new URL('../testdata/batches/', import.meta.url);

for (const file of ['records', 'gzip', 'snappy', 'lz4', 'zstd']) {
  const vectors: readonly Vector[] = JSON.parse(readFileSync(new URL(`${file}.json`, folder), 'utf8'));

  describe(`batch vectors: ${file}`, () => {
    test('there are more negative ones than positive', () => {
      const positive = vectors.filter((vector) => vector.expect === 'parsed').length;
      expect(positive).toBeGreaterThan(5);
      expect(vectors.length - positive).toBeGreaterThan(positive);
    });

    for (const vector of vectors) {
      test(`${vector.expect}: ${vector.name}`, () => {
        const batch = new Uint8Array(Buffer.from(vector.batch, 'base64'));
        const header = readBatchHeader(batch, 0);
        const stop = neverSealed(header, crc32c(batch.subarray(21)));
        if (vector.expect === 'never-sealed') {
          expect(stop).not.toBeNull();
          return;
        }
        expect(stop).toBeNull();
        const judged = parseBatch(batch, header, nodeCodecs);
        expect(judged).toMatchObject({ parsed: vector.expect === 'parsed' });
        if (vector.entries !== undefined) {
          const entries = [...entriesOf(judged, vector.partition)].map((entry) =>
            Buffer.from(entry).toString('base64'),
          );
          expect(entries).toEqual(vector.entries);
        }
        const options = {
          sha256: nodeSha256,
          codecs: nodeCodecs,
          partition: vector.partition,
          previous: new Uint8Array(32),
        };
        const chain = new LeafChain(options);
        chain.append(batch, header, header.baseOffset, header.lastOffset, new Uint8Array(32 * 16), 0);
        expect(Buffer.from(chain.head).toString('base64')).toBe(vector.head);
      });
    }
  });
}
