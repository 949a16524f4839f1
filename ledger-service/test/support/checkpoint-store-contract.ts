import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../src/adapters/memory-checkpoint-store.ts';
import type { CheckpointStore, StoredCheckpoint } from '../../src/ports/checkpoint-store.ts';
import { bytesOf, codeOf, textOf } from './log-store-contract.ts';

/** Where a contract finds the stores it tries: each call of `open` with the same name opens another one on the same checkpoints. */
export interface CheckpointStoreWorld {
  open(name: string): CheckpointStore;
}

const note = (text: string) => bytesOf(`example.org/log\n${text}\n`);

/** What every CheckpointStore does, whatever stands behind it. */
export function checkpointStoreContract(
  name: string,
  world: CheckpointStoreWorld,
  options: { readonly swaps: number; readonly runs: number },
): void {
  let logs = 0;
  const another = () => {
    logs += 1;
    const log = `log-${logs}`;
    return () => world.open(log);
  };
  const must = (stored: StoredCheckpoint | null): StoredCheckpoint => {
    if (stored === null) throw new Error('the swap was lost');
    return stored;
  };

  describe(`${name} keeps the contract of a checkpoint store`, () => {
    it('is empty at first, and stores one after the other', async () => {
      const open = another();
      const store = open();
      expect(await store.newest()).toBeNull();
      const first = must(await store.swap(null, note('1')));
      expect(first).toEqual({ version: 1, note: note('1') });
      expect(await open().newest()).toEqual(first);
      const second = must(await open().swap(first, note('2')));
      expect(second.version).toBe(2);
      expect(await store.newest()).toEqual(second);
    });

    it('lets one win, and tells the other', async () => {
      const open = another();
      const [one, other] = [open(), open()];
      const first = must(await one.swap(null, note('one')));
      expect(await other.swap(null, note('other'))).toBeNull();
      expect(await other.newest()).toEqual(first);
      const second = must(await other.swap(first, note('other')));
      expect(await one.swap(first, note('one again'))).toBeNull();
      expect(await one.newest()).toEqual(second);
    });

    it('takes the same swap twice, for its answer may have been lost', async () => {
      const open = another();
      const first = must(await open().swap(null, note('1')));
      expect(await open().swap(null, note('1'))).toEqual(first);
      const second = must(await open().swap(first, note('2')));
      expect(await open().swap(first, note('2'))).toEqual(second);
      expect(await open().newest()).toEqual(second);
    });

    it('lets nobody win late: not from any version that was passed, removed ones included', async () => {
      const open = another();
      const store = open();
      const passed: StoredCheckpoint[] = [];
      let newest = must(await store.swap(null, note('v1')));
      while (newest.version < options.swaps) {
        passed.push(newest);
        newest = must(await store.swap(newest, note(`v${newest.version + 1}`)));
      }
      await store.close();
      expect(newest.version).toBe(options.swaps);
      for (const from of [null, ...passed]) {
        expect(await open().swap(from, note('late')), `from ${from?.version}`).toBeNull();
        expect((await open().newest())?.version).toBe(options.swaps);
      }
      // The same bytes as were stored there once: one's own where that can still be told, never more than that.
      const again = await open().swap(passed[0] ?? null, note('v2'));
      expect(again === null || again.version === 2).toBe(true);
      expect(await open().newest()).toEqual(newest);
      expect(must(await open().swap(newest, note('on'))).version).toBe(options.swaps + 1);
    });

    it('keeps a note as it was given and as it was read', async () => {
      const open = another();
      const given = note('1');
      const first = must(await open().swap(null, given));
      given.fill(0);
      first.note.fill(0);
      const read = must(await open().newest());
      expect(textOf(read.note)).toBe('example.org/log\n1\n');
      read.note.fill(0);
      expect(textOf(must(await open().newest()).note)).toBe('example.org/log\n1\n');
    });

    it('stores up to the limit, and nothing that could not be read back', async () => {
      const open = another();
      expect(await codeOf(open().swap(null, new Uint8Array()))).toBe('LOG_STORE_INVALID');
      expect(await codeOf(open().swap(null, new Uint8Array(65_536)))).toBe('LOG_STORE_INVALID');
      expect(await open().newest()).toBeNull();
      const largest = new Uint8Array(65_535).fill(97);
      must(await open().swap(null, largest));
      expect(must(await open().newest()).note).toEqual(largest);
    });

    it('does not go on calmly where it was rolled back', async () => {
      const open = another();
      const store = open();
      must(await store.swap(null, note('1')));
      // Another store's version 7: this one never had it.
      expect(await codeOf(store.swap({ version: 7, note: note('7') }, note('8')))).toBe('LOG_STORE_INVALID');
    });

    it('gives each version to one of eight who ask at once', async () => {
      const open = another();
      const winners: string[] = [];
      await Promise.all(
        Array.from({ length: 8 }, async (_, who) => {
          const store = open();
          for (let wins = 0; wins < 5;) {
            const from = await store.newest();
            const text = `${who} ${wins}`;
            const stored = await store.swap(from, note(text));
            if (stored === null) continue;
            expect(winners[stored.version - 1]).toBeUndefined();
            winners[stored.version - 1] = text;
            wins += 1;
          }
          await store.close();
        }),
      );
      expect(Object.keys(winners)).toHaveLength(40);
      expect(new Set(winners).size).toBe(40);
      expect((await open().newest())?.version).toBe(40);
    });

    it('does what a list in memory does, for any order of reads and swaps', async () => {
      const step = fc.record({
        who: fc.nat({ max: 2 }),
        what: fc.constantFrom('newest', 'swap', 'swap', 'same'),
        text: fc.nat({ max: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const open = another();
          const stores = [open(), open(), open()];
          const model = new MemoryCheckpointStore();
          const known: (StoredCheckpoint | null)[] = [null, null, null];
          const last: Uint8Array[] = [note('x'), note('x'), note('x')];
          for (const { who, what, text } of steps) {
            const store = stores[who]!;
            if (what === 'newest') {
              known[who] = await model.newest();
              expect(await store.newest()).toEqual(known[who]);
              continue;
            }
            if (what === 'swap') last[who] = note(String(text));
            const expected = await model.swap(known[who]!, last[who]!);
            expect(await store.swap(known[who]!, last[who]!)).toEqual(expected);
            if (expected !== null && what === 'swap') known[who] = expected;
          }
          expect(await stores[0]!.newest()).toEqual(await model.newest());
        }),
        { numRuns: options.runs },
      );
    });
  });
}
