import type { EventContent } from '@tallystick/schemas/audit-event';

/** What a sample service needs of a producer. */
export interface Emitter {
  emit(event: EventContent): Promise<{ id: string; receipt: Promise<{ partition: number; offset: number }> }>;
}

export interface SentEvent {
  readonly event: EventContent;
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
}

/** A small payment service: captures, and now and then a refund by a clerk. */
export function paymentEvents(count: number, from: number): EventContent[] {
  return Array.from({ length: count }, (_, n): EventContent => {
    const refund = n % 8 === 5;
    const payment = `pay-${1000 + n}`;
    const amount = `${40 + ((n * 37) % 900)}.00`;
    return {
      action: refund ? 'payment:refund' : 'payment:capture',
      category: 'data',
      occurredAtMs: from + n * 1500,
      actor: refund
        ? { type: 'user', id: 'clerk-7', roles: ['support'] }
        : { type: 'service', id: 'checkout', roles: ['payments'] },
      resources: [{ type: 'payment', id: payment }],
      service: 'payments',
      initiator: { ip: '10.20.0.14', userAgent: 'checkout/3.2' },
      outcome: n % 13 === 7 ? 'denied' : 'success',
      reason: refund ? 'goods returned' : null,
      before: null,
      after: JSON.stringify({ payment, amount, currency: 'EUR' }),
      correlation: { requestId: `req-${payment}`, traceId: (n + 1).toString(16).padStart(32, '0') },
    };
  });
}

/** A small admin console: sign-ins, a role grant, changes of settings, and attempts that are denied. */
export function adminEvents(from: number): EventContent[] {
  const console_ = (
    n: number,
    event: Pick<EventContent, 'action' | 'outcome'> & Partial<EventContent>,
  ): EventContent => ({
    category: 'management',
    occurredAtMs: from + n * 4000,
    service: 'admin-console',
    initiator: { ip: '10.20.0.99', userAgent: 'Mozilla/5.0' },
    correlation: { sessionId: 'console-42' },
    ...event,
  });
  const ada = { type: 'user', id: 'ada', roles: ['admin'] };
  const bob = { type: 'user', id: 'bob', roles: ['support'] };
  return [
    console_(0, {
      action: 'session:login',
      actor: ada,
      outcome: 'success',
      authentication: { method: 'password', mfa: true },
    }),
    console_(1, {
      action: 'session:login',
      actor: bob,
      outcome: 'failure',
      authentication: { method: 'password', mfa: false },
    }),
    console_(2, {
      action: 'session:login',
      actor: bob,
      outcome: 'success',
      authentication: { method: 'password', mfa: true },
    }),
    console_(3, {
      action: 'customer:export',
      actor: bob,
      outcome: 'denied',
      resources: [{ type: 'table', id: 'customers' }],
    }),
    console_(4, {
      action: 'customer:export',
      actor: bob,
      outcome: 'denied',
      resources: [{ type: 'table', id: 'customers' }],
    }),
    console_(5, {
      action: 'role:grant',
      actor: ada,
      outcome: 'success',
      privileged: true,
      resources: [{ type: 'user', id: 'bob' }],
      reason: 'covers for clerk-7 this week',
      before: JSON.stringify({ roles: ['support'] }),
      after: JSON.stringify({ roles: ['support', 'export'] }),
    }),
    console_(6, {
      action: 'customer:export',
      actor: bob,
      outcome: 'success',
      resources: [{ type: 'table', id: 'customers' }],
    }),
    console_(7, {
      action: 'settings:update',
      actor: ada,
      outcome: 'success',
      privileged: true,
      resources: [{ type: 'setting', id: 'export.limit' }],
      before: JSON.stringify({ limit: 100 }),
      after: JSON.stringify({ limit: 10_000 }),
    }),
  ];
}

/** Emits the events in order and waits for all receipts. */
export async function emitAll(producer: Emitter, events: readonly EventContent[]): Promise<SentEvent[]> {
  const sent: { event: EventContent; id: string; receipt: Promise<{ partition: number; offset: number }> }[] = [];
  for (const event of events) sent.push({ event, ...(await producer.emit(event)) });
  return Promise.all(sent.map(async ({ event, id, receipt }) => ({ event, id, ...(await receipt) })));
}
