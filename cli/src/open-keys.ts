import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { openHttpSigner } from '@tallystick/ledger-service/http-signer';
import type { NoteSigner } from '@tallystick/core/note';
import type { KeySource } from './key-source.ts';

/** The signer of a configured key. @throws LedgerError KEY_FILE_…, KEY_PASSPHRASE_…, SIGNER_… */
export async function openKey(source: KeySource): Promise<NoteSigner> {
  if (source.kind === 'http') return openHttpSigner(source);
  return openFileSigner(source.file, source);
}
