import { readFileSync, statSync } from 'node:fs';
import { CliError } from './errors.ts';

const mostBytes = 16 * 1024 * 1024;

/**
 * Reads a small file that a setting or a flag names. Only plain files: a pipe would be waited for, for ever.
 * @param what names it in the error: the setting, the flag, or what it holds
 * @throws CliError CONFIG_INVALID
 */
export function readNamed(file: string, what: string, most = mostBytes): Buffer {
  let why: string;
  try {
    const found = statSync(file);
    if (found.isFile() && found.size <= most) return readFileSync(file);
    why = found.isFile() ? `it has ${found.size} bytes, more than ${most}` : 'it is no plain file';
  } catch (cause) {
    throw new CliError('CONFIG_INVALID', `${what}: cannot read ${file}`, { cause });
  }
  throw new CliError('CONFIG_INVALID', `${what}: cannot read ${file}: ${why}`);
}
