import { equalBytes } from '@tallystick/core/encoding';
import type { Judge } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import type { Logger } from '@tallystick/kafka/logger';
import type { SafeWriter } from '@tallystick/kafka/safe-writer';
import { addsSealKey, type GivenKeyStatement } from '../domain/key-statement.ts';
import { LedgerError } from '../errors.ts';
import type { SealsView } from '../seals-view.ts';
import { keyNotValid } from './statement-writer.ts';

/** Is the key one of those that accepted key statements make valid now? */
export function sealsNow(judge: Judge, key: VerifierKey): boolean {
  return judge.validKeys('seal').some(({ publicKey }) => equalBytes(publicKey, key.publicKey));
}

/**
 * Writes those of the given key statements that continue the key chain and are not there yet.
 * @throws LedgerError KEY_NOT_VALID, ROOT_KEY_WRONG: nothing is written that would begin a log for a key that cannot seal it, or behind
 *   the statements of another root key; KafkaError of writer and view
 */
export async function writeKeyStatements(
  given: readonly GivenKeyStatement[],
  {
    key,
    view,
    seals,
    topic,
    ownNoise,
    logger,
  }: {
    readonly key: VerifierKey;
    readonly view: SealsView;
    readonly seals: SafeWriter;
    readonly topic: string;
    /** How much of the topic's noise is known to be of this log. */
    readonly ownNoise: number;
    readonly logger: Logger;
  },
): Promise<void> {
  const { judge } = view;
  if (judge.keys.nextNumber === 0) {
    const { counts } = judge;
    if (counts.noise > ownNoise) {
      const message = `${topic} holds ${counts.noise} statements, but none is signed by the root key given or a key that it vouches for. Give the root key of this log, or another topic.`;
      throw new LedgerError('ROOT_KEY_WRONG', message, { evidence: { topic, found: counts } });
    }
    if (!given.some((statement) => addsSealKey(statement, key)))
      throw keyNotValid(key.vkey, { expected: given.map(({ statement }) => statement.key) });
  }
  for (const { note, statement, hash } of given) {
    const { number, previous } = statement;
    const { nextNumber, previous: last, statements } = judge.keys;
    if (number < nextNumber) {
      const accepted = statements.find((signed) => signed.statement.number === number)?.hash;
      if (accepted !== hash)
        logger.warn('Another key statement of this number was accepted before.', { topic, number });
      continue;
    }
    if (number > nextNumber || previous !== last) {
      logger.warn('A key statement does not continue the key chain and is not written.', { topic, number, nextNumber });
      continue;
    }
    const { baseOffset } = await seals.append(0, [{ key: null, value: note }]);
    await view.readTo(baseOffset + 1);
    const written = judge.keys.previous === hash;
    if (written) logger.info('Wrote a key statement.', { topic, number });
    else logger.warn('A key statement was written, and another one counts or it has no effect.', { topic, number });
  }
}
