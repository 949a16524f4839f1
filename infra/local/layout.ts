import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { InfraError } from './errors.ts';
import { hasErrno } from './files.ts';
import { roles } from './roles.ts';
import type { Role } from './roles.ts';

/** The servers of the stack, in the order in which they are shown. */
export const partNames = ['kafka', 'registry', 'clickhouse'] as const;

export type PartName = (typeof partNames)[number];

/** Where things lie in the folder of a stack. Everything in it was made by the stack and goes with it. */
export interface Layout {
  readonly home: string;
  readonly stateFile: string;
  readonly lockFile: string;
  readonly kafka: string;
  readonly kafkaData: string;
  readonly registry: string;
  readonly clickhouse: string;
  readonly logs: string;
  readonly secrets: string;
}

/** The layout of the stack in that folder; nothing is read or written. */
export function layoutOf(home: string): Layout {
  const root = resolve(home);
  const kafka = join(root, 'kafka');
  return {
    home: root,
    stateFile: join(root, 'stack.json'),
    lockFile: join(root, 'lock'),
    kafka,
    kafkaData: join(kafka, 'data'),
    registry: join(root, 'registry'),
    clickhouse: join(root, 'clickhouse'),
    logs: join(root, 'logs'),
    secrets: join(root, 'secrets'),
  };
}

/** The argument that every server of the stack carries, so that one which no file knows of is found all the same. */
export function markerOf(layout: Layout): string {
  return `-Dtallystick.home=${layout.home}`;
}

export function logFileOf(layout: Layout, part: string): string {
  return join(layout.logs, `${part}.log`);
}

export function passwordFileOf(layout: Pick<Layout, 'secrets'>, role: Role | 'controller'): string {
  return join(layout.secrets, `${role}.password`);
}

/**
 * Kafka splits its folders at commas, Java its class path at colons, H2 its address at semicolons: a path with one of them would be
 * quietly misread, so it is refused.
 */
export function checkPath(path: string, what: string): void {
  if (!isAbsolute(path))
    throw new InfraError('STACK_HOME_UNUSABLE', `${what} ${JSON.stringify(path)} is not an absolute path`);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const bad = /[,:;"'$%*\\\u0000-\u001f\u007f]/.exec(path);
  if (bad === null) return;
  throw new InfraError(
    'STACK_HOME_UNUSABLE',
    `${what} ${JSON.stringify(path)} holds the character ${JSON.stringify(bad[0])}, which Kafka or Java would misread; use a folder without it`,
    { evidence: { path } },
  );
}

/** Makes the folders of the stack, for the user alone (0700). */
export function makeHome(layout: Layout): void {
  checkPath(layout.home, 'the folder of the stack');
  try {
    for (const folder of [layout.home, layout.kafka, layout.registry, layout.clickhouse, layout.logs, layout.secrets]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    chmodSync(layout.home, 0o700);
  } catch (error) {
    throw new InfraError(
      'STACK_HOME_UNUSABLE',
      `cannot make the folder of the stack ${layout.home}: ${String(error)}`,
      { cause: error },
    );
  }
  const owner = statSync(layout.home).uid;
  if (process.getuid !== undefined && owner !== process.getuid()) {
    throw new InfraError(
      'STACK_HOME_UNUSABLE',
      `the folder of the stack ${layout.home} belongs to another user (${owner})`,
    );
  }
}

/** Makes a random password for each role that has none yet; files of mode 0600 that are never overwritten. */
export function makeSecrets(layout: Layout): void {
  for (const role of [...roles, 'controller'] as const) {
    try {
      writeFileSync(passwordFileOf(layout, role), randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
  }
}

/** The first password file that is missing, or null. */
export function missingSecret(layout: Layout): string | null {
  for (const role of [...roles, 'controller'] as const) {
    const path = passwordFileOf(layout, role);
    if (!existsSync(path)) return path;
  }
  return null;
}
