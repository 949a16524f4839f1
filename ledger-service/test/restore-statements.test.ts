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

it('what was pending in the topic and was published while the log was produced again follows what it continues', async () => {
  const world = new World();
  const { topicId } = await world.log.describeTopic(topics.seals);
  await world.appendNote(bytes('pending'));
  const values = () => world.records(topics.seals).map(({ value }) => new TextDecoder().decode(value ?? undefined));
  // The publisher knew what comes before it, and so took it where it lay. Log and topic have the same first and last entries then.
  const published = {
    open: async () => {
      const produced = values().length > beginning.length;
      await Promise.resolve();
      return produced
        ? logOf([...beginning, 'pending'], { topicId, offset: values().length })
        : logOf(beginning, { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', offset: beginning.length });
    },
    since: () => Promise.reject(new Error('not asked for')),
    holdsSealEnd: () => Promise.reject(new Error('not asked for')),
  };
  const losses: string[] = [];
  const whole = await restoreStatements({
    published,
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
  expect(values()).toEqual(['pending', ...beginning, 'pending']);
  expect(whole).toMatchObject({ size: 11, from: 0, producedTo: 12 });
  expect(losses).toEqual(['SEALS_LOST', 'SEALS_LOST']);
});
