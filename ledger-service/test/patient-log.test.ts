import { KafkaError } from '@tallystick/kafka/errors';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import { describe, expect, it } from 'vitest';
import { patientLog } from '../src/patient-log.ts';
import { systemClock } from '../src/ports/clock.ts';

const gone = new KafkaError('UNREACHABLE', 'gone', { retriable: true });

function patient(deadlineMs: number) {
  const cluster = new MemoryCluster();
  cluster.createTopic('events');
  const stopping = new AbortController();
  const log = patientLog(cluster.connect(), { deadlineMs, clock: systemClock, signal: stopping.signal });
  return { cluster, log, stopping };
}

describe('short questions to a cluster whose leaders move', () => {
  it('are asked again until somebody answers', async () => {
    const { cluster, log } = patient(60_000);
    for (const on of ['bounds', 'describe'] as const) cluster.inject({ on, topic: 'events', error: gone, times: 2 });
    expect(await log.bounds('events', 0)).toEqual({ logStart: 0, highWatermark: 0 });
    expect((await log.describeTopic('events')).partitions).toHaveLength(1);
  });

  it('fail with what was answered last once the deadline is over', async () => {
    const { cluster, log } = patient(150);
    cluster.inject({ on: 'bounds', error: gone, times: 1_000 });
    await expect(log.bounds('events', 0)).rejects.toBe(gone);
  });

  it('fail at once with what cannot pass', async () => {
    const { cluster, log } = patient(60_000);
    const refused = new KafkaError('NOT_AUTHORIZED', 'no');
    cluster.inject({ on: 'bounds', error: refused });
    await expect(log.bounds('events', 0)).rejects.toBe(refused);
    await expect(log.describeTopic('none')).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  });

  it('end when the asker stops', async () => {
    const { cluster, log, stopping } = patient(10_000);
    cluster.down = true;
    const asked = log.bounds('events', 0);
    setTimeout(() => stopping.abort(new Error('it stops')), 20);
    await expect(asked).rejects.toThrow('it stops');
  });
});
