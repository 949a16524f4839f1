import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { Verdict } from '@tallystick/verifier/verdict';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type KafkaCluster, startKafkaCluster } from '../../infra/local/kafka-cluster.ts';
import type { ShardLimits } from '../../verifier/src/domain/shards.ts';
import type { Says } from './case.ts';
import { DiskLog, type Sight } from './disk-log.ts';
import { batchRows, copyRows, headerRows, recordRows } from './disk-event-rows.ts';
import { leavesRows, statementRows } from './disk-statement-rows.ts';
import { grave } from './try-verify.ts';

// Segments of a real broker, altered on its disk while it is stopped, its indexes left as they are unless it is said; then it is started again
// and serves them. A log of its own for each alteration, so that one stop is enough. Each is judged by one thread, and by two.

const diskRows = [...batchRows, ...copyRows, ...headerRows, ...recordRows, ...leavesRows, ...statementRows];

/** How partitions are cut for threads; null: as ever, which leaves logs as small as these whole. */
const cut = vi.hoisted<{ limits: ShardLimits | null; byThreads: number }>(() => ({ limits: null, byThreads: 0 }));
vi.mock(import('../../verifier/src/records/check-partition.ts'), async (original) => {
  const real = await original();
  return {
    ...real,
    checkPartition: async (run, plan, options) => {
      if (options.pool !== null) cut.byThreads += 1;
      return await real.checkPartition(run, plan, cut.limits === null ? options : { ...options, limits: cut.limits });
    },
  };
});
const oneSeal: ShardLimits = { events: Infinity, sections: 1 };
/** So that borders between seals are borders between shards by turns. */
const twoSeals: ShardLimits = { events: Infinity, sections: 2 };
/** Of the records the other sights see no more than the first. */
const cuts: Record<Sight, readonly (ShardLimits | null)[]> = {
  log: [oneSeal, twoSeals],
  key: [oneSeal],
  anchor: [null],
};

const libs = join(dirname(dirname(import.meta.dirname)), '.tallystick', 'lib');
const home = mkdtempSync(join(tmpdir(), 'tallystick-disk-'));
let cluster: KafkaCluster;
const logs: DiskLog[] = [];

beforeAll(async () => {
  cluster = await startKafkaCluster({ home, libs, brokers: 1 });
  const { username, passwordFile } = cluster.users.admin;
  const password = readFileSync(passwordFile, 'utf8').trim();
  // A slow machine's broker is as silent as one that is gone.
  const patience = { connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 };
  const sasl = { mechanism: 'scram-sha-512', username, password } as const;
  const config: KafkaConfig = { brokers: cluster.addresses, sasl, ...patience };
  // Some at once: a ledger that begins waits more than it works.
  for (let at = 0; at < diskRows.length; at += 4)
    logs.push(
      ...(await Promise.all(
        diskRows
          .slice(at, at + 4)
          .map(async ({ partitions = 1, says }) => await DiskLog.make(config, partitions, 'anchor' in says)),
      )),
    );
  const [broker] = cluster.brokers;
  await broker!.stop();
  for (const [at, { alter, indexes = 'left' }] of diskRows.entries())
    await logs[at]!.alter(broker!.dataDir, alter, indexes);
  await broker!.start();
  for (const log of logs) await log.led();
}, 1_200_000);
afterAll(async () => {
  await cluster.close();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

/** A verdict without what differs from run to run. */
function plain({ startedAt: _startedAt, durationMs: _durationMs, rates: _rates, ...verdict }: Verdict): object {
  return verdict;
}

describe('on the disk of a broker', () => {
  const cases = diskRows.flatMap(({ what, says }, at) =>
    Object.entries(says).map(([sight, said]) => [what, sight as Sight, at, said] as [string, Sight, number, Says]),
  );
  it.each(cases)(
    '%s: seen with the %s',
    async (_, sight, at, [exit, findings]) => {
      const log = logs[at]!;
      const time = Date.now();
      const { warns = [], deadlineMs = 30_000 } = diskRows[at]!;
      const options = { now: () => time, deadlineMs };
      const alone = await log.judge(sight, options);
      expect({ exit: alone.exitCode, findings: log.named(grave(alone)) }).toEqual({ exit, findings });
      expect(alone.findings.map(({ code }) => code)).toEqual(expect.arrayContaining([...warns]));
      for (const limits of cuts[sight]) {
        cut.limits = limits;
        cut.byThreads = 0;
        expect(plain(await log.judgeByTwo(sight, options))).toEqual(plain(alone));
        // Without a statement that counts there are no records to be read.
        expect(cut.byThreads > 0).toBe(!findings.includes('nothing-to-check - -') || sight === 'log');
      }
    },
    300_000,
  );
});
