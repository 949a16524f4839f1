import { formatCheckpoint, readCheckpointNote } from '@tallystick/core/checkpoint';
import { addSignatures, cosign } from '@tallystick/core/cosignature';
import { encodeBase64 } from '@tallystick/core/encoding';
import { parseNote, signNote } from '@tallystick/core/note';
import { parsePolicy } from '@tallystick/core/policy';
import { checkProof } from '@tallystick/core/proof';
import { describe, expect, it } from 'vitest';
import type { RunningServe } from '../../src/serve/start-serve.ts';
import { FakeWitness } from '../support/fake-witness.ts';
import { fastClock } from '../support/log-faults.ts';
import { logSigner, origin, rootSigner, topics, until, type World } from '../world.ts';
import { problemAt, prove, publishedWorld, serve } from './served-world.ts';

/** How long a server may take to look at the log again. */
const patiently = { timeout: 60_000 };
const url = (server: RunningServe) => `${server.url}/v1/proofs/${topics.events}/0/1`;

async function published({ stores: { store } }: World): Promise<Uint8Array> {
  return (await store.read('checkpoint', 65_536)) ?? new Uint8Array();
}

/** Another checkpoint of the same size, signed by the log key. */
async function otherRoot(world: World): Promise<{ note: Uint8Array; size: number; root: Uint8Array }> {
  const { size } = readCheckpointNote(await published(world)).checkpoint;
  const root = new Uint8Array(32).fill(7);
  return { note: await signNote(formatCheckpoint({ origin, size, root, extensions: [] }), logSigner), size, root };
}

describe('two published checkpoints', () => {
  it('of one size with two roots are a fork: no proof, and an alarm with both roots that stays', async () => {
    const world = await publishedWorld(5);
    const server = await serve(world);
    await prove(server, 1);
    expect(server.status().alarms).toEqual([]);
    const good = await published(world);
    const { root } = readCheckpointNote(good).checkpoint;
    const other = await otherRoot(world);
    await world.stores.store.write('checkpoint', other.note);
    await expect.poll(async () => (await fetch(url(server))).status, patiently).toBe(503);
    expect(await problemAt(url(server))).toMatchObject({ status: 503, code: 'LOG_FORKED' });
    const [alarm, ...others] = server.status().alarms;
    expect(others).toEqual([]);
    expect(alarm).toMatchObject({ code: 'LOG_FORKED', place: 'published log' });
    expect(alarm?.todo).toContain('Keep both checkpoints');
    for (const one of [root, other.root]) expect(alarm?.message).toContain(encodeBase64(one));

    await world.stores.store.write('checkpoint', good);
    await expect.poll(async () => (await fetch(url(server))).status, patiently).toBe(200);
    expect(server.status().alarms).toEqual([alarm]);
  });

  it('of two histories are a fork too, also where each is whole by itself', async () => {
    const world = await publishedWorld(5);
    const server = await serve(world);
    await prove(server, 1);
    const another = await publishedWorld(40);
    for await (const path of another.stores.store.list('')) {
      const bytes = await another.stores.store.read(path, 1 << 24);
      if (bytes !== null) await world.stores.store.write(path, bytes);
    }
    const codes = async () => (await problemAt(url(server))).code;
    await expect.poll(async () => (await fetch(url(server))).status, patiently).toBe(503);
    await expect.poll(codes, patiently).toBe('LOG_FORKED');
    expect(server.status().alarms).toContainEqual(expect.objectContaining({ code: 'LOG_FORKED' }));
  });

  it('are seen also while nobody asks, and are among the alarms of the ledger', async () => {
    const world = await publishedWorld(5);
    const ledger = await world.start({
      roles: ['serve'],
      serve: { listen: { host: '127.0.0.1', port: 0 } },
      clock: fastClock(100),
    });
    const { url: root } = ledger.status().serve as { url: string };
    expect((await fetch(`${root}/v1/proofs/${topics.events}/0/1`)).status).toBe(200);
    await world.stores.store.write('checkpoint', (await otherRoot(world)).note);
    await until(() => ledger.status().alarms.some(({ code }) => code === 'LOG_FORKED'), 'an alarm');
    await ledger.stop();
  });
});

describe('under a policy with a quorum', () => {
  it('a checkpoint without it gives no proofs, and one with it gives such that hold', async () => {
    const witness = new FakeWitness('w1', 11);
    const { key } = witness.witness;
    const policy = parsePolicy(`log ${logSigner.key.vkey}\nwitness w1 ${key.vkey}\nquorum w1\n`);
    const world = await publishedWorld(5);
    const { store } = world.stores;
    const server = await serve(world, { policy });
    expect(await problemAt(url(server))).toMatchObject({ status: 503, code: 'WITNESS_QUORUM' });
    expect(server.status().alarms).toMatchObject([{ code: 'WITNESS_QUORUM', place: 'published log' }]);

    const bare = await published(world);
    const cosigned = await witness.ask(bare, { size: 0 }, async () => await Promise.resolve([]));
    if (cosigned.kind !== 'cosigned') throw new Error('the witness does not cosign');
    const whole = addSignatures(bare, cosigned.lines);
    await store.write('checkpoint', whole);
    await expect.poll(async () => (await fetch(url(server))).status, patiently).toBe(200);
    expect(checkProof(await prove(server, 1), { rootKey: rootSigner.key, policy }).offset).toBe(1);
    expect(server.status().alarms).toEqual([]);

    await store.write('checkpoint', bare);
    await expect.poll(async () => (await fetch(url(server))).status, patiently).toBe(503);
    expect((await problemAt(url(server))).code).toBe('WITNESS_QUORUM');

    // A line that claims the witness' key and does not verify.
    const wrong = { key, sign: async () => await Promise.resolve(new Uint8Array(64)) };
    await store.write('checkpoint', addSignatures(bare, [await cosign(parseNote(bare).text, wrong, 1)]));
    await expect.poll(async () => (await problemAt(url(server))).code, patiently).toBe('CHECKPOINT_INVALID');

    await store.write('checkpoint', whole);
    await expect.poll(async () => (await fetch(url(server))).status, patiently).toBe(200);
    expect(server.status().alarms).toEqual([]);
  });
});
