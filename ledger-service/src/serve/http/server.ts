import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from '@tallystick/kafka/logger';
import { pathOf } from './log-routes.ts';
import { answerGarbage, httpProblem, problemOf, sendProblem } from './problem.ts';

export interface HttpLimits {
  /** For a whole request to come in, in milliseconds. */
  readonly requestMs: number;
  readonly headersMs: number;
}

export const httpLimits: HttpLimits = { requestMs: 10_000, headersMs: 5_000 };

const maxBodyBytes = 1_024;
const maxPathLength = 1_024;
const maxHeaderBytes = 16 * 1024;
const maxConnections = 1_000;
const keepAliveMs = 65_000;

/** What takes requests: the time, the size and the number of everything is limited, and every refusal is a problem (RFC 9457). */
export function buildApp(
  options: {
    readonly logger: Logger;
    /** Told of every answer. */
    readonly onAnswer: (route: string, status: number, seconds: number) => void;
    readonly limits?: HttpLimits;
  },
  routes: (app: FastifyInstance) => void,
): FastifyInstance {
  const { logger, onAnswer, limits = httpLimits } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: limits.requestMs,
    connectionTimeout: 30_000,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: maxPathLength },
    http: {
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: maxHeaderBytes,
      // Refused below, as a problem: Node itself would send no body.
      requireHostHeader: false,
    },
    frameworkErrors: (error, _request, reply) =>
      void sendProblem(reply as FastifyReply, httpProblem(error.statusCode ?? 400, 'The path is malformed.')),
    clientErrorHandler: answerGarbage,
  });
  app.server.maxConnections = maxConnections;
  app.removeAllContentTypeParsers();
  // No request has a body that means anything; a small one is read and dropped.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, undefined));
  app.addHook('onRequest', refuseLarge);
  app.addHook('onResponse', (request, reply, done) => {
    onAnswer(routeOf(request), reply.statusCode, reply.elapsedTime / 1_000);
    done();
  });
  routes(app);
  app.setNotFoundHandler((request, reply) => {
    if (!['GET', 'HEAD'].includes(request.method) && app.hasRoute({ method: 'GET', url: routePattern(request) }))
      return sendProblem(reply.header('allow', 'GET, HEAD'), httpProblem(405, 'This path takes GET and HEAD.'));
    return sendProblem(reply, httpProblem(404, 'There is nothing at this path.'));
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode;
    if (status !== undefined && status >= 400 && status < 500)
      return sendProblem(reply, httpProblem(status, 'The request is refused.'));
    const problem = problemOf(error);
    if (problem.status >= 500)
      logger.error('A request could not be answered.', {
        path: pathOf(request.raw.url).slice(0, 200),
        status: problem.status,
        code: problem.code,
        error: error.message,
      });
    return sendProblem(reply, problem);
  });
  return app;
}

function refuseLarge(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
    void sendProblem(reply, httpProblem(400, 'The request has no Host header (RFC 9112, section 3.2).'));
    return;
  }
  const length = Number(request.headers['content-length'] ?? 0);
  if (length > maxBodyBytes) {
    // What is still to come is not waited for.
    void sendProblem(
      reply.header('connection', 'close'),
      httpProblem(413, `A body has at most ${maxBodyBytes} bytes.`),
    );
  } else if ((request.raw.url?.length ?? 0) > maxPathLength) {
    void sendProblem(reply, httpProblem(414, `A path has at most ${maxPathLength} characters.`));
  } else done();
}

/** The route that the path would have with GET. */
function routePattern(request: FastifyRequest): string {
  const path = pathOf(request.raw.url);
  if (path.startsWith('/tile/')) return '/tile/*';
  if (/^\/v1\/proofs\/[^/]+\/[^/]+\/[^/]+$/.test(path)) return '/v1/proofs/:topic/:partition/:offset';
  return path;
}

/** For metrics: a bounded number of names. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none';
}
