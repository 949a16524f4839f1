import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import { expect, it } from 'vitest';
import { cleanLog, Maker } from './small-log.ts';
import { judge } from './try-verify.ts';

// What is odd in a log but was sealed as it is: told, and no reason to doubt it.

it('odd batches are warnings, one a partition', async () => {
  const { exitCode, findings } = await judge(await cleanLog());
  const odd = findings.filter(({ partition, code }) => partition === 1 && code !== 'undecodable');
  expect(odd.map(({ code, place }) => `${code} ${place}`)).toEqual([
    'control-batch offsets 3-3',
    'transactional-batch offsets 4-4',
    'create-time offsets 5-5',
    'unparsed-batch offsets 7-7',
  ]);
  expect(exitCode).toBe(0);
});

it('a time that means nothing is a warning: time-outside', async () => {
  const maker = new Maker(1);
  await maker.start();
  await maker.settled();
  const batch = maker.batch(1, { bits: 0 });
  batch.writeBigInt64BE(-5n, batchField.baseTimestamp);
  sealCrc(batch);
  await maker.sealed(0, batch);
  await maker.stop();
  const { exitCode, findings } = await judge(await maker.copy());
  expect(findings.map(({ code }) => code)).toContain('time-outside');
  expect(findings.find(({ code }) => code === 'time-outside')).toMatchObject({
    place: 'offsets 0-0',
    severity: 'warning',
  });
  expect(exitCode).toBe(0);
});
