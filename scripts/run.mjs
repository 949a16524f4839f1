// What package.json's scripts call. Plain JavaScript for any Node from 20 on: sets up, then goes on in the pinned Node.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedNode, root, setUp } from './set-up.mjs';

const bin = (name) => join(root, 'node_modules', name);
const source = [
  '--conditions=@tallystick/source',
  '--disable-warning=TimeoutNegativeWarning',
  '--disable-warning=ExperimentalWarning',
];
const cli = join(root, 'cli', 'src', 'main.ts');

/** Each task: the steps it runs, one after the other, each an argument list for the pinned Node. */
const tasks = {
  demo: (rest) => [[...source, cli, 'demo', ...rest]],
  start: (rest) => [[...source, cli, 'start', ...rest]],
  tallystick: (rest) => [[...source, cli, ...rest]],
  test: (rest) => [[...source, bin('vitest/vitest.mjs'), 'run', ...rest]],
  // What it measures is compiled.
  bench: (rest) => [
    [bin('typescript/bin/tsc'), '-b'],
    [...source, join(root, 'test', 'bench', 'main.ts'), ...rest],
  ],
  failover: (rest) => [[...source, join(root, 'test', 'failover', 'main.ts'), ...rest]],
  simulate: (rest) => [[...source, join(root, 'test', 'simulation', 'main.ts'), ...rest]],
  build: () => [[bin('turbo/bin/turbo'), 'run', 'build', '--ui=stream']],
  check: () => [
    [bin('typescript/bin/tsc'), '-p', 'tsconfig.check.json'],
    [bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings'],
    [bin('prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'],
  ],
  format: () => [[bin('prettier/bin/prettier.cjs'), '--write', '--log-level=warn', '.']],
};

/** As a shell tells it: 128 and the signal's number. Nobody asks for SIGKILL in passing, the one who waits should hear of it. */
function killedBy(signal) {
  if (signal !== 'SIGINT' && signal !== 'SIGTERM')
    process.stderr.write(`tallystick: the process was killed by ${signal}: by hand, or for want of memory\n`);
  return 128 + (constants.signals[signal] ?? 0);
}

function step(args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(pinnedNode, args, {
      cwd,
      stdio: 'inherit',
      env: {
        TALLYSTICK_HOME: join(root, '.tallystick'),
        ...process.env,
        PATH: `${join(root, 'node_modules', '.bin')}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH}`,
        TURBO_TELEMETRY_DISABLED: '1',
      },
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? killedBy(signal)));
  });
}

/** Runs one task, in the folder `cwd`, and ends the process with its exit code. */
export async function run(task, rest, cwd = root) {
  try {
    if (!Object.hasOwn(tasks, task)) throw new Error(`unknown task ${task}: one of ${Object.keys(tasks).join(', ')}`);
    await setUp();
    for (const args of tasks[task](rest)) {
      const code = await step(args, cwd);
      if (code !== 0) {
        process.exitCode = code;
        return;
      }
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await run(process.argv[2], process.argv.slice(3));
