import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { simulate } from './run.ts';

/** Seeds of one process: many go to several, side by side. */
const atOnce = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
if (!Number.isSafeInteger(first) || first < 0 || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('Usage: npm run simulate -- [--seeds N] [--from FIRST] | --seed S [--verbose]\n');
  process.exit(2);
}
const failed = count > atOnce ? await inProcesses() : await here();
process.exitCode = failed ? 1 : 0;

async function here(): Promise<boolean> {
  const print = values.verbose ? (line: string) => void process.stdout.write(`${line}\n`) : null;
  let bad = 0;
  let entries = 0;
  const startedAt = performance.now();
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await simulate(seed, print);
    entries += result.entries;
    if (result.problems.length > 0) {
      bad += 1;
      const lines = result.problems.map((problem) => `  ${problem}\n`).join('');
      process.stdout.write(
        `seed ${seed} failed (${result.fault ?? 'no fault'}): npm run simulate -- --seed ${seed} --verbose\n${lines}`,
      );
    }
    if (values.seed === undefined) continue;
    const { fault, steps, swaps, ms, hash } = result;
    process.stdout.write(
      `seed ${seed}: ${fault ?? 'no fault'}, ${steps} steps, ${result.entries} entries, ${swaps} checkpoints, ${Math.round(ms / 1_000)} s of its time, ${hash}\n`,
    );
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`seeds ${first} to ${first + count - 1}: ${bad} failed, ${entries} log entries, ${seconds} s\n`);
  return bad > 0;
}

async function inProcesses(): Promise<boolean> {
  let next = first;
  let bad = false;
  const worker = async () => {
    while (next < first + count) {
      const from = next;
      next = Math.min(first + count, from + atOnce);
      const args = ['--from', String(from), '--seeds', String(next - from), ...(values.verbose ? ['--verbose'] : [])];
      const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), ...args], {
        stdio: 'inherit',
      });
      const code = await new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', resolve);
      });
      if (code !== 0) bad = true;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return bad;
}
