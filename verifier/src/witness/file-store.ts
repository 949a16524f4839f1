import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WitnessKey } from '@tallystick/core/cosignature';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { lockFolder, type FolderLock } from '../adapters/folder-lock.ts';
import { codeOf } from '../adapters/whole-file.ts';
import { VerifierError } from '../errors.ts';
import { readHeld } from './held.ts';
import { originHash } from './origin-hash.ts';
import type { WitnessStore } from './store.ts';

// A folder with `witness.json` (whose state it is, and of which logs there must be a file), one `<hash>.checkpoint` a log (the
// note cosigned last; hash: SHA-256 of the origin, hex) and the lock. A file that vanished is told from a log that never was.

interface Manifest {
  readonly version: 1;
  readonly vkey: string;
  readonly origins: readonly string[];
}

const manifestName = 'witness.json';
const largestFile = 1024 * 1024;

/**
 * Makes the empty state of a witness that has cosigned nothing yet. To do so for a key that has is to forget what it promised.
 * @throws VerifierError WITNESS_STATE_EXISTS where the folder holds anything, WITNESS_STATE_UNREADABLE
 */
export async function createWitnessFolder(folder: string, key: WitnessKey): Promise<void> {
  await guarded(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length > 0) {
      throw new VerifierError(
        'WITNESS_STATE_EXISTS',
        `The folder ${folder} is not empty, so no new state of a witness is made in it. Use it as it is, or name another folder.`,
        { evidence: { folder } },
      );
    }
    await replace(folder, manifestName, formatManifest({ version: 1, vkey: key.vkey, origins: [] }));
  });
}

/**
 * Opens the state of a witness and holds it until `close`. Everything in it is read and checked.
 * @throws VerifierError WITNESS_STATE_MISSING, WITNESS_STATE_LOCKED, WITNESS_STATE_FOREIGN, WITNESS_STATE_CORRUPT,
 *   WITNESS_STATE_UNREADABLE
 */
export async function openWitnessFolder(
  folder: string,
  key: WitnessKey,
  verify: Ed25519Verify = nodeVerifyEd25519,
): Promise<WitnessStore> {
  return guarded(folder, async () => {
    await checkManifest(folder, key); // before the lock, which would be a file in a folder that is not ours
    const lock = await lockFolder(folder);
    if ('holder' in lock) throw locked(folder, lock.holder, lock.file);
    try {
      await removeDrafts(folder);
      const known = new Set((await checkManifest(folder, key)).origins);
      for (const origin of await readAll(folder, known, key, verify)) known.add(origin);
      return fileStore(folder, key, lock, known);
    } catch (error) {
      await lock.release();
      throw error;
    }
  });
}

function fileStore(folder: string, key: WitnessKey, lock: FolderLock, opened: ReadonlySet<string>): WitnessStore {
  const known = new Set(opened);
  let listed = 0; // how many of them the manifest has: the first write adds those that a crash kept out of it
  let manifest: Promise<void> = Promise.resolve();
  /** One at a time, for all logs share the file. */
  const list = (): Promise<void> => {
    const writing = manifest.then(async () => {
      if (listed === known.size) return;
      const origins = [...known].sort();
      await replace(folder, manifestName, formatManifest({ version: 1, vkey: key.vkey, origins }));
      listed = origins.length;
    });
    manifest = writing.catch(() => undefined); // whoever waits for this one is told; the next one tries again
    return writing;
  };
  return {
    origins: () => [...known],
    read: (origin) =>
      guarded(folder, async () => {
        const note = await readSmall(folder, fileOf(origin));
        if (note === null && known.has(origin)) throw corrupt(folder, fileOf(origin), 'is missing');
        return note;
      }),
    write: (origin, note) =>
      guarded(folder, async () => {
        if (!(await lock.held())) throw locked(folder, 'another process', folder);
        await replace(folder, fileOf(origin), note);
        known.add(origin);
        await list();
      }),
    close: () => guarded(folder, () => lock.release()),
  };
}

/** Reads and checks every note; gives their origins. */
async function readAll(
  folder: string,
  expected: ReadonlySet<string>,
  key: WitnessKey,
  verify: Ed25519Verify,
): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.checkpoint'));
  for (const origin of expected) {
    if (!names.includes(fileOf(origin))) throw corrupt(folder, fileOf(origin), `, the state of ${origin}, is missing`);
  }
  const origins: string[] = [];
  for (const name of names) {
    let held;
    try {
      held = readHeld((await readSmall(folder, name)) ?? new Uint8Array(0), key, verify);
    } catch (cause) {
      if (codeOf(cause) === 'EACCES') throw cause;
      throw corrupt(folder, name, `is damaged: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
    if (fileOf(held.origin) !== name) throw corrupt(folder, name, `holds the state of another log, ${held.origin}`);
    origins.push(held.origin);
  }
  return origins;
}

async function checkManifest(folder: string, key: WitnessKey): Promise<Manifest> {
  const text = await readSmall(folder, manifestName);
  if (text === null) {
    if ((await namesIn(folder)).some((name) => name.endsWith('.checkpoint'))) {
      throw corrupt(folder, manifestName, 'is missing');
    }
    throw new VerifierError(
      'WITNESS_STATE_MISSING',
      `${folder} holds no state of a witness. Restore it: a witness that has forgotten what it cosigned can be made to contradict itself. Only for a key that has never cosigned anything make a new one (--new-state).`,
      { evidence: { folder } },
    );
  }
  const manifest = parseManifest(text);
  if (manifest === null) throw corrupt(folder, manifestName, 'does not parse');
  if (manifest.vkey !== key.vkey) {
    throw new VerifierError(
      'WITNESS_STATE_FOREIGN',
      `The state in ${folder} is that of another key, ${manifest.vkey}. Each witness key has a folder of its own.`,
      { evidence: { folder, expected: key.vkey, found: manifest.vkey } },
    );
  }
  return manifest;
}

function parseManifest(bytes: Uint8Array): Manifest | null {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Partial<Manifest> | null;
    if (value?.version !== 1 || typeof value.vkey !== 'string' || !Array.isArray(value.origins)) return null;
    return value.origins.every((origin) => typeof origin === 'string') ? (value as Manifest) : null;
  } catch {
    return null;
  }
}

function formatManifest(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
}

const fileOf = (origin: string): string => `${originHash(origin)}.checkpoint`;

async function readSmall(folder: string, name: string): Promise<Uint8Array | null> {
  const file = join(folder, name);
  try {
    const { size } = await stat(file);
    if (size > largestFile) throw corrupt(folder, name, `has ${size} bytes, more than any state`);
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (isNotThere(error)) return null;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isNotThere(error)) return [];
    throw error;
  }
}

const isNotThere = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');

/** After a crash at any moment the file is the old one or the new one. Durable once resolved. */
async function replace(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const draft = join(folder, `.next-${name}`);
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, join(folder, name));
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** What a killed process left half-written; drafts of locks may be those of a process that asks right now. */
async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('.next-')) await rm(join(folder, name), { force: true });
  }
}

async function guarded<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VerifierError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new VerifierError(
      'WITNESS_STATE_UNREADABLE',
      `The state of the witness in ${folder} cannot be read or written: ${why}.`,
      { evidence: { folder }, cause: error },
    );
  }
}

function locked(folder: string, holder: string, file: string): VerifierError {
  return new VerifierError(
    'WITNESS_STATE_LOCKED',
    `Another process holds the state in ${folder} (${holder}). Stop it. Where it ran on another machine and is gone for certain, delete ${file}.`,
    { evidence: { folder, file, holder } },
  );
}

function corrupt(folder: string, name: string, what: string, cause?: unknown): VerifierError {
  return new VerifierError(
    'WITNESS_STATE_CORRUPT',
    `${join(folder, name)} ${what}. Nothing is cosigned without it: put back the newest copy, or give this key up and make another one.`,
    { evidence: { folder, file: name }, cause },
  );
}
