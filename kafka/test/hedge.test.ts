import { AllFailed, firstToAnswer } from '../src/hedge.ts';
import { expect, test } from 'vitest';

const never = () => new Promise<string>(() => undefined);
const after = (ms: number, what: string) => () => new Promise<string>((resolve) => setTimeout(() => resolve(what), ms));
const fails = (why: string) => () => Promise.reject(new Error(why));
const passes = () => true;

test('the first answers: no other is asked', async () => {
  let asked = 0;
  const other = () => ((asked += 1), Promise.resolve('other'));
  expect(await firstToAnswer([() => Promise.resolve('first'), other], 0, passes)).toBe('first');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked).toBe(0);
});

test('one that hangs costs a moment', async () => {
  const startedAt = performance.now();
  expect(await firstToAnswer([never, never, after(0, 'third')], 50, passes)).toBe('third');
  expect(performance.now() - startedAt).toBeGreaterThan(90);
});

test('one that fails costs nothing', async () => {
  expect(await firstToAnswer([fails('away'), fails('away'), after(1, 'third')], 60_000, passes)).toBe('third');
});

test('a slow one that answers first counts, also where another was asked since', async () => {
  expect(await firstToAnswer([after(60, 'slow'), never], 10, passes)).toBe('slow');
});

test('what another cannot do better is thrown at once', async () => {
  const refused = firstToAnswer([fails('wrong password'), never], 60_000, () => false);
  await expect(refused).rejects.toThrow('wrong password');
});

test('all fail: every reason is kept', async () => {
  const error: unknown = await firstToAnswer([fails('a'), fails('b')], 5, passes).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(AllFailed);
  expect(error instanceof AllFailed ? error.failures.map(String) : []).toEqual(['Error: a', 'Error: b']);
});
