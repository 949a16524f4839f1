import { signerFromSeed, signNote } from '@tallystick/core/note';
import { batchField, encodeBatch } from '@tallystick/kafka/batch-encoder';
import { describe, expect, it } from 'vitest';
import { alarm, sealAfter, sealedWorld } from './sealed-world.ts';
import { checkSeals, noteOf, origin, seed, sealSigner, topics, until, World } from './world.ts';

describe('statements of others', () => {
  it('a seal that won with another root is a fork', async () => {
    const world = new World();
    await world.emit(2);
    const ledger = await world.start();
    await world.sealed();
    // Both at once: the records, and a statement about them that is not theirs.
    await world.appendNote(await noteOf(sealAfter(world), sealSigner));
    await world.emit(1);
    await alarm(ledger, 'FORK');
    expect(ledger.status().partitions[0]?.alarms[0]?.message).toContain('root, head');
  });

  it('the same found at a start', async () => {
    const world = await sealedWorld(2);
    await world.emit(1);
    await world.appendNote(await noteOf(sealAfter(world), sealSigner));
    await alarm(await world.start(), 'RECORDS_DISAGREE');
  });

  it('every statement twice, rubbish and notes of strangers change nothing', async () => {
    const world = await sealedWorld();
    const stranger = signerFromSeed(`${origin}/seal`, seed(77));
    const junk = [
      null,
      new Uint8Array(0),
      new Uint8Array(70_000),
      Buffer.from('tallystick/seal/v1\n\n— x AAAA\n'),
      Buffer.from([0xff]),
    ];
    for (let i = 0; i < 200; i++) await world.appendNote(junk[i % junk.length] ?? null);
    await world.appendNote(await noteOf(sealAfter(world), stranger));
    for (const { value } of world.records(topics.seals)) await world.appendNote(value);
    await world.emit(13);
    await world.start();
    await world.sealed();
    expect(checkSeals(world)).toBe(25);
    expect(world.judge().judge.counts).toMatchObject({ rubbish: 400, noise: 2 });
  });

  it('a record of a control batch is no statement', async () => {
    const world = await sealedWorld();
    const value = await noteOf(sealAfter(world), sealSigner);
    const control = encodeBatch([{ key: null, value }], 1);
    control.writeInt16BE(0x20, batchField.attributes);
    world.cluster.appendRaw(topics.seals, 0, control);
    const ledger = await world.start();
    await until(() => ledger.status().partitions[0]?.state === 'sealing');
    expect(ledger.status().seals?.counts.accepted).toBe(world.highWatermark(topics.seals) - 1);
  });

  it('a valid statement of a later version ends sealing for good', async () => {
    const world = new World();
    const ledger = await world.start();
    await until(() => world.judge().judge.partitions().length === 1);
    await world.appendNote(await signNote('tallystick/seal/v2\nwhat this says is not known yet\n', sealSigner));
    await expect(ledger.done).rejects.toMatchObject({ code: 'UNKNOWN_STATEMENT' });
    expect(ledger.status()).toMatchObject({ state: 'stopped', roles: { seal: 'failed' } });
    expect(ledger.status().alarms).toMatchObject([{ code: 'UNKNOWN_STATEMENT', place: 'seal' }]);
    const held = world.highWatermark(topics.seals);
    await expect(world.start()).rejects.toMatchObject({ code: 'UNKNOWN_STATEMENT' });
    expect(world.highWatermark(topics.seals)).toBe(held);
  });
});
