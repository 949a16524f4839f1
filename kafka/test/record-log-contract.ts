import { afterAll, beforeAll, describe } from 'vitest';
import type { Bench, ContractCluster } from './contract-cluster.ts';
import { logContract } from './contract-log.ts';
import { readerContract } from './contract-reader.ts';
import { writerContract } from './contract-writer.ts';

/** What every RecordLog, and reader and writer over it, must do. Run for memory and for real Kafka. */
export function recordLogContract(name: string, start: () => Promise<ContractCluster>): void {
  describe(name, () => {
    let started: Bench | null = null;
    const there = (): Bench => {
      if (started === null) throw new Error('the suite has not begun');
      return started;
    };
    const bench: Bench = {
      get cluster() {
        return there().cluster;
      },
      get log() {
        return there().log;
      },
    };

    beforeAll(async () => {
      const cluster = await start();
      started = { cluster, log: cluster.connect() };
    });

    afterAll(async () => {
      await started?.log.close();
      await started?.cluster.close();
    });

    logContract(bench);
    readerContract(bench);
    writerContract(bench);
  });
}
