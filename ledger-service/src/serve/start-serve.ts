import { silentLogger } from '@tallystick/kafka/logger';
import type { FastifyInstance } from 'fastify';
import { isIPv4 } from 'node:net';
import { AlarmBoard } from '../alarm-board.ts';
import { LedgerError } from '../errors.ts';
import { systemClock, type Clock } from '../ports/clock.ts';
import type { RunningRole } from '../ports/role.ts';
import { Figures } from './figures.ts';
import { Health } from './health.ts';
import { logRoutes } from './http/log-routes.ts';
import { ServeMetrics } from './http/metrics.ts';
import { proofRoutes } from './http/proof-routes.ts';
import { healthRoutes } from './http/health-routes.ts';
import { buildApp } from './http/server.ts';
import { ProofMaker } from './proof-maker.ts';
import type { ListenOn, ServeOptions, ServeStatus } from './serve-options.ts';
import { Warmer } from './warmer.ts';

export type * from './serve-options.ts';

export interface RunningServe extends RunningRole<ServeStatus> {
  /** Root of the served log, without a slash at the end. */
  readonly url: string;
}

/** How long requests under way are waited for at a stop, in milliseconds. */
const graceMs = 3_000;
/** How often the published log is looked at while nobody asks for a proof, in milliseconds. */
const lookEveryMs = 10_000;

/**
 * Serves the published log (C2SP tlog-tiles), proofs of single events, /livez, /readyz and /metrics. It needs no key and asks nobody who he
 * is, so it listens on loopback only.
 * @throws LedgerError CONFIG_INVALID (no loopback address), SERVE_LISTEN
 */
export async function startServe(options: ServeOptions): Promise<RunningServe> {
  const { stores, listen, logger = silentLogger, clock = systemClock, signal } = options;
  const alarms = options.alarms ?? new AlarmBoard(clock);
  checkLoopback(listen);
  signal?.throwIfAborted();
  const maker = new ProofMaker({ ...options, store: stores.store }, { ...options, alarms });
  const warmer = new Warmer(maker, options.warmEvents ?? 100_000, logger);
  const metrics = new ServeMetrics(maker, new Figures(options, maker.follower));
  const health = new Health({ log: options.log, topic: options.topics.events, follower: maker.follower, clock });
  let requests = 0;
  const onAnswer = (route: string, status: number, seconds: number) => {
    requests += 1;
    metrics.answered(route, status, seconds);
  };
  const app = buildApp({ logger, onAnswer }, (routes) => {
    logRoutes(routes, stores.store);
    proofRoutes(routes, { maker, warmer, isOurs: hostCheck(options.publicUrl ?? null) });
    healthRoutes(routes, health, metrics);
  });
  const url = await listenOn(app, listen);
  logger.info('Serves the log and proofs.', { url });
  const ending = new AbortController();
  void lookEvery(() => maker.follower.view(), clock, ending.signal);
  const ended = Promise.withResolvers<void>();
  let stopping: Promise<void> | null = null;
  const finish = async () => {
    ending.abort(new Error('the server stops'));
    const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
    await app
      .close()
      .catch((error: unknown) => logger.error('The server did not close well.', { error: String(error) }));
    clearTimeout(timer);
    maker.end();
    await warmer.stop();
    ended.resolve();
  };
  return {
    url,
    status: () => ({ url, published: maker.follower.last?.head.size ?? null, requests, alarms: alarms.list() }),
    stop: async () => await (stopping ??= finish()),
    done: ended.promise,
  };
}

/** Alarms are raised also while nobody asks for anything. */
async function lookEvery(look: () => Promise<unknown>, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(lookEveryMs, signal).catch(() => undefined);
    // The alarm says why.
    if (!signal.aborted) await look().catch(() => undefined);
  }
}

/** @throws LedgerError CONFIG_INVALID */
function checkLoopback({ host, port }: ListenOn): void {
  const found = `${host}:${port}`;
  if (isLoopback(host) && Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new LedgerError(
    'CONFIG_INVALID',
    `${found} is no loopback address and port: this release asks nobody who he is, so it serves this machine only.`,
    {
      evidence: { setting: 'listen', found },
    },
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Which Host headers name this server: loopback, or the configured URL's. */
function hostCheck(publicUrl: string | null): (host: string) => boolean {
  const own = publicUrl === null ? null : new URL(publicUrl).hostname;
  return (host) => {
    // A URL's own parser, so that "[::1]:80" and the like are taken apart as browsers do.
    const url = URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`) : null;
    if (url === null || url.host === '' || url.pathname !== '/') return false;
    return isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1')) || url.hostname === own;
  };
}

async function listenOn(app: FastifyInstance, { host, port }: ListenOn): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LedgerError('SERVE_LISTEN', `The log cannot be served on ${host}:${port}: ${why}.`, {
      cause,
      evidence: { host, port },
      retriable: true,
    });
  }
}
