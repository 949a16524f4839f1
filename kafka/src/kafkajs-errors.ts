import { KafkaError } from './errors.ts';
import { messageTooLarge, notAuthorized, type Operation, topicMissing } from './failures.ts';

/** What was being done, for the sentence and the evidence. */
export interface Attempt {
  /** A noun phrase, such as "a fetch of audit.events/0". */
  readonly what: string;
  readonly addresses: readonly string[];
  readonly principal: string;
  readonly operation: Operation;
  readonly topic?: string;
  readonly partition?: number;
  /** Bytes of an append. */
  readonly bytes?: number;
  /** Whether a socket was lost or a request timed out: during a login kafkajs reports that as a failed one, and worse. */
  readonly failure?: 'silent' | 'lost' | null;
}

/** What kafkajs' errors carry. */
interface Kafkajs {
  readonly name: string;
  readonly message: string;
  readonly type?: string;
  readonly code?: string | number;
  readonly retriable?: boolean;
  readonly broker?: string;
}

const wrappers = new Set(['KafkaJSNumberOfRetriesExceeded', 'KafkaJSNonRetriableError']);
const passing = new Set([
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  // The producer's state is lost on one of the sides. A new producer begins anew.
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  // A batch damaged on its way.
  'CORRUPT_MESSAGE',
]);
const transport = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSNoBrokerAvailableError',
]);

/** Any error of kafkajs, of a socket or of this package as a KafkaError with a sentence that says what to do. */
export function toKafkaError(thrown: unknown, attempt: Attempt): KafkaError {
  if (thrown instanceof KafkaError) return thrown;
  const error = innermost(thrown);
  const { principal, topic, partition, what } = attempt;
  const cause = thrown;
  if (error.name === 'KafkaJSSASLAuthenticationError') {
    return failedTransport(error, attempt, cause) ?? loginRefused(error, attempt, cause);
  }
  switch (error.type) {
    case undefined:
      break;
    case 'SASL_AUTHENTICATION_FAILED':
    case 'UNSUPPORTED_SASL_MECHANISM':
    case 'ILLEGAL_SASL_STATE':
      return loginRefused(error, attempt, cause);
    case 'TOPIC_AUTHORIZATION_FAILED':
      return notAuthorized(principal, attempt.operation, topic === undefined ? 'a topic' : `topic ${topic}`, cause);
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return notAuthorized(
        principal,
        attempt.operation,
        attempt.operation === 'Write' ? 'any topic' : 'the cluster',
        cause,
      );
    case 'UNKNOWN_TOPIC_OR_PARTITION':
      return topicMissing(topic ?? '(unnamed)', undefined);
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return messageTooLarge(topic ?? '(unnamed)', partition ?? 0, attempt.bytes ?? 0, null, cause);
    default:
      return brokerRefused(error, attempt, cause);
  }
  if (error.name === 'KafkaJSRequestTimeoutError') return silent(attempt, cause);
  if (error.name === 'KafkaJSServerDoesNotSupportApiKey') {
    return new KafkaError(
      'PROTOCOL',
      `${where(attempt)} does not offer what ${what} needs: ${error.message}. Kafka 3.1 or newer is needed.`,
      options(attempt, cause, false),
    );
  }
  if (transport.has(error.name) || isSystemError(error)) return unreachable(error, attempt, cause);
  const transportError = failedTransport(error, attempt, cause);
  if (transportError !== null) return transportError;
  return new KafkaError(
    'PROTOCOL',
    `${what} at ${where(attempt)} failed in an unexpected way: ${error.message}`,
    options(attempt, cause, false),
  );
}

function brokerRefused(error: Kafkajs, attempt: Attempt, cause: unknown): KafkaError {
  const number =
    error.type === 'KAFKAJS_UNKNOWN_ERROR_CODE' ? Number(/(-?\d+)$/.exec(error.message)?.[1]) : Number(error.code);
  // 32 INVALID_TIMESTAMP, 87 INVALID_RECORD (which kafkajs has no name for)
  if (number === 32 || number === 87) {
    const message = `The broker refuses a record for ${attempt.topic ?? 'the topic'} as invalid (Kafka error ${number}). Sending it again cannot help.`;
    return new KafkaError('INVALID_RECORD', message, options(attempt, cause, false));
  }
  const name = error.type === 'KAFKAJS_UNKNOWN_ERROR_CODE' ? `error ${number}` : `${error.type} (${number})`;
  const retriable = error.retriable === true || passing.has(error.type ?? '');
  return new KafkaError(
    'BROKER_ERROR',
    `${where(attempt)} refused ${attempt.what} with Kafka's ${name}: ${error.message}`,
    options(attempt, cause, retriable),
  );
}

function loginRefused(error: Kafkajs, attempt: Attempt, cause: unknown): KafkaError {
  const message = `${where(attempt)} refused the login of ${attempt.principal}: ${error.message}. Check user name, password and SASL mechanism.`;
  return new KafkaError('AUTHENTICATION_FAILED', message, options(attempt, cause, false));
}

function failedTransport(error: Kafkajs, attempt: Attempt, cause: unknown): KafkaError | null {
  if (attempt.failure === 'silent') return silent(attempt, cause);
  return attempt.failure === 'lost' ? unreachable(error, attempt, cause) : null;
}

function silent(attempt: Attempt, cause: unknown): KafkaError {
  const message = `${where(attempt)} did not answer ${attempt.what} in time. See whether the broker is alive.`;
  return new KafkaError('TIMED_OUT', message, options(attempt, cause, true));
}

function unreachable(error: Kafkajs, attempt: Attempt, cause: unknown): KafkaError {
  // Node's and OpenSSL's codes for certificates and handshakes.
  if (/CERT|TLS|SSL|SIGNATURE|ISSUER/.test(String(error.code ?? ''))) {
    const message = `The TLS connection to ${where(attempt)} failed: ${error.message} (${error.code}). Check the CA, the certificate's names, and whether the listener speaks TLS.`;
    return new KafkaError('AUTHENTICATION_FAILED', message, options(attempt, cause, false));
  }
  const message = `${where(attempt)} cannot be reached for ${attempt.what}: ${error.message}. Check that the broker runs there and whether the listener wants SASL or TLS.`;
  return new KafkaError('UNREACHABLE', message, options(attempt, cause, true));
}

function options({ addresses, topic, partition, principal }: Attempt, cause: unknown, retriable: boolean) {
  return {
    cause,
    retriable,
    evidence: {
      brokers: addresses,
      principal,
      ...(topic === undefined ? {} : { topic }),
      ...(partition === undefined ? {} : { partition }),
    },
  };
}

function where({ addresses }: Attempt): string {
  return addresses.length === 1 ? `Broker ${addresses[0]}` : `Kafka (${addresses.join(', ')})`;
}

/** kafkajs wraps what happened in "retries exceeded" and "non-retriable" errors, several deep. */
function innermost(thrown: unknown): Kafkajs {
  let error = thrown;
  for (let depth = 0; depth < 10; depth += 1) {
    if (!(error instanceof Error) || !wrappers.has(error.name) || !(error.cause instanceof Error)) break;
    error = error.cause;
  }
  return error instanceof Error ? error : { name: 'Error', message: String(error) };
}

function isSystemError(error: Kafkajs): boolean {
  return typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
}
