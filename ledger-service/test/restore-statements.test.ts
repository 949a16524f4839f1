import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { silentLogger } from '@tallystick/kafka/logger';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { expect, it } from 'vitest';
import { systemClock } from '../src/ports/clock.ts';
import type { PublishedLog } from '../src/ports/published-log.ts';
import { restoreStatements } from '../src/seal/restore-statements.ts';
import { origin, rootSigner, topics, World } from './world.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** A log of these entries; only their bytes matter where a topic is made whole. */
function logOf(entries: readonly string[], position: PublishedLog['position']): PublishedLog {
  return {
    judge: new Judge({ origin, rootKey: rootSigner.key, verify: nodeVerifyEd25519 }),
    remembered: 0,
    size: entries.length,
    position,
    entries: async function* (from, to) {
      for (const entry of entries.slice(from, to)) yield await Promise.resolve(bytes(entry));
    },
  };
}

const beginning = Array.from({ length: 10 }, (_, i) => `entry ${i}`);

/** Makes the topic whole. @param open what is published, by what the topic holds */
async function restore(world: World, open: (held: number, topicId: string) => PublishedLog) {
  const { topicId } = await world.log.describeTopic(topics.seals);
  const losses: string[] = [];
  const whole = await restoreStatements({
    published: {
      open: async () => await Promise.resolve(open(valuesOf(world).length, topicId)),
      since: () => Promise.reject(new Error('not asked for')),
      holdsSealEnd: () => Promise.reject(new Error('not asked for')),
    },
    log: world.log,
    topic: topics.seals,
    topicId,
    codecs: nodeCodecs,
    seals: new SafeWriter({ log: world.log, topic: topics.seals, deadlineMs: 400, logger: silentLogger }),
    deadlineMs: 20,
    clock: systemClock,
    logger: silentLogger,
    signal: new AbortController().signal,
    distrust: false,
    onLost: ({ code }) => losses.push(code),
  });
  return { whole, losses };
}

const valuesOf = (world: World) =>
  world.records(topics.seals).map(({ value }) => new TextDecoder().decode(value ?? undefined));

// The publisher knew what comes before what was pending, and so took it where it lay: log and topic have the same first and last entries then.

it('what was pending in the topic and was published while the log was produced again follows what it continues', async () => {
  const world = new World();
  await world.appendNote(bytes('pending'));
  const { whole, losses } = await restore(world, (held, topicId) =>
    held > beginning.length
      ? logOf([...beginning, 'pending'], { topicId, offset: held })
      : logOf(beginning, { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', offset: beginning.length }),
  );
  expect(valuesOf(world)).toEqual(['pending', ...beginning, 'pending']);
  expect(whole).toMatchObject({ size: 11, from: 0, producedTo: 12 });
  expect(losses).toEqual(['SEALS_LOST', 'SEALS_LOST']);
});

it.each([1, 2, 200])('the same (%i statements), where who produced the log again was killed before', async (count) => {
  const world = new World();
  const pending = Array.from({ length: count }, (_, i) => `pending ${i}`);
  for (const value of [...pending, ...beginning]) await world.appendNote(bytes(value));
  const { whole, losses } = await restore(world, (held, topicId) =>
    logOf([...beginning, ...pending], { topicId, offset: held }),
  );
  expect(valuesOf(world)).toEqual([...pending, ...beginning, ...pending]);
  expect(whole).toMatchObject({ size: 10 + count, from: 0 });
  expect(losses).toEqual(['SEALS_LOST']);
});

it('a topic that is whole is left alone, also where statements are in it twice', async () => {
  const world = new World();
  for (const value of ['noise', ...beginning, 'entry 3', 'noise']) await world.appendNote(bytes(value));
  const { whole, losses } = await restore(world, (_, topicId) => logOf(beginning, { topicId, offset: 12 }));
  expect(valuesOf(world)).toHaveLength(13);
  expect(whole).toMatchObject({ size: 10, producedTo: null });
  expect(losses).toEqual([]);
});
