import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { inTime } from '../deadline.ts';
import { VerifierError } from '../errors.ts';

/** How the process is, for probes. */
export interface Health {
  /** The schedule's loop goes round. */
  readonly live: boolean;
  /** A verification has had a verdict in time. */
  readonly ready: boolean;
}

export interface MetricsServerOptions {
  readonly listen: { readonly host: string; /** 0: one that is free. */ readonly port: number };
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly health: () => Health;
}

/** A name that nobody resolves holds up no start, ms. */
const listenMs = 30_000;

export interface MetricsServer {
  /** `http://host:port`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * `/metrics` for Prometheus, `/livez` and `/readyz` for probes; GET and HEAD only, nobody is asked who he is: nothing in it but counts and times.
 * @throws VerifierError METRICS_LISTEN
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port } = options.listen;
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 5_000, connectionsCheckingInterval: 1_000, maxHeaderSize: 8 * 1024 },
    (request, response) => void answer(options, request, response),
  );
  server.maxConnections = 100;
  server.keepAliveTimeout = 5_000;
  try {
    server.listen(port, host);
    await inTime('The address', { deadlineMs: listenMs, signal: undefined }, once(server, 'listening'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    server.close();
    throw new VerifierError('METRICS_LISTEN', `The metrics cannot be served on ${host}:${port}: ${why}.`, { cause });
  }
  // A connection that cannot be accepted is the client's loss.
  server.on('error', () => undefined);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

async function answer(options: MetricsServerOptions, request: IncomingMessage, response: ServerResponse) {
  const { status, type, body, headers = {} } = await answerOf(options, request);
  if (response.destroyed) return;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answerOf({ metrics, health }: MetricsServerOptions, { url, method }: IncomingMessage): Promise<Answer> {
  const plain = (status: number, body: string, headers = {}): Answer => ({
    status,
    type: 'text/plain; charset=utf-8',
    body: `${body}\n`,
    headers,
  });
  const path = url?.split('?')[0];
  if (path !== '/metrics' && path !== '/livez' && path !== '/readyz')
    return plain(404, 'there is nothing at this path');
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'this path takes GET, HEAD', { allow: 'GET, HEAD' });
  try {
    if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.text() };
    const { live, ready } = health();
    if (path === '/livez') return live ? plain(200, 'ok') : plain(503, 'the schedule stands still');
    return ready ? plain(200, 'ok') : plain(503, 'no verification has had a verdict in time');
  } catch {
    return plain(500, 'the metrics cannot be told now');
  }
}
