import { describe, expect, it } from 'vitest';
import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { TallystickError } from '@tallystick/core/errors';
import { checkEventSignature, signatureHeader } from '@tallystick/core/event-signature';
import { signerFromSeed } from '@tallystick/core/note';
import type { NoteSigner } from '@tallystick/core/note';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { createProducer } from '../src/producer.ts';
import type { ProducerOptions } from '../src/producer.ts';
import { readEvents, sequenceFaults } from './reading.ts';

const topic = 'audit.events';
const origin = 'example.org/ledger';
const billing = signerFromSeed('billing', new Uint8Array(32).fill(1));
const trail = signerFromSeed('aws.cloudtrail', new Uint8Array(32).fill(2));
const one = { action: 'a', outcome: 'success', actor: { id: 'same' } };
const imported = {
  ...one,
  occurredAtMs: 5,
  id: '01938f2c-7a00-8000-8000-000000000002',
  salt: new Uint8Array(16),
  source: 'aws.cloudtrail',
};

function setUp(keys: readonly NoteSigner[] = [billing], options: Partial<ProducerOptions> = {}) {
  const cluster = new MemoryCluster();
  cluster.createTopic(topic);
  const producer = () =>
    createProducer({
      kafka: cluster.connect(),
      registry: { register: () => Promise.resolve(7) },
      source: 'billing',
      lingerMs: 0,
      signer: { origin, keys },
      ...options,
    });
  return { cluster, producer };
}

/** Of each record what its signature comes to under a key; null where it has none. */
async function signatures(cluster: MemoryCluster, { key: vkey }: NoteSigner): Promise<(string | null)[]> {
  const log = cluster.connect();
  const { topicId } = await log.describeTopic(topic);
  const found: (string | null)[] = [];
  for await (const { batches } of readPartition({ log, topic, topicId, partition: 0, from: 0 })) {
    for (const { bytes, header } of batches) {
      const batch = parseBatch(bytes, header, nodeCodecs);
      for (const { key, value, headers } of batch.parsed ? recordsOf(batch) : []) {
        const named = headers.filter(([name]) => Buffer.from(name).toString() === signatureHeader);
        expect(named.length).toBeLessThan(2);
        const [sig] = named;
        found.push(sig === undefined ? null : checkEventSignature({ origin, topic, key, value }, sig[1], [vkey]));
      }
    }
  }
  return found;
}

describe('a producer with a signer', () => {
  it('signs what it emits, under the key that is named as the source', async () => {
    const { cluster, producer } = setUp([billing, trail]);
    const audit = await producer();
    for (let i = 0; i < 5; i++) await audit.emit(one);
    await audit.emit(imported);
    await audit.flush();
    await audit.close();
    expect(await signatures(cluster, billing)).toEqual(['valid', 'valid', 'valid', 'valid', 'valid', 'key']);
    expect((await signatures(cluster, trail)).at(-1)).toBe('valid');
    expect(sequenceFaults(await readEvents(cluster.connect(), topic))).toEqual([]);
  });

  it('leaves events of a source that it has no key of unsigned, and all of them without a signer', async () => {
    const { cluster, producer } = setUp();
    const audit = await producer();
    await (
      await audit.emit(imported)
    ).receipt;
    await audit.close();
    expect(await signatures(cluster, billing)).toEqual([null]);
  });

  it('sends the very same again after a lost answer', async () => {
    const { cluster, producer } = setUp();
    const audit = await producer();
    const error = new KafkaError('TIMED_OUT', 'no answer', { retriable: true });
    cluster.inject({ on: 'append', error, persisted: true });
    await (
      await audit.emit(one)
    ).receipt;
    await audit.close();
    expect(await signatures(cluster, billing)).toEqual(['valid', 'valid']);
    const [first, second] = await readEvents(cluster.connect(), topic);
    expect(second?.event).toEqual(first?.event);
  });

  it('keeps events while the signer is away, and refuses them where it says no', async () => {
    let left = 2;
    const flaky: NoteSigner = {
      key: billing.key,
      sign: (message) =>
        left-- > 0 ? Promise.reject(new TallystickError('AWAY', 'away', { retriable: true })) : billing.sign(message),
    };
    const { cluster, producer } = setUp([flaky]);
    const audit = await producer();
    await (
      await audit.emit(one)
    ).receipt;
    await audit.close();
    expect(await signatures(cluster, billing)).toEqual(['valid']);

    for (const sign of [() => Promise.reject(new Error('no')), () => Promise.resolve(new Uint8Array(63))]) {
      const refusing = setUp([{ key: billing.key, sign }]);
      const mute = await refusing.producer();
      const { receipt } = await mute.emit(one);
      await expect(receipt).rejects.toThrow();
      await mute.close();
      expect(await signatures(refusing.cluster, billing)).toEqual([]);
    }
  });

  it('is not made without a key named as its source, with two of one name, or for no log', async () => {
    for (const signer of [
      { origin, keys: [] },
      { origin, keys: [trail] },
      { origin, keys: [billing, signerFromSeed('billing', new Uint8Array(32).fill(3))] },
      { origin: '', keys: [billing] },
      { origin: 'a+b', keys: [billing] },
    ])
      await expect(setUp([], { signer }).producer()).rejects.toMatchObject({ code: 'PRODUCER_OPTION' });
  });
});
