import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readBatchHeader } from '@tallystick/core/batch';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { applyTopics } from '@tallystick/kafka/admin';
import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { TopicNames } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { MemoryCheckpointStore } from '@tallystick/ledger-service/memory-checkpoint-store';
import { MemoryLogStore } from '@tallystick/ledger-service/memory-log-store';
import { MemoryStateFiles } from '@tallystick/ledger-service/memory-state-files';
import { startLedger } from '@tallystick/ledger-service/service';
import type { CopiedBatch } from '@tallystick/verifier/copied-log';
import { moveTo, putRecords, recordsIn, rewrite } from '@tallystick/verifier/stored-records';
import type { Verdict } from '@tallystick/verifier/verdict';
import { verify } from '@tallystick/verifier/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KafkaCluster, startKafkaCluster } from '../../infra/local/kafka-cluster.ts';
import { flip, setBits } from './altered-log.ts';
import { other } from './case.ts';
import { keyStatement, logSigner, noteOf, origin, rootKey, rootSigner, sealSigner } from './small-log.ts';
import { grave } from './try-verify.ts';

// Segments of a real broker, altered on its disk while it is stopped, its indexes left as they are unless it is said; then it is started again
// and serves them. A log of its own for each alteration, so that one stop is enough.

const libs = join(dirname(dirname(import.meta.dirname)), '.tallystick', 'lib');
const batchEvents = 8;
const batches = 16;

interface Stored {
  readonly topics: TopicNames;
  readonly store: MemoryLogStore;
}

type Row = readonly [
  what: string,
  of: 'events' | 'seals',
  alter: (stored: CopiedBatch[]) => CopiedBatch[] | void,
  exit: 0 | 1,
  says: readonly string[],
  /** The segment's indexes are deleted too: the broker makes them anew. */
  reindexed?: true,
];

const inserted: Row[2] = (all) => {
  putRecords(all[5]!, [{ ...other, value: encodeUtf8('inserted') }, ...recordsIn(all[5]!, nodeCodecs)!]);
  for (const later of all.slice(6)) moveTo(later, later.first + 1);
};

/** With another byte in it, which its CRC does not fit. */
function copyOf({ bytes }: CopiedBatch): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(copy.length - 8) ^ 1, copy.length - 8);
  return copy;
}

/** The seals each cover four batches: offsets 0-31, 32-63, 64-95, 96-127. Of the batches the sixth has the offsets 40 to 47. */
const rows: Row[] = [
  ['nothing', 'events', () => undefined, 0, []],
  [
    'a copy that says a last offset below its first',
    'events',
    (all) => {
      const bytes = copyOf(all[5]!);
      bytes.writeBigInt64BE(39n);
      bytes.writeInt32BE(-1, batchField.lastOffsetDelta);
      sealCrc(bytes);
      return all.toSpliced(5, 0, { ...all[5]!, bytes });
    },
    1,
    ['root-mismatch 40-40'],
  ],
  [
    'a copy behind a statement, the CRC wrong',
    'seals',
    (all) => all.toSpliced(3, 0, { ...all[2]!, bytes: copyOf(all[2]!) }),
    1,
    ['bad-crc 3-3'],
  ],
  ['a byte of an event', 'events', (all) => rewrite(all[5]!, (bytes) => flip(-20)(bytes)), 1, ['altered 47-47']],
  ['a bit, the CRC left', 'events', (all) => flip(-20)(all[5]!.bytes), 1, ['bad-crc 40-40']],
  ['the control bit', 'events', (all) => rewrite(all[5]!, setBits(0x20)), 1, ['altered 40-47']],
  [
    'the time',
    'events',
    (all) =>
      rewrite(all[5]!, (bytes) => {
        bytes.writeBigInt64BE(bytes.readBigInt64BE(batchField.maxTimestamp) - 1n, batchField.maxTimestamp);
      }),
    1,
    ['altered 40-47'],
  ],
  [
    'an event in the place of another',
    'events',
    (all) => {
      const records = recordsIn(all[5]!, nodeCodecs)!;
      records[3] = { ...other, value: Buffer.alloc(300, 'another') };
      putRecords(all[5]!, records);
    },
    1,
    ['altered 43-43'],
  ],
  // By indexes that point beside its batches the broker takes the log for empty: then nothing that was sealed is there.
  ['an event inserted, all behind it moved', 'events', inserted, 1, ['truncated 0-127']],
  [
    'an event inserted, all behind it moved, and the indexes made anew',
    'events',
    inserted,
    1,
    ['altered 40-63', 'altered 64-95', 'altered 96-127'],
    true,
  ],
  ['a batch taken out', 'events', (all) => all.toSpliced(5, 1), 1, ['missing-offsets 40-47']],
  [
    'two batches swapped, their offsets rewritten',
    'events',
    (all) => {
      const [one, two] = [all[5]!, all[6]!];
      moveTo(one, 48);
      moveTo(two, 40);
      return all.with(5, two).with(6, one);
    },
    1,
    ['altered 40-55'],
  ],
  [
    'a copy behind a batch, the CRC wrong',
    'events',
    (all) => all.toSpliced(6, 0, { ...all[5]!, bytes: copyOf(all[5]!) }),
    1,
    ['bad-crc 48-48'],
  ],
  ['a batch twice', 'events', (all) => all.toSpliced(5, 0, all[5]!), 1, ['root-mismatch 40-47']],
  ['the tail cut off', 'events', (all) => all.slice(0, 14), 1, ['truncated 0-127']],
  ['the tail cut off, and the indexes made anew', 'events', (all) => all.slice(0, 14), 1, ['truncated 112-127'], true],
  ['the newest statement cut off', 'seals', (all) => all.slice(0, -1), 1, ['seals-lost']],
  ['a statement taken out', 'seals', (all) => all.toSpliced(3, 1), 1, ['missing-offsets 3-3', 'seals-lost']],
];

const home = mkdtempSync(join(tmpdir(), 'tallystick-disk-'));
let cluster: KafkaCluster;
let config: KafkaConfig;
const logs: Stored[] = [];

beforeAll(async () => {
  cluster = await startKafkaCluster({ home, libs, brokers: 1 });
  const { username, passwordFile } = cluster.users.admin;
  const password = readFileSync(passwordFile, 'utf8').trim();
  config = { brokers: cluster.addresses, sasl: { mechanism: 'scram-sha-512', username, password } };
  for (const _ of rows) logs.push(await sealedLog());
  const [broker] = cluster.brokers;
  await broker!.stop();
  for (const [at, row] of rows.entries()) alterSegment(broker!.dataDir, logs[at]!.topics[row[1]], row);
  await broker!.start();
  // A broker that has just begun may not lead everything yet.
  for (const until = performance.now() + 60_000; (await judged(0)).exitCode === 3 && performance.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, 500));
}, 600_000);
afterAll(async () => {
  await cluster.close();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

async function sealedLog(): Promise<Stored> {
  const name = `disk-${randomBytes(4).toString('hex')}`;
  const topics = { events: `${name}.events`, seals: `${name}.seals`, leaves: `${name}.leaves` };
  const specs = JSON.parse(readFileSync(new URL('../../infra/kafka/topics.json', import.meta.url), 'utf8')) as {
    topic: keyof TopicNames;
    config: Record<string, string>;
  }[];
  const forOne = ({ config: all }: { config: Record<string, string> }) => ({ ...all, 'min.insync.replicas': '1' });
  await applyTopics(
    config,
    specs.map((spec) => ({ name: topics[spec.topic], partitions: 1, replicationFactor: 1, config: forOne(spec) })),
  );
  const log = connectRecordLog(config);
  const events = new SafeWriter({ log, topic: topics.events });
  for (let batch = 0; batch < batches; batch += 1)
    await events.append(
      0,
      Array.from({ length: batchEvents }, (__, n) => ({ key: null, value: Buffer.alloc(300, `${batch} ${n} `) })),
    );
  const store = new MemoryLogStore();
  const ledger = await startLedger({
    ...{ kafka: config, topics, origin, rootKey, roles: ['seal', 'publish'] },
    ...{ stores: { store, checkpoints: new MemoryCheckpointStore() }, stateDir: new MemoryStateFiles() },
    ...{ logKeys: [logSigner.key], logSigners: [logSigner], signer: sealSigner, publishMs: 20 },
    ...{
      keyStatements: [await noteOf(keyStatement(), rootSigner)],
      limits: { events: 4 * batchEvents, ageMs: 60_000 },
    },
  });
  for (const until = performance.now() + 120_000; ;) {
    const note = await store.read('checkpoint', 10_000);
    // A key, a genesis, four seals.
    if (note !== null && Buffer.from(note).toString().split('\n')[1] === '6') break;
    if (performance.now() > until) throw new Error(`not sealed: ${JSON.stringify(ledger.status())}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await ledger.stop();
  await events.close();
  await log.close();
  return { topics, store };
}

function alterSegment(dataDir: string, topic: string, [, , alter, , , reindexed]: Row): void {
  const folder = join(dataDir, `${topic}-0`);
  const file = join(folder, '00000000000000000000.log');
  const segment = readFileSync(file);
  const stored: CopiedBatch[] = [];
  for (let at = 0; at < segment.length;) {
    const { baseOffset: first, lastOffset: last, totalLength } = readBatchHeader(segment, at);
    stored.push({ bytes: Buffer.from(segment.subarray(at, at + totalLength)), first, last });
    at += totalLength;
  }
  const altered = alter(stored) ?? stored;
  writeFileSync(file, Buffer.concat(altered.map(({ bytes }) => bytes)));
  if (reindexed === true) for (const end of ['index', 'timeindex']) rmSync(join(folder, `00000000000000000000.${end}`));
}

/** What a verification says of the log of a row now. */
async function judged(at: number): Promise<Verdict> {
  const { topics, store } = logs[at]!;
  const log = connectRecordLog(config);
  const published = {
    place: 'the log of this test',
    read: async (path: string, most: number) => await store.read(path, most),
    close: async () => await Promise.resolve(),
  };
  const verdict = await verify({
    log,
    topics,
    origin,
    rootKey,
    published,
    logKeys: [logSigner.key],
    settleMs: 500,
  });
  await log.close();
  return verdict;
}

describe('on the disk of a broker', () => {
  it.each(rows.map(([what, , , exit, says], at) => [what, at, exit, says] as const))(
    '%s',
    async (_, at, exit, says) => {
      const verdict = await judged(at);
      const found = grave(verdict).map((line) =>
        line.replace(/^(\S+) \S+ (?:offsets )?/, '$1 ').replace(/ \S{44}$/, ''),
      );
      expect({ exit: verdict.exitCode, found: found.toSorted() }).toEqual({ exit, found: says });
    },
    60_000,
  );
});
