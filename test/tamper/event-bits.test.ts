import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { some } from './effort.ts';
import { cleanLog, topics, type SmallLog } from './small-log.ts';
import { bitsOf, flipped, grave, judge } from './try-verify.ts';
import { uncovered, uncoveredAs } from './uncovered.ts';

// Bits of the sealed bytes of the events of a small log that the real ledger sealed: a sample, and with TEST_EFFORT=150 each one.

let small: SmallLog;
beforeAll(async () => {
  small = await cleanLog();
  expect((await judge(small)).exitCode).toBe(0);
});

/** Partition, offsets of each batch, and whether it holds the last event of a seal: the log that small-log.ts describes. */
const batches = [
  [0, 0, 1, false, 'plain'],
  [0, 2, 3, true, 'plain'],
  [0, 4, 6, true, 'gzip'],
  [0, 7, 8, false, 'snappy'],
  [0, 9, 10, false, 'LZ4'],
  [0, 11, 12, true, 'zstd'],
  [1, 0, 2, true, 'plain'],
  [1, 3, 3, false, 'control'],
  [1, 4, 4, false, 'transactional'],
  [1, 5, 6, true, 'CreateTime'],
  [1, 7, 9, false, 'that does not parse'],
  [1, 10, 10, true, 'plain'],
] as const;

const stored = (partition: number, first: number): Buffer =>
  small.log.partition(topics.events, partition).batches.find((batch) => batch.first === first)!.bytes;

/** Fields by which a reader finds its way: base offset and last offset delta. What they say wrong names their own batch. */
const finding = (at: number): boolean => at < 8 || (at >= 23 && at < 27);

function namesNoOther(findings: readonly string[], partition: number, first: number, last: number): boolean {
  return findings.every((line) => {
    const [, of, from, to] = /^\S+ (\d+) offsets (\d+)-(\d+)$/.exec(line) ?? [];
    return Number(of) === partition && Number(from) >= first && Number(to) <= last;
  });
}

function touches(findings: readonly string[], partition: number, first: number, last: number): boolean {
  return findings.some((finding) => {
    const [, of, from, to] = /^\S+ (\d+) offsets (\d+)-(\d+)$/.exec(finding) ?? [];
    return Number(of) === partition && Number(from) <= last && Number(to) >= first;
  });
}

describe.each(batches)(
  'partition %i, offsets %i to %i (last of a seal: %s), a %s batch',
  (partition, first, last, endsSeal) => {
    it('a flipped bit whose CRC was mended: exit 1 at the right offsets, or what no leaf covers', async () => {
      const batch = stored(partition, first);
      const original = Buffer.from(batch);
      const wrong: string[] = [];
      for (const { at, bit } of some(bitsOf(batch), 40)) {
        await flipped(batch, at, bit, true, async () => {
          const verdict = await judge(small);
          const name = uncoveredAs({ batch: original, altered: batch, at, bit, endsSeal });
          const right =
            name === null
              ? verdict.exitCode === 1 &&
                touches(grave(verdict), partition, first, last) &&
                (!finding(at) || namesNoOther(grave(verdict), partition, first, last))
              : verdict.exitCode === 0;
          if (!right)
            wrong.push(
              `byte ${at} bit ${bit} (${name ?? 'covered'}): exit ${verdict.exitCode} ${grave(verdict).join('; ')}`,
            );
        });
      }
      expect(wrong.slice(0, 10)).toEqual([]);
    });

    it('a flipped bit whose CRC was left: bad-crc at the base offset', async () => {
      const batch = stored(partition, first);
      const wrong: string[] = [];
      for (const { at, bit } of some(
        bitsOf(batch).filter((place) => place.at >= 21 && place.bit === place.at % 8),
        15,
      )) {
        const verdict = await flipped(batch, at, bit, false, async () => await judge(small));
        const expected = `bad-crc ${partition} offsets ${first}-${first}`;
        if (verdict.exitCode !== 1 || !grave(verdict).includes(expected))
          wrong.push(`byte ${at} bit ${bit}: exit ${verdict.exitCode} ${grave(verdict).join('; ')}`);
      }
      expect(wrong.slice(0, 10)).toEqual([]);
    });
  },
);

describe('docs/threat-model.md', () => {
  it('lists what no leaf covers, and nothing else', () => {
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'threat-model.md'), 'utf8');
    const section = text.split(/^## /m).find((part) => part.startsWith('What no leaf covers')) ?? '';
    const listed = [...section.matchAll(/^\| \*([^|*]+)\* \|/gm)].map((match) => match[1]);
    expect(listed).toEqual([...Object.keys(uncovered), 'CRC']);
  });

  it('lists nothing that a bit of this log does not show', () => {
    const shown = new Set<string | null>();
    for (const [partition, first, , endsSeal] of batches) {
      const batch = stored(partition, first);
      for (const { at, bit } of bitsOf(batch)) {
        const altered = Buffer.from(batch);
        altered.writeUInt8(batch.readUInt8(at) ^ (1 << bit), at);
        // Where the header itself no longer says what is there, nothing is listed.
        if (at >= 12 && at !== 16) shown.add(uncoveredAs({ batch, altered, at, bit, endsSeal }));
      }
    }
    shown.delete(null);
    expect([...shown].toSorted()).toEqual(Object.keys(uncovered).toSorted());
  });
});
