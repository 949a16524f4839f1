import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { MetricsServer } from '../src/metrics/metrics-server.ts';
import { startMetricsServer } from '../src/metrics/metrics-server.ts';
import type { LedgerStatus } from '../src/status.ts';
import { until, World } from './world.ts';

const listen = { host: '127.0.0.1', port: 0 };
const running: MetricsServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(async (server) => await server.stop()));
});

async function serve(status: () => LedgerStatus): Promise<string> {
  const server = await startMetricsServer({ listen, status });
  running.push(server);
  return server.url;
}

/** Value of a sample by its name and labels as written; null where it is not there. */
function sample(text: string, name: string): number | null {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? null : Number(line.slice(name.length + 1));
}

describe('metrics of a ledger', () => {
  it('say how far it is sealed and published, and that it is ready', async () => {
    const world = new World(2);
    await world.emit(33, 0);
    const ledger = await world.start({ roles: ['seal', 'publish'] });
    await world.sealed(0);
    await until(() => ledger.status().publish?.pending === 0 && (ledger.status().publish?.size ?? 0) > 3);
    const url = await serve(() => ledger.status());
    const text = await (await fetch(`${url}/metrics`)).text();
    const { topic } = ledger.status().partitions[0] ?? { topic: '' };
    expect(sample(text, 'tallystick_ledger_role_up{role="seal"}')).toBe(1);
    expect(sample(text, 'tallystick_ledger_role_up{role="publish"}')).toBe(1);
    expect(sample(text, `tallystick_partition_sealed_offset{topic="${topic}",partition="0"}`)).toBe(32);
    expect(sample(text, `tallystick_partition_unsealed_events{topic="${topic}",partition="0"}`)).toBe(0);
    // An empty partition has sealed nothing: no figure, rather than a false one.
    expect(sample(text, `tallystick_partition_sealed_offset{topic="${topic}",partition="1"}`)).toBeNull();
    expect(sample(text, 'tallystick_log_entries{checkpoint="stored"}')).toBe(ledger.status().publish?.size);
    expect(text).not.toContain('tallystick_ledger_alarm{');
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ ready: true, checks: { seal: 'running', publish: 'running' } });
    await ledger.stop();
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('names alarms, and stopped partitions as not ready', async () => {
    const alarm = { code: 'FORK', message: 'm', place: 'audit.events/0', todo: 't', since: 0 };
    const partition = { topic: 'audit.events', partition: 0, assigned: true, generation: 0, lastSeal: 3 };
    const stopped = {
      ...partition,
      state: 'stopped',
      sealedOffset: 9,
      highWatermark: 12,
      lag: 2,
      alarms: [alarm],
    } as const;
    const status: LedgerStatus = {
      ...{ origin: 'o', key: null, state: 'running', startedAt: 0, updatedAt: 0 },
      ...{ roles: { seal: 'running' }, seals: null, publish: null, serve: null, alarms: [], partitions: [stopped] },
    };
    const url = await serve(() => status);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(sample(text, 'tallystick_ledger_alarm{code="FORK",place="audit.events/0"}')).toBe(1);
    expect(sample(text, 'tallystick_partition_sealing{topic="audit.events",partition="0"}')).toBe(0);
    expect(sample(text, 'tallystick_log_pending_statements')).toBeNull();
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ ready: false, checks: { seal: 'running', 'audit.events/0': 'stopped' } });
  });

  it('says plainly that the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const status = () => {
      throw new Error('not asked');
    };
    await expect(startMetricsServer({ listen: { host: '127.0.0.1', port }, status })).rejects.toMatchObject({
      code: 'SERVE_LISTEN',
    });
    taken.close();
  });
});
