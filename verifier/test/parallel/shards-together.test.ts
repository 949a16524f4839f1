// Shards read one by one and put together say what one pass says, whatever was done to the log.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { Judge } from '@tallystick/core/judge';
import { parseVerifierKey } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { checkPartition } from '../../src/check-partition.ts';
import type { PartitionOptions, PartitionResult } from '../../src/check-partition.ts';
import { Findings } from '../../src/domain/findings.ts';
import { planOf } from '../../src/domain/plan.ts';
import type { Accepted, Plan } from '../../src/domain/plan.ts';
import { runShard } from '../../src/parallel/run-shard.ts';
import type { ShardReader } from '../../src/parallel/shard-message.ts';
import { Meter } from '../../src/run.ts';
import type { Run } from '../../src/run.ts';
import type { ReportedFinding } from '../../src/verdict.ts';
import { origin, rootKey, topics, World } from '../support/world.ts';

const tempDir = mkdtempSync(join(tmpdir(), 'tallystick-parallel-'));
afterAll(() => rmSync(tempDir, { recursive: true, force: true }));

/** Reads shards in this thread, several at once, and sends all data as threads would. */
class HereReader implements ShardReader {
  readonly size: number;
  readonly world: World;
  readonly shards: string[] = [];

  constructor(world: World, size: number) {
    this.world = world;
    this.size = size;
  }

  async read(task: Parameters<ShardReader['read']>[0]): ReturnType<ShardReader['read']> {
    this.shards.push(`${task.shard.readFrom}-${task.shard.readTo}`);
    const source = { log: this.world.log, schemas: null, deadlineMs: 60, sha256: nodeSha256, codecs: nodeCodecs };
    const meter = new Meter(() => undefined);
    return structuredClone(await runShard(structuredClone({ ...task, id: 1 }), { ...source, meter }));
  }
}

const newJudge = (): Judge => new Judge({ origin, rootKey: parseVerifierKey(rootKey.vkey) });

function planOfWorld(world: World): Plan {
  const judge = newJudge();
  const chain: Accepted[] = [];
  for (const bytes of world.cluster.batches(topics.seals, 0)) {
    const parsed = parseBatch(bytes, readBatchHeader(bytes, 0), nodeCodecs);
    if (!parsed.parsed) throw new Error('a statement that does not parse');
    const [record] = recordsOf(parsed);
    const outcome = judge.offer(record?.value ?? null, { in: 'seals', offset: record?.offset ?? 0 });
    if (outcome.outcome !== 'accepted' || outcome.signed.statement.kind === 'key') continue;
    chain.push({ hash: outcome.signed.hash, statement: outcome.signed.statement });
  }
  const plan = planOf(chain);
  if (plan === null) throw new Error('no plan');
  return plan;
}

async function check(
  world: World,
  plan: Plan,
  options: Partial<PartitionOptions>,
): Promise<{ result: Omit<PartitionResult, 'content'>; findings: ReportedFinding[] }> {
  const findings = new Findings(10_000);
  const run: Run = {
    log: world.log,
    ...{
      topics,
      origin,
      rootKey: parseVerifierKey(rootKey.vkey),
      keys: newJudge().keys,
      schemas: null,
      maxClockSkewMs: null,
      workers: 1,
      threadsFrom: 0,
      reopen: null,
    },
    ...{ contentBefore: new Map(), settleMs: 0, maxTailAgeMs: 0, now: () => 2_000_000_000_000, deadlineMs: 60 },
    ...{ sha256: nodeSha256, codecs: nodeCodecs, findings, meter: new Meter(() => undefined), signal: undefined },
  };
  const { content: _content, ...result } = await checkPartition(run, plan, {
    ...{ hasUnknown: false, pool: null, tempDir },
    ...options,
  });
  return { result, findings: findings.list() };
}

const shape = fc.record({
  batches: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 8 }),
  cuts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }),
  /** Seals of which no leaves are stored. */
  bare: fc.array(fc.nat(12), { maxLength: 2 }),
});
const damage = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('value' as const), batch: fc.nat(9) }),
    fc.record({ kind: fc.constant('crc' as const), batch: fc.nat(9) }),
    fc.record({ kind: fc.constant('drop' as const), batch: fc.nat(9) }),
    fc.record({ kind: fc.constant('base' as const), batch: fc.nat(9), by: fc.integer({ min: -3, max: 3 }) }),
    fc.record({ kind: fc.constant('magic' as const), batch: fc.nat(9) }),
    fc.record({ kind: fc.constant('epoch' as const), batch: fc.nat(9) }),
    fc.record({ kind: fc.constant('leaves' as const), batch: fc.nat(9) }),
    fc.record({ kind: fc.constant('start' as const), offset: fc.nat(20) }),
  ),
  { maxLength: 3 },
);

async function build({ batches, cuts, bare }: typeof shape extends fc.Arbitrary<infer T> ? T : never): Promise<World> {
  const world = await World.make();
  let there = 0;
  for (const count of batches) {
    await world.emit(0, count);
    there += count;
  }
  let sealed = 0;
  for (const [number, cut] of cuts.entries()) {
    if (sealed >= there) break;
    sealed = Math.min(there, sealed + cut);
    await world.seal(0, { to: sealed - 1, leaves: !bare.includes(number) });
  }
  return world;
}

type Damage = typeof damage extends fc.Arbitrary<(infer T)[]> ? T : never;

function harm(world: World, what: Damage): void {
  if (what.kind === 'start') {
    world.cluster.deleteRecords(topics.events, 0, Math.min(what.offset, world.entries(0).length));
    return;
  }
  const stored = world.cluster.batches(what.kind === 'leaves' ? topics.leaves : topics.events, 0);
  const batch = stored[what.batch % Math.max(1, stored.length)];
  if (batch === undefined) return;
  const at = batch.length - 3;
  switch (what.kind) {
    case 'value':
    case 'leaves':
      batch.writeUInt8((batch[at] ?? 0) ^ 1, at);
      sealCrc(batch);
      break;
    case 'crc':
      batch.writeUInt8((batch[at] ?? 0) ^ 1, at);
      break;
    case 'magic':
      batch.writeUInt8(1, 16);
      break;
    case 'epoch':
      batch.writeInt32BE(7, 12);
      break;
    case 'base':
      batch.writeBigInt64BE(BigInt(Math.max(0, Number(batch.readBigInt64BE(0)) + what.by)), 0);
      break;
    case 'drop':
      world.cluster.partition(topics.events, 0).batches.splice(what.batch % stored.length, 1);
      break;
  }
}

test('any damage, any cut: the same findings and counts', async () => {
  const limits = fc.record({ events: fc.integer({ min: 1, max: 8 }), sections: fc.integer({ min: 1, max: 3 }) });
  await fc.assert(
    fc.asyncProperty(shape, damage, limits, fc.integer({ min: 1, max: 3 }), async (log, done, cut, size) => {
      const world = await build(log);
      const plan = planOfWorld(world);
      for (const each of done) harm(world, each);
      const whole = await check(world, plan, {});
      const reader = new HereReader(world, size);
      expect(await check(world, plan, { pool: reader, limits: cut })).toEqual(whole);
    }),
    { numRuns: 40 },
  );
});
