import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parsePolicy } from '@tallystick/core/policy';
import { startServe, type RunningServe } from '../../ledger-service/src/serve/start-serve.ts';
import { startLedger } from '../../ledger-service/src/service.ts';
import { eventually, RealWorld } from '../../ledger-service/test/real-world.ts';
import { buildPrograms } from './programs.ts';

// A fresh log of events on real Kafka, whose publisher asks a witness that others wrote, read by clients that others wrote: from its
// folder and over HTTP.

const programs = buildPrograms();

describe.skipIf(programs === null)('software of others on a fresh log', () => {
  let world: RealWorld;
  let server: RunningServe;
  let witness: { readonly vkey: string; readonly url: string };
  let vkey: string;
  let dir: string;
  const first = (): string => join(world.folder, 'first-checkpoint');

  beforeAll(async () => {
    world = new RealWorld(inject('stack'), 2);
    dir = join(world.folder, 'log');
    ({ vkey } = world.logSigner.key);
    await world.create();
    if (programs !== null) witness = await programs.startWitness(vkey);
    const policy = parsePolicy(`log ${vkey}\nwitness w ${witness.vkey} ${witness.url}\nquorum w\n`);
    const options = { ...(await world.options()), kafka: world.admin, policy };
    const ledger = await startLedger(options);
    const published = async () => {
      await eventually(() => world.allSealed(), 'all events sealed');
      const { judge } = await world.judge();
      await eventually(async () => {
        const note = await options.stores.store.read('checkpoint', 65_535);
        return note !== null && Buffer.from(note).toString().split('\n')[1] === String(judge.size);
      }, 'everything published');
    };
    await world.emit(300, 0);
    await published();
    copyFileSync(join(dir, 'checkpoint'), first());
    for (let batch = 0; batch < 5; batch += 1) await world.emit(100, batch % 2);
    await published();
    await ledger.stop();
    const { topics, origin, rootKey, logKeys, stores } = options;
    const listen = { host: '127.0.0.1', port: 0 };
    server = await startServe({ log: world.log, topics, origin, rootKey, logKeys, stores, listen });
  }, 600_000);

  afterAll(async () => {
    programs?.end();
    await server.stop();
    await world.end();
  });

  const run = async (...args: readonly string[]) => await programs?.run(...args);

  it('opens the checkpoint as a note that the log and their witness signed, at two sizes', async () => {
    const sizes = [];
    for (const file of [first(), join(dir, 'checkpoint')]) {
      const said = await run('checkpoint', file, vkey, witness.vkey);
      expect(said?.text).toContain('cosigned by witness.example/third-party at ');
      expect(said?.exit).toBe(0);
      sizes.push(Number(/: (\d+) entries/.exec(said?.text ?? '')?.[1]));
    }
    expect(sizes[1]).toBeGreaterThan(sizes[0] ?? Infinity);
    expect(await run('checkpoint', first(), witness.vkey)).toMatchObject({ exit: 1 });
  });

  it.each(['tlog', 'tessera'])(
    '%s reads it from the folder and over HTTP, and goes on from an older checkpoint',
    async (client) => {
      for (const place of [dir, server.url])
        expect(await run(client, place, vkey, first()), place).toMatchObject({ exit: 0 });
    },
  );

  it("Tessera's fsck rebuilds it from the folder and over HTTP", async () => {
    for (const place of [dir, server.url]) expect(await run('fsck', place, vkey), place).toMatchObject({ exit: 0 });
  });

  it('and none of them takes one with a byte changed', async () => {
    const size = Number(readFileSync(join(dir, 'checkpoint'), 'utf8').split('\n')[1]);
    for (const name of [`tile/entries/000.p/${size}`, `tile/0/000.p/${size}`]) {
      const file = join(dir, name);
      const bytes = readFileSync(file);
      const changed = Buffer.from(bytes);
      changed[bytes.length - 7]! ^= 1;
      writeFileSync(file, changed);
      for (const client of ['tlog', 'tessera', 'fsck'])
        expect(await run(client, dir, vkey), `${client}: ${name}`).toMatchObject({ exit: 1 });
      writeFileSync(file, bytes);
    }
  });
});
