// One case in a process of its own, so that its CPU seconds and its peak memory are its own. Prints one line of JSON.
import { readFileSync } from 'node:fs';
import { cases, type CaseInput } from './cases.ts';

const input = JSON.parse(readFileSync(0, 'utf8')) as CaseInput;
const run = cases[process.argv[2] ?? ''];
if (run === undefined) throw new Error(`no case ${process.argv[2]}`);

let began = performance.now();
let cpu = process.cpuUsage();
const ran = await run(input, () => {
  began = performance.now();
  cpu = process.cpuUsage();
});
const used = process.cpuUsage(cpu);
const result = {
  ...(typeof ran === 'number' ? { events: ran } : ran),
  seconds: (performance.now() - began) / 1000,
  cpuSeconds: (used.user + used.system) / 1e6,
  peakMiB: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
