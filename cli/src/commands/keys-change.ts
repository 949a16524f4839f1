import { resolve } from 'node:path';
import { parseVerifierKey } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import type { KeyRole, KeyStatement } from '@tallystick/core/statement-types';
import { type Context, deploymentOf } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { tryKeyStatement, whyNot } from '../dry-run.ts';
import { CliError } from '../errors.ts';
import { writeNew } from '../key-files.ts';
import { keyRole, keyRoles } from '../key-names.ts';
import { inWords } from '../statement-words.ts';
import { readStatements, withLog } from '../statements.ts';

/** Writes the key statement that adds or retires a key, unsigned, to a file that goes to the root key. */
export async function keysChangeCommand(
  context: Context,
  action: KeyStatement['action'],
  flags: { output: string },
  [role, vkey = '']: string[],
): Promise<number> {
  const { statement } = await draftKeyStatement(deploymentOf(context), action, keyRole(role, keyRoles), vkey);
  const output = resolve(context.cwd, flags.output);
  writeNew(output, formatStatement(statement));
  for (const line of inWords(statement)) context.say(line);
  context.out(
    `${output}: to be signed where the root key is: tallystick sign ${flags.output} --key ROOTKEYFILE -o ${flags.output}.note`,
  );
  return 0;
}

export interface DraftedKey {
  readonly statement: KeyStatement;
  /** vkeys of the same role that are valid now. */
  readonly valid: readonly string[];
}

/**
 * The key statement that would count now.
 * @throws CliError NOT_ACCEPTED where none would; CoreError KEY_MALFORMED; KafkaError
 */
export async function draftKeyStatement(
  deployment: Deployment,
  action: KeyStatement['action'],
  role: KeyRole,
  vkey: string,
): Promise<DraftedKey> {
  const { origin, rootKey } = deployment;
  const { keys } = await withLog(deployment, 'verifier', async (log) => (await readStatements(log, deployment)).judge);
  if (keys.nextNumber === 0) {
    throw new CliError(
      'NOT_ACCEPTED',
      `${deployment.topics.seals} holds no key statement under this root key yet: start the ledger first, which writes the first ones`,
    );
  }
  const { nextNumber: number, previous } = keys;
  const { vkey: key } = parseVerifierKey(vkey);
  const statement: KeyStatement = { kind: 'key', origin, number, action, role, key, previous, time: Date.now() };
  const outcome = tryKeyStatement(statement, keys, { origin, rootKey });
  const ofRole = keys.entries.filter((entry) => entry.role === role && entry.retiredBy === null);
  if (outcome.outcome === 'accepted') return { statement, valid: ofRole.map((entry) => entry.key.vkey) };
  throw new CliError('NOT_ACCEPTED', `this would have no effect: ${whyNot(outcome)}`, { evidence: { statement } });
}
