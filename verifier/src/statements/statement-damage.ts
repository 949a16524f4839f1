import type { BatchHeader } from '@tallystick/core/batch';
import { offsetsPlace } from '@tallystick/core/finding';
import type { NewFinding } from '../domain/findings.ts';
import type { Hole } from '../records/read-through.ts';
import { betweenText, evidenceOf, partedFinding, unreadable, unseenBehind } from '../records/damage-findings.ts';

/** Whether statements may be there that could not be read. */
export function leavesUnknown({ damage: { cause } }: Hole): boolean {
  return cause !== 'missing' && cause !== 'truncated' && cause !== 'deleted';
}

/** Behind offsets of the seals topic. */
const hidden =
  'of the seals topic may hold statements, which could not be read: an acknowledgement does not cover them';

/** What a damage of the seals topic is. */
export function statementDamage(topic: string, { first, last, damage }: Hole): NewFinding[] {
  const { cause, base, batchLast, between, error } = damage;
  const where = { topic, partition: 0 };
  if (cause === 'missing' || cause === 'truncated' || cause === 'deleted') {
    return [
      {
        ...where,
        code: cause === 'missing' ? 'missing-offsets' : cause,
        place: offsetsPlace(first, last),
        message: `Offsets ${first} to ${last} of ${topic}, where statements are kept, hold no record: ${error.message}`,
      },
    ];
  }
  if (cause === 'parted') return [{ ...where, ...partedFinding(base, error) }];
  if (cause === 'repeated') {
    const from = Number(error.evidence['found']);
    return [
      {
        ...where,
        code: 'bad-crc',
        place: offsetsPlace(from, Math.max(from, Math.min(Number(error.evidence['lastOffset']), first - 1))),
        ...evidenceOf(error),
        message: `${error.message} A broker never writes that. Which of the batches that claim these offsets was changed cannot be told; statements may be hidden there.`,
        ...unseenBehind(first, error),
      },
    ];
  }
  const code = error.code === 'BROKER_ERROR' ? 'unreadable' : cause === 'magic' ? 'bad-magic' : 'bad-crc';
  const damaged: NewFinding = {
    ...where,
    code,
    place: offsetsPlace(base, base),
    ...evidenceOf(error),
    message: `${error.message} ${between === true ? betweenText(base) : 'Statements that were stored there cannot be read.'}`,
    ...(between === true ? unseenBehind(base, error) : { stays: unreadable(base, batchLast ?? last, error, hidden) }),
  };
  if (batchLast !== null || last <= base) return [damaged];
  return [
    damaged,
    {
      ...where,
      code: 'unreadable',
      expected: offsetsPlace(first, last),
      found: error.code,
      message: `Offsets ${first} to ${last} of ${topic}, behind the bad batch at ${base}, could not be read.`,
    },
  ];
}

/**
 * A batch of the seals topic that does not parse. Brokers and clients make none, so what it held before may have been statements: they
 * could not be looked at.
 */
export function unparsedStatements(
  topic: string,
  { baseOffset, lastOffset }: BatchHeader,
  reason: string,
): NewFinding[] {
  const where = { topic, partition: 0 };
  return [
    {
      ...where,
      code: 'unparsed-batch',
      place: offsetsPlace(baseOffset, baseOffset),
      message: `The batch at offset ${baseOffset} of ${topic} does not parse (${reason}), so it holds no statement.`,
    },
    {
      ...where,
      code: 'unreadable',
      expected: offsetsPlace(baseOffset, lastOffset),
      found: 'unparsed-batch',
      message: `Offsets ${baseOffset} to ${lastOffset} of ${topic} hold a batch that does not parse. Statements that it held when it was stored, or that it hides, could not be read.`,
    },
  ];
}
