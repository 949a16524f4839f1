import { S3ServiceException } from '@aws-sdk/client-s3';
import { LedgerError } from '../errors.ts';
import { storeInvalid, storeUnavailable } from '../store-errors.ts';

const rights =
  'Give these credentials s3:GetObject, s3:PutObject, s3:DeleteObject on the objects and s3:ListBucket on the bucket (readers need no Put and no Delete).';

/** What does not pass by itself, and what to do about it. */
const mend: Readonly<Record<string, string>> = {
  AccessDenied: rights,
  AllAccessDisabled: rights,
  AccountProblem: 'The account at the S3 service is not in order.',
  Forbidden: rights,
  InvalidAccessKeyId: 'The service does not know this access key: set the right one.',
  // What versitygw says in its place, with status 404.
  XAdminUserNotFound: 'The service does not know this access key: set the right one.',
  SignatureDoesNotMatch: 'The secret does not belong to this access key: set the right one.',
  NoSuchBucket: 'There is no such bucket: make it, or name another one.',
  InvalidBucketName: 'The service does not allow this name of a bucket.',
  PermanentRedirect: 'The bucket is in another region: set that one.',
  AuthorizationHeaderMalformed: 'The bucket is in another region: set that one.',
  IllegalLocationConstraintException: 'The bucket is in another region: set that one.',
  RequestTimeTooSkewed: "This machine's clock is wrong: set it.",
  NotImplemented: 'The service lacks what is needed here (conditional writes, If-None-Match): use another one.',
  MethodNotAllowed: 'The service does not allow this: use another one, or look at its settings.',
  InvalidRequest: 'The service does not take this request: use another one, or look at its settings.',
  InvalidObjectState: 'The object was moved to an archive tier: keep the log out of such rules.',
};

/**
 * The coded error for what the SDK raised; a LedgerError stays as it is. The SDK's own error is not kept as the cause: it carries the
 * request, its signature and the access key. What is kept of it is name, message, status and request id.
 */
export function s3Error(error: unknown, what: string, secrets: readonly string[]): LedgerError {
  if (error instanceof LedgerError) return error;
  const name = error instanceof Error ? error.name : 'Error';
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  const said = masked(error instanceof Error ? error.message : String(error), secrets);
  const evidence = { found: name, status, requestId: requestIdOf(error) };
  const cause = new Error(`${name}: ${said}`);
  const how = mend[name] ?? (status === 401 || status === 403 ? rights : undefined);
  // Credentials that expire are made anew by whoever gives them.
  const passes = /^(ExpiredToken|TokenRefreshRequired|RequestExpired|RequestTimeout|SlowDown)/.test(name);
  if (how !== undefined && !passes) return storeInvalid(`${what}: ${name}. ${how}`, { cause, evidence });
  return storeUnavailable(`${what}: ${name}${said === '' || said === name ? '' : `, ${said}`}. It is tried again.`, {
    cause,
    evidence,
  });
}

/** The HTTP status of an answer that was an error; null where there was no answer. */
export function statusOf(error: unknown): number | null {
  return error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? null) : null;
}

function requestIdOf(error: unknown): string | undefined {
  return error instanceof S3ServiceException ? error.$metadata.requestId : undefined;
}

function masked(text: string, secrets: readonly string[]): string {
  let rest = text.slice(0, 500).replace(/\.$/, '');
  for (const secret of secrets) if (secret !== '') rest = rest.replaceAll(secret, '***');
  return rest;
}
