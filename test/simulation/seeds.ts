import { describe, expect, it } from 'vitest';
import { simulate } from './run.ts';

const atOnce = 50;

/** Tests of `count` seeds from `first` on. A failing one is named with the command that replays it. */
export function testSeeds(first: number, count: number): void {
  const groups = Array.from({ length: count / atOnce }, (_, group) => first + group * atOnce);
  describe('whatever goes wrong, the log only grows, everything is sealed once, and nobody is told of what is not so', () => {
    it.each(groups)(`${atOnce} seeds from %i on`, { timeout: 300_000 }, async (from) => {
      const failed: string[] = [];
      for (let seed = from; seed < from + atOnce; seed += 1) {
        const { problems, fault } = await simulate(seed);
        if (problems.length === 0) continue;
        failed.push(`npm run simulate -- --seed ${seed} --verbose (${fault ?? 'no fault'}): ${problems.join('; ')}`);
      }
      expect(failed).toEqual([]);
    });
  });
}
