import { detectionId, principalOf } from './detection.ts';
import type { Detection, DetectionEvent, DetectionSeverity, Detector } from './detection.ts';
import { privilegeClasses } from './privilege-catalogue.ts';
import type { PrivilegeClass } from './privilege-catalogue.ts';
import { privilegeOf } from './privileged-actions.ts';

export interface FirstPrivilegedSettings {
  /** Actors remembered in one partition; the one seen longest ago is forgotten first. */
  readonly actors: number;
  /** From so many events on an actor counts as known. */
  readonly knownAfter: number;
}

export const firstPrivilegedDefaults: FirstPrivilegedSettings = { actors: 20_000, knownAfter: 20 };

interface ActorState {
  events: number;
  /** Bits: classes in which something was done … */
  done: number;
  /** … or tried in vain. */
  tried: number;
}

/**
 * The first time ever that an actor does something privileged of one class, or tries to in vain. A finding's id is made of the
 * actor and the class alone: an actor who was forgotten, or whose events lie in several partitions, or a topic that was
 * made anew, gives no second one.
 */
export class FirstPrivileged implements Detector {
  readonly rule = 'first-privileged-action';
  readonly version: string;
  private readonly topic: string;
  private readonly settings: FirstPrivilegedSettings;
  private actors = new Map<string, ActorState>();

  constructor(topic: string, settings: FirstPrivilegedSettings = firstPrivilegedDefaults) {
    this.topic = topic;
    this.settings = settings;
    this.version = JSON.stringify(['first-privileged-action/1', settings, privilegeClasses]);
  }

  step(event: DetectionEvent): Detection | null {
    const principal = principalOf(event);
    if (!event.isEvent || principal === '') return null;
    const actor = this.touch(`${event.actorType}\n${principal}`);
    actor.events += 1;
    const privilege = privilegeOf(event);
    if (privilege === null) return null;
    const bit = 1 << privilegeClasses.indexOf(privilege);
    const inVain = event.outcome === 'denied' || event.outcome === 'failure';
    // What was done once is no news when it fails; what failed before is news when it works.
    if ((actor.done & bit) !== 0 || (inVain && (actor.tried & bit) !== 0)) return null;
    if (inVain) actor.tried |= bit;
    else actor.done |= bit;
    return this.describe(actor, event, privilege, inVain);
  }

  private touch(key: string): ActorState {
    const actor = this.actors.get(key) ?? { events: 0, done: 0, tried: 0 };
    const oldest = this.actors.keys().next();
    if (!this.actors.delete(key) && this.actors.size >= this.settings.actors && oldest.done !== true)
      this.actors.delete(oldest.value);
    this.actors.set(key, actor);
    return actor;
  }

  private describe(actor: ActorState, event: DetectionEvent, privilege: PrivilegeClass, inVain: boolean): Detection {
    const before = actor.events - 1;
    const known = before >= this.settings.knownAfter;
    const principal = principalOf(event);
    const who = `${event.actorType || 'actor'} ${principal}`;
    const on = event.resourceId === '' ? '' : ` on ${event.resourceId}`;
    const from = event.ip === '' ? '' : ` from ${event.ip}`;
    const history = known
      ? `It is well known, with ${before} events before this one, and none of them was of this kind.`
      : `Little is known of it yet: ${before === 0 ? 'this is its first event' : `this is event ${before + 1}`}.`;
    return {
      id: detectionId(this.rule, this.topic, event.actorType, principal, privilege.name, inVain ? 'tried' : 'done'),
      rule: this.rule,
      severity: lowered(privilege.severity, (known ? 0 : 1) + (inVain ? 1 : 0)),
      actorId: event.actorId,
      actorType: event.actorType,
      subject: inVain ? `${privilege.name} (in vain)` : privilege.name,
      occurredAtMs: event.occurredAtMs,
      offset: event.offset,
      evidence: [event.offset],
      title: `${inVain ? 'First attempt, in vain' : 'First time'}: ${privilege.title} by ${who}`,
      explanation:
        `${who} ${inVain ? 'tried' : 'did'} ${event.action}${on}${from}${inVain ? ` (outcome: ${event.outcome})` : ''}. ${privilege.why} ` +
        `It had never ${inVain ? 'tried or done' : 'done'} anything of this kind (${privilege.title}) before. ${history}`,
      details: {
        principal,
        action: event.action,
        service: event.service,
        class: privilege.name,
        outcome: event.outcome,
        eventsBefore: before,
      },
    };
  }

  save(): unknown {
    return [...this.actors].map(([key, { events, done, tried }]) => [key, events, done, tried]);
  }

  /** @param saved what `save` gave */
  restore(saved: unknown): void {
    const entries = saved as [key: string, events: number, done: number, tried: number][];
    this.actors = new Map(entries.map(([key, events, done, tried]) => [key, { events, done, tried }]));
  }
}

function lowered(severity: DetectionSeverity, steps: number): DetectionSeverity {
  const order = ['low', 'medium', 'high'] as const;
  return order[Math.max(0, order.indexOf(severity) - steps)] ?? 'low';
}
