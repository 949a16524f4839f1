// Installs the pinned dependencies once per lock file. Plain JavaScript that Node 20 runs, because nothing is installed yet when it starts.
// A lock (by process id) and a stamp of the lock file let two set-ups run at once.
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, closeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stateDir = join(root, '.tallystick');
const stampFile = join(root, 'node_modules', '.tallystick-stamp');
const lockFile = join(stateDir, 'set-up.lock');

/** Path of the pinned Node, there once `setUp()` has returned. */
export const pinnedNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

function wantedStamp() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
}

function ready(stamp) {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8').trim() === stamp && existsSync(pinnedNode);
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function tryLock() {
  mkdirSync(stateDir, { recursive: true });
  try {
    const fd = openSync(lockFile, 'wx');
    writeFileSync(fd, String(process.pid));
    closeSync(fd);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    let holder = NaN;
    try {
      holder = Number(readFileSync(lockFile, 'utf8'));
    } catch {
      return false; // gone in between: try again
    }
    if (holder > 0 && !alive(holder)) rmSync(lockFile, { force: true });
    return false;
  }
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} failed:\n${output}`)),
    );
  });
}

/** Makes sure that `npm ci` has run for this lock file. Says what it does on standard error; silent when there is nothing to do. */
export async function setUp() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 17)) {
    throw new Error(
      `Tallystick needs Node 20.17 or newer to set itself up; this is ${process.version}. Install a newer Node and try again.`,
    );
  }
  const stamp = wantedStamp();
  let said = false;
  while (!ready(stamp)) {
    if (!tryLock()) {
      if (!said) process.stderr.write('set-up: another set-up is running, waiting for it\n');
      said = true;
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    try {
      if (ready(stamp)) break;
      const started = Date.now();
      process.stderr.write('set-up: installing the pinned packages (npm ci, about a minute the first time)\n');
      const ticker = setInterval(
        () => process.stderr.write(`set-up: npm ci, ${Math.round((Date.now() - started) / 1000)} s\n`),
        15_000,
      );
      try {
        await run('npm', ['ci', '--no-audit', '--no-fund']);
      } finally {
        clearInterval(ticker);
      }
      if (!existsSync(pinnedNode)) {
        throw new Error(
          'npm ci did not put the pinned Node into node_modules: the install script of the package "node" did not run. ' +
            'Run "npm install-scripts approve node" (newer npm) or "npm rebuild node", then try again.',
        );
      }
      writeFileSync(stampFile, stamp);
      process.stderr.write(`set-up: done in ${Math.round((Date.now() - started) / 1000)} s\n`);
    } finally {
      rmSync(lockFile, { force: true });
    }
  }
}
