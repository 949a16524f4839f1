import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstMissingEntry } from '../src/domain/missing-entry.ts';

async function* each(values: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const value of values) yield await Promise.resolve(new Uint8Array([value]));
}

/** The definition: the longest beginning of the entries that is a subsequence of the records. */
function slowly(entries: readonly number[], records: readonly number[]): number | null {
  for (let count = entries.length; count >= 0; count--) {
    if (isSubsequence(entries.slice(0, count), records)) return count === entries.length ? null : count;
  }
  return 0;
}

function isSubsequence([first, ...rest]: readonly number[], records: readonly number[]): boolean {
  if (first === undefined) return true;
  return records.some((record, at) => record === first && isSubsequence(rest, records.slice(at + 1)));
}

describe('the first entry that a topic lacks', () => {
  it('is where the longest beginning of the log that the topic holds in order ends', async () => {
    const few = fc.array(fc.nat(4), { maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(few, few, async (entries, records) => {
        expect(await firstMissingEntry(each(entries), each(records), 0)).toBe(slowly(entries, records));
      }),
    );
  });

  it('what is produced from it on makes the topic hold all of them', async () => {
    const few = fc.array(fc.nat(4), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(few, few, async (entries, records) => {
        const missing = await firstMissingEntry(each(entries), each(records), 0);
        const mended = missing === null ? records : [...records, ...entries.slice(missing)];
        expect(await firstMissingEntry(each(entries), each(mended), 0)).toBeNull();
      }),
    );
  });

  it('reads each side once and closes the topic', async () => {
    let closed = false;
    async function* topic(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield await Promise.resolve(new Uint8Array([1]));
      } finally {
        closed = true;
      }
    }
    expect(await firstMissingEntry(each([1, 1]), topic(), 5)).toBeNull();
    expect(closed).toBe(true);
    expect(await firstMissingEntry(each([2]), each([1, 1]), 5)).toBe(5);
  });
});
