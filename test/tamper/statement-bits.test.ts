import { memoryAnchorStore } from '@tallystick/verifier/anchor-memory';
import type { AnchorStore } from '@tallystick/verifier/anchor-store';
import { beforeAll, describe, expect, it } from 'vitest';
import { some } from './effort.ts';
import { cleanLog, topics, type SmallLog } from './small-log.ts';
import { bitsOf, flipped, grave, judge } from './try-verify.ts';

// Bits of the stored bytes of the statements, CRC mended: a sample, and with TEST_EFFORT=150 each one.

let small: SmallLog;
let anchor: AnchorStore;
beforeAll(async () => {
  small = await cleanLog();
  anchor = memoryAnchorStore();
  expect((await judge(small, { anchor })).anchoredTo.updated).toBe(true);
});

/** By offset: what it is, its partition, and whether something of its chain follows. */
const statements = [
  ['key 0', null, true],
  ['the genesis of partition 0', 0, true],
  ['the genesis of partition 1', 1, true],
  ['seal 0 of partition 0', 0, true],
  ['seal 0 of partition 1', 1, true],
  ['seal 1 of partition 0', 0, true],
  ['seal 1 of partition 1', 1, true],
  ['seal 2 of partition 0', 0, false],
  ['seal 2 of partition 1', 1, false],
] as const;

/** What lies around a note in its record, and the header of its batch, mean nothing. A reader still goes by these; no epoch is negative. */
const structure = (at: number, bit: number): boolean =>
  at < 12 || (at === 12 && bit === 7) || at === 16 || (at >= 22 && at < 27) || (at >= 57 && at < 61);

describe.each(statements.map((row, offset) => [offset, ...row] as const))(
  'offset %i: %s',
  (offset, _, partition, followed) => {
    const tries = async (
      options: { anchor?: AnchorStore },
      each: (verdict: Awaited<ReturnType<typeof judge>>, inNote: boolean, at: number, bit: number) => string | null,
    ) => {
      const batch = small.log.partition(topics.seals, 0).batches[offset]!.bytes;
      const from = batch.indexOf('tallystick/');
      const wrong: string[] = [];
      for (const { at, bit } of some(bitsOf(batch), 150)) {
        const verdict = await flipped(batch, at, bit, true, async () => await judge(small, options));
        const why = each(verdict, at >= from && at < batch.length - 1, at, bit);
        if (why !== null)
          wrong.push(`byte ${at} bit ${bit}: ${why}: exit ${verdict.exitCode} ${grave(verdict).join('; ')}`);
      }
      expect(wrong.slice(0, 10)).toEqual([]);
    };

    it('against an anchor every bit of a note is tampering, and names the chain', async () => {
      await tries({ anchor }, (verdict, inNote) => {
        if (!inNote) return verdict.exitCode === 3 ? 'inconclusive' : null;
        const rollback = new RegExp(`^rollback ${partition ?? '-'} `);
        return verdict.exitCode === 1 && grave(verdict).some((finding) => rollback.test(finding))
          ? null
          : 'not a rollback';
      });
    });

    it('without one it is never verified as it was: a fork, nothing to check, or a chain that ends there', async () => {
      await tries({}, (verdict, inNote) => {
        if (!inNote) return null;
        // Nothing that is left says that there ever was a last statement of a chain: only an anchor or the published log does.
        if (!followed) return verdict.exitCode === 0 && verdict.counts.unsealed > 1 ? null : 'not a shorter chain';
        if (partition === null) return verdict.exitCode === 3 ? null : 'something is verified without a key';
        return verdict.exitCode === 1 &&
          grave(verdict).every(
            (finding) => finding.startsWith(`fork ${partition} `) || finding === `no-genesis ${partition} -`,
          )
          ? null
          : 'not a fork';
      });
    });

    it('what is around the note means nothing, unless it hides statements', async () => {
      await tries({ anchor }, (verdict, inNote, at, bit) => {
        if (inNote || structure(at, bit) || at >= 61) return null;
        return verdict.exitCode === 0 && grave(verdict).length === 0 ? null : 'something was found';
      });
    });
  },
);
