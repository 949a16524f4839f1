import { sealCrc } from '@tallystick/kafka/batch-encoder';
import { describe, expect, test } from 'vitest';
import { pruneText } from './support/tiny-sealer.ts';
import { World, origin, sealKey, summary, text, topics } from './support/world.ts';

// The small log: offsets 0-1 and 2-3 in seal 0, 4-6 in seal 1, 7 in seal 2; 8-9 are not sealed.

/** Changes a byte of the value of one record and mends the CRC. */
function alter(world: World, offset: number, partition = 0): void {
  const batch = world.cluster.batches(topics.events, partition).find((each) => {
    const base = Number(each.readBigInt64BE(0));
    return offset >= base && offset <= base + each.readInt32BE(23);
  })!;
  let at = -1;
  for (let n = Number(batch.readBigInt64BE(0)); n <= offset; n++) at = batch.indexOf('ent ', at + 1);
  batch[at - 1] = 0x56;
  sealCrc(batch);
}

/** What the cluster holds, to move about: bytes, and where its index says that they are. */
function stored(world: World): { bytes: Buffer; baseOffset: number; lastOffset: number }[] {
  return world.cluster.partition(topics.events, 0).batches as {
    bytes: Buffer;
    baseOffset: number;
    lastOffset: number;
  }[];
}

describe('with stored leaves every altered event is named', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])('offset %i', async (offset) => {
    const world = await World.small({ partitions: 2 });
    alter(world, offset, 1);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([`altered 1 offsets ${offset}-${offset}`]);
    expect(verdict).toMatchObject({ verdict: 'failed', exitCode: 1 });
    const [finding] = verdict.findings;
    expect(finding).toMatchObject({
      severity: 'tampering',
      topic: topics.events,
      generation: 0,
      detail: { count: 1, firstIndex: offset },
    });
    expect(finding!.expected).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(finding!.found).not.toBe(finding!.expected);
    expect(finding!.hash).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(finding!.message).toContain(`offset ${offset}`);
  });

  test('several in one run, neighbours as one finding', async () => {
    const world = await World.small();
    for (const offset of [0, 2, 3, 5, 7]) alter(world, offset);
    expect(summary(await world.verify())).toEqual([
      'altered 0 offsets 0-0',
      'altered 0 offsets 2-3',
      'altered 0 offsets 5-5',
      'altered 0 offsets 7-7',
    ]);
  });

  test('leaves that do not give the root are no help', async () => {
    const world = await World.small({ leaves: false });
    const state = { generation: 0, nextSeal: 0 };
    await world.leaves(0, state, Buffer.alloc(128, 7));
    alter(world, 2);
    expect(summary(await world.verify())).toEqual([
      'leaves-wrong 0 offsets 0-0',
      'root-mismatch 0 offsets 0-3',
      'leaves-missing 0 offsets 4-4',
    ]);
  });
});

describe('without usable leaves the batch is named', () => {
  test('no leaves at all', async () => {
    const world = await World.small({ leaves: false });
    alter(world, 2);
    alter(world, 7);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([
      'leaves-missing 0 offsets 0-0',
      'root-mismatch 0 offsets 0-3',
      'root-mismatch 0 offsets 7-7',
    ]);
    expect(verdict.exitCode).toBe(1);
    expect(verdict.checked).toMatchObject({ events: 3, seals: 1 });
  });

  test('missing leaves alone are a warning', async () => {
    const world = await World.small({ leaves: false });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['leaves-missing 0 offsets 0-0']);
    expect(verdict.exitCode).toBe(0);
  });

  test('the leaves topic is gone', async () => {
    const world = await World.small();
    world.cluster.deleteTopic(topics.leaves);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['leaves-missing 0 offsets 0-0']);
    expect(verdict.exitCode).toBe(0);
  });

  test('no right to read the leaves', async () => {
    const world = await World.small();
    const verdict = await world.verify({
      log: world.cluster.connect({ denyRead: [topics.leaves], denyWrite: [topics.leaves] }),
    });
    expect(summary(verdict)).toEqual(['leaves-missing 0 offsets 0-0', 'leaves-unreadable 0 offsets 0-0']);
    expect(verdict.exitCode).toBe(0);
  });

  test('a bad CRC in the leaves topic costs the names, not the check', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.leaves, 0, { offset: 0 });
    expect(summary(await world.verify())).toEqual(['leaves-missing 0 offsets 0-0', 'leaves-unreadable 0 offsets 0-0']);
    alter(world, 1);
    alter(world, 5);
    expect(summary(await world.verify())).toEqual([
      'leaves-missing 0 offsets 0-0',
      'leaves-unreadable 0 offsets 0-0',
      'root-mismatch 0 offsets 0-3',
      'altered 0 offsets 5-5',
    ]);
  });

  test('wrong leaves', async () => {
    const world = await World.make();
    await world.emit(0, 3);
    await world.leaves(0, world.state(0), Buffer.alloc(96, 9));
    await world.seal(0, { leaves: false });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['leaves-wrong 0 offsets 0-0']);
    expect(verdict.exitCode).toBe(0);
  });

  test('one usable record among wrong, short, foreign and early ones is enough, also when it comes late', async () => {
    const world = await World.make();
    await world.emit(0, 3);
    await world.append(topics.leaves, 0, [
      { key: null, value: text('x') },
      { key: text('audit.events/0/99'), value: Buffer.alloc(96) },
      { key: text('other/0/0'), value: Buffer.alloc(96) },
      { key: text('audit.events/0/0'), value: Buffer.alloc(64) },
      { key: text('audit.events/0/0'), value: null },
      { key: text('audit.events/0/0'), value: Buffer.alloc(96) },
      { key: text('audit.events/0/1'), value: Buffer.alloc(32) },
    ]);
    const before = { ...world.state(0) };
    await world.seal(0);
    await world.emit(0, 1);
    await world.seal(0);
    expect(before.nextSeal).toBe(0);
    expect(summary(await world.verify())).toEqual([]);
    alter(world, 0);
    alter(world, 3);
    expect(summary(await world.verify())).toEqual(['altered 0 offsets 0-0', 'altered 0 offsets 3-3']);
  });
});

describe('records taken away, put in, moved', () => {
  test('a bad CRC: named at its base offset, and what lies behind it is checked all the same', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.events, 0, { offset: 2 });
    alter(world, 1);
    alter(world, 5);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['altered 0 offsets 1-1', 'bad-crc 0 offsets 2-2', 'altered 0 offsets 5-5']);
    expect(verdict.checked.seals).toBe(1);
  });

  test('a bad CRC: how many events were not judged is said, and the counts add up', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.events, 0, { offset: 4 });
    const { findings, checked, scope } = await world.verify();
    expect(findings).toMatchObject([{ code: 'bad-crc', detail: { lastOffset: 6, unjudged: 3 } }]);
    expect(findings[0]!.message).toContain('offsets 4 to 6. The 3 events in it were not judged.');
    expect(scope.inScope).toBe(8);
    expect(checked.events).toBe(8 - 3);
    expect(checked.partitions[0]).toMatchObject({
      plannedEvents: 8,
      checkedEvents: 5,
      plannedSeals: 3,
      matchedSeals: 2,
    });
  });

  test('a bad CRC behind which nothing can be read: what was not judged is unreadable', async () => {
    const world = await World.small();
    // A length beyond everything: nothing says where the batch ends, and nothing is served behind it.
    world.cluster.batches(topics.events, 0)[2]!.writeInt32BE(1 << 30, 8);
    const { findings, checked } = await world.verify({ deadlineMs: 100 });
    expect(findings[0]).toMatchObject({ code: 'bad-crc', place: 'offsets 4-4' });
    expect(checked.partitions[0]).toMatchObject({ plannedEvents: 8, checkedEvents: 5 });
  });

  test('a bad CRC without leaves: the rest of its batch is unreadable besides', async () => {
    const world = await World.small({ leaves: false });
    world.cluster.flipByte(topics.events, 0, { offset: 2 });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['unreadable 0 -', 'leaves-missing 0 offsets 0-0', 'bad-crc 0 offsets 2-2']);
    expect(verdict.exitCode).toBe(1);
  });

  test('two bad batches in a row are both named', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.events, 0, { offset: 0 });
    world.cluster.flipByte(topics.events, 0, { offset: 2 });
    world.cluster.flipByte(topics.events, 0, { offset: 7 });
    expect(summary(await world.verify())).toEqual([
      'bad-crc 0 offsets 0-0',
      'bad-crc 0 offsets 2-2',
      'bad-crc 0 offsets 7-7',
    ]);
  });

  test('a bad CRC behind the last seal', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.events, 0, { offset: 8 });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['bad-crc 0 offsets 8-8']);
    expect(verdict.checked.events).toBe(8);
  });

  test('another magic: tampering where it is sealed, unreadable where it is not', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.events, 0, { offset: 4, at: 16 });
    expect(summary(await world.verify())).toContain('bad-magic 0 offsets 4-4');
    world.cluster.flipByte(topics.events, 0, { offset: 4, at: 16 });
    world.cluster.flipByte(topics.events, 0, { offset: 8, at: 16 });
    const verdict = await world.verify();
    expect(new Set(verdict.findings.map(({ code }) => code))).toEqual(new Set(['unreadable']));
    expect(verdict.exitCode).toBe(3);
  });

  test('a batch taken out', async () => {
    const world = await World.small();
    world.cluster.removeBatch(topics.events, 0, 2);
    alter(world, 0);
    expect(summary(await world.verify())).toEqual(['altered 0 offsets 0-0', 'missing-offsets 0 offsets 2-3']);
  });

  test('a whole seal taken out', async () => {
    const world = await World.small();
    world.cluster.removeBatch(topics.events, 0, 4);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['missing-offsets 0 offsets 4-6']);
    expect(verdict.checked).toMatchObject({ events: 5, seals: 2 });
  });

  test('two batches swapped', async () => {
    const world = await World.small();
    const batches = stored(world);
    [batches[0]!.bytes, batches[1]!.bytes] = [batches[1]!.bytes, batches[0]!.bytes];
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(1);
    expect(summary(verdict)).toContain('missing-offsets 0 offsets 0-1');
  });

  test('two batches swapped and their offsets rewritten', async () => {
    const world = await World.small();
    const batches = stored(world);
    [batches[0]!.bytes, batches[1]!.bytes] = [batches[1]!.bytes, batches[0]!.bytes];
    batches[0]!.bytes.writeBigInt64BE(0n);
    batches[1]!.bytes.writeBigInt64BE(2n);
    expect(summary(await world.verify())).toEqual(['altered 0 offsets 0-3']);
  });

  test('a batch stored twice', async () => {
    const world = await World.small();
    const batches = stored(world);
    batches.splice(2, 0, { ...batches[1]!, bytes: Buffer.from(batches[1]!.bytes) });
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(1);
    expect(summary(verdict)).toEqual(['root-mismatch 0 offsets 2-3']);
  });

  test('a record inserted, all behind it moved by one', async () => {
    const world = await World.small();
    const batches = stored(world);
    const inserted = Buffer.from(batches[3]!.bytes);
    for (const batch of batches.slice(2)) {
      batch.bytes.writeBigInt64BE(batch.bytes.readBigInt64BE() + 1n);
      batch.baseOffset += 1;
      batch.lastOffset += 1;
    }
    inserted.writeBigInt64BE(4n);
    batches.splice(2, 0, { bytes: inserted, baseOffset: 4, lastOffset: 4 });
    world.cluster.partition(topics.events, 0).end += 1;
    expect(summary(await world.verify())).toEqual(['altered 0 offsets 4-6', 'altered 0 offsets 7-7']);
  });

  test('the tail cut off', async () => {
    const world = await World.small();
    world.cluster.truncate(topics.events, 0, 4);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['truncated 0 offsets 4-7']);
    expect(verdict.findings[0]).toMatchObject({ severity: 'loss', expected: '8', found: '4' });
    expect(verdict.checked).toMatchObject({ events: 4, seals: 1 });
  });

  test('cut off inside a seal: what is left is judged, and what is gone is not waited for', async () => {
    const world = await World.small();
    world.cluster.truncate(topics.events, 0, 2);
    let beyond = 0;
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      fetch: async (request: Parameters<typeof world.log.fetch>[0]) => {
        if (request.topic === topics.events && request.offset >= 2) beyond += 1;
        return await world.log.fetch(request);
      },
    });
    expect(summary(await world.verify({ log }))).toEqual(['truncated 0 offsets 2-7']);
    expect(beyond).toBe(0);
  });

  test('cut off and written anew', async () => {
    const world = await World.small();
    world.cluster.truncate(topics.events, 0, 4);
    await world.emit(0, 4);
    expect(summary(await world.verify())).toEqual(['altered 0 offsets 4-6', 'altered 0 offsets 7-7']);
  });

  test('a high watermark that lags behind is waited for', async () => {
    const world = await World.small();
    world.cluster.holdHighWatermark(topics.events, 0, 4);
    expect((await world.verify()).exitCode).toBe(1);
    let asked = 0;
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      bounds: async (topic: string, partition: number) => {
        if (topic === topics.events && ++asked === 2) world.cluster.holdHighWatermark(topics.events, 0, null);
        return await world.log.bounds(topic, partition);
      },
    });
    const verdict = await world.verify({ log, settleMs: 20_000 });
    expect(summary(verdict)).toEqual([]);
    expect(asked).toBeGreaterThan(1);
  });

  test('records deleted: one finding a seal, the rest of a batch checked by its leaves', async () => {
    const world = await World.small();
    world.cluster.deleteRecords(topics.events, 0, 5);
    alter(world, 6);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['deleted 0 offsets 0-3', 'deleted 0 offsets 4-4', 'altered 0 offsets 6-6']);
    expect(verdict.exitCode).toBe(1);
  });

  test('deleted before they were sealed', async () => {
    const world = await World.small();
    world.cluster.deleteRecords(topics.events, 0, 10);
    expect(summary(await world.verify())).toEqual([
      'deleted 0 offsets 0-3',
      'deleted 0 offsets 4-6',
      'deleted 0 offsets 7-7',
      'not-covered 0 offsets 8-9',
    ]);
  });

  test('records before the genesis', async () => {
    const world = await World.make({ start: false });
    await world.emit(0, 3);
    await world.key('add', sealKey);
    await world.genesis(0, { firstOffset: 2 }, sealKey);
    await world.seal(0);
    expect(summary(await world.verify())).toEqual(['before-genesis 0 offsets 0-1']);
  });
});

describe('what the records themselves are', () => {
  test('a gap is a loss, and a false one tampering', async () => {
    const world = await World.small();
    world.cluster.deleteRecords(topics.events, 0, 9);
    const hash = await world.gap(0, 8, 8);
    await world.seal(0);
    const verdict = await world.verify();
    expect(summary(verdict)).toContain(`gap 0 ${hash}`);
    expect(summary(verdict)).not.toContain(`false-gap 0 ${hash}`);
    const liar = await World.small();
    const lie = await liar.gap(0, 8, 8);
    await liar.seal(0);
    expect(summary(await liar.verify())).toEqual([`false-gap 0 ${lie}`, `gap 0 ${lie}`]);
  });

  test('what a prune removed is no loss, but its archive was not looked at', async () => {
    const world = await World.small();
    const made = pruneText(origin, topics.events, world.state(0), 3, 3);
    await world.statement(sealKey.sign(made.text));
    world.cluster.deleteRecords(topics.events, 0, 4);
    const verdict = await world.verify();
    expect(verdict.findings.map(({ code }) => code)).toEqual(['archive-unchecked', 'prune']);
    expect(verdict.exitCode).toBe(3);
    world.cluster.deleteRecords(topics.events, 0, 6);
    expect(summary(await world.verify())).toContain('deleted 0 offsets 4-5');
  });

  test('create time, control and transactional batches are warnings, one a partition', async () => {
    const world = await World.make();
    for (const bits of [0x10, 0x30, 0x10]) {
      await world.emit(0, 1);
      const batch = world.cluster.batches(topics.events, 0).at(-1)!;
      batch.writeInt16BE(bits, 21);
      sealCrc(batch);
    }
    await world.seal(0);
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(0);
    expect(summary(verdict)).toEqual([
      'create-time 0 offsets 0-0',
      'transactional-batch 0 offsets 0-0',
      'control-batch 0 offsets 1-1',
    ]);
  });

  test('setting a control bit afterwards is found', async () => {
    const world = await World.small();
    const batch = world.cluster.batches(topics.events, 0)[2]!;
    batch.writeInt16BE(batch.readInt16BE(21) | 0x20, 21);
    sealCrc(batch);
    expect(summary(await world.verify())).toEqual(['altered 0 offsets 4-6', 'control-batch 0 offsets 4-4']);
  });

  test('an old unsealed tail is inconclusive where a limit is set', async () => {
    const world = await World.small();
    const now = () => world.clock + 60_000;
    expect((await world.verify({ now })).exitCode).toBe(0);
    expect((await world.verify({ now, maxTailAgeMs: 120_000 })).exitCode).toBe(0);
    const verdict = await world.verify({ now, maxTailAgeMs: 30_000 });
    expect(verdict.findings.map(({ code }) => code)).toEqual(['tail-old']);
    expect(verdict.exitCode).toBe(3);
  });

  test('the leader epoch that a seal names is compared', async () => {
    const world = await World.small();
    const batch = world.cluster.batches(topics.events, 0)[3]!;
    batch.writeInt32BE(5, 12);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['epoch-mismatch 0 offsets 7-7']);
    expect(verdict.findings[0]).toMatchObject({ expected: '0', found: '5' });
  });

  test('findings beyond the limit are counted and weigh the same', async () => {
    const world = await World.small();
    for (const offset of [0, 2, 5, 7]) alter(world, offset);
    const verdict = await world.verify({ maxFindings: 1 });
    expect(verdict).toMatchObject({ exitCode: 1, findingsOmitted: { altered: 3 } });
    expect(verdict.findings).toHaveLength(1);
  });
});

describe('a broker that misbehaves', () => {
  test('an error of its own is unreadable, and what follows is still checked', async () => {
    const world = await World.small();
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      fetch: async (request: Parameters<typeof world.log.fetch>[0]) => {
        if (request.topic === topics.events && request.offset >= 4 && request.offset < 7) {
          return { error: 87, highWatermark: -1, logStart: -1, diverging: null, records: new Uint8Array() };
        }
        const answer = await world.log.fetch({ ...request, maxBytes: 1 });
        return answer;
      },
    });
    alter(world, 7);
    const verdict = await world.verify({ log });
    expect(verdict.exitCode).toBe(1);
    expect(new Set(verdict.findings.map(({ code }) => code))).toEqual(new Set(['unreadable', 'altered']));
    expect(summary(verdict)).toContain('altered 0 offsets 7-7');
  });

  test('a log that parts from what was read is read again, and its content decides', async () => {
    const world = await World.small();
    world.cluster.inject({ on: 'fetch', topic: topics.events, error: 1, skip: 1 });
    let diverged = false;
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      fetch: async (request: Parameters<typeof world.log.fetch>[0]) => {
        const answer = await world.log.fetch({ ...request, maxBytes: 1 });
        if (request.topic !== topics.events || request.lastFetchedEpoch < 0 || diverged) return answer;
        diverged = true;
        return { ...answer, records: new Uint8Array(), diverging: { epoch: 0, endOffset: 1 } };
      },
    });
    const verdict = await world.verify({ log });
    expect(diverged).toBe(true);
    expect(summary(verdict)).toEqual([]);
    expect(verdict.exitCode).toBe(0);
  });

  test('records deleted while the partition is read', async () => {
    const world = await World.small();
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      fetch: async (request: Parameters<typeof world.log.fetch>[0]) => {
        if (request.topic === topics.events && request.offset === 2) world.cluster.deleteRecords(topics.events, 0, 6);
        return await world.log.fetch({ ...request, maxBytes: 1 });
      },
    });
    const verdict = await world.verify({ log });
    expect(summary(verdict)).toEqual(['deleted 0 offsets 0-3', 'deleted 0 offsets 4-5']);
    expect(verdict.exitCode).toBe(1);
  });

  test('the topic made anew while it is read', async () => {
    const world = await World.small();
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      fetch: async (request: Parameters<typeof world.log.fetch>[0]) => {
        if (request.topic === topics.events && request.topicId === world.topicId() && request.offset === 2) {
          world.cluster.recreateTopic(topics.events);
        }
        return await world.log.fetch({ ...request, maxBytes: 1 });
      },
    });
    const verdict = await world.verify({ log });
    expect(summary(verdict)).toEqual(['topic-recreated 0 offsets 0-7']);
  });
});
