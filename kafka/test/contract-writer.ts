import { encodeBatch } from '@tallystick/kafka/batch-encoder';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { describe, expect, test } from 'vitest';
import { type Bench, KiB, numbers, readerOptions } from './contract-cluster.ts';
import { expectCode, readAll, record, valuesIn } from './records.ts';

/** Part of the contract suite; see record-log-contract.ts. */
export function writerContract(bench: Bench): void {
  describe('safe writer', () => {
    test('serves appends in the order of the calls, partitions apart', async () => {
      const topic = await bench.cluster.createTopic();
      const writer = new SafeWriter({ log: bench.log, topic: topic.name });
      const answers = await Promise.all(
        numbers(0, 20).map((value) => writer.append(Number(value) % 2, [record(value)])),
      );
      await writer.close();
      expect(answers.map(({ baseOffset }) => baseOffset)).toEqual(
        numbers(0, 20).map((value) => Math.floor(Number(value) / 2)),
      );
      expect(valuesIn(await readAll(readerOptions(bench, topic, { partition: 1 })))).toEqual(
        numbers(0, 20).filter((value) => Number(value) % 2 === 1),
      );
    });

    test('cuts what is more than one batch takes', async () => {
      const topic = await bench.cluster.createTopic({ maxMessageBytes: 10 * KiB });
      const writer = new SafeWriter({ log: bench.log, topic: topic.name, maxBatchBytes: 10 * KiB });
      const records = Array.from({ length: 25 }, (_, index) => record(String(index).padEnd(1_000)));
      const { baseOffset, runs } = await writer.append(0, records);
      await writer.close();
      expect(baseOffset).toBe(0);
      expect(runs.length).toBeGreaterThan(2);
      expect(runs.reduce((sum, { count }) => sum + count, 0)).toBe(25);
      expect(valuesIn(await readAll(readerOptions(bench, topic))).map((value) => value.trim())).toEqual(numbers(0, 25));
    });

    test('a record larger than the limit is refused before anything is sent, one of exactly the limit is not', async () => {
      const topic = await bench.cluster.createTopic({ maxMessageBytes: 10 * KiB });
      const overhead = encodeBatch([record('x'.repeat(9_000))], 0).length - 9_000;
      const writer = new SafeWriter({ log: bench.log, topic: topic.name, maxBatchBytes: 10 * KiB });
      const error = await expectCode(
        writer.append(0, [record('ok'), record('x'.repeat(10 * KiB - overhead + 1))]),
        'MESSAGE_TOO_LARGE',
      );
      expect(error.evidence).toMatchObject({ topic: topic.name, partition: 0, bytes: 10 * KiB + 1, limit: 10 * KiB });
      expect(await bench.log.bounds(topic.name, 0)).toEqual({ logStart: 0, highWatermark: 0 });
      await writer.append(0, [record('x'.repeat(10 * KiB - overhead))]);
      await writer.close();
      expect(await bench.log.bounds(topic.name, 0)).toEqual({ logStart: 0, highWatermark: 1 });
    });

    test('goes on after a rejection by the broker', async () => {
      const topic = await bench.cluster.createTopic({ maxMessageBytes: 10 * KiB });
      const writer = new SafeWriter({ log: bench.log, topic: topic.name });
      await writer.append(0, [record('0')]);
      await expectCode(writer.append(0, [record('x'.repeat(20 * KiB))]), 'MESSAGE_TOO_LARGE');
      expect(await writer.append(0, [record('1')])).toEqual({ baseOffset: 1, runs: [{ baseOffset: 1, count: 1 }] });
      await writer.close();
      expect(valuesIn(await readAll(readerOptions(bench, topic)))).toEqual(['0', '1']);
    });

    test('a record of 1 MiB goes through whole', async () => {
      const topic = await bench.cluster.createTopic();
      const writer = new SafeWriter({ log: bench.log, topic: topic.name });
      const value = 'y'.repeat(1024 * KiB);
      await writer.append(0, [record(value), record(value), record('end')]);
      await writer.close();
      const read = valuesIn(await readAll(readerOptions(bench, topic, { maxBytes: 64 * KiB })));
      expect(read.map((text) => text.length)).toEqual([1024 * KiB, 1024 * KiB, 3]);
      expect(read[1] === value).toBe(true);
    });

    test('refuses an empty append, a missing topic at once, and everything after close', async () => {
      const missing = new SafeWriter({ log: bench.log, topic: 'no-such-topic' });
      await expectCode(missing.append(0, []), 'INVALID_RECORD');
      await expectCode(missing.append(0, [record('x')]), 'TOPIC_MISSING');
      await missing.close();
      await expectCode(missing.append(0, [record('x')]), 'CLOSED');
    });

    test('close waits for what was taken', async () => {
      const topic = await bench.cluster.createTopic();
      const writer = new SafeWriter({ log: bench.log, topic: topic.name });
      const appends = numbers(0, 5).map((value) => writer.append(0, [record(value)]));
      await writer.close();
      expect((await Promise.all(appends)).length).toBe(5);
      expect(valuesIn(await readAll(readerOptions(bench, topic)))).toEqual(numbers(0, 5));
    });
  });
}
