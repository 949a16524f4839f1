import { parseTilePath } from '@tallystick/core/tiles';
import { maxSnapshotBytes } from '@tallystick/core/snapshot';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { cacheControlOf, mediaTypeOf } from '../../domain/log-paths.ts';
import { maxCheckpointBytes } from '../../ports/checkpoint-store.ts';
import type { LogStore } from '../../ports/log-store.ts';
import { readTile } from '../adapters/tile-reader.ts';
import { httpProblem, sendProblem } from './problem.ts';

/**
 * The log as C2SP tlog-tiles has it, and the snapshot beside it. Only a path that is exactly that of a tile reaches the store: it is taken from
 * the request line as it came, never decoded.
 */
export function logRoutes(app: FastifyInstance, store: LogStore): void {
  for (const [path, most] of [
    ['checkpoint', maxCheckpointBytes],
    ['snapshot', maxSnapshotBytes],
  ] as const) {
    app.get(`/${path}`, async (_request, reply) => send(reply, path, await store.read(path, most)));
  }
  app.get('/tile/*', async (request, reply) => {
    const path = pathOf(request.raw.url).slice(1);
    const tile = parseTilePath(path);
    return send(reply, path, tile === null ? null : await readTile(store, tile));
  });
}

/** The path of a request as it came, without its query. */
export function pathOf(url = ''): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

function send(reply: FastifyReply, path: string, bytes: Uint8Array | null): FastifyReply {
  if (bytes === null) return sendProblem(reply, httpProblem(404, 'The log has nothing at this path.'));
  return reply
    .type(mediaTypeOf(path))
    .header('cache-control', cacheControlOf(path))
    .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
