import { expect, test } from 'vitest';
import { Records, check, event } from './support.ts';

test('of thousands of events with one id those that are another one again are told from those with other content', async () => {
  const id = '01938f2c-7a00-7000-9000-00000000abcd';
  const count = 6_000;
  const of = (n: number) => event({ id, sequence: n, action: n % 2 === 0 ? 'same' : `other ${n}` });
  const records = new Records();
  for (let n = 0; n < count; n += 1_000) records.add(Array.from({ length: 1_000 }, (_, index) => of(n + index)));
  // The last thousand once more.
  records.add(Array.from({ length: 1_000 }, (_, index) => of(count - 1_000 + index)));
  const { compared, findings } = await check(records);
  expect(compared.duplicates + compared.conflicts).toBe(count + 1_000 - 1);
  // Those are listed by their producer's numbers, in one run.
  const again = findings.filter(
    ({ code, expected }) => code === 'duplicate' && expected === `${count - 1_000}-${count - 1}`,
  );
  expect(again).toHaveLength(1);
});
