// What an acknowledgement covers: the content that somebody saw, and no other in its place.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeBase64 } from '@tallystick/core/encoding';
import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import type { Verdict } from '../src/verdict.ts';
import { checkpointOf } from './support/tiny-log.ts';
import { LogWorld, quorum } from './support/log-world.ts';
import { keyFrom } from './support/tiny-sealer.ts';
import { World, origin, summary, topics } from './support/world.ts';

/** Acknowledges all that fails. */
const answerFor = ({ findings }: Verdict) =>
  findings
    .filter(({ severity }) => severity === 'tampering' || severity === 'loss')
    .map(({ hash }) => ({ hash, reason: 'known' }));

function put(batch: Buffer, what: string, instead: string): void {
  batch.write(instead, batch.indexOf(what), 'latin1');
  sealCrc(batch);
}

function flip(batch: Buffer, at: number): void {
  batch.writeUInt8(batch.readUInt8(at) ^ 1, at);
}

describe('altered events', () => {
  async function alteredRun(): Promise<{ world: World; batch: Buffer }> {
    const world = await World.small();
    const batch = world.cluster.batches(topics.events, 0)[2] as Buffer;
    for (const n of [0, 1, 2]) put(batch, `event ${n}`, `Event ${n}`);
    return { world, batch };
  }

  test('of a run every event is covered', async () => {
    const { world, batch } = await alteredRun();
    const first = await world.verify();
    expect(summary(first)).toEqual(['altered 0 offsets 4-6']);
    const acknowledged = answerFor(first);
    expect(await world.verify({ acknowledged })).toMatchObject({ exitCode: 0 });
    for (const n of [2, 1, 0]) {
      put(batch, `Event ${n}`, 'forged!');
      expect(await world.verify({ acknowledged })).toMatchObject({ exitCode: 1 });
      put(batch, 'forged!', `Event ${n}`);
    }
    expect(await world.verify({ acknowledged })).toMatchObject({ exitCode: 0 });
  });

  test('of a run the evidence is the root over the leaves, of one event its leaf', async () => {
    const { world, batch } = await alteredRun();
    const whole = await world.verify();
    // The run is the whole of seal 1: its root is the seal's.
    const [{ expected } = { expected: '' }] = whole.findings;
    const stored = world.cluster.batches(topics.seals, 0).map((bytes) => bytes.toString('latin1'));
    expect(stored.some((text) => text.includes(`root ${expected}\n`))).toBe(true);
    put(batch, 'Event 1', 'event 1');
    put(batch, 'Event 2', 'event 2');
    const [one] = (await world.verify()).findings;
    expect(one).toMatchObject({ code: 'altered', place: 'offsets 4-4' });
    const [, leaves] = world.cluster.batches(topics.leaves, 0);
    expect(leaves?.includes(Buffer.from(decodeBase64(one?.expected ?? '')))).toBe(true);
  });
});

describe('bad batches', () => {
  const bad = (world: World, topic = topics.events): Buffer => world.cluster.batches(topic, 0)[2] as Buffer;

  test('a bad CRC names the stored batch and how far it reaches', async () => {
    const world = await World.small();
    const batch = bad(world);
    flip(batch, batch.length - 3);
    const found = `(stored batch with SHA-256 ${createHash('sha256').update(batch).digest('hex')}), to offset 6`;
    const expected = expect.stringContaining(found) as string;
    expect(await world.verify()).toMatchObject({ exitCode: 1, findings: [{ code: 'bad-crc', found: expected }] });
  });

  test.each([topics.events, topics.seals])('%s: another content of a bad format is another finding', async (topic) => {
    const world = await World.small();
    const batch = bad(world, topic);
    batch.writeInt8(1, batchField.magic);
    const hash = async () => (await world.verify()).findings.find(({ code }) => code === 'bad-magic')?.hash;
    const one = await hash();
    expect(one).toBeDefined();
    expect(await hash()).toBe(one);
    flip(batch, batch.length - 3);
    expect(await hash()).not.toBe(one);
  });

  test.each<[string, (batch: Buffer) => void]>([
    ['a bad CRC', (batch) => flip(batch, batch.length - 3)],
    ['a bad format', (batch) => batch.writeInt8(1, batchField.magic)],
    ['another offset', (batch) => batch.writeBigInt64BE(1_000n)],
    [
      'an impossible header',
      (batch) => {
        batch.writeInt32BE(-1, batchField.lastOffsetDelta);
        sealCrc(batch);
      },
    ],
  ])('%s: who answers for it answers for its very bytes', async (_, alter) => {
    const world = await World.small();
    alter(bad(world));
    const first = await world.verify();
    expect(first.exitCode).toBe(1);
    const answered = await world.verify({ acknowledged: answerFor(first) });
    expect(answered).toMatchObject({ exitCode: 0, checked: { events: 5 } });
    const { code } = first.findings[0] ?? { code: '' };
    expect(answered.findings).toMatchObject([{ code, acknowledged: {} }]);
    flip(bad(world), bad(world).length - 4);
    expect(await world.verify({ acknowledged: answerFor(first) })).toMatchObject({ exitCode: 1 });
  });
});

describe('the published log', () => {
  test('a quorum that one checkpoint lacks is missed of the next one too', async () => {
    const world = await LogWorld.published();
    const first = await world.check({ policy: quorum() });
    const acknowledged = answerFor(first);
    expect(summary(first)).toEqual(['quorum - -']);
    expect(await world.check({ policy: quorum(), acknowledged })).toMatchObject({ exitCode: 0 });
    await world.emit(0, 2);
    await world.seal(0);
    world.publish();
    expect(await world.check({ policy: quorum(), acknowledged })).toMatchObject({ exitCode: 1 });
  });

  test('a checkpoint that a stranger signed is another one than that of another stranger, or of another size', async () => {
    const world = await LogWorld.published();
    const stranger = keyFrom(origin, 77);
    world.files.set('checkpoint', checkpointOf(world.notes, stranger));
    const first = await world.check();
    const acknowledged = answerFor(first);
    expect(summary(first)).toEqual(['checkpoint - -']);
    expect(await world.check({ acknowledged })).toMatchObject({ exitCode: 0 });
    world.files.set('checkpoint', checkpointOf(world.notes, keyFrom(origin, 78)));
    expect(await world.check({ acknowledged })).toMatchObject({ exitCode: 1 });
    await world.emit(0, 2);
    await world.seal(0);
    world.publish();
    world.files.set('checkpoint', checkpointOf(world.notes, stranger));
    expect(await world.check({ acknowledged })).toMatchObject({ exitCode: 1 });
  });

  test('a checkpoint that is none is another one with other content', async () => {
    const world = await LogWorld.published();
    world.files.set('checkpoint', Buffer.from('no checkpoint\n'));
    const first = await world.check();
    const acknowledged = answerFor(first);
    expect(first).toMatchObject({ exitCode: 1, findings: [{ code: 'checkpoint' }] });
    expect(await world.check({ acknowledged })).toMatchObject({ exitCode: 3 });
    world.files.set('checkpoint', Buffer.from('none either\n'));
    expect(await world.check({ acknowledged })).toMatchObject({ exitCode: 1 });
  });

  test.each(['tile/entries/000.p/4', 'checkpoint'])(
    '%s that cannot be read: the rest was not looked at',
    async (path) => {
      for (const content of [Buffer.from('garbage'), Buffer.alloc(2_000_000)]) {
        const world = await LogWorld.published();
        world.files.set(path, content);
        const first = await world.check();
        expect(first.exitCode).toBe(1);
        const answered = await world.check({ acknowledged: answerFor(first) });
        expect(answered.exitCode).toBe(3);
        expect(summary(answered)).toContain('unreadable - -');
      }
    },
  );
});
