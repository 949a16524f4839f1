import { createHash } from 'node:crypto';
import { openStores, type LogStoresConfig } from '../../src/log-stores.ts';
import { keptVersions } from '../../src/numbered-checkpoints.ts';

/** What a publisher in a process of its own is told, as JSON in its first argument. */
export interface StoreChildInput {
  readonly stores: LogStoresConfig;
  /** Tells its notes from those of the others. */
  readonly name: string;
  /** It ends after so many swaps that it won. */
  readonly wins: number;
  /** It also writes a `checkpoint` and tiles after each of them, and removes old ones. */
  readonly publish: boolean;
}

/** A swap that was won, as the child tells it: one JSON text a line. */
export interface Won {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  /** Of the note that it replaced; null where there was none. */
  readonly from: string | null;
  /**
   * Of a swap that resolved to null: so many versions follow by now. It is told where those are as many as are always kept, for then the
   * note may have been stored all the same.
   */
  readonly overtaken?: number;
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function main(input: StoreChildInput): Promise<void> {
  const { store, checkpoints } = await openStores(input.stores);
  process.stdout.write('ready\n');
  let newest = await checkpoints.newest();
  for (let wins = 0; wins < input.wins;) {
    const note = new TextEncoder().encode(`example.org/log\n${(newest?.version ?? 0) + 1}\n${input.name} ${wins}\n`);
    const stored = await checkpoints.swap(newest, note);
    const from = newest === null ? null : sha256(newest.note);
    const won: Won = { name: input.name, version: (newest?.version ?? 0) + 1, sha256: sha256(note), from };
    if (stored === null) {
      newest = await checkpoints.newest();
      const overtaken = (newest?.version ?? 0) - won.version;
      if (overtaken >= keptVersions) process.stdout.write(`${JSON.stringify({ ...won, overtaken })}\n`);
      continue;
    }
    if (stored.version !== won.version) throw new Error(`version ${stored.version} in place of ${won.version}`);
    // One write of less than a page: a line is never cut, also where the process is killed.
    process.stdout.write(`${JSON.stringify(won)}\n`);
    newest = stored;
    wins += 1;
    if (!input.publish) continue;
    const bytes = new TextEncoder().encode(`${stored.version}\n`.repeat(1 + (stored.version % 40)));
    await store.writeAll([
      { path: `tile/0/000.p/${(stored.version % 255) + 1}`, bytes },
      { path: `tile/entries/000.p/${(stored.version % 255) + 1}`, bytes },
      { path: 'checkpoint', bytes },
    ]);
    await store.remove([`tile/0/000.p/${((stored.version + 250) % 255) + 1}`]);
    process.stdout.write(`published ${stored.version}\n`);
  }
  await checkpoints.close();
  await store.close();
}

const [, script, input] = process.argv;
if (script === import.meta.filename) await main(JSON.parse(input ?? '') as StoreChildInput);
