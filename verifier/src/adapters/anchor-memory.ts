import { randomBytes } from 'node:crypto';
import { formatAnchor, parseAnchor } from '../domain/anchor-format.ts';
import type { Anchor, AnchorStore } from '../ports/anchor-store.ts';
import { macUnder } from './anchor-key.ts';
import { memoryProgressStore } from './progress-memory.ts';

/** An anchor that lives as long as this object: for tests and for programs that keep it elsewhere themselves. */
export function memoryAnchorStore(): AnchorStore & {
  readonly evidence: readonly Uint8Array[];
  readonly progress: ReturnType<typeof memoryProgressStore>;
} {
  const mac = macUnder(randomBytes(32));
  const evidence: Uint8Array[] = [];
  let kept: Uint8Array | null = null;
  const read = (): Anchor | null => (kept === null ? null : parseAnchor(kept, 'in memory', mac));
  return {
    evidence,
    progress: memoryProgressStore(mac),
    load: async () => read(),
    update: async (next) => {
      kept = formatAnchor(next(read()), mac);
    },
    keepEvidence: async (bytes) => {
      evidence.push(bytes);
      return 'in memory';
    },
  };
}
