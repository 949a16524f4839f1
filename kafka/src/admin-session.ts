import type { Admin } from 'kafkajs';
import type { KafkaConfig } from './config.ts';
import { KafkaError } from './errors.ts';
import type { Operation } from './failures.ts';
import { toKafkaError } from './kafkajs-errors.ts';
import { createKafka, retryOf } from './kafkajs-client.ts';
import { resolveConfig } from './kafkajs-options.ts';
import { Sockets } from './sockets.ts';
import { withDeadline } from './waiting.ts';

/** One request of a session, and what it is for the sentence of an error. */
export type AdminCall = <T>(
  what: string,
  operation: Operation,
  call: (admin: Admin) => Promise<T>,
  topic?: string,
) => Promise<T>;

/** Connects kafkajs' admin client, runs `use`, and disconnects whatever happens. Every call has a deadline. @throws KafkaError */
export async function withAdmin<T>(config: KafkaConfig, use: (call: AdminCall) => Promise<T>): Promise<T> {
  const resolved = resolveConfig(config);
  const sockets = new Sockets();
  const { brokers: addresses, principal, connectTimeoutMs, requestTimeoutMs } = resolved;
  const admin = createKafka(resolved, sockets).admin({ retry: retryOf(resolved) });
  admin.on('admin.network.request_timeout', sockets.noteSilence);
  const ms = connectTimeoutMs + 2 * requestTimeoutMs;
  const call: AdminCall = async (what, operation, run, topic) => {
    const late = () =>
      new KafkaError(
        'TIMED_OUT',
        `Kafka (${addresses.join(', ')}) did not answer ${what} within ${ms} ms. See whether the broker is alive.`,
        { retriable: true, evidence: { brokers: addresses } },
      );
    try {
      return await withDeadline(run(admin), ms, late);
    } catch (error) {
      const place = topic === undefined ? {} : { topic };
      throw toKafkaError(error, { what, addresses, principal, operation, failure: sockets.failure, ...place });
    }
  };
  try {
    await call('a login', 'Describe', () => admin.connect());
    return await use(call);
  } finally {
    sockets.drop();
    admin.disconnect().catch(() => undefined);
  }
}
