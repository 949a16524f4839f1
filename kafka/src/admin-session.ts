import type { Admin } from 'kafkajs';
import type { KafkaConfig } from './config.ts';
import { KafkaError } from './errors.ts';
import type { Operation } from './failures.ts';
import { toKafkaError } from './kafkajs-errors.ts';
import { createKafka, retryOf } from './kafkajs-client.ts';
import { type ResolvedConfig, resolveConfig } from './kafkajs-options.ts';
import { LinkPool } from './link-pool.ts';
import { Sockets } from './sockets.ts';
import { withDeadline } from './waiting.ts';

/** One request of a session, and what it is for the sentence of an error. */
export type AdminCall = <T>(
  what: string,
  operation: Operation,
  call: (admin: Admin) => Promise<T>,
  topic?: string,
) => Promise<T>;

/**
 * Connects kafkajs' admin client, runs `use`, and disconnects whatever happens. Every call has a deadline; a login that of every other
 * connection (`loginTimeoutMs`), at a broker that answers where there are several.
 * @throws KafkaError
 */
export async function withAdmin<T>(config: KafkaConfig, use: (call: AdminCall) => Promise<T>): Promise<T> {
  const resolved = resolveConfig(config);
  const sockets = new Sockets();
  const { brokers: addresses, principal, connectTimeoutMs, requestTimeoutMs, loginTimeoutMs } = resolved;
  const admin = createKafka(resolved, sockets, await answering(resolved)).admin({ retry: retryOf(resolved) });
  admin.on('admin.network.request_timeout', sockets.noteSilence);
  let ms = loginTimeoutMs;
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
    ms = connectTimeoutMs + 2 * requestTimeoutMs;
    return await use(call);
  } finally {
    sockets.drop();
    admin.disconnect().catch(() => undefined);
  }
}

/** kafkajs asks one seed after the other, and would wait for the first that hangs. @throws KafkaError where none of several answers */
async function answering(config: ResolvedConfig): Promise<string | null> {
  const links = new LinkPool(config);
  try {
    return await links.answering([]);
  } finally {
    links.close();
  }
}
