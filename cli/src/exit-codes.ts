import { CliError } from './errors.ts';

const usage = new Set([
  'USAGE',
  'NODE_TOO_OLD',
  'CONFIG_FILE',
  'CONFIG_UNKNOWN',
  'CONFIG_INVALID',
  'CONFIG_MISSING',
  'SECRET_FILE',
  'ANSWER_NEEDED',
  'FILE_EXISTS',
  'NOT_FOR_ROOT',
  'PROOF_FILE',
]);
const cannotLook = new Set([
  'UNREACHABLE',
  'AUTHENTICATION_FAILED',
  'NOT_AUTHORIZED',
  'REGISTRY_UNREACHABLE',
  'REGISTRY_NOT_AUTHORIZED',
  'CLICKHOUSE_UNREACHABLE',
  'CLICKHOUSE_REFUSED',
  'TIMED_OUT',
  'ABORTED',
  'NOT_RUNNING',
  'TOPIC_MISSING',
  'SIGNER_UNAVAILABLE',
  'SIGNER_REFUSED',
  'LOG_STORE_UNAVAILABLE',
  'NOT_SEALED_YET',
  'NOT_PUBLISHED_YET',
  'PROOF_LATE',
  'SERVER_BUSY',
  'LOG_UNAVAILABLE',
  'BUNDLE_WRITE',
  'COPY_UNAVAILABLE',
  'ANCHOR_TIMED_OUT',
  'VERIFY_ABORTED',
  'VERIFY_RUNNING',
  'VERIFY_TIMED_OUT',
  'VERIFY_STUCK',
  'SCHEDULE_STATE',
  'SELF_TEST_TOO_LARGE',
  'SERVER_UNREACHABLE',
]);
/** A setting of another package that it cannot have, such as an address that is taken. */
const setWrongly = new Set([
  'CONFIG_INVALID',
  'OPTIONS_INVALID',
  'PRODUCER_OPTION',
  'WORKER_CONFIG_INVALID',
  'POLICY_FILE_INVALID',
  'CHECKPOINT_FILE_INVALID',
  'SCHEDULE_INVALID',
  'SERVE_LISTEN',
  'WITNESS_LISTEN',
  'METRICS_LISTEN',
]);
/** What is asked for does not exist, or is no proof's business. */
const askedWrongly = new Set(['REQUEST_MALFORMED', 'PARTITION_UNKNOWN', 'OFFSET_BEYOND_END', 'POLICY_MALFORMED']);

/** 2 for usage and configuration, 3 where something does not answer or refuses, 1 for everything else. */
export function exitCodeOf(error: unknown): 1 | 2 | 3 {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (
    (error instanceof CliError && usage.has(code)) ||
    (code.startsWith('ANCHOR_') && code !== 'ANCHOR_TIMED_OUT') ||
    code.startsWith('KEY_') ||
    code.startsWith('WITNESS_KEY_') ||
    code.startsWith('WITNESS_STATE_') ||
    askedWrongly.has(code) ||
    setWrongly.has(code) ||
    (code.startsWith('BUNDLE_') && code !== 'BUNDLE_WRITE')
  )
    return 2;
  if (cannotLook.has(code)) return 3;
  return 1;
}
