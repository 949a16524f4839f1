import { offsetsPlace } from '@tallystick/core/finding';
import type { NewFinding } from './domain/findings.ts';
import type { Piece } from './read-through.ts';

type Hole = Extract<Piece, { kind: 'hole' }>;

/** Whether statements may be there that could not be read. */
export function leavesUnknown({ damage: { cause } }: Hole): boolean {
  return cause !== 'missing' && cause !== 'truncated' && cause !== 'deleted';
}

/** What a damage of the seals topic is. */
export function statementDamage(topic: string, { first, last, damage }: Hole): NewFinding[] {
  const { cause, base, batchLast, error } = damage;
  const { expected, found } = error.evidence;
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
  const code = error.code === 'BROKER_ERROR' ? 'unreadable' : cause === 'magic' ? 'bad-magic' : 'bad-crc';
  const damaged: NewFinding = {
    ...where,
    code,
    place: offsetsPlace(base, base),
    expected: textOf(expected),
    found: textOf(found),
    message: `${error.message} Statements that were stored there cannot be read.`,
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

function textOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value).replaceAll('\n', ' ') : null;
}
