// Shards read one by one and put together say what one pass says, whatever was done to the log.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { Judge } from '@tallystick/core/judge';
import { parseVerifierKey } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { crc32c } from '@tallystick/kafka/crc32c';
import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { checkPartition } from '../../src/records/check-partition.ts';
import type { PartitionOptions, PartitionResult } from '../../src/records/check-partition.ts';
import { Findings } from '../../src/domain/findings.ts';
import { planOf } from '../../src/domain/plan.ts';
import type { Accepted, Plan } from '../../src/domain/plan.ts';
import { runShard } from '../../src/parallel/run-shard.ts';
import type { ShardReader } from '../../src/parallel/shard-message.ts';
import { Meter } from '../../src/run/run.ts';
import type { Run } from '../../src/run/run.ts';
import type { ReportedFinding } from '../../src/verdict.ts';
import { indexed, serving, underSameHeader } from '../support/indexed-log.ts';
import { lengthOf, lookups, type Lookup } from '../support/scanning-log.ts';
import { origin, rootKey, text, topics, World } from '../support/world.ts';

const tempDir = mkdtempSync(join(tmpdir(), 'tallystick-parallel-'));
afterAll(() => rmSync(tempDir, { recursive: true, force: true }));

/** Reads shards in this thread, several at once, and sends all data as threads would. */
class HereReader implements ShardReader {
  readonly size: number;
  readonly log: RecordLog;
  readonly shards: string[] = [];

  constructor({ log }: { readonly log: RecordLog }, size: number) {
    this.log = log;
    this.size = size;
  }

  async read(task: Parameters<ShardReader['read']>[0]): ReturnType<ShardReader['read']> {
    this.shards.push(`${task.shard.readFrom}-${task.shard.readTo}`);
    const source = { log: this.log, schemas: null, deadlineMs: 60, sha256: nodeSha256, codecs: nodeCodecs };
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
  { log }: { readonly log: RecordLog },
  plan: Plan,
  options: Partial<PartitionOptions>,
): Promise<{ result: Omit<PartitionResult, 'content'>; findings: ReportedFinding[] }> {
  const findings = new Findings(10_000);
  const run: Run = {
    log,
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

test.each(lookups)(
  'a batch put in at a border, whose CRC was bent to that of its neighbour, Kafka %s',
  async (_, find) => {
    const world = await World.make();
    for (let i = 0; i < 3; i++) {
      await world.emit(0, 3);
      await world.seal(0);
    }
    const [first, ...others] = world.cluster.batches(topics.events, 0).map((batch) => Buffer.from(batch));
    if (first === undefined) throw new Error('no batch');
    const copy = underSameHeader(first, first.indexOf('event 1'), first.indexOf('event 2'));
    expect(crc32c(copy.subarray(batchField.attributes)) >>> 0).toBe(first.readUInt32BE(batchField.crc));
    expect([copy.subarray(0, 61).equals(first.subarray(0, 61)), copy.equals(first)]).toEqual([true, false]);
    const stored = Buffer.concat([first, copy, ...others]);
    const log = Object.assign(Object.create(world.log) as RecordLog, {
      fetch: async (request: FetchRequest) => {
        const answer = await world.log.fetch({ ...request, maxWaitMs: 0 });
        if (request.topic !== topics.events) return answer;
        const at = find(stored, request.offset);
        // An answer ends with the batch that was asked for, unless more than the usual is asked for.
        const most = Math.max(at < stored.length ? lengthOf(stored, at) : 0, request.maxBytes - 2 ** 20 + copy.length);
        return { ...answer, records: new Uint8Array(stored.subarray(at, at + most)) };
      },
    });
    const plan = planOfWorld(world);
    const whole = await check({ log }, plan, {});
    expect(whole.findings.map(({ code }) => code)).toContain('root-mismatch');
    const reader = new HereReader({ log }, 2);
    expect(await check({ log }, plan, { pool: reader, limits: { events: 1, sections: 1 } })).toEqual(whole);
  },
);

describe.each(indexed)(
  'a batch put in at a border, with copies of what lies before it behind it, Kafka %s',
  (_, find) => {
    /** Batches of so many events of so many bytes; all of them are sealed up to these offsets. */
    const layouts = [
      [
        'of the last batch of a seal',
        [
          [3, 900],
          [3, 100],
          [1, 8_000],
          [2, 100],
        ],
        [2, 5, 6, 8],
        [1],
      ],
      [
        'of the last two batches, one on each side',
        [
          [3, 900],
          [3, 100],
          [1, 8_000],
          [2, 100],
        ],
        [2, 5, 6, 8],
        [1, 2],
      ],
      [
        'of a batch that lies on both sides',
        [
          [3, 900],
          [3, 100],
          [1, 8_000],
          [2, 100],
        ],
        [2, 4, 6, 8],
        [1],
      ],
      [
        'of a batch in which a whole seal lies',
        [
          [3, 900],
          [4, 100],
          [1, 8_000],
          [2, 100],
        ],
        [2, 4, 5, 7, 9],
        [1],
      ],
    ] as const;
    test.each(layouts)('%s', async (_copies, batches, seals, copied) => {
      const world = await World.make();
      for (const [count, size] of batches) {
        const value = Buffer.concat([text('good'), Buffer.alloc(size, '.')]);
        await world.append(
          topics.events,
          0,
          Array.from({ length: count }, () => ({ key: text('k'), value })),
        );
      }
      for (const to of seals) await world.seal(0, { to });
      const all = world.cluster.batches(topics.events, 0).map((batch) => Buffer.from(batch));
      const behind = copied.at(-1)! + 1;
      const forged = Buffer.from(all[behind]!);
      forged.write('EVIL', forged.indexOf('good'), 'latin1');
      sealCrc(forged);
      const row = copied.map((at) => all[at]!);
      const stored = Buffer.concat([...all.slice(0, behind), forged, ...row, ...all.slice(behind)]);
      const plan = planOfWorld(world);
      // An index that somebody forged leads to the copies for every offset in them.
      const [first, last] = [readBatchHeader(row[0]!, 0).baseOffset, readBatchHeader(row.at(-1)!, 0).lastOffset];
      const copies = Buffer.concat([...all.slice(0, behind), forged]).length;
      const astray: Lookup = (bytes, offset) =>
        offset >= first && offset <= last ? copies + find(bytes.subarray(copies), offset) : find(bytes, offset);
      const log = serving(world, stored, { find: astray });
      const whole = await check({ log }, plan, {});
      expect(whole.findings.map(({ code }) => code)).toContain('root-mismatch');
      for (const sections of [1, 2, 3]) {
        const reader = new HereReader({ log }, 2);
        expect(await check({ log }, plan, { pool: reader, limits: { events: Infinity, sections } })).toEqual(whole);
      }
      // Nothing is found where nothing was put in.
      const good = serving(world, Buffer.concat(all), { find });
      const reader = new HereReader({ log: good }, 2);
      const { findings } = await check({ log: good }, plan, { pool: reader, limits: { events: 1, sections: 1 } });
      expect(findings.filter(({ code }) => code !== 'undecodable')).toEqual([]);
      expect(reader.shards).toHaveLength(seals.length);
    });
  },
);
