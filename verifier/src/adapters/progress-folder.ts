import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { Mac } from '../domain/anchor-format.ts';
import { corrupt, formatPart, noPart, openPart } from './progress-format.ts';
import { checkAbort } from '../deadline.ts';
import { VerifierError } from '../errors.ts';
import type { ProgressStore } from '../ports/progress-store.ts';
import { answered, codeOf, readPlain } from './file-calls.ts';
import { lockFolder } from './folder-lock.ts';
import type { FolderLock } from './folder-lock.ts';
import { replaceWhole } from './whole-file.ts';

const partName = /^part-(0|[1-9]\d{0,8})$/;
/** More than any part has: a million ids of 24 bytes, and what is known of producers. */
const largestPart = 256 * 1024 * 1024;
const mostParts = 1_000_000;
/** Of a lock, bytes. */
const largestLock = 65_536;
/** A holder on another machine whose files are older than this is gone, ms: a run that lives adds to them again and again. */
const quietMs = 24 * 3_600_000;

export interface ProgressFolderKey {
  /** null: there is none. @throws VerifierError ANCHOR_KEY */
  read(): Promise<Mac | null>;
  make(): Promise<Mac>;
}

/**
 * Progress in a folder of its own, one file a part: written beside its name, fsync, rename. It is held by one process at a time; that of a killed
 * one is free at once on the same machine. Where the file system gives no answer, it is unusable.
 * @param place asked again for each use: a link may lead to another folder
 */
export function folderProgressStore(place: () => Promise<string>, key: ProgressFolderKey): ProgressStore {
  let held: { readonly folder: string; readonly lock: FolderLock } | null = null;
  let codes: string[] = [];
  let mac: Mac | null = null;

  const hold = async (folder: string): Promise<void> => {
    const lock = await lockFolder(folder);
    if (!('release' in lock)) throw new Error(`another run has it (${lock.holder.slice(0, 300)})`);
    held = { folder, lock };
  };
  /** Where the file system fails: else no later run of this process could keep progress. */
  const giveUp = (error: unknown): never => {
    held?.lock.giveUp();
    throw error;
  };
  /** What lies in the folder of another run, which took it from a holder that it believed dead, is not this run's any more. */
  const isHeld = async (): Promise<boolean> => {
    if (held !== null && !(await held.lock.held())) held = null;
    return held !== null;
  };
  const bytesOf = async (index: number): Promise<Uint8Array> => {
    const file = join(held?.folder ?? '', `part-${index}`);
    try {
      return await readPlain(file, largestPart);
    } catch (error) {
      throw error instanceof RangeError ? corrupt(file, error.message) : error;
    }
  };
  const opened = async (index: number, under: Mac) =>
    openPart(await bytesOf(index), index, codes[index - 1] ?? noPart, under, join(held?.folder ?? '', `part-${index}`));

  return {
    begin: async (signal) =>
      await usable(place, async (folder) => {
        codes = [];
        mac = null;
        const names = await namesIn(folder);
        if (names === null) return 0;
        if (!(await isHeld())) {
          if (await isQuietElsewhere(folder, names)) {
            await remove(folder);
            return 0;
          }
          await hold(folder);
        }
        // Only now nobody else writes: who held it before may have kept a part since.
        const parts = (await namesIn(folder)) ?? [];
        const numbers = parts.flatMap((name) => partName.exec(name)?.[1] ?? []).map(Number);
        if (numbers.length === 0) return 0;
        mac = await key.read();
        if (mac === null) throw corrupt(folder, 'the key that its code was made with is gone');
        if (numbers.length > mostParts || Math.max(...numbers) !== numbers.length - 1)
          throw corrupt(folder, 'a part is missing');
        for (let index = 0; index < numbers.length; index++) {
          checkAbort(signal);
          codes.push((await opened(index, mac)).code);
        }
        return codes.length;
      }),
    read: async (index) =>
      await usable(place, async (folder) => {
        if (mac === null || held === null || index >= codes.length) throw corrupt(folder, `it has no part ${index}`);
        const part = await opened(index, mac);
        if (part.code !== codes[index]) throw corrupt(folder, `part ${index} is not the one that was there`);
        return part.content;
      }),
    append: async (part) =>
      await usable(place, async (folder) => {
        if (held === null) {
          await answered(dirname(folder), () => mkdir(folder, { recursive: true, mode: 0o700 }));
          await hold(folder);
        }
        mac ??= (await key.read()) ?? (await key.make());
        const { bytes, code } = formatPart(part, codes.length, codes.at(-1) ?? noPart, mac);
        await replaceWhole(join(folder, `part-${codes.length}`), bytes, 0o600, async () => {
          if (!(await isHeld())) throw new Error('another run has taken it');
        });
        codes.push(code);
      }),
    clear: async () => {
      try {
        // What another run has is its own.
        await usable(place, async (folder) => ((await isHeld()) ? await remove(folder) : undefined)).catch(giveUp);
      } finally {
        held = null;
        codes = [];
        mac = null;
      }
    },
    leave: async () => {
      try {
        await usable(place, async () => ((await isHeld()) ? await held?.lock.release() : undefined)).catch(giveUp);
      } finally {
        held = null;
      }
    },
  };
}

async function namesIn(folder: string): Promise<string[] | null> {
  try {
    return await answered(folder, () => readdir(folder));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function remove(folder: string): Promise<void> {
  await answered(folder, () => rm(folder, { recursive: true, force: true }));
}

/** Of a process of another machine nobody can tell whether it lives: by what it writes. One call after the other: each may keep a thread for ever. */
async function isQuietElsewhere(folder: string, names: readonly string[]): Promise<boolean> {
  const locks = names.filter((name) => name.startsWith('lock-'));
  if (locks.length === 0) return false;
  for (const name of locks) {
    const holder = await readPlain(join(folder, name), largestLock);
    if (holder.includes(JSON.stringify(hostname()))) return false;
  }
  let newest = 0;
  for (const name of names) {
    const { mtimeMs } = await answered(folder, () => stat(join(folder, name)));
    newest = Math.max(newest, mtimeMs);
  }
  return Date.now() - newest > quietMs;
}

async function usable<T>(place: () => Promise<string>, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await place();
  try {
    return await work(folder);
  } catch (cause) {
    if (cause instanceof VerifierError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VerifierError('PROGRESS_UNUSABLE', `The progress ${folder} cannot be used: ${why}.`, {
      cause,
      evidence: { folder },
    });
  }
}
