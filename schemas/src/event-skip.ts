import {
  areZero,
  readOptionalLong,
  skipBlocks,
  skipBytes,
  skipOptionalBoolean,
  skipOptionalText,
  skipText,
} from './avro-skip.ts';

// The records of this release's event schema, field by field in the order of the schema, which EventScan pins. Straight code for each is
// twice as fast as a walk over tables.

const saltLength = 16;

/** All between source and instance. */
export function skipDescription(bytes: Uint8Array, from: number, to: number): number {
  let at = skipActor(bytes, from, to);
  if (at < 0) return -1;
  // onBehalfOf
  at = skipActor(bytes, at, to);
  if (at < 0) return -1;
  at = skipBlocks(bytes, at, to, skipResource);
  if (at < 0) return -1;
  // service
  at = skipOptionalText(bytes, at, to);
  if (at < 0) return -1;
  // tenant
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // account
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // region
  at = skipOptionalText(bytes, at, to);
  if (at < 0) return -1;
  // environment
  at = skipOptionalText(bytes, at, to);
  if (at < 0) return -1;
  at = skipInitiator(bytes, at, to);
  if (at < 0) return -1;
  at = skipAuthentication(bytes, at, to);
  if (at < 0) return -1;
  // reason
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // outcome
  at = skipText(bytes, at, to);
  if (at < 0) return -1;
  // Most events have nothing of what follows: twelve fields that are null or empty, a byte 0 each.
  return to - at >= 12 && areZero(at) ? at + 12 : skipDetails(bytes, at, to);
}

/** All between outcome and instance. */
function skipDetails(bytes: Uint8Array, from: number, to: number): number {
  // errorCode
  let at = skipOptionalText(bytes, from, to);
  if (at < 0) return -1;
  // errorMessage
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // before
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // after
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // request
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // response
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  // readOnly
  at = skipOptionalBoolean(bytes, at);
  if (at < 0) return -1;
  // privileged
  at = skipOptionalBoolean(bytes, at);
  if (at < 0) return -1;
  at = skipCorrelation(bytes, at, to);
  if (at < 0) return -1;
  at = skipGuardrail(bytes, at, to);
  if (at < 0) return -1;
  at = skipBlocks(bytes, at, to, skipLabel);
  if (at < 0) return -1;
  return skipOriginal(bytes, at, to);
}

// Records are stored as their fields, one behind the other. Those that may be null are null for a byte 0, and follow a byte 2.

/** type, id, name, email, account, roles */
function skipActor(bytes: Uint8Array, from: number, to: number): number {
  const branch = bytes[from] ?? 0xff;
  if (branch !== 2) return branch === 0 ? from + 1 : -1;
  let at = skipOptionalText(bytes, from + 1, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  return skipBlocks(bytes, at, to, skipPersonal);
}

/** type, id, name, account; not null */
function skipResource(bytes: Uint8Array, from: number, to: number): number {
  let at = skipOptionalText(bytes, from, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  return skipPersonal(bytes, at, to);
}

/** ip, host, userAgent, deviceId, location */
function skipInitiator(bytes: Uint8Array, from: number, to: number): number {
  const branch = bytes[from] ?? 0xff;
  if (branch !== 2) return branch === 0 ? from + 1 : -1;
  let at = skipPersonal(bytes, from + 1, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  return skipPersonals(bytes, at, to, 4);
}

/** method, mfa, credentialId, identityProvider, sessionStartedAtMs */
function skipAuthentication(bytes: Uint8Array, from: number, to: number): number {
  const branch = bytes[from] ?? 0xff;
  if (branch !== 2) return branch === 0 ? from + 1 : -1;
  let at = skipOptionalText(bytes, from + 1, to);
  if (at < 0) return -1;
  at = skipOptionalBoolean(bytes, at);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  return readOptionalLong(bytes, at, to);
}

/** traceId, spanId, requestId, sessionId, parentId, groupId */
function skipCorrelation(bytes: Uint8Array, at: number, to: number): number {
  return skipPersonals(bytes, at, to, 6);
}

/** decision, mode, policy, policyVersion, rules, reason, approvedBy, breakGlass */
function skipGuardrail(bytes: Uint8Array, from: number, to: number): number {
  const branch = bytes[from] ?? 0xff;
  if (branch !== 2) return branch === 0 ? from + 1 : -1;
  let at = skipText(bytes, from + 1, to);
  if (at < 0) return -1;
  at = skipOptionalText(bytes, at, to);
  if (at < 0) return -1;
  at = skipOptionalText(bytes, at, to);
  if (at < 0) return -1;
  at = skipOptionalText(bytes, at, to);
  if (at < 0) return -1;
  at = skipBlocks(bytes, at, to, skipText);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  at = skipPersonal(bytes, at, to);
  if (at < 0) return -1;
  return skipOptionalBoolean(bytes, at);
}

/** format, version, data */
function skipOriginal(bytes: Uint8Array, from: number, to: number): number {
  const branch = bytes[from] ?? 0xff;
  if (branch !== 2) return branch === 0 ? from + 1 : -1;
  let at = skipText(bytes, from + 1, to);
  if (at < 0) return -1;
  at = skipOptionalText(bytes, at, to);
  if (at < 0) return -1;
  // null, text, bytes or Protected
  switch (bytes[at]) {
    case 0:
      return at + 1;
    case 2:
      return skipText(bytes, at + 1, to);
    case 4:
      return skipBytes(bytes, at + 1, to);
    case 6:
      return skipProtected(bytes, at + 1, to);
    default:
      return -1;
  }
}

/** A name and its value. */
function skipLabel(bytes: Uint8Array, from: number, to: number): number {
  const at = skipText(bytes, from, to);
  return at < 0 ? -1 : skipPersonal(bytes, at, to);
}

/** Null or 16 bytes. */
export function skipSalt(bytes: Uint8Array, at: number): number {
  const branch = bytes[at] ?? 0xff;
  if (branch !== 2) return branch === 0 ? at + 1 : -1;
  return at + 1 + saltLength;
}

/** Null or a record of so many personal values. */
function skipPersonals(bytes: Uint8Array, from: number, to: number, count: number): number {
  const branch = bytes[from] ?? 0xff;
  if (branch !== 2) return branch === 0 ? from + 1 : -1;
  let at = from + 1;
  for (let left = count; left > 0 && at >= 0; left--) at = skipPersonal(bytes, at, to);
  return at;
}

/** Null, text or Protected. */
function skipPersonal(bytes: Uint8Array, at: number, to: number): number {
  const branch = bytes[at] ?? 0xff;
  if (branch === 0) return at + 1;
  if (branch === 2) return skipText(bytes, at + 1, to);
  return branch === 4 ? skipProtected(bytes, at + 1, to) : -1;
}

/** keyId, algorithm, nonce, ciphertext; not null */
function skipProtected(bytes: Uint8Array, from: number, to: number): number {
  let at = skipText(bytes, from, to);
  if (at < 0) return -1;
  at = skipText(bytes, at, to);
  if (at < 0) return -1;
  at = skipBytes(bytes, at, to);
  if (at < 0) return -1;
  return skipBytes(bytes, at, to);
}
