import { CoreError } from '@tallystick/core/errors';
import { parseDecimal } from '@tallystick/core/encoding';
import { refuse } from '../proof-errors.ts';

/** The event that a proof is asked for. */
export interface EventRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const maxPartition = 2 ** 31 - 1;

/**
 * Reads topic, partition and offset as a client wrote them.
 * @throws LedgerError REQUEST_MALFORMED
 */
export function parseEventRequest(topic: string, partition: string, offset: string): EventRequest {
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic))
    throw refuse('REQUEST_MALFORMED', 'The topic is no name that a Kafka topic can have.');
  return {
    topic,
    partition: whole('partition', partition, maxPartition),
    offset: whole('offset', offset, Number.MAX_SAFE_INTEGER),
  };
}

function whole(what: string, text: string, most: number): number {
  let value = Infinity;
  try {
    value = parseDecimal(text);
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
  }
  if (value <= most) return value;
  const shown = JSON.stringify(text.slice(0, 40));
  throw refuse(
    'REQUEST_MALFORMED',
    `The ${what} is ${shown}, not a decimal number from 0 to ${most} without sign or leading zeros.`,
  );
}
