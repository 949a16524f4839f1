import type { GenesisStatement, KeyStatement, Statement } from '@tallystick/core/statement-types';
import { CliError } from './errors.ts';

/** What the root key signs, and nothing else. */
export type RootStatement = KeyStatement | GenesisStatement;

/** @throws CliError NOT_FOR_ROOT where the statement is signed by no root key */
export function ofRoot(statement: Statement): RootStatement {
  if (statement.kind === 'key') return statement;
  if (statement.kind === 'genesis' && statement.generation > 0) return statement;
  const what = statement.kind === 'genesis' ? 'generation 0' : `a ${statement.kind}`;
  throw new CliError(
    'NOT_FOR_ROOT',
    `the root key signs key statements and later generations only; this is ${what}, which a seal key signs`,
  );
}

/** What a statement does, in words, a line each. */
export function inWords(statement: RootStatement): string[] {
  const made = `made ${new Date(statement.time).toISOString()}, after ${statement.previous ?? 'nothing'}`;
  if (statement.kind === 'key') {
    const { action, role, key, number, origin } = statement;
    return [
      `log ${origin}, key statement ${number}`,
      action === 'add' ? `ADD this ${role} key: ${key}` : `RETIRE this ${role} key: ${key}`,
      meaning[role][action],
      made,
    ];
  }
  const { topic, partition, generation, reason, firstOffset, topicId, origin } = statement;
  return [
    `log ${origin}, partition ${partition} of ${topic} (topic id ${topicId})`,
    `BEGIN GENERATION ${generation} at offset ${firstOffset}; reason: ${reason}`,
    `This closes generation ${generation - 1}. What lies between its last seal and offset ${firstOffset} is given up as lost, and every verification from now on reports it.`,
    made,
  ];
}

const meaning: Readonly<Record<KeyStatement['role'], Readonly<Record<KeyStatement['action'], string>>>> = {
  seal: {
    add: 'Whoever holds it can seal events, from the place of this statement on.',
    retire: 'Nothing that it signs counts from the place of this statement on; what it signed before stays good.',
  },
  log: {
    add: 'Whoever holds it can sign checkpoints that checkers accept who take log keys from key statements.',
    retire: 'Checkers who take log keys from key statements accept nothing that it signs from then on.',
  },
  producer: {
    add: 'Events that it signs are known to come from the source it names.',
    retire: 'Its signatures on events count no more from the place of this statement on.',
  },
};
