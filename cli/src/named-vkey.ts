import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseVerifierKey, type VerifierKey } from '@tallystick/core/note';
import type { Context } from './context.ts';
import { readNamed } from './named-file.ts';
import { naming } from './naming.ts';

const mostBytes = 1 << 20;

/** The key of a flag that takes a vkey, or a file that holds one. @throws CliError CONFIG_INVALID; CoreError KEY_MALFORMED */
export function namedVkey({ cwd }: Context, given: string, flag: string): VerifierKey {
  const file = resolve(cwd, given);
  const vkey = existsSync(file) ? readNamed(file, flag, mostBytes).toString('utf8').trim() : given;
  return naming(flag, () => parseVerifierKey(vkey));
}
