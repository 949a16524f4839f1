// What the thread of sums-beside.ts runs: says which file it was when all of it is as its sums say, and ends with an error otherwise.
import { parentPort, workerData } from 'node:worker_threads';
import { BundleFile } from './bundle-file.ts';
import { walkBundle } from './bundle-walk.ts';
import { sumsAlive } from './sums-alive.ts';

if (parentPort === null) throw new Error('This module runs in a thread beside a verification.');
const owner = parentPort;
const alive = setInterval(() => owner.postMessage(sumsAlive, []), 10_000);
const file = await BundleFile.open(String(workerData));
await walkBundle(file, { digests: true, onMember: () => undefined });
clearInterval(alive);
owner.postMessage(file.identity, []);
await file.close();
