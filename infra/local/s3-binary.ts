import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InfraError } from './errors.ts';
import { lastLines, readIfThere } from './files.ts';
import { withLock } from './lock.ts';
import { findOnPath, tiedToUs } from './processes.ts';

/** The S3 server of the tests: Apache-2.0, S3 on a plain folder, with conditional writes and object lock that are enforced. */
const module = 'github.com/versity/versitygw/cmd/versitygw';
const version = 'v1.8.0';

const buildLimitMs = 900_000;
/** So long what failed is not tried again: it would fail again, after the same wait. */
const failureHoldsMs = 600_000;

/**
 * The path of the S3 server's program. Where it is not there yet it is built with Go, once per machine and `libs` folder (about two
 * minutes; Go's own proxy settings hold). It appears complete or not at all, and any number of processes may ask at once.
 * GO_MISSING or S3_SERVER_BUILD_FAILED say why it cannot be had.
 */
export async function ensureS3Server(libs: string, onProgress: (line: string) => void): Promise<string> {
  const root = resolve(libs);
  const name = `versitygw-${version}-${process.platform}-${process.arch}`;
  const program = join(root, name, 'versitygw');
  if (existsSync(program)) return program;
  const go = findOnPath('go');
  if (go === null) {
    throw new InfraError(
      'GO_MISSING',
      'the local S3 server is built with Go, and there is no "go" on PATH: install Go 1.25 or newer (https://go.dev/dl) to have it; nothing else needs it',
    );
  }
  mkdirSync(root, { recursive: true });
  // Not the lock of the jars: who waits for Kafka must not wait for this.
  const lock = { what: `the S3 server in ${root}`, waitMs: buildLimitMs + 60_000, onProgress };
  await withLock(join(root, 'lock-s3'), lock, async () => {
    if (existsSync(program)) return;
    const failed = join(root, `${name}.failed`);
    holdFailure(failed);
    removeAbandoned(root);
    const folder = join(root, `building-${name}-${process.pid}`);
    mkdirSync(folder);
    try {
      await build(go, folder, onProgress);
      renameSync(folder, join(root, name));
    } catch (error) {
      writeFileSync(failed, error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  return program;
}

function holdFailure(file: string): void {
  const text = readIfThere(file);
  if (text === null) return;
  if (Date.now() - statSync(file).mtimeMs < failureHoldsMs) throw new InfraError('S3_SERVER_BUILD_FAILED', text);
  rmSync(file);
}

/** What a killed build left behind. Only called under the lock, so nobody writes there. */
function removeAbandoned(root: string): void {
  for (const name of readdirSync(root)) {
    if (name.startsWith('building-')) rmSync(join(root, name), { recursive: true, force: true });
  }
}

async function build(go: string, folder: string, onProgress: (line: string) => void): Promise<void> {
  const logFile = join(folder, 'go.log');
  const log: Buffer[] = [];
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const nice = findOnPath('nice');
  const command = [...(nice === null ? [] : [nice]), go, 'install', `${module}@${version}`] as const;
  const [program, args] = tiedToUs(command[0], command.slice(1));
  const child = spawn(program, args, {
    cwd: folder,
    // A module, a workspace or flags around us are none of its business.
    env: { ...process.env, GOBIN: folder, GOWORK: 'off', GOFLAGS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: buildLimitMs,
  });
  child.stdout.on('data', (chunk: Buffer) => log.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
  const say = () => onProgress(`s3: building versitygw ${version} with Go, once (${seconds()} s)`);
  say();
  const ticker = setInterval(say, 5000);
  try {
    const status = await new Promise<number | null>((done, failed) => {
      child.once('error', failed);
      child.once('close', done);
    });
    if (status === 0) return onProgress(`s3: built (${seconds()} s)`);
    writeFileSync(logFile, Buffer.concat(log));
    throw new InfraError(
      'S3_SERVER_BUILD_FAILED',
      `Go could not build the S3 server ${module}@${version} (${status === null ? 'it was ended' : `exit ${status}`}, after ${seconds()} s). It said:\n  ${lastLines(logFile, 6).join('\n  ')}`,
      { evidence: { status } },
    );
  } finally {
    clearInterval(ticker);
  }
}
