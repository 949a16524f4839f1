import { describe, expect, test } from 'vitest';
import { afterGenesis, b64, gapText, genesisText, keyFrom, makeSeal, pruneText, sha } from './support/tiny-sealer.ts';
import { World, origin, rootKey, sealKey, summary, text, topics } from './support/world.ts';

const stranger = keyFrom(`${origin}/seal`, 66);
const second = keyFrom(`${origin}/seal`, 3);

const fields = (world: World) => ({ origin, topic: topics.events, topicId: world.topicId(), partition: 0 });

/** Makes the seals topic anew with other notes: what an administrator of Kafka can do. */
async function rewrite(world: World, change: (notes: Buffer[]) => (Buffer | null)[]): Promise<void> {
  const notes: Buffer[] = [];
  for (const batch of world.cluster.batches(topics.seals, 0)) {
    const from = batch.indexOf('tallystick/');
    notes.push(Buffer.from(batch.subarray(from, batch.length - 1)));
  }
  world.cluster.recreateTopic(topics.seals);
  for (const note of change(notes)) await world.append(topics.seals, 0, [{ key: null, value: note }]);
}

// The small log's statements: 0 key, 1 genesis, 2 to 4 seals.
describe('statements changed', () => {
  test('rewritten as they were: nothing to find', async () => {
    const world = await World.small();
    await rewrite(world, (notes) => notes);
    expect(summary(await world.verify())).toEqual([]);
  });

  test('the last seal dropped: the rest is verified, and the tail is longer (only an anchor shows it)', async () => {
    const world = await World.small();
    await rewrite(world, (notes) => notes.slice(0, -1));
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict.counts.unsealed).toBe(3);
  });

  test('a seal in the middle dropped: what it leaves hanging is a fork', async () => {
    const world = await World.small();
    await rewrite(world, (notes) => notes.toSpliced(3, 1));
    const verdict = await world.verify();
    expect(verdict.findings.map(({ code }) => code)).toEqual(['fork']);
    expect(verdict).toMatchObject({ exitCode: 1, counts: { forks: 1 } });
  });

  test('two seals swapped: the first appearance of the second no longer counts once it continues', async () => {
    const world = await World.small();
    await rewrite(world, (notes) => [...notes.slice(0, 3), notes[4]!, notes[3]!]);
    const verdict = await world.verify();
    expect(verdict.findings.map(({ code }) => code)).toEqual(['fork']);
    await rewrite(world, (notes) => [...notes, notes[3]!]);
    expect(summary(await world.verify())).toEqual([]);
  });

  test('every statement twice: resends, no alarm', async () => {
    const world = await World.small();
    await rewrite(world, (notes) => notes.flatMap((note) => [note, note]));
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict.counts.resends).toBe(5);
  });

  test('the genesis dropped', async () => {
    const world = await World.small();
    await rewrite(world, (notes) => notes.toSpliced(1, 1));
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(1);
    expect(new Set(verdict.findings.map(({ code }) => code))).toEqual(new Set(['fork', 'nothing-to-check']));
  });

  test('rubbish, null values, foreign notes and control bytes are counted and change nothing', async () => {
    const world = await World.small();
    for (const value of [
      null,
      text(''),
      text('hello'),
      Buffer.alloc(70_000, 65),
      text('tallystick/seal/v1\n\n— x AAAA\n'),
    ]) {
      await world.append(topics.seals, 0, [{ key: text('k'), value }]);
    }
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict.counts.rubbish).toBe(5);
  });

  test('a bad CRC in the seals topic', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.seals, 0, { offset: 3 });
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(1);
    expect(verdict.findings.map(({ code, topic, place }) => `${code} ${topic} ${place}`)).toContain(
      `bad-crc ${topics.seals} offsets 3-3`,
    );
  });

  test('a batch of the seals topic taken out', async () => {
    const world = await World.small();
    world.cluster.removeBatch(topics.seals, 0, 4);
    const verdict = await world.verify({ deadlineMs: 500 });
    expect(summary(verdict)).toEqual(['missing-offsets 0 offsets 4-4']);
    expect(verdict.exitCode).toBe(1);
  });
});

describe('keys', () => {
  test('seals under a key that was never added are noise', async () => {
    const world = await World.make();
    await world.emit(0, 2);
    await world.seal(0);
    await world.emit(0, 2);
    await world.seal(0, { signer: stranger });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ counts: { noise: 1, unsealed: 2 }, checked: { events: 2 } });
  });

  test('a seal key cannot say that it is the root key', async () => {
    const world = await World.make();
    await world.genesis(0, { generation: 1, reason: 'truncated', previous: world.state(0).previous }, sealKey);
    const verdict = await world.verify();
    expect(verdict.counts.noise).toBe(1);
  });

  test('a retired key seals no more, an added one does, and old seals stay valid', async () => {
    const world = await World.small();
    await world.key('add', second);
    await world.key('retire', sealKey);
    const before = world.state(0);
    await world.seal(0, { signer: sealKey });
    world.states.set(0, before);
    await world.seal(0, { signer: second });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ counts: { noise: 1, unsealed: 0 }, checked: { events: 10, keyStatements: 3 } });
  });

  test('a key statement without effect is a warning', async () => {
    const world = await World.small();
    await world.key('add', rootKey);
    const verdict = await world.verify();
    expect(verdict.findings.map(({ code, topic }) => `${code} ${topic}`)).toEqual(['key-refused null']);
    expect(verdict.exitCode).toBe(0);
  });
});

describe('two statements for one place', () => {
  test('a second ledger that lost the race with the same records: no alarm', async () => {
    const world = await World.make();
    await world.key('add', second);
    await world.emit(0, 4);
    const before = world.state(0);
    await world.seal(0, { to: 2 });
    world.states.set(0, before);
    await world.seal(0, { signer: second });
    const entries = world.entries(0);
    const winner = makeSeal(origin, topics.events, before, entries.slice(0, 3));
    world.states.set(0, winner.next);
    await world.seal(0);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ exitCode: 0, counts: { races: 1, forks: 0 } });
  });

  // More than a judge keeps to look at: what two ledgers lose in an hour.
  test.each([false, true])('a second ledger that lost a thousand races, and a fork among them: %s', async (lie) => {
    const rounds = 1100;
    const world = await World.make();
    await world.emit(0, 2 * rounds);
    const entries = world.entries(0);
    const notes: Buffer[] = [];
    for (let n = 0; n < rounds; n++) {
      const before = world.state(0);
      const winner = makeSeal(origin, topics.events, before, entries.slice(2 * n, 2 * n + 2));
      const loser = makeSeal(origin, topics.events, before, entries.slice(2 * n, 2 * n + 1));
      notes.push(sealKey.sign(winner.text), sealKey.sign(loser.text));
      world.states.set(0, winner.next);
    }
    const fork = makeSeal(origin, topics.events, world.state(0), entries.slice(0, 1)).text;
    if (lie) notes.push(sealKey.sign(fork.replace(/^previous .*$/m, `previous ${b64(sha('nothing'))}`)));
    await world.append(
      topics.seals,
      0,
      notes.map((value) => ({ key: null, value })),
    );
    const verdict = await world.verify();
    expect(verdict.findings.map(({ code }) => code)).toEqual(lie ? ['fork', 'leaves-missing'] : ['leaves-missing']);
    expect(verdict).toMatchObject({ exitCode: lie ? 1 : 0, counts: { races: rounds, forks: lie ? 1 : 0 } });
  });

  test('the same text under two keys: no alarm', async () => {
    const world = await World.make();
    await world.key('add', second);
    await world.emit(0, 4);
    const before = world.state(0);
    await world.seal(0);
    world.states.set(0, before);
    await world.seal(0, { signer: second });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict.counts.races).toBe(1);
  });

  test.each(['root', 'head', 'time', 'epoch'])('one that says another %s is a fork', async (line) => {
    const world = await World.make();
    await world.key('add', second);
    await world.emit(0, 4);
    const before = world.state(0);
    await world.seal(0, { to: 2 });
    const other = makeSeal(origin, topics.events, before, world.entries(0)).text.replace(
      new RegExp(`^${line} .*$`, 'm'),
      (was) => (was.endsWith('=') ? `${line} ${b64(sha('x'))}` : `${line} 7`),
    );
    await world.statement(second.sign(other));
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([`fork 0 ${b64(sha(other))}`]);
    expect(verdict.exitCode).toBe(1);
  });

  test('one over records that are not there is a fork', async () => {
    const world = await World.small();
    const state = world.state(0);
    const ghost = makeSeal(
      origin,
      topics.events,
      state,
      world
        .entries(0)
        .slice(8)
        .concat(
          world
            .entries(0)
            .slice(-1)
            .map((entry) => ({ ...entry, offset: 10 })),
        ),
    );
    await world.seal(0);
    await world.statement(sealKey.sign(ghost.text));
    expect(summary(await world.verify())).toEqual([`fork 0 ${b64(sha(ghost.text))}`]);
  });

  test('one whose records are gone with their generation cannot be told from a race: a warning', async () => {
    const world = await World.small();
    await world.key('add', second);
    const state = world.state(0);
    const loser = makeSeal(origin, topics.events, state, world.entries(0).slice(8, 9));
    await world.seal(0);
    const { previous } = world.state(0);
    world.cluster.recreateTopic(topics.events);
    await world.genesis(0, { generation: 1, reason: 'recreated', previous });
    await world.emit(0, 1);
    await world.seal(0);
    await world.statement(second.sign(loser.text));
    const verdict = await world.verify();
    expect(verdict.findings.map(({ code }) => code)).toEqual(['generation', 'unjudged']);
    expect(verdict.counts.forks).toBe(0);
  });

  test('one whose records were pruned, likewise', async () => {
    const world = await World.small();
    const state = afterGenesis(genesisText(fields(world)), fields(world));
    const loser = makeSeal(origin, topics.events, state, world.entries(0).slice(0, 3));
    const pruned = pruneText(origin, topics.events, world.state(0), 3, 3);
    await world.statement(sealKey.sign(pruned.text));
    world.cluster.deleteRecords(topics.events, 0, 4);
    await world.statement(sealKey.sign(loser.text));
    expect((await world.verify()).findings.map(({ code }) => code).sort()).toEqual([
      'archive-unchecked',
      'prune',
      'unjudged',
    ]);
  });

  test('a second gap over the same offsets is a race; one over records that are there is a fork', async () => {
    const world = await World.small();
    const again = gapText(origin, topics.events, world.state(0), 8, 8).text.replace(/^time .*$/m, 'time 1700000000777');
    const lie = gapText(origin, topics.events, world.state(0), 8, 9).text;
    world.cluster.deleteRecords(topics.events, 0, 9);
    await world.gap(0, 8, 8);
    await world.statement(sealKey.sign(again));
    await world.statement(sealKey.sign(lie));
    const verdict = await world.verify();
    expect(verdict.counts).toMatchObject({ races: 1, forks: 1 });
    expect(summary(verdict)).toContain(`fork 0 ${b64(sha(lie))}`);
  });

  test('statements of a later version are inconclusive', async () => {
    const world = await World.small();
    const later = `tallystick/seal/v2\norigin ${origin}\nwhatever\n`;
    await world.statement(sealKey.sign(later));
    const verdict = await world.verify();
    expect(verdict.findings.map(({ code, found }) => `${code} ${found}`)).toEqual([
      `unknown-statement ${b64(sha(later))}`,
    ]);
    expect(verdict.exitCode).toBe(3);
    const noise = await World.small();
    await noise.statement(stranger.sign(later));
    expect((await noise.verify()).exitCode).toBe(0);
  });
});

describe('generations', () => {
  test('a re-created topic with a root-signed generation: the loss is told, the new one checked', async () => {
    const world = await World.small();
    const { previous } = world.state(0);
    world.cluster.recreateTopic(topics.events);
    await world.genesis(0, { generation: 1, reason: 'recreated', previous });
    const hash = world.state(0).previous;
    await world.emit(0, 3);
    await world.seal(0);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([`generation 0 ${hash}`]);
    expect(verdict.exitCode).toBe(1);
    expect(verdict.checked).toMatchObject({ events: 3, seals: 1 });
  });

  test('a truncated one: seals below the new first offset are still checked, the rest is not', async () => {
    const world = await World.small();
    const { previous } = world.state(0);
    world.cluster.truncate(topics.events, 0, 4);
    await world.emit(0, 4);
    await world.genesis(0, { generation: 1, reason: 'truncated', firstOffset: 6, previous });
    const hash = world.state(0).previous;
    await world.emit(0, 1);
    await world.seal(0);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([`generation 0 ${hash}`]);
    expect(verdict.checked).toMatchObject({ events: 7, seals: 2 });
    world.cluster.batches(topics.events, 0)[0]!.writeInt8(1, 60);
    expect(summary(await world.verify())).toContain('bad-crc 0 offsets 0-0');
  });
});
