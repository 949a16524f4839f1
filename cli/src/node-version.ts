import { readFileSync } from 'node:fs';
import { CliError } from './errors.ts';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  engines: { node: string };
};

/** npm only warns of it, and what is missing would show somewhere in the middle. @throws CliError NODE_TOO_OLD */
export function checkNode(version: string): void {
  const [, major = 0, minor = 0] = (/^>=(\d+)\.(\d+)$/.exec(engines.node) ?? []).map(Number);
  const [, ourMajor = 0, ourMinor = 0] = (/^(\d+)\.(\d+)\./.exec(version) ?? []).map(Number);
  if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) return;
  throw new CliError('NODE_TOO_OLD', `Node ${major}.${minor} or newer is needed, and this is Node ${version}`);
}
