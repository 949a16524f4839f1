import type { RecordLog } from '@tallystick/kafka/record-log';
import { signerFromSeed } from '@tallystick/core/note';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSeals, keyStatement, noteOf, origin, sealSigner, seed, topics, until, World } from './world.ts';

/** A log at whose next append to the seals topic, once armed, `first` is done before it arrives. */
function disturbed(log: RecordLog, first: () => void): RecordLog & { armed: boolean } {
  const self = {
    armed: false,
    describeTopic: (topic: string) => log.describeTopic(topic),
    bounds: (topic: string, partition: number) => log.bounds(topic, partition),
    fetch: (request: Parameters<RecordLog['fetch']>[0]) => log.fetch(request),
    close: () => log.close(),
    createAppender: async () => {
      const appender = await log.createAppender();
      return {
        append: async (...to: Parameters<typeof appender.append>) => {
          if (self.armed && to[0] === topics.seals) {
            self.armed = false;
            first();
          }
          return await appender.append(...to);
        },
        drop: () => appender.drop(),
      };
    },
  };
  return self;
}

/** A ledger of which nothing is published, whose seals topic is created anew while a seal of five events is on its way into it. */
async function recreatedUnderWay(over: { mendMs?: number } = {}) {
  const world = new World();
  const log = disturbed(world.cluster.connect(), () => void world.cluster.recreateTopic(topics.seals));
  await world.emit(12);
  const ledger = await world.start({ kafka: log, ...over });
  await world.sealed();
  log.armed = true;
  await world.emit(5);
  await until(() => !log.armed, 'the seal is on its way');
  return { world, ledger };
}

describe('a seals topic that is created anew before the first checkpoint, while a seal is under way', () => {
  it('is not taken for one of another root key: the ledger begins it again', async () => {
    const { world, ledger } = await recreatedUnderWay();
    await until(() => world.judge().judge.partition(topics.events, 0)?.nextIndex === 17, 'all of it sealed anew');
    expect(checkSeals(world)).toBe(17);
    expect(world.judge().outcomes[0]?.outcome).toBe('noise');
    await until(() => ledger.status().roles.seal === 'running');
    expect(ledger.status().alarms.map(({ code }) => code)).toEqual(['SEALS_LOST']);
  });

  it('nor by another process that finds it so', async () => {
    const { world, ledger } = await recreatedUnderWay();
    await ledger.stop();
    const again = new World();
    // What was in flight, alone in the topic.
    const seal = world.records(topics.seals)[0]?.value ?? new Uint8Array();
    await again.appendNote(seal);
    await again.emit(3);
    await again.start();
    await again.sealed();
    expect(checkSeals(again)).toBe(3);
  });

  it.each([
    ['a stranger under the same name', signerFromSeed(`${origin}/seal`, seed(9))],
    ['another root key', signerFromSeed(`${origin}/root`, seed(9))],
  ])('but one with a statement of %s is refused, also beside an own one', async (_, signer) => {
    const { world, ledger } = await recreatedUnderWay();
    await ledger.stop();
    const seal = world.records(topics.seals)[0]?.value ?? new Uint8Array();
    for (const own of [false, true]) {
      const again = new World();
      if (own) await again.appendNote(seal);
      await again.appendNote(await noteOf(keyStatement(sealSigner.key.vkey), signer));
      const dir = join(again.folder, 'other');
      await expect(again.start({ stateDir: dir })).rejects.toMatchObject({ code: 'ROOT_KEY_WRONG' });
      expect(again.highWatermark(topics.seals)).toBe(own ? 2 : 1);
    }
  });

  it('and one with a forged signature of the own key is refused', async () => {
    const { world, ledger } = await recreatedUnderWay();
    await ledger.stop();
    const again = new World();
    const text = Buffer.from(world.records(topics.seals)[0]?.value ?? []).toString('utf8');
    await again.appendNote(Buffer.from(text.replace(/^partition 0$/m, 'partition 1')));
    await expect(again.start()).rejects.toMatchObject({ code: 'ROOT_KEY_WRONG' });
  });
});
