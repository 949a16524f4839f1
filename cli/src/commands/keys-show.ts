import { existsSync, readFileSync } from 'node:fs';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge, type KeyEntry } from '@tallystick/core/judge';
import { type Context, deploymentOf } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { readInstallation } from '../installation.ts';
import { readStatements, withLog } from '../statements.ts';

export interface ShownKey {
  readonly role: 'root' | KeyEntry['role'];
  readonly vkey: string;
  /**
   * `valid` and `retired`: as the accepted key statements say. `trusted`: the root key, which is given to checkers. `not added`: known
   * here, and no accepted key statement adds it.
   */
  readonly state: 'trusted' | 'valid' | 'retired' | 'not added';
  /** Number of the key statement that adds it. */
  readonly number: number | null;
}

/** Prints the vkeys of the log, and what the statements say of each; from files alone where `offline`. */
export async function keysShowCommand(context: Context, flags: { offline?: boolean; json?: boolean }): Promise<number> {
  const deployment = deploymentOf(context);
  const judge =
    flags.offline === true
      ? judgeFiles(deployment)
      : await withLog(deployment, 'verifier', async (log) => (await readStatements(log, deployment)).judge);
  const keys = keysOf(context, deployment, judge);
  const judged = flags.offline === true ? 'files' : 'ledger';
  if (flags.json === true) {
    context.out(JSON.stringify({ origin: deployment.origin, judged, keys }));
    return 0;
  }
  const from =
    judged === 'files'
      ? 'the key statements in files here: others may have been accepted since'
      : deployment.topics.seals;
  context.out(`log ${deployment.origin}, as ${from} says`);
  for (const { role, vkey, state, number } of keys) {
    const by = number === null ? '' : ` (key statement ${number})`;
    context.out(`${role.padEnd(9)}${`${state}${by}`.padEnd(28)}${vkey}`);
  }
  return 0;
}

function keysOf(context: Context, deployment: Deployment, judge: Judge): ShownKey[] {
  const { entries } = judge.keys;
  const shown: ShownKey[] = [{ role: 'root', vkey: deployment.rootKey.vkey, state: 'trusted', number: null }];
  for (const { role, key, retiredBy, number } of entries)
    shown.push({ role, vkey: key.vkey, state: retiredBy === null ? 'valid' : 'retired', number });
  for (const { role, vkey } of keysHere(context)) {
    if (!shown.some((one) => one.vkey === vkey)) shown.push({ role, vkey, state: 'not added', number: null });
  }
  return shown;
}

/** Keys that this machine is configured with, whether the root key vouches for them or not. */
function keysHere(context: Context): { role: 'seal' | 'log'; vkey: string }[] {
  const installation = readInstallation(context.stackHome);
  const log = context.config.list('log.keys') ?? installation?.logVkeys ?? [];
  const sealVkey = installation?.sealKeyFile.replace(/\.key$/, '.vkey');
  const seal = sealVkey !== undefined && existsSync(sealVkey) ? [readFileSync(sealVkey, 'utf8').trim()] : [];
  const named = [context.config.text('ledger.signerKey')].filter((vkey) => vkey !== undefined);
  return [
    ...[...seal, ...named].map((vkey) => ({ role: 'seal' as const, vkey })),
    ...log.map((vkey) => ({ role: 'log' as const, vkey })),
  ];
}

/** What the key statements in files say. They are checked as those of the ledger are. */
function judgeFiles(deployment: Deployment): Judge {
  const { origin, rootKey } = deployment;
  const judge = new Judge({ origin, rootKey, verify: nodeVerifyEd25519 });
  for (const [offset, file] of deployment.keyStatementFiles.entries())
    judge.offer(readFileSync(file), { in: 'seals', offset });
  return judge;
}
