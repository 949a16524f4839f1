import { parsePolicy, type Policy } from '@tallystick/core/policy';
import { checkProof, type CheckedProof } from '@tallystick/core/proof';
import { connect } from 'node:net';
import { afterEach } from 'vitest';
import type { PublishStatus } from '../../src/log/publish-status.ts';
import { startServe, type RunningServe, type ServeOptions } from '../../src/serve/start-serve.ts';
import { logSigner, origin, rootSigner, topics, until, World } from '../world.ts';

export const policy: Policy = parsePolicy(`log ${logSigner.key.vkey}\nquorum none\n`);

const running: RunningServe[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

/** A world whose events are sealed and published by real roles that were stopped then. */
export async function publishedWorld(events = 25, partitions = 1): Promise<World> {
  const world = new World(partitions);
  for (let partition = 0; partition < partitions; partition++) await world.emit(events, partition);
  await publishAll(world);
  return world;
}

/** Seals and publishes all that is there. */
export async function publishAll(world: World): Promise<void> {
  const ledger = await world.start({ roles: ['seal', 'publish'] });
  const partitions = ledger.status().partitions.length || 1;
  for (let partition = 0; partition < partitions; partition++) await world.sealed(partition);
  await until(() => ledger.status().partitions.every(({ lag }) => lag === 0), 'everything sealed');
  const size = world.judge().judge.size;
  await until(() => (ledger.status().publish as PublishStatus | null)?.publishedSize === size, 'published');
  await ledger.stop();
}

export async function serve(world: World, over: Partial<ServeOptions> = {}): Promise<RunningServe> {
  const server = await startServe({
    log: world.log,
    topics,
    origin,
    rootKey: rootSigner.key,
    logKeys: [logSigner.key],
    stores: world.stores,
    listen: { host: '127.0.0.1', port: 0 },
    deadlineMs: 20_000,
    ...over,
  });
  running.push(server);
  return server;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly sealedOffset?: number;
}

export async function problemAt(url: string, init: RequestInit = {}): Promise<Problem> {
  const response = await fetch(url, init);
  const problem = (await response.json()) as Problem;
  if (response.headers.get('content-type') !== 'application/problem+json' || problem.status !== response.status)
    throw new Error(`${response.status} ${response.headers.get('content-type')} is no problem`);
  return problem;
}

export async function prove(server: RunningServe, offset: number, partition = 0): Promise<string> {
  const response = await fetch(`${server.url}/v1/proofs/${topics.events}/${partition}/${offset}`);
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return await response.text();
}

export function check(json: string): CheckedProof {
  return checkProof(json, { rootKey: rootSigner.key, policy });
}

/** Sends bytes as they are, for no client that is well-behaved sends them; resolves with all that comes back. */
export async function raw(server: RunningServe, request: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return await new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(request));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (answer += text));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

/** One request line, as it is. */
export async function rawGet(server: RunningServe, path: string, method = 'GET'): Promise<number> {
  const answer = await raw(server, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return Number(answer.split(' ')[1]);
}
