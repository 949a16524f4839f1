import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, readdir, readFile, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { formatAnchor, parseAnchor } from '../domain/anchor-format.ts';
import { VerifierError } from '../errors.ts';
import { processBegan } from '../process-began.ts';
import { anchorName, makeAnchorKey, noteAnchor, readAnchorKey } from './anchor-key.ts';
import type { Anchor, AnchorStore } from '../ports/anchor-store.ts';

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
 * by hand; kept where the file's other writers cannot read it, it finds every forgery.
 */
export function fileAnchorStore(path: string, options: AnchorFileOptions = {}): AnchorStore {
  const { lockWaitMs = 10_000 } = options;
  const keyOf = (file: string) => options.keyFile ?? `${file}.key`;
  const read = async (file: string): Promise<Anchor | null> => {
    const key = await readAnchorKey(keyOf(file));
    const bytes = await bytesOf(file, path);
    if (bytes !== null) return parseAnchor(bytes, path, key);
    // A key of its own place may serve several anchors: it says which were made with it.
    if (key === null || (options.keyFile !== undefined && !key.made.has(anchorName(file)))) return null;
    throw gone(path, keyOf(file));
  };
  return {
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
          const lock = await readLock(`${file}.lock`);
          const between = error instanceof VerifierError && error.code === 'ANCHOR_CORRUPT' && lock !== null;
          if (!between || isGone(lock) || Date.now() >= until) throw error;
          await wait(20);
        }
      }
    },
    async update(next) {
      const file = await resolve(path);
      const lock = await takeLock(`${file}.lock`, lockWaitMs);
      try {
        const anchor = next(await read(file));
        const mac = (await readAnchorKey(keyOf(file))) ?? (await makeAnchorKey(keyOf(file)));
        await replace(file, formatAnchor(anchor, mac), path, lock);
        if (options.keyFile !== undefined && !(await readAnchorKey(keyOf(file)))?.made.has(anchorName(file)))
          await noteAnchor(keyOf(file), file);
      } finally {
        await lock.release();
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
        const kept = (await readdir(dirname(file))).filter((each) => each.startsWith(start));
        if (kept.includes(basename(name))) return name;
        if (kept.length >= mostEvidence) return null;
        await writeFile(name, evidence, { flag: 'wx', mode: 0o600, flush: true });
        return name;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return name;
        throw unreadable(name, error);
      }
    },
  };
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
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path;
    throw unreadable(path, error);
  }
}

async function bytesOf(file: string, path: string): Promise<Uint8Array | null> {
  try {
    const found = await stat(file);
    // Reading a pipe would wait for ever.
    if (!found.isFile()) throw new RangeError('it is no plain file');
    if (found.size > largestFile) throw new RangeError(`it has ${found.size} bytes, more than any anchor`);
    return await readFile(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    if (error instanceof VerifierError) throw error;
    throw unreadable(path, error);
  }
}

async function checkFolder(file: string, path: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function replace(file: string, bytes: Uint8Array, path: string, lock: Lock): Promise<void> {
  const folder = dirname(file);
  const temporary = join(folder, `.${basename(file)}.${randomUUID()}`);
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (!(await lock.held())) throw new Error('another run took the lock over');
    await rename(temporary, file);
    const directory = await open(folder, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    await unlink(temporary).catch((leftover: unknown) => {
      if (codeOf(leftover) !== 'ENOENT') throw unreadable(path, leftover);
    });
    throw unreadable(path, error);
  }
}

interface Lock {
  held(): Promise<boolean>;
  release(): Promise<void>;
}

async function takeLock(lockPath: string, waitMs: number): Promise<Lock> {
  const mine = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    began: processBegan(process.pid),
    token: randomUUID(),
  });
  const until = Date.now() + waitMs;
  for (;;) {
    try {
      const handle = await open(lockPath, 'wx', 0o644);
      try {
        await handle.writeFile(mine);
      } finally {
        await handle.close();
      }
      break;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw unreadable(lockPath, error);
    }
    const other = await readLock(lockPath);
    if (other !== null && isGone(other)) {
      await unlink(lockPath).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw unreadable(lockPath, error);
      });
      continue;
    }
    if (Date.now() >= until) {
      throw new VerifierError(
        'ANCHOR_LOCKED',
        `Another run holds ${lockPath} (${other ?? 'gone just now'}). Wait for it to end; if no other run is alive, delete that file.`,
        { evidence: { lock: lockPath, holder: other } },
      );
    }
    await wait(20);
  }
  return {
    held: async () => (await readLock(lockPath)) === mine,
    release: async () => {
      if ((await readLock(lockPath)) === mine) await unlink(lockPath);
    },
  };
}

async function readLock(lockPath: string): Promise<string | null> {
  try {
    return await readFile(lockPath, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unreadable(lockPath, error);
  }
}

/** Whether the lock's process ran on this machine and is no more. An empty lock is one that is being written. */
function isGone(lock: string): boolean {
  try {
    const { pid, host, began } = JSON.parse(lock) as { pid?: unknown; host?: unknown; began?: unknown };
    if (host !== hostname() || typeof pid !== 'number') return false;
    // A process id is used again: in a container that was started anew, at once.
    if (typeof began === 'string') return processBegan(pid) !== began;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function unreadable(path: string, cause: unknown): VerifierError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VerifierError('ANCHOR_UNREADABLE', `The anchor ${path} cannot be read or replaced: ${why}.`, {
    cause,
    evidence: { path },
  });
}
