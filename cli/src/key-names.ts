import type { KeyRole } from '@tallystick/core/statement-types';
import { CliError } from './errors.ts';

export const keyRoles = ['seal', 'log', 'producer'] as const satisfies readonly KeyRole[];

/** @throws CliError USAGE */
export function keyRole<Role extends string>(text: string | undefined, roles: readonly Role[]): Role {
  const role = roles.find((one) => one === text);
  if (role === undefined) throw new CliError('USAGE', `there is no key role "${text ?? ''}" here: ${roles.join(', ')}`);
  return role;
}

/** The name of a key of a role (protocol, section 4). @throws CliError USAGE where a producer's source is not named */
export function keyName(role: 'root' | KeyRole, origin: string, source: string | undefined): string {
  if (role === 'producer') {
    if (source === undefined)
      throw new CliError('USAGE', 'a producer key has the name of its source: add --source NAME');
    return source;
  }
  return role === 'log' ? origin : `${origin}/${role}`;
}
