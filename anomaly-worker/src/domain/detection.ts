import { createHash } from 'node:crypto';

/** What the detections see of one offset. The same whether it comes from Kafka or is read back from ClickHouse. */
export interface DetectionEvent {
  readonly offset: number;
  /** False for values that are no events, control records and the like: they count for nothing. */
  readonly isEvent: boolean;
  /** Id of the event: a second delivery is told by it. */
  readonly id: string;
  /** Kafka's append time, unix ms. */
  readonly appendedAtMs: number;
  /** By the clock of the source, unix ms. */
  readonly occurredAtMs: number;
  readonly actorType: string;
  readonly actorId: string;
  /** Roles that the actor acted in. */
  readonly actorRoles: readonly string[];
  readonly action: string;
  readonly service: string;
  readonly resourceId: string;
  readonly outcome: string;
  readonly ip: string;
  /** The event says so itself. */
  readonly privileged: boolean;
  readonly readOnly: boolean;
}

export type DetectionSeverity = 'low' | 'medium' | 'high';

/** What a rule found. */
export interface Detection {
  /** SHA-256 in hex of rule and place: finding the same again gives the same id. */
  readonly id: string;
  readonly rule: string;
  readonly severity: DetectionSeverity;
  readonly actorId: string;
  readonly actorType: string;
  /** What it is about besides the actor: a class of actions, a minute. */
  readonly subject: string;
  /** Unix ms, of the event that gave it. */
  readonly occurredAtMs: number;
  /** The event that gave it. */
  readonly offset: number;
  /** Offsets that show it, ascending, at most 50 and the one that gave it. */
  readonly evidence: readonly number[];
  readonly title: string;
  /** In words, for somebody who does not know the rule. */
  readonly explanation: string;
  /** The numbers behind it. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/**
 * A rule over the events of one partition in offset order: a pure fold. Event time counts, never the clock of the worker,
 * so that going through the same events again finds the same.
 */
export interface Detector {
  readonly rule: string;
  /** Its settings and version: a saved state of others is not used. */
  readonly version: string;
  step(event: DetectionEvent): Detection | null;
  /** JSON value from which `restore` goes on exactly. */
  save(): unknown;
  restore(saved: unknown): void;
}

/**
 * Whose behaviour it is; '' where nobody is named. A session of an assumed role is the role's: session names are new each
 * time (`i-0abc…`, `botocore-session-…`). Where people share a role the session's name is the person, and stays.
 */
export function principalOf({ actorType, actorId, actorRoles }: DetectionEvent): string {
  const [role] = actorRoles;
  if (actorType !== 'role' || role === undefined || role === '') return actorId;
  const session = actorId.slice(actorId.lastIndexOf('/') + 1);
  return session.includes('@') || role.includes('/AWSReservedSSO_') ? actorId : role;
}

/** An id of a finding: what it is made of must name it for ever. */
export function detectionId(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/**
 * When an event happened, unix ms. A clock that runs ahead of the broker by more than `allowedMs` is not believed: one
 * event from the year 2099 must not make all later ones look old.
 */
export function eventTime(event: DetectionEvent, allowedMs = 300_000): number {
  return event.occurredAtMs > event.appendedAtMs + allowedMs ? event.appendedAtMs : event.occurredAtMs;
}
