import { member, text } from './shape.ts';
import type { Json } from './shape.ts';

// AccessDenied, AccessDeniedException, VpceAccessDenied, Client.UnauthorizedOperation, UnauthorizedAccess, NotAuthorized,
// AuthorizationError, AuthFailure, Forbidden, and refused credentials.
const denial =
  /AccessDenied|Unauthorized|NotAuthorized|AuthorizationError|AuthFailure|Forbidden|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|ExpiredToken|InvalidAccessKeyId|MissingAuthenticationToken/i;

/** `denied` where a right or a credential was missing, `failure` for other errors, `unknown` where the record is no action. */
export function outcomeOf(record: Json): string {
  if (text(record, 'eventCategory') === 'Insight') return 'unknown';
  const code = text(record, 'errorCode');
  if (code !== null) return denial.test(code) ? 'denied' : 'failure';
  const answer = member(record, 'responseElements');
  // A sign-in says how it went under its own name: ConsoleLogin, CheckMfa, SwitchRole, ….
  if (text(answer, text(record, 'eventName') ?? '') === 'Failure' || answer['_return'] === false) return 'failure';
  return text(record, 'errorMessage') === null ? 'success' : 'failure';
}
