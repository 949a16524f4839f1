import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { CaseInput, Latency } from './cases.ts';

export interface Result extends Partial<Latency> {
  readonly events: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

// Users run compiled code, so that is what is measured: "npm run bench" compiles first.
const execArgv = process.execArgv.filter((flag) => !flag.startsWith('--conditions'));

/** Runs a case in a process of its own. */
export function runCase(name: string, input: CaseInput): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...execArgv, join(import.meta.dirname, 'case.ts'), name], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(output) as Result) : reject(new Error(`case ${name} ended with ${code}`)),
    );
    child.stdin.end(JSON.stringify(input));
  });
}

/** Runs a case in so many processes at once, that have nothing to do with each other, and adds up what each did in the time of the slowest. */
export async function runAtOnce(processes: number, name: string, input: CaseInput): Promise<Result> {
  const results = await Promise.all(Array.from({ length: processes }, async () => await runCase(name, input)));
  const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    events: sum(({ events }) => events),
    seconds: Math.max(...results.map(({ seconds }) => seconds)),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    peakMiB: sum(({ peakMiB }) => peakMiB),
  };
}
