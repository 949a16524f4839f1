import { describe, expect, it } from 'vitest';
import { checkBody, checkContent, checkEvent, checkLife } from '../src/audit-event.ts';
import { SchemasError } from '../src/errors.ts';
import { full, small } from './samples.ts';

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SchemasError);
    expect((error as SchemasError).code).toBe('EVENT_INVALID');
    return (error as SchemasError).message;
  }
  throw new Error('was accepted');
}

const changed = (change: object): unknown => ({ ...small, ...change });

describe('checkEvent', () => {
  it('accepts the least and the most', () => {
    expect(checkEvent(small)).toMatchObject({ ...small, actor: null, labels: {}, resources: [] });
    expect(checkEvent(full)).toEqual(full);
  });

  it('copies deeply: a later change of what was given does not reach the event', () => {
    const actor = { id: 'u-1', roles: ['a'] };
    const checked = checkEvent({ ...small, actor });
    actor.roles.push('b');
    actor.id = 'u-2';
    expect(checked.actor).toMatchObject({ id: 'u-1', roles: ['a'] });
  });

  it('treats undefined as absent', () => {
    expect(checkEvent({ ...small, reason: undefined }).reason).toBeNull();
  });

  it.each([
    ['action', { action: undefined }],
    ['action', { action: '' }],
    ['action', { action: 7 }],
    ['outcome', { outcome: null }],
    ['occurredAtMs', { occurredAtMs: 1.5 }],
    ['occurredAtMs', { occurredAtMs: '2024-01-01' }],
    ['occurredAtMs', { occurredAtMs: new Date() }],
    ['occurredAtMs', { occurredAtMs: Number.NaN }],
    ['occurredAtMs', { occurredAtMs: 8_640_000_000_000_001 }],
    ['actor', { actor: 'bob' }],
    ['actor', { actor: [] }],
    ['actor.roles', { actor: { roles: 'admin' } }],
    ['actor.roles[1]', { actor: { roles: ['a', 7] } }],
    ['actor.ID', { actor: { ID: 'x' } }],
    ['actor.id', { actor: { id: 7 } }],
    ['resources', { resources: {} }],
    ['resources[0].id', { resources: [{ id: true }] }],
    ['initiator.location.city', { initiator: { location: { city: 1 } } }],
    ['authentication.mfa', { authentication: { mfa: 'yes' } }],
    ['guardrail.decision', { guardrail: {} }],
    ['labels.x', { labels: { x: 1 } }],
    ['labels', { labels: ['x'] }],
    ['original.format', { original: { data: 'x' } }],
    ['salt', { salt: new Uint8Array(15) }],
    ['reason.ciphertext', { reason: { keyId: 'k', algorithm: 'a', nonce: new Uint8Array(1) } }],
    ['reason', { reason: 'half \ud800 pair' }],
    ['surprise', { surprise: 1 }],
    ['id', { id: 'x' }],
    ['id', { id: '01938f2c-7a00-4000-8000-000000000001' }],
    ['id', { id: '01938F2C-7A00-7000-8000-000000000001' }],
    ['source', { source: 'two words' }],
    ['source', { source: 'a+b' }],
    ['source', { source: '' }],
    ['instance', { instance: '' }],
    ['epoch', { epoch: -1 }],
    ['sequence', { sequence: 2 ** 53 }],
    ['previousEpoch', { previousEpoch: '1' }],
  ])('refuses a bad %s and names it', (field, change) => {
    expect(messageOf(() => checkEvent(changed(change)))).toMatch(
      new RegExp(`^${field.replace(/[[\].]/g, '\\$&')}( name)? (must|is)`),
    );
  });

  it.each([null, undefined, 7, 'x', [], new Uint8Array(3)])('refuses %j', (value) => {
    expect(() => checkEvent(value)).toThrow(SchemasError);
  });

  it('lets an author give content only: what the producer gives is unknown there', () => {
    expect(messageOf(() => checkContent(small))).toMatch(/^(id|source|instance|epoch|sequence) is no member/);
    expect(messageOf(() => checkBody(small))).toMatch(/^instance is no member/);
    expect(messageOf(() => checkLife(small))).toMatch(/is no member/);
  });
});
