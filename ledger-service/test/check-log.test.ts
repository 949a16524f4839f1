import { describe, expect, it, vi } from 'vitest';
import { checkLog, repairLog } from '../src/log/check-log.ts';
import type { CheckpointStore, StoredCheckpoint } from '../src/ports/checkpoint-store.ts';
import { logSigner, origin, rootSigner, topics, World } from './world.ts';

async function published(world: World, size: number): Promise<StoredCheckpoint> {
  const { store, checkpoints } = world.stores;
  await vi.waitUntil(
    async () => {
      const whole = await checkLog({ store, checkpoints, origin, logKeys: [logSigner.key] });
      return whole !== null && whole.size >= size;
    },
    { timeout: 120_000, interval: 20 },
  );
  const newest = await checkpoints.newest();
  if (newest === null) throw new Error('nothing is stored');
  return newest;
}

const showing = (newest: StoredCheckpoint | null): CheckpointStore => ({
  newest: () => Promise.resolve(newest),
  swap: () => Promise.resolve(null),
  close: () => Promise.resolve(),
});

describe('a checkpoint store that was rolled back', () => {
  it('is no whole log, and nothing is mended to fit it', async () => {
    const world = new World();
    const ledger = await world.start({ roles: ['seal', 'publish'] });
    await world.emit(12);
    await world.sealed();
    const older = await published(world, 3);
    await world.emit(12);
    await world.sealed();
    await published(world, 5);
    await ledger.stop();
    const { store, checkpoints } = world.stores;
    const place = { store, origin, logKeys: [logSigner.key] };
    expect(await checkLog({ ...place, checkpoints })).toMatchObject({ paths: [] });

    const back = showing(older);
    const refused = { code: 'CHECKPOINT_ROLLED_BACK' };
    await expect(checkLog({ ...place, checkpoints: back })).rejects.toMatchObject(refused);
    const repair = repairLog({
      ...place,
      checkpoints: back,
      rootKey: rootSigner.key,
      log: world.log,
      topic: topics.seals,
    });
    await expect(repair).rejects.toMatchObject(refused);
    await expect(checkLog({ ...place, checkpoints: showing(null) })).rejects.toMatchObject(refused);
  });
});
