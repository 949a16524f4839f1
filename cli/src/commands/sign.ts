import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { signNote } from '@tallystick/core/note';
import { parseStatement } from '@tallystick/core/statement';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { openSigner, writeNew } from '../key-files.ts';
import { inWords, ofRoot } from '../statement-words.ts';

export interface SignFlags {
  readonly key: string;
  readonly output: string;
  readonly yes?: boolean;
}

/** Signs a statement in a file with the root key in another. Needs neither network nor configuration: for the machine that has the key. */
export async function signCommand(context: Context, flags: SignFlags, [file = '']: string[]): Promise<number> {
  const text = readStatementFile(resolve(context.cwd, file));
  const statement = ofRoot(parseStatement(text));
  const signer = openSigner(resolve(context.cwd, flags.key), context.config);
  const expected = `${statement.origin}/root`;
  if (signer.key.name !== expected) {
    throw new CliError(
      'NOT_FOR_ROOT',
      `the key is that of ${signer.key.name}; this statement is signed by ${expected}`,
    );
  }
  for (const line of inWords(statement)) context.say(line);
  context.say(`to be signed by ${signer.key.vkey}`);
  if (flags.yes !== true) await ask();
  const output = resolve(context.cwd, flags.output);
  writeNew(output, await signNote(text, signer));
  context.out(`${output}: signed. Where Kafka is within reach: tallystick submit ${flags.output}`);
  return 0;
}

/** @throws CliError USAGE */
export function readStatementFile(file: string): string {
  const most = 65_535;
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= most) return bytes.toString('utf8');
  } catch (cause) {
    throw new CliError('USAGE', `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  throw new CliError('USAGE', `${file} has more than the ${most} bytes that a statement may have`);
}

async function ask(): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new CliError('ANSWER_NEEDED', 'signing asks first, and this is no terminal: add --yes if you mean it');
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question('Sign this with the root key? Type yes to go on: ');
    if (answer.trim() !== 'yes') throw new CliError('ANSWER_NEEDED', 'that was not yes: nothing was signed');
  } finally {
    prompt.close();
  }
}
