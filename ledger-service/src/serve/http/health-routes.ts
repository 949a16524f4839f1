import type { FastifyInstance } from 'fastify';
import type { Health } from '../health.ts';
import type { ServeMetrics } from './metrics.ts';

/** /livez: the process answers. /readyz: proofs can be made. /metrics: for Prometheus. */
export function healthRoutes(app: FastifyInstance, health: Health, metrics: ServeMetrics): void {
  app.get('/livez', async (_request, reply) => {
    return await reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store').send('ok\n');
  });
  app.get('/readyz', async (_request, reply) => {
    const { ready, checks } = await health.look();
    const code = ready ? 200 : 503;
    return await reply.code(code).header('cache-control', 'no-store').send({ ready, checks });
  });
  app.get('/metrics', async (_request, reply) => {
    const text = await metrics.text();
    return await reply.type(metrics.contentType).header('cache-control', 'no-store').send(text);
  });
}
