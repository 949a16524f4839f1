import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { Socket } from 'node:net';
import type { WitnessSigner } from '@tallystick/core/cosignature';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import type { VerifierKey } from '@tallystick/core/note';
import { silentLogger, type Logger } from '@tallystick/kafka/logger';
import { VerifierError } from '../errors.ts';
import { WitnessMetrics } from './metrics.ts';
import { maxRequestBytes } from './request.ts';
import type { WitnessStore } from './store.ts';
import { Witness } from './witness.ts';

export interface WitnessOptions {
  /** Keys of the logs to watch: plain Ed25519 keys whose name is the log's origin. Several of one name are keys of one log. */
  readonly logs: readonly VerifierKey[];
  readonly signer: WitnessSigner;
  /** Closed by `stop`. */
  readonly store: WitnessStore;
  readonly listen: { readonly host: string; /** 0: one that is free. */ readonly port: number };
  /** Path before `/add-checkpoint` and the rest, such as `/w1`. Default: none. */
  readonly prefix?: string;
  readonly logger?: Logger;
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly verify?: Ed25519Verify;
}

export interface RunningWitness {
  /** What clients are given: submission and monitoring prefix. */
  readonly url: string;
  readonly vkey: string;
  /** Answers what is under way, then lets go of address and state. */
  stop(): Promise<void>;
}

/**
 * A C2SP tlog-witness over HTTP. Besides `add-checkpoint` it serves, per log, the checkpoint it cosigned last
 * (`GET <prefix>/<SHA-256 of the origin>/checkpoint`), `/livez` and `/metrics`.
 * @throws VerifierError OPTIONS_INVALID, WITNESS_LISTEN, and what the store throws; the store is closed then
 */
export async function startWitness(options: WitnessOptions): Promise<RunningWitness> {
  const { signer, store, listen, prefix = '', logger = silentLogger } = options;
  try {
    if (!/^(?:\/[A-Za-z0-9._~-]+)*$/.test(prefix)) {
      throw new VerifierError('OPTIONS_INVALID', `The prefix ${JSON.stringify(prefix)} is not a path such as /w1.`);
    }
    const { logs, now = Date.now, verify = nodeVerifyEd25519 } = options;
    const witness = await Witness.open({ signer, logs, store, now, verify });
    const app = buildServer(witness, prefix, logger);
    const url = `${await listenAt(app, listen)}${prefix}`;
    for (const { origin, size } of witness.sizes()) logger.info('watches', { origin, size });
    return {
      url,
      vkey: signer.key.vkey,
      stop: async () => {
        await app.close();
        await witness.idle();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function buildServer(witness: Witness, prefix: string, logger: Logger): FastifyInstance {
  const metrics = new WitnessMetrics(witness);
  const app = Fastify({
    logger: false,
    bodyLimit: maxRequestBytes,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000, maxHeaderSize: 16 * 1024 },
    frameworkErrors: (error, _request, reply) => void problem(reply, error.statusCode ?? 400, error.message),
    clientErrorHandler: answerGarbage,
  });
  app.server.maxConnections = 1_000;
  app.removeAllContentTypeParsers();
  // Whatever a client calls it: the specification names no media type of a request, and what is none would be refused before.
  app.addHook('onRequest', (request, _reply, done) => {
    request.raw.headers['content-type'] = 'application/octet-stream';
    done();
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // Or the connection of a request that is under way at a stop would be kept for the next one, and the stop would wait for it.
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) void reply.header('connection', 'close');
    done();
  });

  const submit = `${prefix}/add-checkpoint`;
  app.post(submit, async (request, reply) => {
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
    const answer = await witness.addCheckpoint(body);
    if (answer.kind === 'cosigned') {
      metrics.count(200);
      logger.info('cosigned', { origin: answer.origin, size: answer.size, cosignedAt: answer.time });
      return reply.type('text/plain; charset=utf-8').send(Buffer.from(answer.body));
    }
    const { status, detail, origin } = answer;
    metrics.count(status);
    const fields = { status, detail, ...(origin === undefined ? {} : { origin }) };
    if (answer.fork === true) {
      // Two trees of one size, both signed by the log: whoever reads this has to keep both.
      const other = new TextDecoder().decode(body.subarray(0, maxLoggedBytes));
      logger.error('the log signed two trees of one size', { ...fields, request: other });
    } else if (origin === undefined) logger.info('refused', fields);
    else logger.warn('refused', fields);
    if (answer.size !== undefined) return reply.code(409).type('text/x.tlog.size').send(`${answer.size}\n`);
    if (status === 503) void reply.header('retry-after', '1');
    return problem(reply, status, detail);
  });
  app.get<{ Params: { hash: string } }>(`${prefix}/:hash/checkpoint`, (request, reply) => {
    const note = witness.newest(request.params.hash);
    if (note === null) return problem(reply, 404, 'this witness has cosigned no checkpoint of such a log');
    return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(Buffer.from(note));
  });
  app.get(`${prefix}/livez`, (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'));
  app.get(`${prefix}/metrics`, (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics.text()),
  );

  const readOnly = new Set([`${prefix}/livez`, `${prefix}/metrics`]);
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    const allow = path === submit ? 'POST' : readOnly.has(path) || checkpointPath.test(path) ? 'GET, HEAD' : null;
    if (path === submit) metrics.count(405);
    if (allow === null) return problem(reply, 404, 'there is nothing at this path');
    return problem(reply.header('allow', allow), 405, `this path takes ${allow}`);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (request.url.split('?')[0] === submit) metrics.count(status);
    if (status < 500) return problem(reply, status, error.message);
    logger.error('a request failed; nothing was cosigned', { error });
    return problem(reply, status, 'the witness cannot answer now; nothing was cosigned');
  });
  return app;
}

const checkpointPath = /\/[0-9a-f]{64}\/checkpoint$/;
/** Of a request that proves a fork, as a log line holds it: proof lines, and the checkpoint with its signatures. */
const maxLoggedBytes = 8 * 1024;

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  503: 'Service Unavailable',
};

/** An error as RFC 9457 writes it. */
function problem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  const title = titles[status] ?? (status < 500 ? 'Bad Request' : 'Internal Server Error');
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, detail }));
}

/** What is not HTTP at all, or did not come in time. */
function answerGarbage(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, title] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? [408, 'Request Timeout']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? [431, 'Request Header Fields Too Large']
        : [400, 'Bad Request'];
  const body = JSON.stringify({ type: 'about:blank', title, status });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}

async function listenAt(app: FastifyInstance, { host, port }: WitnessOptions['listen']): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VerifierError('WITNESS_LISTEN', `The witness cannot listen on ${host}:${port}: ${why}.`, { cause });
  }
}
