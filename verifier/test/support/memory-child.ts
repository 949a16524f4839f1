// A process that verifies a bundle and says how much memory that took: `memory-child.ts BUNDLE WORKERS`, with --expose-gc. To standard output, as JSON:
// the exit code, the events that were checked, and in bytes what was alive all through the last quarter of the records, and the most that the process had.
import { readFileSync } from 'node:fs';
import { parseVerifierKey } from '@tallystick/core/note';
import { openBundle } from '../../src/bundle/open-bundle.ts';
import { verify } from '../../src/verify.ts';
import { origin, rootKey, topics } from './world.ts';

const [file = '', workers = '1'] = process.argv.slice(2);
const { gc } = globalThis;
if (gc === undefined) throw new Error('needs --expose-gc');
const bundle = await openBundle(file);
let alive = Infinity;
const verdict = await verify({
  ...{ log: bundle.records, topics, origin, rootKey: parseVerifierKey(rootKey.vkey), settleMs: 0 },
  ...{ workers: Number(workers), reopen: { kind: 'bundle', file } },
  onProgress: ({ phase, done, total }) => {
    if (phase !== 'records' || done < 0.75 * total) return;
    gc();
    const { heapUsed, external } = process.memoryUsage();
    alive = Math.min(alive, heapUsed + external);
  },
});
await bundle.close();
// Not what getrusage says: that begins with what the process had that started this one.
const most = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
const said = { exit: verdict.exitCode, events: verdict.checked.events, alive, most };
process.stdout.write(JSON.stringify(said));
