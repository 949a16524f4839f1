import { encodeBase64 } from '@tallystick/core/encoding';
import { signerFromSeed, signNote } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import { batchField, encodeBatch } from '@tallystick/kafka/batch-encoder';
import { KafkaError } from '@tallystick/kafka/errors';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunningLedger } from '../src/service.ts';
import {
  checkSeals,
  keyStatement,
  noteOf,
  origin,
  rootSigner,
  seed,
  sealSigner,
  topics,
  until,
  World,
} from './world.ts';

async function sealedWorld(events = 12, partitions = 1): Promise<World> {
  const world = new World(partitions);
  for (let partition = 0; partition < partitions; partition++) await world.emit(events, partition);
  const ledger = await world.start();
  for (let partition = 0; partition < partitions; partition++) await world.sealed(partition);
  await until(() => ledger.status().partitions.every(({ lag }) => lag === 0));
  await ledger.stop();
  return world;
}

async function alarm(ledger: RunningLedger, code: string, partition = 0): Promise<void> {
  await until(() => ledger.status().partitions[partition]?.alarms[0] !== undefined, `an alarm ${code}`);
  const status = ledger.status().partitions[partition];
  expect(status).toMatchObject({ state: 'stopped', alarms: [{ code, place: `events/${partition}` }] });
  expect(status?.alarms[0]?.todo.length).toBeGreaterThan(20);
}

describe('a lost seals topic', () => {
  const losses: [string, (world: World) => void][] = [
    ['emptied', (world) => world.cluster.truncate(topics.seals, 0, 0)],
    ['created anew', (world) => void world.cluster.recreateTopic(topics.seals)],
    [
      'rolled back by one statement',
      (world) => world.cluster.truncate(topics.seals, 0, world.highWatermark(topics.seals) - 1),
    ],
  ];

  it.each(losses)('%s between two starts is refused', async (_, lose) => {
    const world = await sealedWorld();
    lose(world);
    const held = world.highWatermark(topics.seals);
    await expect(world.start()).rejects.toMatchObject({ code: 'SEALS_LOST' });
    expect(world.highWatermark(topics.seals)).toBe(held);
    expect(readFileSync(join(world.folder, 'state', 'status.json'), 'utf8')).toContain('SEALS_LOST');
    // Trying again changes nothing: the file still refuses.
    await expect(world.start()).rejects.toMatchObject({ code: 'SEALS_LOST' });
  });

  it.each(losses)('%s while it runs stops everything', async (_, lose) => {
    const world = new World();
    await world.emit(12);
    const ledger = await world.start();
    await world.sealed();
    lose(world);
    await expect(ledger.done).rejects.toMatchObject({ code: 'SEALS_LOST' });
    expect(ledger.status()).toMatchObject({ state: 'stopped', alarms: [{ code: 'SEALS_LOST' }] });
    const held = world.highWatermark(topics.seals);
    await world.emit(20);
    expect(world.highWatermark(topics.seals)).toBe(held);
  });

  it('restored byte for byte is accepted again', async () => {
    const world = await sealedWorld();
    const notes = world.records(topics.seals).map(({ value }) => value);
    world.cluster.recreateTopic(topics.seals);
    for (const note of notes) await world.appendNote(note);
    await world.emit(3);
    await world.start();
    await world.sealed();
    expect(checkSeals(world)).toBe(15);
  });
});

describe('an events topic that is not what was sealed', () => {
  it('created anew between two starts', async () => {
    const world = await sealedWorld();
    world.cluster.recreateTopic(topics.events);
    await world.emit(30);
    await alarm(await world.start(), 'TOPIC_RECREATED');
    expect(world.accepted().at(-1)?.offsets.last).toBe(11);
  });

  it('created anew while it runs', async () => {
    const world = new World();
    await world.emit(5);
    const ledger = await world.start();
    await world.sealed();
    world.cluster.recreateTopic(topics.events);
    await world.emit(5);
    await alarm(ledger, 'TOPIC_RECREATED');
    expect(world.accepted().at(-1)?.offsets.last).toBe(4);
  });

  it('truncated below what is sealed', async () => {
    const world = await sealedWorld();
    world.cluster.truncate(topics.events, 0, 6);
    await alarm(await world.start(), 'OFFSET_OUT_OF_RANGE');
  });

  it('truncated and filled again', async () => {
    const world = await sealedWorld();
    world.cluster.truncate(topics.events, 0, 11);
    await world.emit(9);
    await alarm(await world.start(), 'RECORDS_DISAGREE');
    expect(world.accepted().at(-1)?.offsets.last).toBe(11);
  });

  it('one byte of the last sealed batch changed, its CRC mended', async () => {
    const world = await sealedWorld();
    world.cluster.flipByte(topics.events, 0, { offset: 11, at: -3, mendCrc: true });
    await alarm(await world.start(), 'RECORDS_DISAGREE');
  });

  it('a bad CRC: what comes before is sealed, and other partitions go on', async () => {
    const world = new World(2);
    await world.emit(8, 0);
    world.cluster.flipByte(topics.events, 0, { offset: 5 });
    const ledger = await world.start();
    await alarm(ledger, 'BATCH_CRC');
    await until(() => world.accepted(0).at(-1)?.offsets.last === 4);
    await world.emit(25, 1);
    await world.sealed(1);
    expect(checkSeals(world, 1)).toBe(25);
    expect(ledger.status().partitions.map(({ state }) => state)).toEqual(['stopped', 'sealing']);
  });

  it('a batch of another format, and one whose header cannot be right', async () => {
    for (const [at, code] of [
      [16, 'BATCH_MAGIC'],
      [23, 'BATCH_INVALID'],
    ] as const) {
      const world = new World();
      await world.emit(6);
      // Byte 16 is the magic, 23 the first of the last offset delta: it becomes negative.
      world.cluster.flipByte(topics.events, 0, { offset: 4, at, mendCrc: true, mask: 0x80 });
      await alarm(await world.start(), code);
      await until(() => world.accepted().at(-1)?.offsets.last === 3);
    }
  });

  it('goes on in the generation that an operator begins', async () => {
    const world = await sealedWorld();
    const { topicId } = world.cluster.recreateTopic(topics.events);
    await world.emit(30);
    const stopped = await world.start();
    await alarm(stopped, 'TOPIC_RECREATED');
    await until(() => stopped.status().partitions[0]?.highWatermark === 30);
    await stopped.stop();
    const previous = world.judge().judge.partition(topics.events, 0)?.hash ?? '';
    const place = { topic: topics.events, topicId, partition: 0, firstOffset: 4 };
    const genesis = {
      kind: 'genesis',
      origin,
      ...place,
      generation: 1,
      reason: 'recreated',
      previous,
      time: 1,
    } as const;
    await world.appendNote(await noteOf(genesis, rootSigner));
    await world.start();
    await world.sealed();
    expect(world.judge().judge.partition(topics.events, 0)).toMatchObject({
      generation: 1,
      nextSeal: 3,
      nextIndex: 26,
      nextOffset: 30,
    });
    expect(world.records(topics.leaves).map(({ key }) => Buffer.from(key ?? []).toString())).toContain('events/1/0');
  });

  it('records deleted before they were sealed', async () => {
    const world = await sealedWorld();
    await world.emit(9);
    world.cluster.deleteRecords(topics.events, 0, 15);
    await alarm(await world.start(), 'RECORDS_DELETED');
    expect(world.accepted().at(-1)?.offsets.last).toBe(11);
  });

  it('records deleted after they were sealed: goes on from the statement', async () => {
    const world = await sealedWorld();
    world.cluster.deleteRecords(topics.events, 0, 12);
    await world.emit(4);
    await world.start();
    await world.sealed();
    expect(world.accepted().at(-1)).toMatchObject({ events: { first: 12, last: 15 } });
  });

  it('offsets missing between two batches', async () => {
    const world = new World();
    await world.emit(6);
    world.cluster.removeBatch(topics.events, 0, 3);
    await alarm(await world.start(), 'OFFSET_GAP');
    await until(() => world.accepted().at(-1)?.offsets.last === 2);
  });
});

/** A seal of the next event whose root is not that of the record. */
const sealAfter = (world: World, over: object) => {
  const state = world.judge().judge.partition(topics.events, 0);
  if (state === null) throw new Error('no genesis');
  const { generation, nextSeal, nextIndex, nextOffset, head, hash } = state;
  return {
    kind: 'seal' as const,
    origin,
    topic: topics.events,
    partition: 0,
    generation,
    seal: nextSeal,
    events: { first: nextIndex, last: nextIndex },
    offsets: { first: nextOffset, last: nextOffset },
    epoch: 0,
    root: encodeBase64(seed(9)),
    after: head,
    head: encodeBase64(seed(9)),
    previous: hash,
    time: 1,
    ...over,
  };
};

describe('statements of others', () => {
  it('a seal that won with another root is a fork', async () => {
    const world = new World();
    await world.emit(2);
    const ledger = await world.start();
    await world.sealed();
    // Both at once: the records, and a statement about them that is not theirs.
    await world.appendNote(await noteOf(sealAfter(world, {}), sealSigner));
    await world.emit(1);
    await alarm(ledger, 'FORK');
    expect(ledger.status().partitions[0]?.alarms[0]?.message).toContain('root, head');
  });

  it('the same found at a start', async () => {
    const world = await sealedWorld(2);
    await world.emit(1);
    await world.appendNote(await noteOf(sealAfter(world, {}), sealSigner));
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
    await world.appendNote(await noteOf(sealAfter(world, {}), stranger));
    for (const { value } of world.records(topics.seals)) await world.appendNote(value);
    await world.emit(13);
    await world.start();
    await world.sealed();
    expect(checkSeals(world)).toBe(25);
    expect(world.judge().judge.counts).toMatchObject({ rubbish: 400, noise: 2 });
  });

  it('a record of a control batch is no statement', async () => {
    const world = await sealedWorld();
    const value = await noteOf(sealAfter(world, {}), sealSigner);
    const control = encodeBatch([{ key: null, value }], 1);
    control.writeInt16BE(0x20, batchField.attributes);
    world.cluster.appendRaw(topics.seals, 0, control);
    const ledger = await world.start();
    await until(() => ledger.status().partitions[0]?.state === 'sealing');
    expect(ledger.status().seals.counts.accepted).toBe(world.highWatermark(topics.seals) - 1);
  });

  it('a valid statement of a later version ends the ledger', async () => {
    const world = new World();
    const ledger = await world.start();
    await until(() => world.judge().judge.partitions().length === 1);
    await world.appendNote(await signNote('tallystick/seal/v2\nwhat this says is not known yet\n', sealSigner));
    await expect(ledger.done).rejects.toMatchObject({ code: 'UNKNOWN_STATEMENT' });
    await expect(world.start()).rejects.toMatchObject({ code: 'UNKNOWN_STATEMENT' });
  });
});

describe('keys', () => {
  it('a key statement that the root key did not sign', async () => {
    const world = new World();
    const wrong = signerFromSeed(`${origin}/root`, seed(8));
    const note = await noteOf(keyStatement(sealSigner.key.vkey), wrong);
    await expect(world.start({ keyStatement: note })).rejects.toMatchObject({ code: 'KEY_STATEMENT_INVALID' });
    expect(world.highWatermark(topics.seals)).toBe(0);
  });

  it.each([
    ['no note', Buffer.from('hello')],
    ['an empty file', Buffer.alloc(0)],
  ])('%s as key statement 0', async (_, note) => {
    await expect(new World().start({ keyStatement: note })).rejects.toMatchObject({ code: 'KEY_STATEMENT_INVALID' });
  });

  it('key statement 0 of another log', async () => {
    const other = 'other.example/log';
    const note = await noteOf(
      keyStatement(signerFromSeed(`${other}/seal`, seed(2)).key.vkey, { origin: other }),
      rootSigner,
    );
    await expect(new World().start({ keyStatement: note })).rejects.toMatchObject({ code: 'KEY_STATEMENT_INVALID' });
  });

  it('a seal key that the key statement does not add: nothing is written', async () => {
    const world = new World();
    const other = signerFromSeed(`${origin}/seal`, seed(9));
    await expect(world.start({ signer: other })).rejects.toMatchObject({ code: 'KEY_NOT_VALID' });
    expect(world.highWatermark(topics.seals)).toBe(0);
  });

  it('the root key as seal key, and a key of another name', async () => {
    const world = new World();
    await expect(world.start({ signer: signerFromSeed(`${origin}/seal`, seed(1)) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(world.start({ signer: signerFromSeed('other/seal', seed(2)) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('another root key than the topic’s', async () => {
    const world = await sealedWorld();
    const root = signerFromSeed(`${origin}/root`, seed(8));
    const over = { rootKey: root.key, keyStatement: await noteOf(keyStatement(sealSigner.key.vkey), root) };
    await expect(world.start(over)).rejects.toMatchObject({ code: 'STATE_FILE_OTHER_LOG' });
    await expect(world.start({ ...over, stateDir: join(world.folder, 'new') })).rejects.toMatchObject({
      code: 'ROOT_KEY_WRONG',
    });
  });

  it('a key that is retired while it seals, and a new one that goes on', async () => {
    const world = new World();
    await world.emit(5);
    const ledger = await world.start();
    await world.sealed();
    const next = signerFromSeed(`${origin}/seal`, seed(3));
    const zero = formatStatement(keyStatement(sealSigner.key.vkey));
    const add = keyStatement(next.key.vkey, { number: 1, previous: statementHash(zero) });
    const retire = keyStatement(sealSigner.key.vkey, {
      number: 2,
      action: 'retire',
      previous: statementHash(formatStatement(add)),
    });
    await world.appendNote(await noteOf(add, rootSigner));
    await world.appendNote(await noteOf(retire, rootSigner));
    await expect(ledger.done).rejects.toMatchObject({ code: 'KEY_NOT_VALID' });
    await expect(world.start()).rejects.toMatchObject({ code: 'KEY_NOT_VALID' });
    await world.emit(5);
    await world.start({ signer: next });
    await world.sealed();
    expect(checkSeals(world)).toBe(10);
  });
});

describe('settings and files', () => {
  const good = {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'message.timestamp.type': 'LogAppendTime',
    'compression.type': 'producer',
    'unclean.leader.election.enable': 'false',
  };
  const settings = (over: Record<string, string>, of: string = topics.events) => ({
    describe: (topic: string) => Promise.resolve(topic === of ? { ...good, ...over } : good),
  });

  it.each([
    [{ 'cleanup.policy': 'compact' }, topics.events],
    [{ 'cleanup.policy': 'compact,delete' }, topics.events],
    [{ 'message.timestamp.type': 'CreateTime' }, topics.events],
    [{ 'retention.ms': '604800000' }, topics.events],
    [{ 'retention.bytes': '1000' }, topics.seals],
    [{ 'compression.type': 'gzip' }, topics.events],
    [{ 'unclean.leader.election.enable': 'true' }, topics.seals],
    [{ 'cleanup.policy': 'compact' }, topics.leaves],
  ])('does not seal with %o on %s', async (over, topic) => {
    const world = new World();
    const started = world.start({ topicSettings: settings(over, topic) });
    await expect(started).rejects.toMatchObject({ code: 'TOPIC_SETTINGS', evidence: { topic, found: over } });
    expect(world.highWatermark(topics.seals)).toBe(0);
  });

  it.each([topics.events, topics.seals, topics.leaves])(
    'raises an alarm while %s is set wrong later, and goes on sealing',
    async (topic) => {
      const world = new World();
      let over: Record<string, string> = {};
      const ledger = await world.start({ topicSettings: { describe: (of) => settings(over, topic).describe(of) } });
      over = { 'cleanup.policy': 'compact' };
      await until(() => ledger.status().alarms.length > 0);
      expect(ledger.status().alarms).toMatchObject([{ code: 'TOPIC_SETTINGS', place: topic }]);
      await world.emit(3);
      await world.sealed();
      over = {};
      await until(() => ledger.status().alarms.length === 0);
    },
  );

  it('seals with the right ones', async () => {
    const world = new World();
    await world.emit(1);
    await world.start({ topicSettings: settings({}) });
    await world.sealed();
  });

  it('partitions that do not fit', async () => {
    const world = new World(3);
    world.cluster.createTopic('few', { partitions: 2 });
    world.cluster.createTopic('many', { partitions: 2 });
    await expect(world.start({ topics: { ...topics, leaves: 'few' } })).rejects.toMatchObject({
      code: 'TOPIC_PARTITIONS',
    });
    await expect(world.start({ topics: { ...topics, seals: 'many' } })).rejects.toMatchObject({
      code: 'TOPIC_PARTITIONS',
    });
  });

  it.each([{ events: 0 }, { events: 16_385 }, { events: 1.5 }, { bytes: 0 }, { ageMs: 0 }, { ageMs: Number.NaN }])(
    'limits %o',
    async (limits) => {
      await expect(new World().start({ limits })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );

  it('a missing topic, an unreachable cluster', async () => {
    const world = new World();
    await expect(world.start({ topics: { ...topics, events: 'nowhere' } })).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
    });
    world.cluster.down = true;
    await expect(world.start()).rejects.toBeInstanceOf(KafkaError);
  });

  const damages: [string, (text: string) => string][] = [
    ['emptied', () => ''],
    ['cut', (text) => text.slice(0, text.length / 2)],
    ['of other JSON', () => '{"version":1}'],
    ['with one hash changed', (text) => text.replace(/"hash": "./, '"hash": "_')],
    ['with the statements taken out', (text) => text.replace(/"statements": \[[^\]]*\]/, '"statements": []')],
  ];
  it.each(damages)('a state file %s', async (_, damage) => {
    const world = await sealedWorld();
    const file = join(world.folder, 'state', 'last-statements.json');
    writeFileSync(file, damage(readFileSync(file, 'utf8')));
    await expect(world.start()).rejects.toMatchObject({ code: 'STATE_FILE_INVALID', evidence: { file } });
  });
});
