import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { InfraError } from './errors.ts';
import { packageRoot } from './files.ts';
import { findMaven } from './java.ts';
import { checkPath } from './layout.ts';
import { withLock } from './lock.ts';
import { tiedToUs } from './processes.ts';

/** The downloaded programs: folders of jars. */
export interface Libs {
  readonly kafka: string;
  readonly registry: string;
}

/**
 * Downloads Kafka and the registry with Maven (the user's own settings, proxy and local repository hold), unless they are there. The
 * folder is named after the content of pom.xml and appears complete or not at all, so any number of stacks and versions share
 * `libs`. LIBS_DOWNLOAD_FAILED quotes what Maven said.
 */
export async function ensureLibs(libs: string, onProgress: (line: string) => void): Promise<Libs> {
  const root = resolve(libs);
  checkPath(root, 'the folder of downloaded libraries');
  const pom = join(packageRoot(), 'local', 'pom.xml');
  const stamp = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 16);
  const target = join(root, `jvm-${stamp}`);
  const found = { kafka: join(target, 'kafka'), registry: join(target, 'registry') };
  if (existsSync(target)) return found;
  const maven = findMaven();
  mkdirSync(root, { recursive: true });
  const lock = { what: `the download into ${root}`, waitMs: 900_000, onProgress };
  await withLock(join(root, 'lock'), lock, async () => {
    if (existsSync(target)) return;
    removePartials(root);
    const partial = join(root, `partial-${stamp}-${process.pid}`);
    mkdirSync(partial);
    await download(maven, pom, partial, onProgress);
    renameSync(partial, target);
  });
  return found;
}

/** What a killed download left behind. Only called under the lock, so nobody writes there. */
function removePartials(root: string): void {
  for (const name of readdirSync(root)) {
    if (name.startsWith('partial-')) rmSync(join(root, name), { recursive: true, force: true });
  }
}

async function download(maven: string, pom: string, folder: string, onProgress: (line: string) => void): Promise<void> {
  // Maven works on a copy, so that the package's own folder need not be writable.
  copyFileSync(pom, join(folder, 'pom.xml'));
  const logFile = join(folder, 'maven.log');
  const log = createWriteStream(logFile);
  const began = Date.now();
  const [command, args] = tiedToUs(maven, [
    '-B',
    '-f',
    join(folder, 'pom.xml'),
    'generate-resources',
    `-Dstack.out=${folder}`,
  ]);
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let files = 0;
  let megabytes = 0;
  const errors: string[] = [];
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const listen = (chunk: Buffer) => {
    log.write(chunk);
    for (const line of chunk.toString('utf8').split('\n')) {
      const size = /Downloaded from .*\(([0-9.]+) (kB|MB)/.exec(line);
      if (size !== null) {
        files += 1;
        megabytes += Number(size[1]) / (size[2] === 'kB' ? 1000 : 1);
      }
      if (line.includes('[ERROR]')) errors.push(line.trim());
    }
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const say = () =>
    onProgress(
      `libraries: getting Kafka and the registry with Maven, once: ${files} files, ${Math.round(megabytes)} MB downloaded (${seconds()} s)`,
    );
  say();
  const ticker = setInterval(say, 3000);
  try {
    const status = await new Promise<number | null>((done, failed) => {
      child.once('error', failed);
      child.once('close', done);
    });
    if (status === 0) {
      const downloaded = files === 0 ? 'Maven had them already' : `${files} files, ${Math.round(megabytes)} MB`;
      onProgress(`libraries: complete, ${downloaded} (${seconds()} s)`);
      return;
    }
    throw new InfraError(
      'LIBS_DOWNLOAD_FAILED',
      `Maven could not download Kafka and the registry (exit ${status}); it uses your own Maven settings, proxy included. It said:\n  ${errors.slice(0, 6).join('\n  ')}\nIts whole output: ${logFile}`,
      { evidence: { status, logFile } },
    );
  } finally {
    clearInterval(ticker);
    log.end();
  }
}
