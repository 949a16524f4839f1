import type { ContentPart } from '../../src/content/content-types.ts';
import type { Lives } from '../../src/content/lives.ts';
import { emptyTally } from '../../src/content/tally.ts';

/** A shard's part of which only the sequences say something. */
export function partOf(lives: Lives, offsets: ContentPart['offsets']): ContentPart {
  return {
    topic: 'audit.events',
    partition: 0,
    offsets,
    tally: emptyTally(),
    lives: lives.list(),
    begun: lives.begun,
    forgotten: lives.forgotten,
    overflow: lives.overflow,
    skipped: [],
    ids: { count: 0, memory: [], file: null, chunks: [], failed: null },
    maxClockSkewMs: null,
  };
}
