import type { AuditEvent } from '../src/event-types.ts';

const secret = { keyId: 'k1', algorithm: 'AES-256-GCM', nonce: Buffer.alloc(12, 1), ciphertext: Buffer.alloc(20, 2) };

/** The least that an event has to hold. */
export const small: AuditEvent = {
  id: '01938f2c-7a00-7000-8000-000000000001',
  action: 'invoice:approve',
  occurredAtMs: 1_722_375_081_000,
  source: 'billing',
  outcome: 'success',
  instance: 'billing-1',
  epoch: 5,
  sequence: 0,
};

/** An event that holds every member. */
export const full: AuditEvent = {
  ...small,
  id: '01938f2c-7a00-8000-8000-000000000002',
  salt: Buffer.alloc(16, 7),
  category: 'management',
  actor: { type: 'user', id: 'u-1', name: secret, email: 'a@example.org', account: 'acme', roles: ['admin', secret] },
  onBehalfOf: { type: 'user', id: 'u-2', name: null, email: null, account: null, roles: [] },
  resources: [
    { type: 'invoice', id: 'inv-1', name: 'Straße 🚀', account: 'acme' },
    { type: 'file', id: secret, name: null, account: null },
  ],
  service: 'billing.example.org',
  tenant: 'acme',
  account: '123456789012',
  region: 'eu-central-1',
  environment: 'production',
  initiator: {
    ip: '192.0.2.1',
    host: 'laptop',
    userAgent: 'curl/8',
    deviceId: 'd-1',
    location: { country: 'DE', region: 'BY', city: 'München', coordinates: '48.137,11.575' },
  },
  authentication: {
    method: 'oidc',
    mfa: true,
    credentialId: 'cred',
    identityProvider: 'idp',
    sessionStartedAtMs: 1_722_375_000_000,
  },
  reason: 'month end',
  errorCode: 'E1',
  errorMessage: 'none',
  before: '{"a":1}',
  after: '{"a":2}',
  request: '{}',
  response: secret,
  readOnly: false,
  privileged: true,
  correlation: { traceId: 't', spanId: 's', requestId: 'r', sessionId: 'x', parentId: 'p', groupId: 'g' },
  guardrail: {
    decision: 'flag',
    mode: 'shadow',
    policy: 'limits',
    policyVersion: '3',
    rules: ['amount'],
    reason: 'high',
    approvedBy: 'u-3',
    breakGlass: true,
  },
  labels: { team: 'finance', owner: secret, empty: null },
  original: { format: 'x', version: '1', data: Buffer.from([0xff, 0]) },
  epoch: 1_722_375_081_000_123,
  sequence: 41,
  previousEpoch: 4,
  previousSequence: 9,
};
