import type { DetectionEvent } from '../domain/detection.ts';

/** What {@link eventOf} needs, in its order. */
export const eventColumnNames = [
  'offset',
  'decode_status',
  'id',
  'appended_at_ms',
  'occurred_at_ms',
  'actor_type',
  'actor_id',
  'actor_roles',
  'action',
  'service',
  'resource_id',
  'outcome',
  'ip',
  'privileged',
  'read_only',
] as const;

/** A row of {@link eventColumnNames}, read back from ClickHouse or just made, as the detections see it. */
export function eventOf(cells: readonly unknown[]): DetectionEvent {
  const [
    offset,
    status,
    id,
    appended,
    occurred,
    actorType,
    actorId,
    actorRoles,
    action,
    service,
    resourceId,
    outcome,
    ip,
    privileged,
    readOnly,
  ] = cells;
  return {
    offset: Number(offset),
    isEvent: status === 'decoded',
    id: String(id),
    appendedAtMs: Number(appended),
    occurredAtMs: Number(occurred),
    actorType: String(actorType),
    actorId: String(actorId),
    actorRoles: Array.isArray(actorRoles) ? actorRoles.map(String) : [],
    action: String(action),
    service: String(service),
    resourceId: String(resourceId),
    outcome: String(outcome),
    ip: String(ip),
    privileged: privileged === true,
    readOnly: readOnly === true,
  };
}
