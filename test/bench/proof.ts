// How long a proof over HTTP takes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes, randomInt } from 'node:crypto';
import { parseVerifierKey, signerFromSeed } from '@tallystick/core/note';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { openStores } from '@tallystick/ledger-service/log-stores';
import { startServe } from '@tallystick/ledger-service/serve';
import { startLedger } from '@tallystick/ledger-service/service';
import type { Case } from './cases.ts';

/** Proofs over HTTP, one after the other, for random ones of the newest 100,000 events: a thousand that warm up, then five thousand. */
export const proof: Case = async (input, begin) => {
  const { kafka, topics, origin, partitions } = input;
  const stateDir = mkdtempSync(join(tmpdir(), 'tallystick-bench-'));
  const rootKey = parseVerifierKey(input.rootVkey);
  const logSigner = signerFromSeed(origin, randomBytes(32));
  const stores = await openStores({ dir: join(stateDir, 'log'), checkpointDir: join(stateDir, 'checkpoints') });
  const log = connectRecordLog(kafka);
  const common = { log, topics, origin, rootKey, logKeys: [logSigner.key], stores };
  const publisher = await startLedger({ ...common, kafka: log, roles: ['publish'], logSigners: [logSigner], stateDir });
  const server = await startServe({ ...common, listen: { host: '127.0.0.1', port: 0 } });
  const each = Math.floor(input.events / partitions);
  const newest = Math.min(each, Math.floor(100_000 / partitions));
  const ask = async (partition: number, offset: number) => {
    const response = await fetch(`${server.url}/v1/proofs/${topics.events}/${partition}/${offset}`);
    await response.arrayBuffer();
    return response.status;
  };
  // Published is what is asked for last.
  for (let partition = 0; partition < partitions; partition++)
    while ((await ask(partition, each - 1)) !== 200) await pause(50);
  await publisher.stop();
  await server.stop();
  const measured = await startServe({ ...common, listen: { host: '127.0.0.1', port: 0 } });
  begin();
  const took: number[] = [];
  for (let n = 0; n < 6_000; n++) {
    const partition = n % partitions;
    const url = `${measured.url}/v1/proofs/${topics.events}/${partition}/${each - 1 - randomInt(newest)}`;
    const began = performance.now();
    const response = await fetch(url);
    await response.arrayBuffer();
    took.push(performance.now() - began);
    if (response.status !== 200) throw new Error(`${url} answers ${response.status}`);
  }
  await measured.stop();
  await log.close();
  rmSync(stateDir, { recursive: true });
  const warm = took.slice(1_000).sort((a, b) => a - b);
  const at = (share: number) => warm[Math.floor(warm.length * share)] ?? Number.NaN;
  return { events: took.length, p50Ms: at(0.5), p99Ms: at(0.99), slowestColdMs: Math.max(...took.slice(0, 1_000)) };
};

const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));
