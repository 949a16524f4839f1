import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { stopStack } from '@tallystick/infra/local/stack';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { stopServices } from '../services.ts';

/** Stops the services and the servers; with `wipe` also forgets their data and keys, after asking. */
export async function downCommand(context: Context, flags: { wipe?: boolean; yes?: boolean }): Promise<number> {
  const existed = existsSync(context.stackHome);
  if (flags.wipe === true) checkIsStack(context.stackHome);
  if (flags.wipe === true && flags.yes !== true) await askToWipe(context);
  const stopped = await stopServices(context);
  if (stopped > 0) context.say(`stopped ${stopped === 1 ? 'one service' : `${stopped} services`}`);
  await stopStack(context.stackHome, (line) => context.say(line));
  if (!existed && stopped === 0) {
    context.out(`stack ${context.stackName}: there is nothing in ${context.stackHome}`);
  } else if (flags.wipe === true) {
    rmSync(context.stackHome, { recursive: true, force: true });
    context.out(`stack ${context.stackName}: stopped, and ${context.stackHome} deleted`);
  } else {
    context.out(`stack ${context.stackName}: stopped; its data stay in ${context.stackHome}`);
  }
  return 0;
}

/** What lies beside the stacks (`--stack` and TALLYSTICK_HOME can name any folder) is never deleted. */
function checkIsStack(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return;
  if (['stack.json', 'secrets', join('keys', 'root.vkey')].some((made) => existsSync(join(folder, made)))) return;
  throw new CliError('USAGE', `${folder} is not the folder of a stack: nothing was stopped or deleted`);
}

async function askToWipe(context: Context): Promise<void> {
  if (!existsSync(context.stackHome)) return;
  if (!process.stdin.isTTY) {
    throw new CliError(
      'ANSWER_NEEDED',
      '"down --wipe" asks before it deletes, and this is no terminal: add --yes if you mean it',
    );
  }
  const question = `This deletes every event, the ledger and its keys in ${context.stackHome}, for good.\nType the stack's name (${context.stackName}) to go on: `;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if ((await prompt.question(question)).trim() !== context.stackName) {
      throw new CliError('ANSWER_NEEDED', 'that was not its name: nothing was stopped or deleted');
    }
  } finally {
    prompt.close();
  }
}
