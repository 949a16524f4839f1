import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { silentLogger } from '@tallystick/kafka/logger';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../src/ports/clock.ts';
import { SealsView } from '../src/seals-view.ts';
import { origin, rootSigner, topics, World } from './world.ts';

let ending = new AbortController();
afterEach(() => {
  ending.abort();
  ending = new AbortController();
});

function viewOf(world: World, deadlineMs: number): { view: SealsView; run: Promise<unknown> } {
  const view = new SealsView({
    log: world.log,
    topic: topics.seals,
    topicId: world.cluster.topic(topics.seals).topicId,
    from: 0,
    judge: new Judge({ origin, rootKey: rootSigner.key, verify: nodeVerifyEd25519 }),
    codecs: nodeCodecs,
    maxWaitMs: 20,
    deadlineMs,
    logger: silentLogger,
    lookUp: () => Promise.resolve(false),
    onOutcome: () => undefined,
    onTrouble: () => undefined,
    clock: systemClock,
    signal: ending.signal,
  });
  return { view, run: view.run().catch((error: unknown) => error) };
}

it('an acknowledged offset that was cut off before it was read is a loss, and not waited for without end', async () => {
  const world = new World();
  await world.appendNote(Buffer.from('one'));
  const { view, run } = viewOf(world, 300);
  await view.readTo(1);
  const startedAt = performance.now();
  await expect(view.readTo(3)).rejects.toMatchObject({ code: 'SEALS_LOST', evidence: { expected: 3, found: 1 } });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
  expect(await run).toMatchObject({ code: 'SEALS_LOST' });
  expect(view.ended).toBe(true);
});

it('one that comes late, as after a failover, is waited for', async () => {
  const world = new World();
  await world.appendNote(Buffer.from('one'));
  const { view } = viewOf(world, 60_000);
  const waiting = view.readTo(2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await world.appendNote(Buffer.from('two'));
  await waiting;
  expect(view.nextOffset).toBe(2);
});
