import { expect, it } from 'vitest';
import { LogWorld, until } from './support/log-world.ts';

it('publishes what is accepted, each once and in order', async () => {
  const world = new LogWorld();
  const publisher = await world.start();
  await until(
    async () => (await world.publishedSize()) === 0,
    () => 'an empty checkpoint',
  );
  await world.begin();
  await world.seal(20);
  await world.seal(20, 1);
  await world.append(new TextEncoder().encode('rubbish'));
  await world.logged(43);
  await until(
    async () => (await world.publishedSize()) === 43,
    () => 'published',
  );
  await world.expectWholeLog();
  expect(publisher.status()).toMatchObject({ size: 43, publishedSize: 43, pending: 0, alarms: [] });
});
