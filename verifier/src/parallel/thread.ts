// What a thread of a verification runs. Started by thread-pool.ts only.
import { parentPort, workerData } from 'node:worker_threads';
import { openRecords } from './open-records.ts';
import { serveShards } from './serve-shards.ts';
import type { ThreadSettings } from './shard-message.ts';

if (parentPort === null) throw new Error('This module runs in a thread of a verification.');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- thread-pool.ts gives exactly this
serveShards(parentPort, workerData as ThreadSettings, openRecords);
