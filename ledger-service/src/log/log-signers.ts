import { addSignatures } from '@tallystick/core/cosignature';
import { parseNote, signNote, type NoteSigner, type VerifierKey } from '@tallystick/core/note';
import { LedgerError } from '../errors.ts';

/** A note with one line of each log key: while keys are rotated of the old and the new one. */
export async function signWithAll(text: string, signers: readonly NoteSigner[]): Promise<Uint8Array> {
  const [first, ...others] = await Promise.all(signers.map((signer) => signNote(text, signer)));
  if (first === undefined) throw new RangeError('a note needs a signer');
  const lines = others.flatMap((note) => parseNote(note).signatures);
  return lines.length === 0 ? first : addSignatures(first, lines);
}

/** Readers must take what is signed. @throws LedgerError CONFIG_INVALID */
export function checkSigners(signers: readonly NoteSigner[], logKeys: readonly VerifierKey[]): void {
  const known = new Set(logKeys.map(({ vkey }) => vkey));
  const stranger = signers.find(({ key }) => !known.has(key.vkey));
  if (signers.length > 0 && stranger === undefined) return;
  const found = stranger?.key.vkey ?? 'none';
  throw new LedgerError(
    'CONFIG_INVALID',
    `The publisher signs with ${found}, which is none of the log keys given. Give each key that signs among the log keys too.`,
    { evidence: { setting: 'logSigners', found } },
  );
}
