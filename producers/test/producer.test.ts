import { KafkaError } from '@tallystick/kafka/errors';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import { SchemasError } from '@tallystick/schemas/errors';
import { beforeEach, describe, expect, it } from 'vitest';
import { CloseTimeoutError, ProducersError } from '../src/errors.ts';
import { createProducer } from '../src/producer.ts';
import type { Producer, ProducerOptions } from '../src/producer.ts';
import { readEvents, sequenceFaults } from './reading.ts';

const topic = 'audit.events';
const event = (n = 0): { action: string; outcome: string; actor: { id: string } } => ({
  action: `thing:${String(n)}`,
  outcome: 'success',
  actor: { id: `user-${String(n)}` },
});
const one = { action: 'a', outcome: 'success', actor: { id: 'same' } };

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = new MemoryCluster();
  cluster.createTopic(topic, { partitions: 4 });
});

function open(options: Partial<ProducerOptions> = {}): Promise<Producer> {
  return createProducer({
    kafka: cluster.connect(),
    registry: { register: () => Promise.resolve(7) },
    source: 'billing',
    lingerMs: 0,
    ...options,
  });
}

describe('emit', () => {
  it('stores what was emitted, where the receipt says, and gives it id, source, time and a place in its life', async () => {
    const producer = await open({ instance: 'billing-1' });
    const before = Date.now();
    const { id, receipt } = await producer.emit({ ...event(), reason: 'why', labels: { team: 'x' } });
    const { partition, offset } = await receipt;
    const [stored] = await readEvents(cluster.connect(), topic);
    expect(stored).toMatchObject({
      partition,
      offset,
      event: {
        id,
        action: 'thing:0',
        source: 'billing',
        instance: 'billing-1',
        sequence: 0,
        reason: 'why',
        salt: null,
        previousEpoch: null,
        previousSequence: null,
      },
    });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(stored?.event.occurredAtMs).toBeGreaterThanOrEqual(before);
    await producer.close();
  });

  it('numbers the events of each partition without holes, and keeps the order of one actor', async () => {
    const producer = await open({ batchEvents: 7 });
    const receipts: Promise<unknown>[] = [];
    for (let n = 0; n < 300; n++) {
      const { receipt } = await producer.emit({
        action: `step:${String(n)}`,
        outcome: 'success',
        actor: { id: `user-${String(n % 9)}` },
      });
      receipts.push(receipt);
    }
    await producer.flush();
    await Promise.all(receipts);
    const stored = await readEvents(cluster.connect(), topic);
    expect(stored).toHaveLength(300);
    expect(sequenceFaults(stored)).toEqual([]);
    expect(new Set(stored.map(({ partition }) => partition)).size).toBeGreaterThan(1);
    for (const user of new Set(stored.map(({ event: each }) => each.actor?.id))) {
      const steps = stored.filter(({ event: each }) => each.actor?.id === user);
      expect(new Set(steps.map(({ partition }) => partition)).size).toBe(1);
      const numbers = steps.map(({ event: each }) => Number(each.action.slice(5)));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    await producer.close();
  });

  it('makes keys that say nothing: equal for one actor under one secret, and other under another', async () => {
    const keys: (string | null)[] = [];
    for (const secret of [1, 1, 2]) {
      const producer = await open({ orderingSecret: new Uint8Array(16).fill(secret) });
      await (
        await producer.emit(one)
      ).receipt;
      await producer.close();
    }
    for (const { key } of (await readEvents(cluster.connect(), topic)).toSorted(
      (a, b) => a.event.epoch - b.event.epoch,
    ))
      keys.push(key);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it('takes a copy: what the caller changes later does not reach the event', async () => {
    const producer = await open({ lingerMs: 20 });
    const mine = { action: 'a', outcome: 'success', labels: { x: '1' } };
    const { receipt } = await producer.emit(mine);
    mine.action = 'b';
    mine.labels.x = '2';
    await receipt;
    expect((await readEvents(cluster.connect(), topic))[0]?.event).toMatchObject({ action: 'a', labels: { x: '1' } });
    await producer.close();
  });

  it('keeps id, salt and source of an import', async () => {
    const producer = await open();
    const id = '01938f2c-7a00-8000-8000-000000000002';
    await (
      await producer.emit({ ...one, occurredAtMs: 5, id, salt: new Uint8Array(16).fill(3), source: 'aws.cloudtrail' })
    ).receipt;
    const [stored] = await readEvents(cluster.connect(), topic);
    expect(stored?.event).toMatchObject({ id, source: 'aws.cloudtrail', occurredAtMs: 5, salt: Buffer.alloc(16, 3) });
    await producer.close();
  });

  it.each<[string, unknown, string]>([
    ['no action', { outcome: 'success' }, 'action'],
    ['an actor that is a name', { ...one, actor: 'bob' }, 'actor'],
    ['a member that does not exist', { ...one, user: 'bob' }, 'user'],
    ['an id of its own', { ...one, id: 'x' }, 'id'],
    ['a source of its own', { ...one, source: 'x' }, 'source'],
    ['a sequence of its own', { ...one, sequence: 1 }, 'sequence'],
    [
      'an import with a random id',
      { ...one, occurredAtMs: 1, source: 's', salt: new Uint8Array(16), id: '01938f2c-7a00-7000-8000-000000000002' },
      'id',
    ],
    ['nothing', null, 'event'],
  ])('refuses %s and names the field', async (_, bad, field) => {
    const producer = await open();
    const refused = await producer.emit(bad as typeof one).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SchemasError);
    expect(refused).toMatchObject({ code: 'EVENT_INVALID', message: expect.stringContaining(field) as string });
    expect(producer.status().queuedEvents).toBe(0);
    await producer.close();
  });

  it('refuses an event that is too large before it takes a sequence number', async () => {
    const producer = await open({ maxEventBytes: 2_000 });
    await (
      await producer.emit(one)
    ).receipt;
    await expect(producer.emit({ ...one, after: 'x'.repeat(2_000) })).rejects.toMatchObject({
      code: 'EVENT_TOO_LARGE',
    });
    await (
      await producer.emit(one)
    ).receipt;
    expect((await readEvents(cluster.connect(), topic)).map(({ event: each }) => each.sequence)).toEqual([0, 1]);
    await producer.close();
  });

  it('takes an event of 1 MB', async () => {
    const producer = await open();
    await (
      await producer.emit({ ...one, after: 'x'.repeat(1_048_576) })
    ).receipt;
    expect((await readEvents(cluster.connect(), topic))[0]?.event.after).toHaveLength(1_048_576);
    await producer.close();
  });
});

describe('the queue', () => {
  it('lets emit wait while it is full, in order, and go on when there is room', async () => {
    cluster.down = true;
    const log = cluster.connect();
    cluster.down = false;
    const producer = await open({ kafka: log, queueEvents: 2 });
    cluster.down = true;
    await producer.emit(one);
    await producer.emit(one);
    const order: number[] = [];
    const third = producer.emit({ ...one, action: 'third' }).then((emitted) => (order.push(3), emitted));
    const fourth = producer.emit({ ...one, action: 'fourth' }).then((emitted) => (order.push(4), emitted));
    expect(producer.status()).toMatchObject({ queuedEvents: 2, waiting: 2 });
    expect(order).toEqual([]);
    cluster.down = false;
    await (
      await third
    ).receipt;
    await (
      await fourth
    ).receipt;
    expect(order).toEqual([3, 4]);
    expect((await readEvents(cluster.connect(), topic)).map(({ event: each }) => each.action)).toEqual([
      'a',
      'a',
      'third',
      'fourth',
    ]);
    expect(producer.status()).toMatchObject({ queuedEvents: 0, queuedBytes: 0, waiting: 0, stored: 4 });
    await producer.close();
  });

  it('refuses instead where it was told to, and takes again later', async () => {
    const producer = await open({ queueEvents: 1, whenFull: 'reject' });
    cluster.down = true;
    const { receipt } = await producer.emit(one);
    await expect(producer.emit(one)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    cluster.down = false;
    await receipt;
    await (
      await producer.emit(one)
    ).receipt;
    await producer.close();
  });

  it('is bounded by bytes too', async () => {
    const producer = await open({ queueBytes: 10_000, maxEventBytes: 9_000, whenFull: 'reject' });
    cluster.down = true;
    await producer.emit({ ...one, after: 'x'.repeat(8_000) });
    await expect(producer.emit({ ...one, after: 'x'.repeat(8_000) })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    cluster.down = false;
    await producer.close();
  });
});

describe('faults', () => {
  it('sends again under the same id and sequence when the answer is lost', async () => {
    const producer = await open();
    cluster.loseAnswers(2);
    const { id, receipt } = await producer.emit(one);
    await receipt;
    await (
      await producer.emit(one)
    ).receipt;
    const stored = await readEvents(cluster.connect(), topic);
    expect(stored.filter(({ event: each }) => each.id === id).length).toBeGreaterThan(1);
    expect(new Set(stored.filter(({ event: each }) => each.id === id).map(({ event: each }) => each.sequence))).toEqual(
      new Set([0]),
    );
    expect(sequenceFaults(stored)).toEqual([]);
    await producer.close();
  });

  it('loses nothing that has a receipt, leaves no hole and uses no number twice, whatever fails', async () => {
    const producer = await open({ batchEvents: 3 });
    const acknowledged = new Set<string>();
    const refused = new Set<string>();
    const receipts: Promise<unknown>[] = [];
    for (let n = 0; n < 120; n++) {
      if (n % 10 === 3) cluster.loseAnswers(1);
      if (n % 10 === 5) cluster.rejectAppends(1);
      if (n % 20 === 7) cluster.inject({ on: 'append', error: new KafkaError('NOT_AUTHORIZED', 'no'), times: 1 });
      // Stored, its answer lost, and then refused for good: nobody can know whether it is there.
      if (n % 30 === 9) {
        cluster.loseAnswers(1);
        cluster.inject({ on: 'append', error: new KafkaError('INVALID_RECORD', 'no'), times: 1 });
      }
      const { id, receipt } = await producer.emit(event(n));
      receipts.push(
        receipt.then(
          () => acknowledged.add(id),
          () => refused.add(id),
        ),
      );
      if (n % 4 === 0) await producer.flush();
    }
    await producer.flush();
    await Promise.all(receipts);
    const stored = await readEvents(cluster.connect(), topic);
    const ids = new Set(stored.map(({ event: each }) => each.id));
    expect(acknowledged.size + refused.size).toBe(120);
    expect(refused.size).toBeGreaterThan(0);
    expect([...acknowledged].filter((id) => !ids.has(id))).toEqual([]);
    expect(sequenceFaults(stored)).toEqual([]);
    await producer.close();
  });

  it('gives what is refused for good back with its code, and goes on in a new epoch', async () => {
    const producer = await open();
    await (
      await producer.emit(one)
    ).receipt;
    cluster.inject({ on: 'append', error: new KafkaError('NOT_AUTHORIZED', 'no right to write') });
    const { receipt } = await producer.emit(one);
    await expect(receipt).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
    await (
      await producer.emit(one)
    ).receipt;
    const [first, second] = await readEvents(cluster.connect(), topic);
    expect([first?.event.sequence, second?.event.sequence]).toEqual([0, 0]);
    expect(second?.event.epoch).toBeGreaterThan(first?.event.epoch ?? Infinity);
    expect(producer.status()).toMatchObject({ queuedEvents: 0, queuedBytes: 0, stored: 2, refused: 1 });
    await producer.close();
  });

  it('halves a batch that the topic finds too large, until only what is too large itself is refused', async () => {
    cluster.createTopic('small', { maxMessageBytes: 4_000 });
    const producer = await open({ topic: 'small', lingerMs: 50 });
    const receipts: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n++) {
      const { receipt } = await producer.emit({ ...one, action: String(n), after: 'x'.repeat(n === 11 ? 5_000 : 400) });
      receipts.push(
        receipt.then(
          () => 'stored',
          (error: unknown) => (error as KafkaError).code,
        ),
      );
    }
    const outcomes = await Promise.all(receipts);
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(19);
    expect(outcomes[11]).toBe('MESSAGE_TOO_LARGE');
    const stored = await readEvents(cluster.connect(), 'small');
    expect(stored.map(({ event: each }) => Number(each.action))).toEqual([...Array(20).keys()].filter((n) => n !== 11));
    expect(sequenceFaults(stored)).toEqual([]);
    await producer.close();
  });

  it('does not fail the process when nobody looks at a receipt that is refused', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const producer = await open();
    cluster.inject({ on: 'append', error: new KafkaError('NOT_AUTHORIZED', 'no') });
    await producer.emit(one);
    await producer.flush();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(producer.status().refused).toBe(1);
    await producer.close();
  });
});

describe('flush and close', () => {
  it('flush does not wait for the linger time', async () => {
    const producer = await open({ lingerMs: 3_600_000 });
    const { receipt } = await producer.emit(one);
    await producer.flush();
    expect(await receipt).toMatchObject({ offset: 0 });
    await producer.close();
  });

  it('a full batch does not wait for the linger time either', async () => {
    const producer = await open({ lingerMs: 3_600_000, batchEvents: 2 });
    await producer.emit(one);
    await (
      await producer.emit(one)
    ).receipt;
    await producer.close();
  });

  it('flush of nothing resolves, close too, and twice', async () => {
    const producer = await open();
    await producer.flush();
    await producer.close();
    await producer.close();
  });

  it('close sends what is queued, and takes nothing afterwards', async () => {
    const producer = await open({ lingerMs: 3_600_000 });
    const { receipt } = await producer.emit(one);
    await producer.close();
    await expect(receipt).resolves.toMatchObject({ offset: 0 });
    await expect(producer.emit(one)).rejects.toMatchObject({ code: 'PRODUCER_CLOSED' });
  });

  it('close rejects past its deadline with what was not sent, and so do the receipts', async () => {
    const producer = await open({ batchEvents: 1, queueEvents: 3 });
    cluster.down = true;
    const emitted = [];
    for (let n = 0; n < 3; n++) emitted.push(await producer.emit({ ...one, action: `lost:${String(n)}`, reason: 'r' }));
    const late = producer.emit(one);
    late.catch(() => undefined);
    const error = await producer.close({ deadlineMs: 50 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CloseTimeoutError);
    if (!(error instanceof CloseTimeoutError)) return;
    expect(error.code).toBe('CLOSE_TIMEOUT');
    expect(error.unsent.map(({ id }) => id)).toEqual(emitted.map(({ id }) => id));
    expect(error.unsent.map(({ maybeStored }) => maybeStored)).toEqual([true, false, false]);
    expect(error.unsent[0]?.event).toMatchObject({ action: 'lost:0', reason: 'r', actor: { id: 'same' } });
    for (const { receipt } of emitted) await expect(receipt).rejects.toBe(error);
    await expect(late).rejects.toBeInstanceOf(ProducersError);

    // What came back can be emitted again by another producer.
    cluster.down = false;
    const next = await open();
    for (const { event: again } of error.unsent) await next.emit(again);
    await next.close();
    expect(await readEvents(cluster.connect(), topic)).toHaveLength(3);
  });
});

describe('createProducer', () => {
  it.each<[string, Partial<ProducerOptions>]>([
    ['source', { source: 'two words' }],
    ['source', { source: '' }],
    ['instance', { instance: '' }],
    ['orderingSecret', { orderingSecret: new Uint8Array(8) }],
    ['queueEvents', { queueEvents: 0 }],
    ['batchBytes', { batchBytes: 1.5 }],
    ['lingerMs', { lingerMs: -1 }],
    ['queueBytes', { queueBytes: 1_000 }],
  ])('refuses a bad %s and names it', async (option, options) => {
    await expect(open(options)).rejects.toMatchObject({
      code: 'PRODUCER_OPTION',
      message: expect.stringContaining(option) as string,
    });
  });

  it('says that the topic is not there', async () => {
    await expect(open({ topic: 'nowhere' })).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  });

  it('passes on what the registry says', async () => {
    const away = { register: (): Promise<number> => Promise.reject(new SchemasError('REGISTRY_UNREACHABLE', 'away')) };
    await expect(open({ registry: away })).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('begins a new epoch with every life of an instance', async () => {
    for (let life = 0; life < 2; life++) {
      const producer = await open({ instance: 'same' });
      await (
        await producer.emit(one)
      ).receipt;
      await producer.close();
    }
    const epochs = (await readEvents(cluster.connect(), topic)).map(({ event: each }) => each.epoch);
    expect(new Set(epochs).size).toBe(2);
  });
});
