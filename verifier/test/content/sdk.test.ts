import { expect, it } from 'vitest';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { KafkaError } from '@tallystick/kafka/errors';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { createProducer } from '@tallystick/producers/producer';
import { Records, check, origin, topic } from './support.ts';

/** What a partition holds, as a reader gets it. */
async function stored(cluster: MemoryCluster, partition: number): Promise<Records> {
  const log = cluster.connect();
  const { topicId } = await log.describeTopic(topic);
  const records = new Records(partition);
  for await (const { batches } of readPartition({ log, topic, topicId, partition, from: 0 }))
    records.batches.push(...batches);
  return records;
}

it('what the SDK writes through lost answers and refusals has no hole, no conflict, and signatures that count', async () => {
  const cluster = new MemoryCluster();
  cluster.createTopic(topic, { partitions: 2 });
  const signer = nodeSigner('billing', new Uint8Array(32).fill(1));
  const producer = await createProducer({
    kafka: cluster.connect(),
    registry: { register: () => Promise.resolve(7) },
    source: 'billing',
    lingerMs: 0,
    batchEvents: 5,
    signer: { origin, keys: [signer] },
  });
  const lost = new KafkaError('TIMED_OUT', 'no answer', { retriable: true });
  const refused = new KafkaError('NOT_AUTHORIZED', 'no', { retriable: false });
  for (let i = 0; i < 60; i++) {
    if (i % 11 === 3) cluster.inject({ on: 'append', error: lost, persisted: i % 2 === 0 });
    if (i % 17 === 5) cluster.inject({ on: 'append', error: refused, persisted: true });
    await producer.emit({ action: `step:${i}`, outcome: 'success', actor: { id: `u-${i % 7}` } });
    if (i % 6 === 0) await producer.flush();
  }
  await producer.close();
  const partitions = [await stored(cluster, 0), await stored(cluster, 1)];
  const producerKeys = [{ key: signer.key, added: 1, retired: null }];
  const { codes, compared, parts } = await check(partitions, { producerKeys });
  expect(new Set(codes)).toEqual(new Set(['duplicate']));
  expect(compared.duplicates).toBeGreaterThan(0);
  for (const { tally } of parts) expect(tally).toMatchObject({ signed: tally.records, badSignatures: 0 });

  // A batch taken out is a hole in its epoch, if that goes on behind it; never anything else.
  const [first, second] = partitions;
  let holes = 0;
  for (let i = 1; i < first!.batches.length - 1; i++) {
    const cut = new Records(0);
    cut.batches.push(...first!.batches.slice(0, i), ...first!.batches.slice(i + 1));
    const found = new Set((await check([cut, second!], { producerKeys })).codes);
    if (found.delete('sequence-hole')) holes += 1;
    found.delete('duplicate');
    expect(found).toEqual(new Set());
  }
  expect(holes).toBeGreaterThan(0);
});
