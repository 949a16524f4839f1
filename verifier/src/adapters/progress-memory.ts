import { randomBytes } from 'node:crypto';
import { formatPart, noPart, openPart } from './progress-format.ts';
import type { ProgressStore } from '../ports/progress-store.ts';
import { macUnder } from './anchor-key.ts';

/** Progress that lives as long as this object. `parts` are those of the run that did not end, as they are kept. */
export function memoryProgressStore(mac = macUnder(randomBytes(32))): ProgressStore & { readonly parts: Uint8Array[] } {
  const parts: Uint8Array[] = [];
  const codes = (upTo: number): string[] => {
    const known: string[] = [];
    for (const [index, bytes] of parts.slice(0, upTo).entries())
      known.push(openPart(bytes, index, known.at(-1) ?? noPart, mac, 'in memory').code);
    return known;
  };
  return {
    parts,
    begin: async () => codes(Infinity).length,
    read: async (index) => {
      const before = codes(index).at(-1) ?? noPart;
      return openPart(parts[index] ?? new Uint8Array(), index, before, mac, 'in memory').content;
    },
    append: async (part) => {
      parts.push(formatPart(part, parts.length, codes(Infinity).at(-1) ?? noPart, mac).bytes);
    },
    clear: async () => {
      parts.length = 0;
    },
    leave: async () => undefined,
  };
}
