import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Context, deploymentOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { inWords } from '../statement-words.ts';
import { submitStatement } from '../submit-statement.ts';

/** Writes a signed statement to the seals topic and says whether it counts. Exit 0: it does; 1: it does not. */
export async function submitCommand(
  context: Context,
  flags: { json?: boolean },
  [file = '']: string[],
): Promise<number> {
  const path = resolve(context.cwd, file);
  let note: Uint8Array;
  try {
    note = readFileSync(path);
  } catch (cause) {
    throw new CliError('USAGE', `cannot read ${path}`, { cause });
  }
  const { statement, offset } = await submitStatement(deploymentOf(context), note);
  if (flags.json === true) {
    context.out(JSON.stringify({ accepted: true, written: offset !== null, offset, statement }));
    return 0;
  }
  for (const line of inWords(statement)) context.out(line);
  context.out(
    offset === null
      ? 'accepted: it was before, and nothing was written'
      : `accepted, at offset ${offset} of the seals topic`,
  );
  return 0;
}
