import { randomBytes } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { crc32c } from '@tallystick/kafka/crc32c';
import { openStores } from '../ledger-service/src/log-stores.ts';
import { startServe, type RunningServe } from '../ledger-service/src/serve/start-serve.ts';
import { startLedger } from '../ledger-service/src/service.ts';
import { eventually, RealWorld } from '../ledger-service/test/real-world.ts';
import { Checker, findGo } from './support/checker.ts';

// A fresh log of events on real Kafka, published into a folder and served: the checker in Go is pointed at both.

const go = findGo();

describe.skipIf(go === null)('the second implementation on a fresh log', () => {
  let checker: Checker;
  let world: RealWorld;
  let server: RunningServe;
  let keys: string[];
  let policy: string;
  const events = 700;

  beforeAll(async () => {
    checker = new Checker(go ?? '');
    world = new RealWorld(inject('stack'), 2);
    await world.create();
    await world.emit(events - 200, 0);
    await world.emit(200, 1);
    const options = { ...(await world.options()), kafka: world.admin };
    const ledger = await startLedger(options);
    await eventually(() => world.allSealed(), 'all events sealed');
    const { judge } = await world.judge();
    await eventually(async () => {
      const note = await options.stores.store.read('checkpoint', 65_535);
      return note !== null && Buffer.from(note).toString().split('\n')[1] === String(judge.size);
    }, 'everything published');
    await ledger.stop();
    const { topics, origin, rootKey, logKeys } = options;
    const stores = await openStores({
      dir: join(world.folder, 'log'),
      checkpointDir: join(world.folder, 'checkpoints'),
    });
    const listen = { host: '127.0.0.1', port: 0 };
    server = await startServe({ log: world.log, topics, origin, rootKey, logKeys, stores, listen });
    keys = ['--log-key', world.logSigner.key.vkey, '--root-key', world.rootSigner.key.vkey];
    policy = join(world.folder, 'policy');
    writeFileSync(policy, `log ${world.logSigner.key.vkey}\nquorum none\n`);
  }, 600_000);

  afterAll(async () => {
    await server.stop();
    await world.end();
    checker.remove();
  });

  it('verifies the folder and the server', async () => {
    for (const place of [join(world.folder, 'log'), server.url]) {
      const { exit, text } = await checker.run('log', place, ...keys, '--policy', policy);
      expect(text).toContain('all entries are accepted statements: 2 partitions, 1 valid seal keys');
      expect(exit).toBe(0);
    }
  });

  it('holds every event in the files of the broker against its seal', async () => {
    const dir = join(world.folder, 'log');
    const broker = join(world.folder, 'broker');
    // Copies: what is altered here must not be the broker's.
    for (const partition of [0, 1]) {
      const name = `${world.topics.events}-${partition}`;
      cpSync(join(inject('stack').home, 'kafka', 'data', name), join(broker, name), { recursive: true });
    }
    const check = async () => await checker.run('log', dir, ...keys, '--events', broker);
    const whole = await check();
    expect(whole.text).toContain(`all ${events} sealed events are what was sealed`);
    expect(whole.exit).toBe(0);
    const folder = join(broker, `${world.topics.events}-1`);
    const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) ?? '');
    const bytes = readFileSync(file);
    const changed = (change: (copy: Buffer) => Buffer): void => writeFileSync(file, change(Buffer.from(bytes)));
    changed((copy) => {
      copy[200]! ^= 1;
      return copy;
    });
    expect(await check()).toMatchObject({
      exit: 1,
      text: expect.stringContaining('NEVER_SEALED: a bad CRC') as string,
    });
    changed((copy) => {
      copy[200]! ^= 1;
      const end = 12 + copy.readUInt32BE(8);
      copy.writeUInt32BE(crc32c(copy.subarray(21, end)), 17);
      return copy;
    });
    expect(await check()).toMatchObject({ exit: 1, text: expect.stringContaining('root-mismatch') as string });
    changed((copy) => copy.subarray(0, 0));
    expect(await check()).toMatchObject({
      exit: 1,
      text: expect.stringContaining('truncated: there are no more records') as string,
    });
    rmSync(folder, { recursive: true });
    expect((await check()).exit).toBe(3);
  });

  it('finds a byte that was changed in the checkpoint, an entry or a tile', async () => {
    const dir = join(world.folder, 'log');
    const size = readFileSync(join(dir, 'checkpoint'), 'utf8').split('\n')[1] ?? '';
    expect(readdirSync(join(dir, 'tile', '0', '000.p'))).toContain(size);
    for (const name of ['checkpoint', `tile/entries/000.p/${size}`, `tile/0/000.p/${size}`]) {
      const file = join(dir, name);
      const bytes = readFileSync(file);
      const changed = Buffer.from(bytes);
      changed[bytes.length >> 1]! ^= 1;
      writeFileSync(file, changed);
      const { exit, text } = await checker.run('log', dir, ...keys);
      expect([exit, text], name).toEqual([1, expect.stringContaining('tampering: ')]);
      writeFileSync(file, bytes);
    }
    expect((await checker.run('log', dir, ...keys)).exit).toBe(0);
  });

  it('takes the proofs of events, and none that was altered', async () => {
    const file = join(world.folder, 'proof.json');
    const prove = async (offset: number, partition: number): Promise<string> => {
      const response = await fetch(`${server.url}/v1/proofs/${world.topics.events}/${partition}/${offset}`);
      expect(response.status).toBe(200);
      return await response.text();
    };
    const check = async (json: string) => {
      writeFileSync(file, json);
      return await checker.run('proof', file, '--policy', policy, '--root-key', world.rootSigner.key.vkey);
    };
    for (const [offset, partition] of [
      [0, 0],
      [77, 0],
      [events - 201, 0],
      [199, 1],
    ] as const) {
      const { exit, text } = await check(await prove(offset, partition));
      expect(text).toContain(`proven: topic ${world.topics.events}, partition ${partition}, offset ${offset} `);
      expect(exit).toBe(0);
    }
    const json = await prove(77, 0);
    const proof = JSON.parse(json) as Record<string, unknown>;
    const otherHash = randomBytes(32).toString('base64');
    const altered: Record<string, unknown>[] = [
      { ...proof, previousLeaf: otherHash },
      { ...proof, path: [otherHash, ...(proof['path'] as string[]).slice(1)] },
      { ...proof, keys: [] },
      { ...proof, entry: (JSON.parse(await prove(78, 0)) as { entry: string }).entry },
      { ...proof, statement: (JSON.parse(await prove(199, 1)) as { statement: string }).statement },
      { ...proof, log: (JSON.parse(await prove(199, 1)) as { log: string }).log },
      { ...proof, more: 1 },
    ];
    for (const one of altered) {
      const { exit, text } = await check(JSON.stringify(one));
      expect([exit, text]).toEqual([1, expect.stringMatching(/^the proof fails: [A-Z_]+: /)]);
    }
    // Every bit of the entry counts.
    const entry = Buffer.from(proof['entry'] as string, 'base64');
    entry[entry.length - 1]! ^= 1;
    expect((await check(JSON.stringify({ ...proof, entry: entry.toString('base64') }))).exit).toBe(1);
    expect((await check(json)).exit).toBe(0);
    expect((await check(json.replace('"version"', '"version":1,"version"'))).exit).toBe(1);
  });
});
