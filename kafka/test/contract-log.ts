import { describe, expect, test } from 'vitest';
import { type Bench, filledTopic, KiB, readerOptions, request } from './contract-cluster.ts';
import { expectCode, readAll, record, recordsIn, valuesIn } from './records.ts';

/** Part of the contract suite; see record-log-contract.ts. */
export function logContract(bench: Bench): void {
  describe('log', () => {
    test('describes a topic with its id and partitions in order', async () => {
      const topic = await bench.cluster.createTopic();
      const described = await bench.log.describeTopic(topic.name);
      expect(described).toEqual(topic);
      expect(described.topicId).toMatch(/^[\w-]{22}$/);
      expect(described.partitions.map(({ partition }) => partition)).toEqual([0, 1]);
      expect(described.partitions.every(({ leaderEpoch }) => leaderEpoch >= 0)).toBe(true);
    });

    test('describes what is there now, not what was', async () => {
      const topic = await bench.cluster.createTopic();
      await bench.log.describeTopic(topic.name);
      const again = await bench.cluster.recreateTopic(topic.name);
      expect(again.topicId).not.toBe(topic.topicId);
      expect((await bench.log.describeTopic(topic.name)).topicId).toBe(again.topicId);
      await bench.cluster.deleteTopic(topic.name);
      await expectCode(bench.log.describeTopic(topic.name), 'TOPIC_MISSING');
    });

    test('a missing topic or partition is TOPIC_MISSING', async () => {
      const topic = await bench.cluster.createTopic();
      await expectCode(bench.log.describeTopic('no-such-topic'), 'TOPIC_MISSING');
      await expectCode(bench.log.bounds('no-such-topic', 0), 'TOPIC_MISSING');
      const error = await expectCode(bench.log.bounds(topic.name, 2), 'TOPIC_MISSING');
      expect(error.retriable).toBe(false);
      for (const [name, partition] of [
        ['no-such-topic', 0],
        [topic.name, 7],
      ] as const) {
        const appender = await bench.log.createAppender();
        await expectCode(appender.append(name, partition, [record('x')]), 'TOPIC_MISSING');
        appender.drop();
      }
    });

    test('bounds are those of now', async () => {
      const topic = await filledTopic(bench, 2);
      expect(await bench.log.bounds(topic.name, 0)).toEqual({ logStart: 0, highWatermark: 6 });
      expect(await bench.log.bounds(topic.name, 1)).toEqual({ logStart: 0, highWatermark: 0 });
      await bench.cluster.deleteRecords(topic.name, 0, 4);
      expect(await bench.log.bounds(topic.name, 0)).toEqual({ logStart: 4, highWatermark: 6 });
    });

    test('a fetch gives whole batches as stored, also from the middle of one', async () => {
      const topic = await filledTopic(bench, 2);
      const answer = await bench.log.fetch(request(topic, { offset: 1 }));
      expect(answer).toMatchObject({ error: 0, highWatermark: 6, logStart: 0, diverging: null });
      const view = Buffer.from(answer.records);
      expect(view.readBigInt64BE(0)).toBe(0n);
      expect(view.readInt32BE(8) + 12).toBeLessThan(view.length);
      expect(view.readInt8(16)).toBe(2);
    });

    test('a fetch of the base offset of a batch begins with it, as one of its last does', async () => {
      const topic = await filledTopic(bench, 3);
      for (const offset of [3, 5])
        expect(Buffer.from((await bench.log.fetch(request(topic, { offset }))).records).readBigInt64BE(0)).toBe(3n);
    });

    test('a fetch at the end is empty, beyond it out of range', async () => {
      const topic = await filledTopic(bench, 1);
      const atEnd = await bench.log.fetch(request(topic, { offset: 3 }));
      expect({ ...atEnd, records: atEnd.records.length }).toMatchObject({
        error: 0,
        highWatermark: 3,
        logStart: 0,
        diverging: null,
        records: 0,
      });
      expect((await bench.log.fetch(request(topic, { offset: 4 }))).error).toBe(1);
      await bench.cluster.deleteRecords(topic.name, 0, 2);
      expect((await bench.log.fetch(request(topic, { offset: 1 }))).error).toBe(1);
      expect((await bench.log.fetch(request(topic, { offset: 2 }))).error).toBe(0);
    });

    test('a fetch waits for what is appended later', async () => {
      const topic = await filledTopic(bench, 1);
      const waiting = bench.log.fetch(request(topic, { offset: 3, maxWaitMs: 20_000 }));
      const appender = await bench.log.createAppender();
      await appender.append(topic.name, 0, [record('late')]);
      appender.drop();
      expect((await waiting).records.length).toBeGreaterThan(61);
    });

    test('an unknown topic id is error 100, an unknown leader epoch out of range', async () => {
      const topic = await filledTopic(bench, 1);
      expect((await bench.log.fetch(request(topic, { topicId: 'x8hLzMAkQqyjYkN0bNbW4g' }))).error).toBe(100);
      expect((await bench.log.fetch(request(topic, { offset: 3, lastFetchedEpoch: 1_000 }))).error).toBe(1);
      expect((await bench.log.fetch(request(topic, { offset: 3, lastFetchedEpoch: 0 }))).error).toBe(0);
    });

    test('the first batch comes whole whatever maxBytes says, a later one may be cut off', async () => {
      const topic = await filledTopic(bench, 3, 2_000);
      const one = Buffer.from((await bench.log.fetch(request(topic, { maxBytes: 1 }))).records);
      const length = one.readInt32BE(8) + 12;
      expect(one.length).toBe(length);
      const more = await bench.log.fetch(request(topic, { maxBytes: length + 100 }));
      expect(more.records.length).toBeLessThanOrEqual(length + 100);
      expect(more.records.length).toBeGreaterThanOrEqual(length);
    });

    test('records keep null and empty keys and values, and repeated, empty and binary headers', async () => {
      const topic = await bench.cluster.createTopic();
      const appender = await bench.log.createAppender();
      const bytes = Buffer.from([0, 255, 128]);
      const records = [
        { key: null, value: null },
        { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [] },
        {
          key: bytes,
          value: bytes,
          headers: [
            ['a', bytes],
            ['a', Buffer.alloc(0)],
            ['', bytes],
            ['ünï', bytes],
          ],
        },
      ] as const;
      await appender.append(topic.name, 0, records);
      appender.drop();
      const read = recordsIn(await readAll(readerOptions(bench, topic)));
      expect(
        read.map(({ key, value, headers }) => [
          plain(key),
          plain(value),
          headers.map(([name, content]) => [plain(name), plain(content)]),
        ]),
      ).toEqual(
        records.map((given) => [
          plain(given.key),
          plain(given.value),
          ('headers' in given ? given.headers : []).map(([headerName, content]) => [
            plain(Buffer.from(headerName)),
            plain(content),
          ]),
        ]),
      );
    });

    test('stored batches say LogAppendTime, not transactional, and count from the base offset', async () => {
      const topic = await filledTopic(bench, 2);
      const [first, second] = (await readAll(readerOptions(bench, topic))).flatMap(({ batches }) => batches);
      for (const batch of [first, second])
        expect(batch?.header).toMatchObject({
          appendTime: true,
          transactional: false,
          control: false,
          count: 3,
          codec: 0,
        });
      expect([first?.header.lastOffset, second?.header.baseOffset]).toEqual([2, 3]);
    });

    test('an appender takes one append at a time and nothing after a rejection', async () => {
      const topic = await bench.cluster.createTopic({ maxMessageBytes: 10 * KiB });
      const appender = await bench.log.createAppender();
      const first = appender.append(topic.name, 0, [record('a')]);
      await expectCode(appender.append(topic.name, 0, [record('b')]), 'APPENDER_UNUSABLE');
      await first;
      const error = await expectCode(
        appender.append(topic.name, 0, [record('x'.repeat(11 * KiB))]),
        'MESSAGE_TOO_LARGE',
      );
      expect(error.retriable).toBe(false);
      await expectCode(appender.append(topic.name, 0, [record('c')]), 'APPENDER_UNUSABLE');
      expect(valuesIn(await readAll(readerOptions(bench, topic)))).toEqual(['a']);
      await expectCode((await bench.log.createAppender()).append(topic.name, 0, []), 'INVALID_RECORD');
    });

    test('after close everything is CLOSED', async () => {
      const topic = await filledTopic(bench, 1);
      const other = bench.cluster.connect();
      await other.describeTopic(topic.name);
      await other.close();
      await expectCode(other.describeTopic(topic.name), 'CLOSED');
      await expectCode(other.fetch(request(topic)), 'CLOSED');
      await expectCode(other.createAppender(), 'CLOSED');
    });
  });
}

function plain(part: Uint8Array | null | undefined): string | null {
  return part === null || part === undefined ? null : Buffer.from(part).toString('hex');
}
