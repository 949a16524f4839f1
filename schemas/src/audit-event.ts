import type { AuditEvent, EventContent } from './event-types.ts';
import { SchemasError } from './errors.ts';
import { eventFields } from './event-schema.ts';
import { checkOf } from './schema-check.ts';

export type {
  Actor,
  AuditEvent,
  Authentication,
  Correlation,
  EventContent,
  EventIdentity,
  GuardrailDecision,
  Initiator,
  Location,
  Original,
  Personal,
  Protected,
  Resource,
} from './event-types.ts';

/** The members that say which life of which producer an event comes from: given by the producer, last in the schema. */
export const lifeFields = ['instance', 'epoch', 'sequence', 'previousEpoch', 'previousSequence'] as const;

/** What of an event does not depend on the life of its producer: two deliveries of one event are equal in it. */
export type EventBody = Omit<AuditEvent, (typeof lifeFields)[number]>;
export type EventLife = Pick<AuditEvent, (typeof lifeFields)[number]>;

const isLife = (name: string): boolean => lifeFields.some((life) => life === name);
const isIdentity = (name: string): boolean => name === 'id' || name === 'salt' || name === 'source';
const contentOf = checkOf(eventFields.filter(({ name }) => !isLife(name) && !isIdentity(name)));
const bodyOf = checkOf(eventFields.filter(({ name }) => !isLife(name)));
const lifeOf = checkOf(eventFields.filter(({ name }) => isLife(name)));

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
// C2SP names: the source is the name of the producer's key, so it has their form.
const sourceName = /^[\x21-\x2a\x2c-\x7e]{1,255}$/;
// What a Date can hold: ± 100,000,000 days from 1970.
const furthestMs = 8_640_000_000_000_000;

function refuse(field: string, what: string, found: unknown): never {
  throw new SchemasError('EVENT_INVALID', `${field} ${what}`, {
    evidence: { field, expected: what, found: typeof found },
  });
}

function checkContentRules(content: EventContent): void {
  if (content.action === '') refuse('action', 'must not be empty', content.action);
  if (content.outcome === '') refuse('outcome', 'must not be empty', content.outcome);
  if (Math.abs(content.occurredAtMs) > furthestMs)
    refuse('occurredAtMs', 'must be a time in unix milliseconds', content.occurredAtMs);
}

/**
 * Checks what the author of an event gives: every member has its type, none is unknown.
 * @returns a deep copy that later changes of `value` cannot reach, absent members as null, an empty list or map.
 * @throws SchemasError EVENT_INVALID naming the field, such as `actor.roles[1] must be text`
 */
export function checkContent(value: unknown): EventContent {
  const content = contentOf(value) as unknown as EventContent;
  checkContentRules(content);
  return content;
}

/**
 * Checks an event without its place in the life of a producer, as {@link checkContent} does; `id` must be a lower-case
 * UUID of version 7 or 8, `source` 1 to 255 characters of U+0021 to U+007E without "+".
 * @throws SchemasError EVENT_INVALID
 */
export function checkBody(value: unknown): EventBody {
  const body = bodyOf(value) as unknown as EventBody;
  checkContentRules(body);
  const version = uuid.exec(body.id)?.[1];
  if (version !== '7' && version !== '8') refuse('id', 'must be a UUID of version 7 or 8 in lower case', body.id);
  if (!sourceName.test(body.source))
    refuse('source', 'must be 1 to 255 printable ASCII characters without space and "+"', body.source);
  return body;
}

/**
 * Checks the place in the life of a producer.
 * @throws SchemasError EVENT_INVALID
 */
export function checkLife(value: unknown): EventLife {
  const life = lifeOf(value) as unknown as EventLife;
  if (life.instance === '') refuse('instance', 'must not be empty', life.instance);
  for (const field of ['epoch', 'sequence', 'previousEpoch', 'previousSequence'] as const) {
    if ((life[field] ?? 0) < 0) refuse(field, 'must not be negative', life[field]);
  }
  return life;
}

/**
 * Checks a whole event.
 * @throws SchemasError EVENT_INVALID naming the field
 */
export function checkEvent(value: unknown): AuditEvent {
  if (typeof value !== 'object' || value === null)
    throw new SchemasError('EVENT_INVALID', 'an event must be an object');
  const entries = Object.entries(value);
  return {
    ...checkBody(Object.fromEntries(entries.filter(([name]) => !isLife(name)))),
    ...checkLife(Object.fromEntries(entries.filter(([name]) => isLife(name)))),
  };
}
