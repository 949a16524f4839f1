import { parseArgs } from 'node:util';
import { simulate } from './run.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const only = values.seed === undefined ? null : Number(values.seed);
const first = only ?? Number(values.from);
const count = only === null ? Number(values.seeds) : 1;
if (!Number.isSafeInteger(first) || first < 0 || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('Usage: npm run simulate -- [--seeds N] [--from FIRST] [--seed S] [--verbose]\n');
  process.exit(2);
}
const print = values.verbose ? (line: string) => void process.stdout.write(`${line}\n`) : null;
let failed = 0;
let entries = 0;
const startedAt = performance.now();
for (let seed = first; seed < first + count; seed += 1) {
  const result = await simulate(seed, print);
  entries += result.entries;
  if (result.problems.length > 0) {
    failed += 1;
    process.stdout.write(
      `seed ${seed} failed (${result.fault ?? 'no fault'}): npm run simulate -- --seed ${seed} --verbose\n`,
    );
    for (const problem of result.problems) process.stdout.write(`  ${problem}\n`);
  }
  if (only !== null)
    process.stdout.write(
      `seed ${seed}: ${result.fault ?? 'no fault'}, ${result.steps} steps, ${result.entries} entries, ${result.swaps} checkpoints, ${(result.ms / 1_000).toFixed(0)} s of its time, ${result.hash}\n`,
    );
  else if ((seed - first + 1) % 100 === 0) process.stdout.write(`${seed - first + 1} seeds, ${failed} failed\n`);
}
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(`${count} seeds, ${failed} failed, ${entries} log entries, ${seconds.toFixed(1)} s\n`);
process.exitCode = failed === 0 ? 0 : 1;
