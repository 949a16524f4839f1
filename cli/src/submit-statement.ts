import type { Judge, Outcome } from '@tallystick/core/judge';
import { parseNote } from '@tallystick/core/note';
import { formatStatement, parseStatement } from '@tallystick/core/statement';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import type { Deployment } from './deployment.ts';
import { whyNot } from './dry-run.ts';
import { CliError } from './errors.ts';
import { ofRoot, type RootStatement } from './statement-words.ts';
import { readStatements, withLog } from './statements.ts';

export interface Submitted {
  readonly statement: RootStatement;
  /** Where it was written in the seals topic; null where it was accepted before, and nothing was written. */
  readonly offset: number | null;
}

/**
 * Writes a statement that the root key signed to the seals topic, under the ledger's login: after judging that it would count, and with a
 * look afterwards whether it did. Giving the same one twice is harmless.
 * @throws CliError NOT_FOR_ROOT, NOT_ACCEPTED (the evidence says whether it was written); CoreError NOTE_MALFORMED, STATEMENT_…; KafkaError
 */
export async function submitStatement(deployment: Deployment, note: Uint8Array): Promise<Submitted> {
  const statement = ofRoot(parseStatement(parseNote(note).text));
  const topic = deployment.topics.seals;
  return await withLog(deployment, 'ledger', async (log) => {
    const before = await readStatements(log, deployment);
    if (isAccepted(before.judge, statement)) return { statement, offset: null };
    const expected = before.judge.offer(note, { in: 'seals', offset: before.end });
    if (expected.outcome !== 'accepted') throw notAccepted(statement, expected, null);
    const writer = new SafeWriter({ log, topic });
    let offset: number;
    try {
      offset = (await writer.append(0, [{ key: null, value: note }])).baseOffset;
    } finally {
      await writer.close();
    }
    let outcome: Outcome | null = null;
    const after = await readStatements(log, deployment, {
      onOutcome: (one, at) => {
        if (at === offset) outcome = one;
      },
    });
    if (isAccepted(after.judge, statement)) return { statement, offset };
    throw notAccepted(statement, outcome, offset);
  });
}

/** Does this very statement count? */
function isAccepted(judge: Judge, statement: RootStatement): boolean {
  const accepted: RootStatement | undefined =
    statement.kind === 'key'
      ? judge.keys.statements[statement.number]?.statement
      : judge.partition(statement.topic, statement.partition)?.geneses[statement.generation];
  return accepted !== undefined && formatStatement(accepted) === formatStatement(statement);
}

function notAccepted(statement: RootStatement, outcome: Outcome | null, offset: number | null): CliError {
  const what = statement.kind === 'key' ? `key statement ${statement.number}` : `generation ${statement.generation}`;
  const why = outcome === null ? 'it was not found again' : whyNot(outcome);
  const end =
    offset === null
      ? 'Nothing was written.'
      : `It was written (offset ${offset} of the seals topic), but has no effect.`;
  return new CliError(
    'NOT_ACCEPTED',
    `${what} is not accepted: ${why}. ${end} Make it anew from what is accepted now, and let the root key sign that`,
    { evidence: { offset, outcome: outcome?.outcome ?? null, why } },
  );
}
