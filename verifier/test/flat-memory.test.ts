// Memory does not grow with the length of the log: measured, in processes of their own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BundleFolder } from './bundle/bundles.ts';
import { life, record } from './content/support.ts';
import { entriesOf, makeSeal } from './support/tiny-sealer.ts';
import { origin, sealKey, topics, World } from './support/world.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

const [short, long] = [40_000, 320_000];
const sealEvents = 10_000;
const batchEvents = 500;
const files = new Map<number, string>();

/** Goes on until the log has so many events, in sealed batches as the ledger makes them. */
async function grow(world: World, events: number): Promise<void> {
  while (world.state(0).nextIndex < events) {
    const state = world.state(0);
    const sequences = Array.from({ length: sealEvents }, (_, n) => state.nextIndex + n);
    const made = life(sequences).map(record);
    for (let at = 0; at < sealEvents; at += batchEvents)
      await world.append(topics.events, 0, made.slice(at, at + batchEvents));
    const stored = world.cluster.batches(topics.events, 0).slice(-sealEvents / batchEvents);
    const { text, leaves, next } = makeSeal(
      origin,
      topics.events,
      state,
      stored.flatMap((bytes) => entriesOf(bytes, 0)),
    );
    await world.leaves(0, state, leaves);
    await world.statement(sealKey.sign(text));
    world.states.set(0, next);
  }
}

beforeAll(async () => {
  const world = await World.make();
  for (const events of [short, long]) {
    await grow(world, events);
    files.set(events, (await folder.export(world)).file);
  }
});

interface Used {
  readonly exit: number;
  readonly events: number;
  /** Bytes that were alive all through the last quarter of the records. */
  readonly alive: number;
  /** Bytes of the process. */
  readonly most: number;
}

function used(events: number, workers: number): Used {
  const script = join(import.meta.dirname, 'support/memory-child.ts');
  const args = ['--conditions=@tallystick/source', '--expose-gc', script, files.get(events) ?? '', String(workers)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Used;
}

const mebibyte = 2 ** 20;
/** What may be alive beyond. A leaf of each event alone would be 9 MiB more, and an object of each three times that. */
const aliveMore = 4 * mebibyte;
/** What the process may have beyond: the garbage collector's doing, for the most part. */
const mostMore = 64 * mebibyte;

describe('a log that is eight times as long', () => {
  test.each([1, 2])('takes no more memory: %i threads', (workers) => {
    const [one, eight] = [used(short, workers), used(long, workers)];
    expect([one, eight]).toMatchObject([
      { exit: 0, events: short },
      { exit: 0, events: long },
    ]);
    expect(eight.alive - one.alive).toBeLessThan(aliveMore);
    expect(eight.most - one.most).toBeLessThan(mostMore);
  });
});
