import { proofMediaType } from '@tallystick/core/proof';
import type { FastifyInstance } from 'fastify';
import { parseEventRequest } from '../domain/event-request.ts';
import type { ProofMaker } from '../proof-maker.ts';
import type { Warmer } from '../warmer.ts';
import { httpProblem, sendProblem } from './problem.ts';

interface Params {
  readonly topic: string;
  readonly partition: string;
  readonly offset: string;
}

/**
 * `GET /v1/proofs/{topic}/{partition}/{offset}`. An entry can be personal data, so no cache may keep it.
 * @param isOurs whether a Host header names this server: another name that leads here is a web page that tries to read what only this
 *   machine may (DNS rebinding)
 */
export function proofRoutes(
  app: FastifyInstance,
  {
    maker,
    warmer,
    isOurs,
  }: { readonly maker: ProofMaker; readonly warmer: Warmer; readonly isOurs: (host: string) => boolean },
): void {
  app.get<{ Params: Params }>('/v1/proofs/:topic/:partition/:offset', async (request, reply) => {
    if (!isOurs(request.headers.host ?? ''))
      return sendProblem(reply, httpProblem(421, 'Proofs are given under a loopback name or the configured URL only.'));
    const { topic, partition, offset } = request.params;
    const event = parseEventRequest(topic, partition, offset);
    warmer.asked();
    const json = await maker.prove(event);
    return reply.type(proofMediaType).header('cache-control', 'no-store').send(Buffer.from(json));
  });
}
