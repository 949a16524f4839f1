import { formatAnchor, parseAnchor } from '../domain/anchor-format.ts';
import type { Anchor, AnchorStore } from '../ports/anchor-store.ts';

/** An anchor that lives as long as this object: for tests and for programs that keep it elsewhere themselves. */
export function memoryAnchorStore(): AnchorStore {
  let kept: Uint8Array | null = null;
  const read = (): Anchor | null => (kept === null ? null : parseAnchor(kept, 'in memory'));
  return {
    load: async () => read(),
    update: async (next) => {
      kept = formatAnchor(next(read()));
    },
  };
}
