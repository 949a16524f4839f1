import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import type { NoteSigner } from '@tallystick/core/note';
import { CliError } from './errors.ts';
import type { KeySource } from './key-source.ts';

/** The signer of a configured key. @throws LedgerError KEY_FILE_…, SIGNER_… */
export function openKey(source: KeySource): NoteSigner {
  if (source.kind === 'http')
    throw new CliError('CONFIG_INVALID', `the signer ${source.url} cannot be used yet: name a file`);
  return openFileSigner(source.file);
}
