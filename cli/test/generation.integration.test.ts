import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Running, Site } from './site.ts';

const site = new Site();
let ledger: Running;

beforeAll(async () => {
  await site.begin();
  ledger = await site.ledger('ledger');
});
afterAll(() => site.end());

it('begins a partition anew whose topic was created anew, by order of the root key', async () => {
  await site.emit();
  await site.allSealed();
  const generation = ['generation', '0', '--reason', 'recreated', '-o', 'generation.txt'];
  // There is nothing to begin anew yet.
  expect(await site.run(generation)).toMatchObject({
    code: 2,
    errors: expect.stringMatching(/was not recreated.*\[CONFIG_INVALID\]/) as string,
  });

  await site.recreateEvents();
  await expect
    .poll(() => site.status('ledger').partitions[0]?.alarms, { timeout: 120_000 })
    .toMatchObject([{ code: 'TOPIC_RECREATED' }]);
  site.emitted = 0;
  await site.emit(7);
  const { code, errors } = await site.run(generation);
  expect([code, errors]).toEqual([
    0,
    expect.stringMatching(/BEGIN GENERATION 1 at offset 0(.|\n)*lost: all of topic id .*offsets 0 to 19/),
  ]);
  expect(readFileSync(join(site.folder, 'generation.txt'), 'utf8')).toMatch(
    /\ngeneration 1\nreason recreated\nfirst-offset 0\n/,
  );
  await site.sign('generation.txt');
  expect(await site.submit('generation.note')).toMatchObject({ code: 0 });
  expect(await site.submit('generation.note')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/nothing was written/) as string,
  });

  // Sealing goes on by itself, and every verification names the loss.
  await expect
    .poll(() => site.verify(), { timeout: 120_000 })
    .toMatchObject({
      exitCode: 1,
      checked: { events: 7 },
      // The events of this test are no audit events.
      findings: [{ code: 'generation' }, { code: 'undecodable' }],
    });
  await expect.poll(() => site.status('ledger').partitions[0]?.alarms, { timeout: 120_000 }).toEqual([]);
  await site.stop(ledger);
});
