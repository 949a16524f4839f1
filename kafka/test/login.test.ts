import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { checkTopics } from '@tallystick/kafka/admin';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { expectCode } from './records.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();

/** What a broker that was frozen looks like: its machine takes connections, and nobody answers. */
async function hangingBroker(): Promise<string> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

const sasl = { mechanism: 'scram-sha-512', username: 'u', password: 'p' } as const;

test.each([
  ['with a password', { sasl }],
  ['without', {}],
])('a login at a broker that hangs, %s, is given up soon, however long a request may take', async (_, over) => {
  const broker = await hangingBroker();
  const log = connectRecordLog({ brokers: [broker], loginTimeoutMs: 300, requestTimeoutMs: 600_000, ...over });
  const startedAt = performance.now();
  for (const asked of [() => log.describeTopic('t'), () => log.createAppender()])
    expect((await expectCode(asked(), 'TIMED_OUT')).message).toMatch(/within (300|600) ms/);
  expect(performance.now() - startedAt).toBeLessThan(60_000);
  await log.close();
});

test('a login of the admin client is given up as soon', async () => {
  const broker = await hangingBroker();
  const over = { loginTimeoutMs: 300, requestTimeoutMs: 600_000, sasl };
  const startedAt = performance.now();
  const error = await expectCode(checkTopics({ brokers: [broker], ...over }, []), 'TIMED_OUT');
  expect(error.message).toContain('within 300 ms');
  const brokers = await Promise.all([hangingBroker(), hangingBroker()]);
  const none = await expectCode(checkTopics({ brokers, ...over }, []), 'UNREACHABLE');
  expect(none.message).toContain('within 300 ms');
  expect(performance.now() - startedAt).toBeLessThan(60_000);
});

test('several that hang are asked beside each other', async () => {
  const brokers = await Promise.all([hangingBroker(), hangingBroker(), hangingBroker()]);
  const log = connectRecordLog({ brokers, loginTimeoutMs: 6_000 });
  const startedAt = performance.now();
  const error = await expectCode(log.describeTopic('t'), 'UNREACHABLE');
  for (const broker of brokers) expect(error.message).toContain(broker);
  // One after the other would be 18 s.
  expect(performance.now() - startedAt).toBeLessThan(17_500);
  await log.close();
});

test('a close ends what hangs', async () => {
  const log = connectRecordLog({ brokers: [await hangingBroker()] });
  const asked = expectCode(log.describeTopic('t'), 'CLOSED');
  await new Promise((resolve) => setTimeout(resolve, 50));
  await log.close();
  await asked;
});
