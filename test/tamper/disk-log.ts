import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBatchHeader } from '@tallystick/core/batch';
import { applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { TopicNames } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { MemoryCheckpointStore } from '@tallystick/ledger-service/memory-checkpoint-store';
import { MemoryLogStore } from '@tallystick/ledger-service/memory-log-store';
import { MemoryStateFiles } from '@tallystick/ledger-service/memory-state-files';
import { startLedger } from '@tallystick/ledger-service/service';
import { memoryAnchorStore } from '@tallystick/verifier/anchor-memory';
import { CopiedLog, type CopiedBatch, type CopiedTopic } from '@tallystick/verifier/copied-log';
import type { Verdict } from '@tallystick/verifier/verdict';
import { verify, type VerifyOptions } from '@tallystick/verifier/verify';
import { AlteredLog } from './altered-log.ts';
import { copyOf, type Alter } from './case.ts';
import { keyStatement, logSigner, noteOf, origin, rootKey, rootSigner, sealSigner, topics } from './small-log.ts';

/** Of each partition: 16 Kafka batches of 8 events, 8 seals of two batches each. */
export const batchEvents = 8;
export const batches = 16;
export const sealEvents = 2 * batchEvents;
const seals = (batches * batchEvents) / sealEvents;
const segmentName = '00000000000000000000';

/**
 * By what somebody judges: the root key and the published log; the root key alone; the root key and what an earlier run accepted, without the
 * published log.
 */
export type Sight = 'log' | 'key' | 'anchor';

/**
 * What becomes of the indexes of segments that were altered. `left`: they point where batches were. `anew`: they are gone, so that the broker
 * makes them anew, and cuts the segment off where a batch is not whole. `empty`: the broker looks for everything from the segment's beginning.
 */
export type Indexes = 'left' | 'anew' | 'empty';

/** A log that the real ledger sealed on a real broker, whose segments are altered while the broker is stopped. */
export class DiskLog {
  readonly names: TopicNames;
  readonly partitions: number;
  readonly #config: KafkaConfig;
  readonly #store = new MemoryLogStore();
  readonly #anchor = memoryAnchorStore();
  #altered: AlteredLog | null = null;

  private constructor(config: KafkaConfig, partitions: number) {
    const name = `disk-${randomBytes(4).toString('hex')}`;
    this.#config = config;
    this.partitions = partitions;
    this.names = { events: `${name}.events`, seals: `${name}.seals`, leaves: `${name}.leaves` };
  }

  /** Topics, events, seals, a published log of them, and where it is wanted an anchor that accepted it. */
  static async make(config: KafkaConfig, partitions: number, anchored: boolean): Promise<DiskLog> {
    const made = new DiskLog(config, partitions);
    await made.#makeTopics();
    await made.led();
    await made.#emit();
    await made.#seal();
    if (!anchored) return made;
    const verdict = await made.judge('anchor', { anchor: made.#anchor });
    if (verdict.anchoredTo.updated) return made;
    throw new Error(`a log that was not altered: ${JSON.stringify(verdict.findings)}`);
  }

  async #makeTopics(): Promise<void> {
    const file = new URL('../../infra/kafka/topics.json', import.meta.url);
    const specs = JSON.parse(readFileSync(file, 'utf8')) as {
      topic: keyof TopicNames;
      config: Record<string, string>;
    }[];
    const wanted = specs.map(({ topic, config }) => ({
      ...{ name: this.names[topic], partitions: this.#countOf(topic), replicationFactor: 1 },
      config: { ...config, 'min.insync.replicas': '1' },
    }));
    // As long as it has not heard of a topic that it was just told to make, a broker says that there is none.
    await untilAnswered(async () => await applyTopics(this.#config, wanted));
  }

  /** Waits until the broker leads each partition: it makes topics one after the other, and takes them up so when it begins. */
  async led(): Promise<void> {
    const log = connectRecordLog(this.#config);
    for (const [of, topic] of Object.entries(this.names) as [keyof TopicNames, string][])
      for (let partition = 0; partition < this.#countOf(of); partition += 1)
        await untilAnswered(async () => await log.bounds(topic, partition));
    await log.close();
  }

  #countOf(of: keyof TopicNames): number {
    return of === 'seals' ? 1 : this.partitions;
  }

  async #emit(): Promise<void> {
    const log = connectRecordLog(this.#config);
    const events = new SafeWriter({ log, topic: this.names.events });
    const record = (text: string) => ({
      ...{ key: Buffer.from(`key of ${text}`), value: Buffer.alloc(300, `${text} `) },
      headers: [['kind', Buffer.from('test')]] as [string, Uint8Array][],
    });
    for (let partition = 0; partition < this.partitions; partition += 1)
      for (let batch = 0; batch < batches; batch += 1)
        await events.append(
          partition,
          // Batches of one size: where whole ones are moved about, indexes still point at batches.
          Array.from({ length: batchEvents }, (_, n) => record(`${partition} ${String(batch).padStart(2, '0')} ${n}`)),
        );
    await events.close();
    await log.close();
  }

  async #seal(): Promise<void> {
    const ledger = await startLedger({
      ...{ kafka: this.#config, topics: this.names, origin, rootKey, roles: ['seal', 'publish'] },
      ...{ stores: { store: this.#store, checkpoints: new MemoryCheckpointStore() }, stateDir: new MemoryStateFiles() },
      ...{ logKeys: [logSigner.key], logSigners: [logSigner], signer: sealSigner, publishMs: 20 },
      keyStatements: [await noteOf(keyStatement(), rootSigner)],
      limits: { events: sealEvents, ageMs: 60_000 },
    });
    // A key; of each partition a genesis and its seals.
    const size = 1 + this.partitions * (1 + seals);
    for (const until = performance.now() + 120_000; ;) {
      const note = await this.#store.read('checkpoint', 10_000);
      if (note !== null && Buffer.from(note).toString().split('\n')[1] === String(size)) break;
      if (performance.now() > until) throw new Error(`not sealed: ${JSON.stringify(ledger.status())}`);
      await sleep(50);
    }
    await ledger.stop();
  }

  /** Alters the segments in a stopped broker's folder. */
  async alter(dataDir: string, alter: Alter, indexes: Indexes): Promise<void> {
    const stored = new Map<string, CopiedTopic>();
    for (const [of, name] of Object.entries(this.names) as [keyof TopicNames, string][]) {
      const partitions = Array.from({ length: this.#countOf(of) }, (_, partition) =>
        readSegment(dataDir, name, partition),
      );
      stored.set(topics[of], { topicId: '', partitions });
    }
    const altered = new AlteredLog({ log: new CopiedLog(stored), files: new Map() });
    this.#altered = altered;
    await alter(altered);
    for (const [of, name] of Object.entries(this.names) as [keyof TopicNames, string][])
      for (const [partition, { batches: now }] of altered.log.topic(topics[of]).partitions.entries())
        writeSegment(dataDir, name, partition, now, indexes);
  }

  /** Findings as lines, statements by the names that they had. */
  named(lines: readonly string[]): string[] {
    return this.#altered?.named(lines) ?? [...lines];
  }

  /** What a verification says now. */
  async judge(sight: Sight, options: Partial<VerifyOptions> = {}): Promise<Verdict> {
    const log = connectRecordLog(this.#config);
    const published: VerifyOptions['published'] = {
      place: 'the log of this test',
      read: async (path, most) => await this.#store.read(path, most),
      close: async () => await Promise.resolve(),
    };
    try {
      return await verify({
        ...{ log, topics: this.names, origin, rootKey, settleMs: 500 },
        ...(sight === 'log' ? { published, logKeys: [logSigner.key] } : { leaveOutLog: true }),
        ...(sight === 'anchor' ? { anchor: await copyOf(this.#anchor) } : {}),
        ...options,
      });
    } finally {
      await log.close();
    }
  }

  /** The same by two threads, the other of which connects by itself. */
  async judgeByTwo(sight: Sight, options: Partial<VerifyOptions> = {}): Promise<Verdict> {
    return await this.judge(sight, { workers: 2, reopen: { kind: 'kafka', config: this.#config }, ...options });
  }
}

/** Asks until there is an answer, for minutes. */
async function untilAnswered(ask: () => Promise<unknown>): Promise<void> {
  for (const until = performance.now() + 240_000; ; await sleep(50))
    try {
      await ask();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
    }
}

const folderOf = (dataDir: string, topic: string, partition: number): string => join(dataDir, `${topic}-${partition}`);

function readSegment(dataDir: string, topic: string, partition: number): CopiedTopic['partitions'][number] {
  const segment = readFileSync(join(folderOf(dataDir, topic, partition), `${segmentName}.log`));
  const found: CopiedBatch[] = [];
  for (let at = 0; at < segment.length;) {
    const { baseOffset: first, lastOffset: last, totalLength } = readBatchHeader(segment, at);
    found.push({ bytes: Buffer.from(segment.subarray(at, at + totalLength)), first, last });
    at += totalLength;
  }
  return { logStart: 0, highWatermark: (found.at(-1)?.last ?? -1) + 1, batches: found };
}

function writeSegment(
  dataDir: string,
  topic: string,
  partition: number,
  now: readonly CopiedBatch[],
  indexes: Indexes,
): void {
  const folder = folderOf(dataDir, topic, partition);
  const file = join(folder, `${segmentName}.log`);
  const bytes = Buffer.concat(now.map((batch) => batch.bytes));
  if (bytes.equals(readFileSync(file))) return;
  writeFileSync(file, bytes);
  for (const end of ['index', 'timeindex']) {
    const index = join(folder, `${segmentName}.${end}`);
    if (indexes === 'anew') rmSync(index);
    if (indexes === 'empty') truncateSync(index);
  }
}
