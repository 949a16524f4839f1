import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { formatAnchor, parseAnchor } from '../domain/anchor-format.ts';
import type { Mac } from '../domain/anchor-format.ts';
import { VerifierError } from '../errors.ts';
import { anchorName, anchorTimedOut, makeAnchorKey, noteAnchor, readAnchorKey } from './anchor-key.ts';
import { isLocked, takeAnchorLock } from './anchor-lock.ts';
import type { Anchor, AnchorStore } from '../ports/anchor-store.ts';
import { answered, codeOf, isTimeout, readPlainIfThere } from './file-calls.ts';
import { folderProgressStore } from './progress-folder.ts';
import { createWhole, removeDrafts, replaceWhole } from './whole-file.ts';

const largestFile = 64 * 1024 * 1024;
/** Files of evidence beside an anchor; of more nothing is kept, so that nobody fills a disk by forging. */
const mostEvidence = 64;

export interface AnchorFileOptions {
  /** How long to wait for another run's lock, ms. */
  readonly lockWaitMs?: number;
  /** The file of the key that the anchor's code is made with; default `FILE.key`, made at first use. */
  readonly keyFile?: string;
}

/**
 * An anchor in one file of this machine. It is replaced as a whole (written beside it, fsync, rename, fsync of the folder), so a
 * crash leaves the old one or the new one. While it is replaced, `FILE.lock` holds off other runs; a lock whose process is
 * gone is taken over. The file holds an HMAC-SHA256 under a key of its own: beside it by default, which finds damage and what is put together
 * by hand; kept where the file's other writers cannot read it, it finds every forgery. A file system that gives no answer is waited for a minute:
 * then it is ANCHOR_TIMED_OUT.
 */
export function fileAnchorStore(path: string, options: AnchorFileOptions = {}): AnchorStore {
  const { lockWaitMs = 10_000 } = options;
  const keyOf = (file: string) => options.keyFile ?? `${file}.key`;
  const read = async (file: string): Promise<Anchor | null> => {
    const key = await readAnchorKey(keyOf(file));
    const bytes = await bytesOf(file, path);
    if (bytes !== null) return parseAnchor(bytes, path, key);
    // A key of its own place may serve several anchors: it says which were made with it.
    const missed = options.keyFile === undefined ? key?.isUsed : key?.made.has(anchorName(file));
    if (missed !== true) return null;
    throw gone(path, keyOf(file));
  };
  const progressKey = {
    read: async () => await readAnchorKey(keyOf(await resolve(path))),
    make: async () => await makeAnchorKey(keyOf(await resolve(path))),
  };
  return {
    progress: folderProgressStore(async () => `${await resolve(path)}.progress`, progressKey),
    async load() {
      const file = await resolve(path);
      const until = Date.now() + lockWaitMs;
      for (;;) {
        try {
          const anchor = await read(file);
          // Asked at the start of a run, so that a long run does not end with a file that cannot be written.
          if (anchor === null) await checkFolder(file, path);
          return anchor;
        } catch (error) {
          // A first run makes the key, then the file, under its lock: it may be in between.
          const between = error instanceof VerifierError && error.code === 'ANCHOR_CORRUPT';
          if (!between || !(await locked(file)) || Date.now() >= until) throw error;
          await wait(20);
        }
      }
    },
    async update(next) {
      const file = await resolve(path);
      const lock = await ofAnchor(path, () => takeAnchorLock(`${file}.lock`, lockWaitMs));
      const mustHold = async (): Promise<void> => {
        if (!(await lock.held())) throw new Error('another run took the lock over');
      };
      try {
        await removeDrafts(file);
        const anchor = next(await read(file));
        const mac = (await readAnchorKey(keyOf(file))) ?? (await makeAnchorKey(keyOf(file)));
        await ofAnchor(path, () => replaceWhole(file, fitting(anchor, mac), 0o644, mustHold));
        const noted = await readAnchorKey(keyOf(file));
        if (!noted?.made.has(anchorName(file)) && (options.keyFile !== undefined || noted?.isUsed === false))
          await noteAnchor(keyOf(file), file);
        // Who took it over in that moment may have replaced what was written.
        await ofAnchor(path, mustHold);
      } finally {
        await ofAnchor(path, () => lock.release());
      }
    },
    async keepEvidence(evidence) {
      const file = await resolve(path);
      const start = `${basename(file)}.evidence-`;
      const name = join(
        dirname(file),
        `${start}${createHash('sha256').update(evidence).digest('hex').slice(0, 32)}.json`,
      );
      try {
        const there = await answered(dirname(file), () => readdir(dirname(file)));
        const kept = there.filter((each) => each.startsWith(start));
        if (kept.includes(basename(name))) return name;
        if (kept.length >= mostEvidence) return null;
        await createWhole(name, evidence, 0o600);
        return name;
      } catch (error) {
        throw unreadable(name, error);
      }
    },
  };
}

/**
 * The bytes of the file: never more than are read again. Without what an incremental run goes on from they are fewer; then the next run is a full one.
 * @throws RangeError where they are too many even so
 */
function fitting(anchor: Anchor, mac: Mac): Uint8Array {
  for (const each of [anchor, { ...anchor, resume: null }]) {
    try {
      const bytes = formatAnchor(each, mac);
      if (bytes.length <= largestFile) return bytes;
    } catch (error) {
      // Longer than any text that JavaScript holds.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new RangeError(`it would have more than ${largestFile} bytes, which are not read again`);
}

async function locked(file: string): Promise<boolean> {
  return await ofAnchor(file, () => isLocked(`${file}.lock`));
}

/** What the file system says is an error of the anchor. */
async function ofAnchor<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VerifierError) throw error;
    throw unreadable(path, error);
  }
}

function gone(path: string, keyFile: string): VerifierError {
  return new VerifierError(
    'ANCHOR_CORRUPT',
    `The anchor ${path} is gone, though its key ${keyFile} is there: somebody removed it. Put back a copy of it; if there is none, ` +
      `move the key away too and start a new one, knowing that whatever happened before can then no longer be told from the truth.`,
    { evidence: { where: path, what: 'it is gone' } },
  );
}

/** A symbolic link is followed, so that the file it names is replaced and not the link. */
async function resolve(path: string): Promise<string> {
  try {
    return await answered(dirname(path), () => realpath(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path;
    throw unreadable(path, error);
  }
}

async function bytesOf(file: string, path: string): Promise<Uint8Array | null> {
  try {
    return await readPlainIfThere(file, largestFile);
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function checkFolder(file: string, path: string): Promise<void> {
  try {
    await answered(dirname(file), () => access(dirname(file), constants.W_OK | constants.X_OK));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): VerifierError {
  if (isTimeout(cause)) return anchorTimedOut(path, cause);
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VerifierError('ANCHOR_UNREADABLE', `The anchor ${path} cannot be read or replaced: ${why}.`, {
    cause,
    evidence: { path },
  });
}
