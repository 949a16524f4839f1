import type { FastifyReply } from 'fastify';
import type { Socket } from 'node:net';
import { LedgerError } from '../../errors.ts';
import { isRefusal, type ProofRefusal } from '../proof-errors.ts';

/** A problem as a client gets it (RFC 9457). */
export interface Problem {
  readonly status: number;
  /** For programs: never changes its meaning. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** Members besides: offsets and the like. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export const problemMediaType = 'application/problem+json';

const refusals: Readonly<Record<ProofRefusal, { readonly status: number; readonly title: string }>> = {
  REQUEST_MALFORMED: { status: 400, title: 'The request is malformed' },
  PARTITION_UNKNOWN: { status: 404, title: 'There is no such partition in the log' },
  OFFSET_BEYOND_END: { status: 404, title: 'The offset is beyond the end' },
  OFFSET_NOT_COVERED: { status: 404, title: 'The offset is in no seal' },
  OFFSET_IN_GAP: { status: 404, title: 'The event was deleted before it was sealed' },
  NOT_SEALED_YET: { status: 404, title: 'The event is not sealed yet' },
  NOT_PUBLISHED_YET: { status: 404, title: 'The seal is not published yet' },
  EVENT_GONE: { status: 410, title: 'What the proof is made of is gone' },
  RECORDS_DISAGREE: { status: 500, title: 'The records are not what was sealed' },
  PROOF_LATE: { status: 503, title: 'The proof takes too long' },
  SERVER_BUSY: { status: 503, title: 'The server is busy' },
};

const titles: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  404: 'There is nothing here',
  405: 'The method is not allowed',
  408: 'The request did not come in time',
  413: 'The request is too large',
  414: 'The path is too long',
  421: 'The request is for another host',
  431: 'The header is too large',
};

/** What is said of an error; what a client can do nothing about is not told in detail. */
export function problemOf(error: unknown): Problem {
  if (isRefusal(error)) {
    const { status, title } = refusals[error.code];
    return { status, code: error.code, title, detail: error.message, more: numbersOf(error) };
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
  const passing = error instanceof Error && 'retriable' in error && error.retriable === true;
  if (passing || (error instanceof LedgerError && error.code !== 'UNEXPECTED')) {
    const detail = 'The published log or Kafka cannot be read as it must be. Its operator is told why.';
    return { status: 503, code, title: 'The log cannot be read now', detail };
  }
  const detail = 'The server met an error that it did not expect.';
  return { status: 500, code: 'UNEXPECTED', title: 'An unexpected error', detail };
}

/** A problem of HTTP itself. */
export function httpProblem(status: number, detail: string): Problem {
  const title = titles[status] ?? 'The request is refused';
  return { status, code: `HTTP_${status}`, title, detail };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) void reply.header('retry-after', '1');
  return (
    reply
      .code(problem.status)
      .type(problemMediaType)
      .header('cache-control', 'no-store')
      // Bytes: to a text a charset would be added, which JSON does not have.
      .send(Buffer.from(JSON.stringify(bodyOf(problem))))
  );
}

/** What is not HTTP at all, or did not come in time. */
export function answerGarbage(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const body = JSON.stringify(bodyOf(httpProblem(status, 'The connection is closed.')));
  const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: ${problemMediaType}\r\ncontent-length: ${body.length}`;
  socket.end(`${head}\r\nconnection: close\r\n\r\n${body}`);
}

function bodyOf({ status, code, title, detail, more }: Problem): Readonly<Record<string, unknown>> {
  const type = `urn:tallystick:problem:${code.toLowerCase().replaceAll('_', '-')}`;
  return { type, title, status, detail, code, ...more };
}

/** Offsets and names that a client may use: the rest of the evidence is for the operator. */
function numbersOf({ evidence }: LedgerError): Readonly<Record<string, unknown>> {
  const told = ['topic', 'partition', 'offset', 'sealedOffset', 'nextOffset', 'generation', 'index'];
  return Object.fromEntries(told.flatMap((name) => (evidence[name] === undefined ? [] : [[name, evidence[name]]])));
}
