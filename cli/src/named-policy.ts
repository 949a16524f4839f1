import { parsePolicy, type Policy } from '@tallystick/core/policy';
import { readNamed } from './named-file.ts';
import { naming } from './naming.ts';

/** The policy of a file that a setting or flag names. @throws CliError CONFIG_INVALID; CoreError POLICY_MALFORMED */
export function namedPolicy(file: string, what: string, most?: number): Policy {
  const text = readNamed(file, what, most).toString('utf8');
  return naming(`The policy ${file} cannot be used`, () => parsePolicy(text));
}
