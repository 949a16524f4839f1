import { randomBytes } from 'node:crypto';
import type { FindingCode } from '@tallystick/core/finding';
import { parseNote, signNote, signerFromSeed } from '@tallystick/core/note';
import type { Alteration } from './alteration.ts';
import type { Evidence } from './evidence.ts';

/** What changes one file of the published log: the one that was read last of those whose path begins so. */
const ofFile = (
  name: string,
  prefix: string,
  codes: readonly FindingCode[],
  change: (bytes: Uint8Array, copy: Evidence) => Uint8Array | Promise<Uint8Array>,
): Alteration => ({
  name,
  kind: 'log',
  async apply(copy) {
    const path = [...(copy.published?.files.keys() ?? [])].findLast((each) => each.startsWith(prefix));
    const bytes = path === undefined ? undefined : copy.published?.files.get(path);
    if (path === undefined || bytes === undefined || bytes.length === 0) return null;
    copy.published?.files.set(path, await change(bytes, copy));
    return { codes, partition: null };
  },
});

const flip = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, place) => (place === at ? byte ^ 1 : byte));

/** Alterations of the published log. */
export const logAlterations: readonly Alteration[] = [
  ofFile("one bit of the checkpoint's signature", 'checkpoint', ['checkpoint', 'quorum'], (bytes) =>
    flip(bytes, Buffer.from(bytes).indexOf('\n\n— ') + 30),
  ),
  ofFile('the checkpoint signed by another key', 'checkpoint', ['checkpoint'], async (bytes, { origin }) =>
    signNote(parseNote(bytes).text, signerFromSeed(origin, randomBytes(32))),
  ),
  ofFile('the checkpoint of another tree', 'checkpoint', ['checkpoint'], (bytes) =>
    Buffer.from(
      Buffer.from(bytes)
        .toString()
        .replace(/^[A-Za-z0-9+/]{4}(?=[A-Za-z0-9+/]{39}=$)/m, 'AAAA'),
    ),
  ),
  ofFile('one bit of a statement in the log', 'tile/entries/', ['tile', 'log-refused', 'checkpoint'], (bytes) =>
    flip(bytes, Math.floor(bytes.length / 2)),
  ),
  ofFile('a bundle of statements cut short', 'tile/entries/', ['tile'], (bytes) => bytes.subarray(0, bytes.length - 1)),
  ofFile('one bit of a tile of hashes', 'tile/0/', ['tile', 'checkpoint'], (bytes) => flip(bytes, bytes.length - 1)),
];
