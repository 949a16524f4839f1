import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import kafkajs from 'kafkajs';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { compressSync, uncompressSync } from 'snappy';
import { parseBatch } from '@tallystick/core/batch';
import { expect, inject, test } from 'vitest';
import { configOf, plainKafka, realCluster } from './real-cluster.ts';
import { readAll, valuesIn } from './records.ts';

const { CompressionTypes, CompressionCodecs } = kafkajs;
const stack = inject('stack');

const codecs = {
  gzip: { type: CompressionTypes.GZIP, number: 1, compress: gzipSync, decompress: gunzipSync },
  snappy: {
    type: CompressionTypes.Snappy,
    number: 2,
    compress: compressSync,
    decompress: (bytes: Buffer) => Buffer.from(uncompressSync(bytes)),
  },
  lz4: { type: CompressionTypes.LZ4, number: 3, compress: compressFrameSync, decompress: decompressFrameSync },
  zstd: { type: CompressionTypes.ZSTD, number: 4, compress: zstdCompressSync, decompress: zstdDecompressSync },
} as const;

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'batches that a producer compressed with %s are read as stored and parse',
  async (name) => {
    const codec = codecs[name];
    CompressionCodecs[codec.type] = () => ({
      compress: (encoder: { buffer: Buffer }) => Promise.resolve(codec.compress(encoder.buffer)),
      decompress: (bytes: Buffer) => Promise.resolve(codec.decompress(bytes)),
    });
    const cluster = await realCluster(stack);
    const topic = await cluster.createTopic();
    const producer = plainKafka(stack).producer();
    await producer.connect();
    const values = Array.from({ length: 200 }, (_, index) => `${name} ${index} `.repeat(20));
    for (let from = 0; from < values.length; from += 50) {
      await producer.send({
        topic: topic.name,
        compression: codec.type,
        messages: values.slice(from, from + 50).map((value) => ({ value, partition: 0 })),
      });
    }
    await producer.disconnect();
    const log = connectRecordLog(configOf(stack, 'admin'));
    const chunks = await readAll({
      log,
      topic: topic.name,
      topicId: topic.topicId,
      partition: 0,
      from: 0,
      maxBytes: 2_000,
    });
    expect(chunks.flatMap(({ batches }) => batches.map(({ header }) => header.codec))).toEqual(
      Array.from({ length: 4 }, () => codec.number),
    );
    expect(valuesIn(chunks)).toEqual(values);
    await log.close();
    await cluster.close();
  },
);

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'batches that the broker compressed itself with %s parse',
  async (name) => {
    const cluster = await realCluster(stack);
    const topic = await cluster.createTopic();
    await cluster.admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: 2,
          name: topic.name,
          configEntries: [
            { name: 'compression.type', value: name },
            { name: 'message.timestamp.type', value: 'LogAppendTime' },
          ],
        },
      ],
    });
    const log = connectRecordLog(configOf(stack, 'admin'));
    // Brokers learn of a setting a moment later.
    const deadline = Date.now() + 60_000;
    for (let from = 0; ; from += 30) {
      const appender = await log.createAppender();
      await appender.append(
        topic.name,
        0,
        Array.from({ length: 30 }, (_, index) => ({ key: null, value: Buffer.from(`value ${index} `.repeat(30)) })),
      );
      appender.drop();
      const batches = (await readAll({ log, topic: topic.name, topicId: topic.topicId, partition: 0, from })).flatMap(
        (chunk) => chunk.batches,
      );
      const [batch] = batches;
      if (batch === undefined) throw new Error('nothing was read');
      expect(parseBatch(batch.bytes, batch.header, nodeCodecs).parsed).toBe(true);
      if (batch.header.codec === codecs[name].number) break;
      if (Date.now() > deadline) throw new Error(`the broker never compressed with ${name}`);
    }
    await log.close();
    await cluster.close();
  },
);
