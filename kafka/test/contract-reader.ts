import { readPartition } from '@tallystick/kafka/strict-reader';
import { describe, expect, test } from 'vitest';
import { type Bench, filledTopic, KiB, numbers, readerOptions } from './contract-cluster.ts';
import { expectCode, readAll, readUntilError, record, valuesIn } from './records.ts';

/** Part of the contract suite; see record-log-contract.ts. */
export function readerContract(bench: Bench): void {
  describe('strict reader', () => {
    test('reads everything once and ends at the high watermark', async () => {
      const topic = await filledTopic(bench, 5);
      const chunks = await readAll(readerOptions(bench, topic));
      expect(valuesIn(chunks)).toEqual(numbers(0, 15));
      expect(chunks.at(-1)).toMatchObject({ nextOffset: 15, highWatermark: 15, logStart: 0 });
    });

    test('an empty partition gives one empty chunk', async () => {
      const topic = await bench.cluster.createTopic();
      expect(await readAll(readerOptions(bench, topic, { partition: 1 }))).toEqual([
        { batches: [], highWatermark: 0, logStart: 0, nextOffset: 0 },
      ]);
    });

    test('any fetch size gives the same', async () => {
      const topic = await filledTopic(bench, 6, 300);
      for (const maxBytes of [1, 1_000, 1_500, 3_333, 1024 * KiB]) {
        const chunks = await readAll(readerOptions(bench, topic, { maxBytes }));
        expect(valuesIn(chunks).map((value) => value.trim())).toEqual(numbers(0, 18));
      }
    });

    test('from batch to batch, any fetch size gives the same', async () => {
      const topic = await filledTopic(bench, 6, 300);
      for (const maxBytes of [1, 1_000, 1_500, 3_333, 1024 * KiB])
        for (const from of [0, 4]) {
          const chunks = await readAll(readerOptions(bench, topic, { from, maxBytes, contiguous: true }));
          expect(valuesIn(chunks, from).map((value) => value.trim())).toEqual(numbers(from, 18));
        }
    });

    test('from batch to batch, while the log start moves into the batch that was read, or behind it', async () => {
      for (const below of [4, 6]) {
        const topic = await filledTopic(bench, 4);
        const behind = (await readAll(readerOptions(bench, topic, { from: 3, to: 6, contiguous: true }))).at(-1)?.last;
        await bench.cluster.deleteRecords(topic.name, 0, below);
        const chunks = await readAll(readerOptions(bench, topic, { from: 6, behind, contiguous: true, maxBytes: 1 }));
        expect(valuesIn(chunks)).toEqual(numbers(6, 12));
      }
    });

    test('from the middle of a batch and up to the middle of another', async () => {
      const topic = await filledTopic(bench, 5);
      const chunks = await readAll(readerOptions(bench, topic, { from: 4, to: 10 }));
      expect(chunks[0]?.batches[0]?.header.baseOffset).toBe(3);
      expect(chunks.at(-1)?.nextOffset).toBe(12);
      expect(valuesIn(chunks, 4)).toEqual(numbers(4, 12));
      expect(await readAll(readerOptions(bench, topic, { from: 4, to: 4 }))).toEqual([]);
    });

    test('goes on from any place with the leader epoch of the record before', async () => {
      const topic = await filledTopic(bench, 3);
      const [first] = (await readAll(readerOptions(bench, topic, { to: 3 }))).flatMap(({ batches }) => batches);
      const lastEpoch = first?.header.leaderEpoch ?? -1;
      expect(valuesIn(await readAll(readerOptions(bench, topic, { from: 3, lastEpoch })))).toEqual(numbers(3, 9));
    });

    test('follow waits for more, yields empty chunks meanwhile, and stops when asked', async () => {
      const topic = await filledTopic(bench, 1);
      const stop = new AbortController();
      const seen: string[] = [];
      let empty = 0;
      const reading = (async () => {
        for await (const chunk of readPartition(
          readerOptions(bench, topic, { follow: true, maxWaitMs: 20, signal: stop.signal }),
        )) {
          seen.push(...valuesIn([chunk]));
          if (chunk.batches.length === 0) empty += 1;
          if (empty === 2 && chunk.batches.length === 0) {
            const appender = await bench.log.createAppender();
            await appender.append(topic.name, 0, [record('3'), record('4')]);
            appender.drop();
          }
          if (seen.length === 5 && empty > 2) stop.abort();
        }
      })();
      await expectCode(reading, 'ABORTED');
      expect(seen).toEqual(numbers(0, 5));
    });

    test('follow with an end stops there', async () => {
      const topic = await filledTopic(bench, 1);
      const reading = readAll(readerOptions(bench, topic, { follow: true, to: 4, maxWaitMs: 50 }));
      const appender = await bench.log.createAppender();
      await appender.append(topic.name, 0, [record('3'), record('4')]);
      appender.drop();
      expect(valuesIn(await reading)).toEqual(numbers(0, 5));
    });

    test('the same topic name with another id is TOPIC_RECREATED, also while following', async () => {
      const topic = await filledTopic(bench, 2);
      const reader = readPartition(readerOptions(bench, topic, { follow: true, maxWaitMs: 20 }));
      expect((await reader.next()).value?.nextOffset).toBe(6);
      const again = await bench.cluster.recreateTopic(topic.name);
      const ended = (async () => {
        for await (const chunk of reader) expect(chunk.batches).toEqual([]);
      })();
      const error = await expectCode(ended, 'TOPIC_RECREATED');
      expect(error.evidence).toMatchObject({
        topic: topic.name,
        partition: 0,
        expected: topic.topicId,
        found: again.topicId,
      });
      await expectCode(readAll(readerOptions(bench, topic)), 'TOPIC_RECREATED');
    });

    test('a topic that is gone is TOPIC_MISSING', async () => {
      const topic = await filledTopic(bench, 1);
      await bench.cluster.deleteTopic(topic.name);
      await expectCode(readAll(readerOptions(bench, topic)), 'TOPIC_MISSING');
    });

    test('below the log start is RECORDS_DELETED, never a reset', async () => {
      const topic = await filledTopic(bench, 3);
      await bench.cluster.deleteRecords(topic.name, 0, 4);
      const { chunks, error } = await readUntilError(readerOptions(bench, topic));
      expect(chunks).toEqual([]);
      expect(error).toMatchObject({
        code: 'RECORDS_DELETED',
        evidence: { topic: topic.name, partition: 0, offset: 0, logStart: 4 },
      });
      const left = await readAll(readerOptions(bench, topic, { from: 4 }));
      expect(left[0]?.batches[0]?.header.baseOffset).toBe(3);
      expect(valuesIn(left, 4)).toEqual(numbers(4, 9));
    });

    test('beyond the end is OFFSET_OUT_OF_RANGE, and so is an end that never comes', async () => {
      const topic = await filledTopic(bench, 2);
      const deadlineMs = 4_000;
      const { error } = await readUntilError(readerOptions(bench, topic, { from: 9, deadlineMs }));
      expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', evidence: { offset: 9, highWatermark: 6 } });
      const tooFar = readerOptions(bench, topic, { to: 9, maxWaitMs: 20, deadlineMs });
      let short = await readUntilError(tooFar);
      // Where the machine stalls in the last moment before the deadline, all that can be said is that one answer was late.
      for (let tries = 0; tries < 5 && short.error.code === 'TIMED_OUT'; tries += 1)
        short = await readUntilError(tooFar);
      expect(valuesIn(short.chunks)).toEqual(numbers(0, 6));
      expect(short.error).toMatchObject({
        code: 'OFFSET_OUT_OF_RANGE',
        evidence: { offset: 6, expected: 9, found: 6 },
      });
      const unknown = readAll(readerOptions(bench, topic, { from: 6, lastEpoch: 1_000, deadlineMs }));
      await expectCode(unknown, 'OFFSET_OUT_OF_RANGE');
    });

    test('refuses offsets that make no sense', async () => {
      const topic = await filledTopic(bench, 1);
      for (const from of [-1, 0.5, Number.NaN, 2 ** 53])
        await expectCode(readAll(readerOptions(bench, topic, { from })), 'CONFIG_INVALID');
      await expectCode(readAll(readerOptions(bench, topic, { to: -3 })), 'CONFIG_INVALID');
    });
  });
}
