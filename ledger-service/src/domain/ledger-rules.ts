import type { NoteSigner, VerifierKey } from '@tallystick/core/note';
import { LedgerError } from '../errors.ts';
import { roleNames, type RoleName } from '../ports/role.ts';

/** @throws LedgerError CONFIG_INVALID */
export function checkRoles(roles: readonly RoleName[]): void {
  const known = roles.every((role) => roleNames.includes(role));
  if (known && roles.length > 0 && new Set(roles).size === roles.length) return;
  throw invalid('roles', `The roles are ${roles.join(', ') || 'none'}: name one or more of ${roleNames.join(', ')}.`, {
    found: roles,
  });
}

/** The seal key has its name and is not the root key. @throws LedgerError CONFIG_INVALID */
export function checkSealKey(
  { key: { name, vkey, publicKey } }: NoteSigner,
  origin: string,
  rootKey: VerifierKey,
): void {
  if (name !== `${origin}/seal`)
    throw invalid(
      'signer',
      `The seal key is named ${name}; that of the log ${origin} is named ${origin}/seal. Give the key of this log.`,
      { expected: `${origin}/seal`, found: name },
    );
  if (Buffer.from(publicKey).equals(rootKey.publicKey))
    throw invalid(
      'signer',
      `The seal key ${vkey} is the root key. The root key stays offline; make a seal key of its own.`,
      { found: vkey },
    );
}

/** The log keys have the log's name, and none of them is the root key. @throws LedgerError CONFIG_INVALID */
export function checkLogKeys(keys: readonly VerifierKey[], origin: string, rootKey: VerifierKey): void {
  if (keys.length === 0) throw invalid('logKeys', 'No log key is given: nothing of the log could be believed.', {});
  for (const { name, vkey, publicKey } of keys) {
    if (name !== origin)
      throw invalid('logKeys', `The log key ${vkey} is named ${name}; that of this log is named ${origin}.`, {
        expected: origin,
        found: name,
      });
    if (Buffer.from(publicKey).equals(rootKey.publicKey))
      throw invalid('logKeys', `The log key ${vkey} is the root key. Make a log key of its own.`, { found: vkey });
  }
}

/** @throws LedgerError CONFIG_INVALID where it is no whole number from `least` on */
export function checkWhole(setting: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw invalid(setting, `${setting} is ${value}: it must be a whole number from ${least} on.`, { found: value });
}

/** What a role cannot do without. @throws LedgerError CONFIG_INVALID where it is missing */
export function needed<T>(role: RoleName, setting: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw invalid(setting, `The role ${role} needs ${setting}.`, { role });
}

function invalid(setting: string, message: string, evidence: Record<string, unknown>): LedgerError {
  return new LedgerError('CONFIG_INVALID', message, { evidence: { setting, ...evidence } });
}
