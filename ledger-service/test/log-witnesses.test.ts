import { verifiedCosignatures } from '@tallystick/core/cosignature';
import { parseNote } from '@tallystick/core/note';
import { openByPolicy, parsePolicy, type Policy } from '@tallystick/core/policy';
import { expect, it } from 'vitest';
import { FakeWitness } from './support/fake-witness.ts';
import { fastClock } from './support/log-faults.ts';
import { logSigner, LogWorld, origin, sizeOf, until } from './support/log-world.ts';

const clock = fastClock();

function policyOf(quorum: number, witnesses: readonly FakeWitness[]): Policy {
  const lines = witnesses.map(({ witness }) => `witness ${witness.name} ${witness.key.vkey}\n`).join('');
  const names = witnesses.map(({ witness }) => witness.name).join(' ');
  const group = quorum === 0 ? 'quorum none\n' : `group g ${quorum} ${names}\nquorum g\n`;
  return parsePolicy(`log ${logSigner.key.vkey}\n${lines}${group}`);
}

const three = () => [new FakeWitness('w1', 11), new FakeWitness('w2', 12), new FakeWitness('w3', 13)];

async function published(world: LogWorld): Promise<Uint8Array> {
  return (await world.store.read('checkpoint', 65_535)) ?? new Uint8Array();
}

it('publishes nothing that the quorum has not cosigned, while the log goes on', async () => {
  const witnesses = three();
  const policy = policyOf(2, witnesses);
  const world = new LogWorld();
  await world.begin();
  for (const witness of witnesses.slice(1)) witness.down = true;
  const publisher = await world.start({ policy, witnesses, clock, quorumLateMs: 2_000 });
  await world.seal(30);
  await world.logged(32);
  await until(
    () => publisher.status().alarms.some(({ code }) => code === 'WITNESS_QUORUM'),
    () => 'an alarm',
  );
  expect(await world.store.read('checkpoint', 65_535)).toBeNull();
  expect(publisher.status().witnesses.map(({ error }) => error)).toEqual([null, 'it is down', 'it is down']);

  for (const witness of witnesses) witness.down = false;
  await until(
    async () => (await world.publishedSize()) === 32,
    () => 'published',
  );
  openByPolicy(await published(world), { origin, policy });
  await world.seal(30);
  await until(
    async () => (await world.publishedSize()) === 62,
    () => 'published',
  );
  openByPolicy(await published(world), { origin, policy });
  await until(
    () => publisher.status().alarms.length === 0,
    () => 'no alarm',
  );
  expect(publisher.status().quorumTime).toBeGreaterThan(0);
  await world.expectWholeLog();
});

it('never publishes less than a quorum, and never anything smaller, while the log grows and a witness is slow', async () => {
  const witnesses = three();
  const [first, slow] = witnesses;
  first!.delayMs = 3;
  slow!.delayMs = 60;
  const policy = policyOf(2, witnesses);
  const world = new LogWorld();
  const sizes: number[] = [];
  const { store } = world;
  const write = store.write.bind(store);
  store.write = async (path, bytes) => {
    if (path === 'checkpoint') {
      openByPolicy(bytes, { origin, policy });
      sizes.push(sizeOf(bytes));
    }
    await write(path, bytes);
  };
  await world.begin();
  await world.start({ policy, witnesses, clock, publishMs: 1 });
  let rounds = 0;
  // A slow machine publishes less often than every few rounds.
  for (; rounds < 40 || (new Set(sizes).size <= 5 && rounds < 1_000); rounds += 1) {
    await world.seal(3);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until(
    async () => (await world.publishedSize()) === 2 + 3 * rounds,
    () => 'published',
  );
  expect(sizes.toSorted((a, b) => a - b)).toEqual(sizes);
  expect(new Set(sizes).size).toBeGreaterThan(5);
  for (const witness of witnesses) expect(witness.mostAtOnce).toBe(1);
});

it('publishes at once without a quorum, and adds what witnesses say', async () => {
  const witnesses = three();
  witnesses[0]!.delayMs = 100;
  witnesses[1]!.down = true;
  const world = new LogWorld();
  await world.begin();
  const publisher = await world.start({ policy: policyOf(0, witnesses), witnesses, clock });
  await world.logged(1);
  await until(
    async () => (await world.publishedSize()) === 1,
    () => 'published',
  );
  const keys = witnesses.map(({ witness }) => witness.key);
  const names = async () => verifiedCosignatures(parseNote(await published(world)), keys).map(({ key }) => key.name);
  await until(
    async () => (await names()).length === 2,
    () => 'two cosignatures',
  );
  expect(await names()).toEqual(['w1.example/w', 'w3.example/w']);
  expect(publisher.status().quorumTime).toBeNull();
});

it('has an unchanged checkpoint cosigned again before it gets old, also after a restart', async () => {
  const witnesses = three();
  const policy = policyOf(2, witnesses);
  const world = new LogWorld();
  await world.begin();
  let publisher = await world.start({ policy, witnesses, clock, recosignMs: 3_000 });
  await until(
    async () => (await world.publishedSize()) === 1,
    () => 'published',
  );
  await until(
    () => witnesses.every(({ asked }) => asked >= 3),
    () => 'asked again',
  );
  expect(openByPolicy(await published(world), { origin, policy }).cosigned.length).toBeGreaterThanOrEqual(2);
  await publisher.stop();
  // What is published already counts after a restart: nobody is asked before its time.
  const asked = witnesses.map((witness) => witness.asked);
  const held = openByPolicy(await published(world), { origin, policy }).cosigned.length;
  const unasked = () => witnesses.filter((witness, i) => witness.asked === asked[i]).length;
  publisher = await world.start({
    policy,
    witnesses,
    clock: { ...clock, now: () => Date.now() },
    recosignMs: 10_000_000,
  });
  await until(
    () => unasked() <= held,
    () => 'the one asked whose cosignature is not published',
  );
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(unasked()).toBe(held);
});

it.each([
  [1, 3],
  [2, 2],
])('stops where %d of three witnesses have cosigned more than is stored, and %d are needed', async (ahead, quorum) => {
  const witnesses = three();
  const world = new LogWorld();
  await world.begin();
  const publisher = await world.start({ policy: policyOf(quorum, witnesses), witnesses, clock });
  await until(
    async () => (await world.publishedSize()) === 1,
    () => 'published',
  );
  for (const witness of witnesses.slice(0, ahead)) witness.ahead = 50;
  await world.seal(2);
  await expect(publisher.done).rejects.toMatchObject({ code: 'CHECKPOINT_ROLLED_BACK' });
  expect(await world.publishedSize()).toBe(1);
});

it.each([0, 1, 2])(
  'no single witness ends publishing with a lie where a quorum of %d does without it',
  async (quorum) => {
    const witnesses = three();
    const world = new LogWorld();
    await world.begin();
    const policy = policyOf(quorum, witnesses);
    const publisher = await world.start({ policy, witnesses, clock });
    await until(
      async () => (await world.publishedSize()) === 1,
      () => 'published',
    );
    witnesses[0]!.ahead = 50;
    await world.seal(2);
    const alarm = () => publisher.status().alarms.find(({ code }) => code === 'WITNESS_REFUSED');
    await until(
      async () => (await world.publishedSize()) === 4 && alarm() !== undefined,
      () => 'published with an alarm',
    );
    expect(alarm()).toMatchObject({ place: 'witness w1' });
    expect(alarm()?.message).toContain('w1 says that it cosigned 50 entries');
    expect(publisher.status().witnesses[0]?.error).toContain('50');
    // It is asked again, but not all the time.
    const { asked } = witnesses[0]!;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(witnesses[0]!.asked - asked).toBeLessThan(5);

    witnesses[0]!.ahead = null;
    await world.seal(2);
    await until(
      async () => (await world.publishedSize()) === 6 && publisher.status().alarms.length === 0,
      () => 'no alarm',
    );
    openByPolicy(await published(world), { origin, policy });
  },
);

it('replaces a published checkpoint that is none of this log', async () => {
  const world = new LogWorld();
  await world.begin();
  await world.store.write('checkpoint', new TextEncoder().encode('somebody was here'));
  await world.start({ clock });
  await until(
    async () => (await world.publishedSize()) === 1,
    () => 'published',
  );
});

it('two publishers under a quorum: neither takes back what the other published', { timeout: 180_000 }, async () => {
  const witnesses = three();
  const policy = policyOf(2, witnesses);
  const world = new LogWorld();
  await world.begin();
  for (let i = 0; i < 2; i += 1) await world.start({ policy, witnesses, clock, publishMs: 1 });
  for (let round = 0; round < 30; round += 1) {
    await world.seal(2);
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  await until(
    async () => (await world.publishedSize()) === 62,
    () => 'published',
  );
  openByPolicy(await published(world), { origin, policy });
  await world.expectWholeLog();
});
