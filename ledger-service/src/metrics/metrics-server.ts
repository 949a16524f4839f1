import { silentLogger, type Logger } from '@tallystick/kafka/logger';
import { LedgerError } from '../errors.ts';
import { buildApp } from '../serve/http/server.ts';
import type { ListenOn } from '../serve/serve-options.ts';
import type { LedgerStatus } from '../status.ts';
import { LedgerMetrics } from './ledger-metrics.ts';

export interface MetricsServerOptions {
  /** A loopback address: nobody is asked who he is. Port 0 is one that is free. */
  readonly listen: ListenOn;
  /** Asked at each request. */
  readonly status: () => LedgerStatus;
  readonly logger?: Logger;
}

export interface MetricsServer {
  /** Without a slash at the end. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves what the roles of one ledger process say of themselves: /metrics for Prometheus, /livez (the process answers) and /readyz (every
 * role runs and no partition is stopped: 200, else 503 with what does not).
 * @throws LedgerError SERVE_LISTEN
 */
export async function startMetricsServer({
  listen,
  status,
  logger = silentLogger,
}: MetricsServerOptions): Promise<MetricsServer> {
  const metrics = new LedgerMetrics(status);
  const app = buildApp({ logger, onAnswer: () => undefined }, (routes) => {
    routes.get('/livez', async (_request, reply) => {
      return await reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store').send('ok\n');
    });
    routes.get('/readyz', async (_request, reply) => {
      const checks = checksOf(status());
      const ready = Object.values(checks).every((state) => !lame.has(state));
      return await reply
        .code(ready ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ ready, checks });
    });
    routes.get('/metrics', async (_request, reply) => {
      const text = await metrics.text();
      return await reply.type(metrics.contentType).header('cache-control', 'no-store').send(text);
    });
  });
  try {
    const url = await app.listen(listen);
    logger.info('Serves metrics.', { url });
    return { url, stop: async () => await app.close() };
  } catch (cause) {
    await app.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LedgerError('SERVE_LISTEN', `Metrics cannot be served on ${listen.host}:${listen.port}: ${why}.`, {
      cause,
      evidence: { ...listen },
    });
  }
}

/** States of roles and partitions in which nothing is sealed or published. */
const lame: ReadonlySet<string> = new Set(['starting', 'retrying', 'stopped', 'failed', 'ended']);

/** By role and by `<topic>/<partition>`. */
function checksOf({ roles, partitions }: LedgerStatus): Record<string, string> {
  const sealed = partitions.map(({ topic, partition, state }) => [`${topic}/${partition}`, state] as const);
  return { ...roles, ...Object.fromEntries(sealed) };
}
