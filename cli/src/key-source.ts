import type { Config } from './config.ts';
import { CliError } from './errors.ts';

/** Where a key that signs is to be found. */
export type KeySource =
  | { readonly kind: 'file'; readonly file: string; readonly passphrase?: string }
  | { readonly kind: 'http'; readonly url: string; readonly vkey: string; readonly token?: string };

/** The names of the settings of one key. */
export interface KeySettings {
  readonly file: string;
  readonly signer: string;
}

export const sealKeySettings: KeySettings = { file: 'ledger.sealKey', signer: 'ledger.signer' };
export const logKeySettings: KeySettings = { file: 'log.key', signer: 'log.signer' };
export const nextLogKeySettings: KeySettings = { file: 'log.nextKey', signer: 'log.nextSigner' };

/**
 * The key that the settings name; `fallback` is the file where they name none; null where there is none either.
 * @throws CliError CONFIG_INVALID, CONFIG_MISSING, SECRET_FILE
 */
export function keySource(config: Config, { file, signer }: KeySettings, fallback?: string): KeySource | null {
  const url = config.text(`${signer}Url`);
  const named = config.text(`${file}File`);
  if (url !== undefined) {
    if (named !== undefined) {
      throw new CliError('CONFIG_INVALID', `both ${signer}Url and ${file}File are set: keep one of them`);
    }
    const vkey = config.text(`${signer}Key`);
    if (vkey === undefined) {
      throw new CliError(
        'CONFIG_MISSING',
        `${signer}Url is set, but not whose signatures are expected of it: set ${signer}Key to the vkey of that key`,
      );
    }
    const token = config.secret(`${signer}Token`);
    return { kind: 'http', url, vkey, ...(token === undefined ? {} : { token }) };
  }
  const path = named ?? fallback;
  if (path === undefined) return null;
  const passphrase = config.secret(`${file}Passphrase`);
  return { kind: 'file', file: path, ...(passphrase === undefined ? {} : { passphrase }) };
}
