import type { Outcome, Place } from '@tallystick/core/judge';
import type { Logger } from '@tallystick/kafka/logger';
import { LedgerError } from '../errors.ts';

// What a ledger says of statements that it does not go on from.

/** Statements that are validly signed and change nothing. */
export function sayIgnored(
  outcome: Extract<Outcome, { readonly outcome: 'contested' | 'keyRefused' }>,
  logger: Logger,
): void {
  if (outcome.outcome === 'keyRefused') {
    logger.warn('A key statement has no effect.', { place: placeText(outcome.signed.place), why: outcome.why });
    return;
  }
  const { signed, why } = outcome.contested;
  const { kind } = signed.statement;
  logger.warn('A valid statement does not continue: a lost race or a fork. A verification tells.', {
    place: placeText(signed.place),
    kind,
    why,
  });
}

/** UNKNOWN_STATEMENT, of a statement of a newer release. */
export function unknownKind(
  { place, kind }: Extract<Outcome, { readonly outcome: 'unknownVersion' }>,
  topic: string,
): LedgerError {
  const message = `${topic} holds a valid ${JSON.stringify(kind)} (${placeText(place)}), which this release does not know.`;
  return new LedgerError('UNKNOWN_STATEMENT', message, { evidence: { topic, place }, fatal: true });
}

function placeText(place: Place): string {
  return place.in === 'seals' ? `offset ${place.offset}` : `log entry ${place.index}`;
}
