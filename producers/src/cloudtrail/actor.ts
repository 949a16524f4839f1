import type { Actor, Authentication } from '@tallystick/schemas/audit-event';
import { member, text, time, truth } from './shape.ts';
import type { Json } from './shape.ts';

// A map, not an object: a record may call its kind "constructor".
const types: ReadonlyMap<string | null, string> = new Map([
  ['IAMUser', 'user'],
  ['Root', 'root'],
  ['AssumedRole', 'role'],
  ['Role', 'role'],
  ['FederatedUser', 'federated-user'],
  ['SAMLUser', 'federated-user'],
  ['WebIdentityUser', 'federated-user'],
  ['IdentityCenterUser', 'user'],
  ['Directory', 'user'],
  ['AWSService', 'service'],
  ['AWSAccount', 'account'],
  ['Unknown', 'unknown'],
]);

/** Last part of an ARN or path: the session of an assumed role, the name of a user. */
function lastPart(arn: string | null): string | null {
  return arn?.includes('/') === true ? arn.slice(arn.lastIndexOf('/') + 1) : null;
}

/** Who acted, from a record's `userIdentity` (CloudTrail user guide, "CloudTrail userIdentity element"). Null where nobody is named. */
export function actorOf(record: Json): Actor | null {
  const identity = member(record, 'userIdentity');
  const kind = text(identity, 'type');
  const invokedBy = text(identity, 'invokedBy');
  const arn = text(identity, 'arn');
  const account = text(identity, 'accountId');
  const issuer = member(member(identity, 'sessionContext'), 'sessionIssuer');
  const issuerArn = text(issuer, 'arn');
  const isService = kind === 'AWSService' || (kind === null && invokedBy !== null);
  const id = isService
    ? (invokedBy ?? text(record, 'sourceIPAddress'))
    : (arn ??
      text(member(identity, 'onBehalfOf'), 'userId') ??
      text(identity, 'principalId') ??
      text(identity, 'userName') ??
      account ??
      invokedBy);
  if (id === null) return null;
  return {
    type: isService ? 'service' : kind === null ? 'unknown' : (types.get(kind) ?? kind),
    id,
    name: isService ? invokedBy : (text(identity, 'userName') ?? (kind === 'Root' ? 'root' : lastPart(arn))),
    account,
    roles: kind === 'AssumedRole' && issuerArn !== null ? [issuerArn] : [],
  };
}

/** Whose authority the actor used: the user behind a federated or single sign-on session. */
export function onBehalfOfOf(record: Json): Actor | null {
  const identity = member(record, 'userIdentity');
  const issuer = member(member(identity, 'sessionContext'), 'sessionIssuer');
  const behind = member(identity, 'onBehalfOf');
  const person = text(behind, 'userId');
  if (person !== null && text(identity, 'type') !== 'IdentityCenterUser') {
    return { type: 'user', id: person, account: text(behind, 'identityStoreArn') };
  }
  const issuerArn = text(issuer, 'arn');
  if (text(identity, 'type') !== 'FederatedUser' || issuerArn === null) return null;
  return {
    type: types.get(text(issuer, 'type')) ?? 'unknown',
    id: issuerArn,
    name: text(issuer, 'userName'),
    account: text(issuer, 'accountId'),
  };
}

function methodOf(record: Json, credential: string | null): string | null {
  if (text(record, 'eventType') === 'AwsConsoleSignIn') return 'console';
  // AWS's prefixes of unique ids: AKIA a long-term key, ASIA one of a session.
  if (credential?.startsWith('AKIA') === true) return 'access-key';
  return credential?.startsWith('ASIA') === true ? 'session-key' : null;
}

/** How the actor was known. */
export function authenticationOf(record: Json): Authentication | null {
  const identity = member(record, 'userIdentity');
  const session = member(identity, 'sessionContext');
  const attributes = member(session, 'attributes');
  const credentialId = text(identity, 'accessKeyId') ?? text(identity, 'credentialId');
  const found: Authentication = {
    method: methodOf(record, credentialId),
    mfa: truth(attributes, 'mfaAuthenticated') ?? truth(member(record, 'additionalEventData'), 'MFAUsed'),
    credentialId,
    identityProvider:
      text(identity, 'identityProvider') ??
      text(member(session, 'webIdFederationData'), 'federatedProvider') ??
      text(member(identity, 'onBehalfOf'), 'identityStoreArn'),
    sessionStartedAtMs: time(attributes, 'creationDate'),
  };
  return Object.values(found).every((value) => value === null) ? null : found;
}
