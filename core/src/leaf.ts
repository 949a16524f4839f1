import { concatBytes, encodeUtf8 } from './encoding.ts';
import { CoreError } from './errors.ts';
import { sha256 } from './hash.ts';

export { LeafChain, type LeafChainOptions } from './leaf-chain.ts';

/** The leaf before a generation's first: SHA-256 of the text of its genesis statement (protocol.md section 2). */
export function genesisLeaf(text: string): Uint8Array {
  return sha256(encodeUtf8(text));
}

/** SHA-256(0x00 || leaf before || entry): chain link and RFC 6962 leaf hash in one (protocol.md section 2). */
export function leafOf(previous: Uint8Array, entry: Uint8Array): Uint8Array {
  if (previous.length !== 32) throw new CoreError('ENTRY_MALFORMED', `a leaf has 32 bytes, not ${previous.length}`);
  return sha256(concatBytes(Uint8Array.of(0), previous, entry));
}
