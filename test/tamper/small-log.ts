import { gzipSync, zstdCompressSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { decodeUtf8, encodeUtf8 } from '@tallystick/core/encoding';
import { parseNote, parseVerifierKey, signerFromSeed, signNote, type NoteSigner } from '@tallystick/core/note';
import { formatStatement, parseStatement, statementHash } from '@tallystick/core/statement';
import type { KeyStatement, Statement } from '@tallystick/core/statement-types';
import { batchField, encodeBatch, sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import { decideGeneration, type GenerationReason } from '@tallystick/ledger-service/generation';
import { MemoryCheckpointStore } from '@tallystick/ledger-service/memory-checkpoint-store';
import { MemoryLogStore } from '@tallystick/ledger-service/memory-log-store';
import { MemoryStateFiles } from '@tallystick/ledger-service/memory-state-files';
import { startLedger, type RunningLedger } from '@tallystick/ledger-service/service';
import { CopiedLog } from '@tallystick/verifier/copied-log';
import { copyTopic } from '@tallystick/verifier/copy-records';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';

export const origin = 'tamper.example/log';
export const topics = { events: 'events', seals: 'seals', leaves: 'leaves' };
const seed = (n: number) => new Uint8Array(32).fill(n);
export const rootSigner = signerFromSeed(`${origin}/root`, seed(1));
export const sealSigner = signerFromSeed(`${origin}/seal`, seed(2));
export const secondSigner = signerFromSeed(`${origin}/seal`, seed(3));
export const logSigner = signerFromSeed(origin, seed(4));
/** Signs under the right name, but nobody vouches for it. */
export const strangeSigner = signerFromSeed(`${origin}/seal`, seed(66));
export const rootKey = parseVerifierKey(rootSigner.key.vkey);

export const noteOf = async (statement: Statement, signer: NoteSigner): Promise<Uint8Array> =>
  await signNote(formatStatement(statement), signer);

export const keyStatement = (over: Partial<KeyStatement> = {}): KeyStatement => ({
  ...({ kind: 'key', origin, number: 0, action: 'add', role: 'seal', previous: null, time: 1 } as const),
  key: sealSigner.key.vkey,
  ...over,
});

/** The notes in stored batches of the seals topic. */
export function notesIn(batches: readonly Uint8Array[]): Uint8Array[] {
  return batches.flatMap((bytes) => {
    const parsed = parseBatch(bytes, readBatchHeader(bytes, 0), nodeCodecs);
    if (!parsed.parsed) throw new Error(parsed.reason);
    return recordsOf(parsed).map(({ value }) => value ?? new Uint8Array());
  });
}

export const statementOf = (note: Uint8Array): Statement => parseStatement(parseNote(note).text);

/** Codecs by their number in a batch's attributes. */
const compress = [(data: Buffer) => data, gzipSync, compressSync, compressFrameSync, zstdCompressSync] as const;

/** What the real ledger made: the bytes of its topics, and of the log that it published. */
export interface SmallLog {
  readonly log: CopiedLog;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A cluster in memory and the real ledger on it, which seals one group of batches after the other. */
export class Maker {
  readonly cluster: MemoryCluster;
  readonly store = new MemoryLogStore();
  readonly #checkpoints = new MemoryCheckpointStore();
  readonly #files = new MemoryStateFiles();
  readonly #partitions: number;
  #ledger: RunningLedger | null = null;
  #clock = 1_700_000_000_000;

  constructor(partitions: number) {
    this.#partitions = partitions;
    this.cluster = new MemoryCluster({ now: () => this.#clock++ });
    this.cluster.createTopic(topics.events, { partitions });
    this.cluster.createTopic(topics.seals);
    this.cluster.createTopic(topics.leaves, { partitions });
  }

  async start(): Promise<void> {
    this.#ledger = await startLedger({
      ...{ kafka: this.cluster.connect(), topics, origin, rootKey, roles: ['seal', 'publish'] },
      ...{ stores: { store: this.store, checkpoints: this.#checkpoints }, stateDir: this.#files },
      ...{ logKeys: [logSigner.key], logSigners: [logSigner], signer: sealSigner, publishMs: 5 },
      ...{ keyStatements: [await noteOf(keyStatement(), rootSigner)], limits: { events: 100, ageMs: 1 } },
      ...{ deadlineMs: 20_000, topicCheckMs: 10, mendMs: 10 },
    });
  }

  async stop(): Promise<void> {
    await this.#ledger?.stop();
    this.#ledger = null;
  }

  /** Stores batches at once and waits until they are sealed, each group by one seal. */
  async sealed(partition: number, ...batches: readonly Buffer[]): Promise<void> {
    for (const batch of batches) this.put(partition, batch);
    await this.settled();
  }

  put(partition: number, batch: Buffer): void {
    this.cluster.appendRaw(topics.events, partition, batch, { asIs: true });
  }

  /** Waits until all is sealed and published. */
  async settled(): Promise<void> {
    const deadline = performance.now() + 150_000;
    while (!(await this.#isSettled())) {
      if (performance.now() > deadline) throw new Error(`not settled: ${JSON.stringify(this.#ledger?.status())}`);
      await sleep(2);
    }
  }

  async #isSettled(): Promise<boolean> {
    const statements = notesIn(this.cluster.batches(topics.seals, 0)).map(statementOf);
    const ends = new Map<number, number>();
    for (const statement of statements) {
      if (statement.kind === 'genesis') ends.set(statement.partition, statement.firstOffset);
      if (statement.kind === 'seal' || statement.kind === 'gap')
        ends.set(statement.partition, statement.offsets.last + 1);
    }
    for (let partition = 0; partition < this.#partitions; partition++)
      if (ends.get(partition) !== this.cluster.partition(topics.events, partition).end) return false;
    const checkpoint = await this.store.read('checkpoint', 10_000);
    return checkpoint !== null && Number(decodeUtf8(checkpoint).split('\n')[1]) === statements.length;
  }

  /** A copy of all there is. */
  async copy(): Promise<SmallLog> {
    const log = this.cluster.connect();
    const room = { bytes: 100_000_000 };
    const patience = { deadlineMs: 5_000, signal: undefined };
    const copied = new Map<string, Awaited<ReturnType<typeof copyTopic>>>();
    for (const name of Object.values(topics)) copied.set(name, await copyTopic(log, name, patience, room));
    const files = new Map<string, Uint8Array>();
    for await (const path of this.store.list('')) {
      const bytes = await this.store.read(path, 10_000_000);
      if (bytes !== null) files.set(path, bytes);
    }
    return { log: new CopiedLog(copied), files };
  }

  /** What an operator orders for partition 0 while no ledger runs. `before`: the topic's id in generation 0; default: as it is now. */
  async beginGeneration(reason: GenerationReason, firstOffset: number, before?: string): Promise<void> {
    const last = notesIn(this.cluster.batches(topics.seals, 0)).at(-1) ?? new Uint8Array();
    const state = { topic: topics.events, partition: 0, generation: 0, hash: statementHash(parseNote(last).text) };
    const { topicId } = this.cluster.describe(topics.events);
    const order = { origin, reason, topicId, firstOffset, now: this.time() };
    await this.statement(await noteOf(decideGeneration({ ...state, topicId: before ?? topicId }, order), rootSigner));
  }

  async statement(note: Uint8Array): Promise<void> {
    const appender = await this.cluster.connect().createAppender();
    await appender.append(topics.seals, 0, [{ key: null, value: note }]);
    appender.drop();
  }

  time(): number {
    return this.#clock++;
  }

  /** A batch as a broker stores it: append time, unless `bits` say otherwise. */
  batch(count: number, { codec = 0, bits = 0x08 }: { codec?: number; bits?: number } = {}): Buffer {
    const now = this.time();
    const plain = encodeBatch(
      Array.from({ length: count }, () => this.#record()),
      now - 5,
    );
    const squeeze = compress[codec] ?? compress[0];
    const bytes = Buffer.concat([plain.subarray(0, 61), squeeze(plain.subarray(61))]);
    bytes.writeInt32BE(bytes.length - 12, batchField.batchLength);
    bytes.writeInt16BE(bits | codec, batchField.attributes);
    bytes.writeBigInt64BE(BigInt(now), batchField.maxTimestamp);
    sealCrc(bytes);
    return bytes;
  }

  #made = 0;

  #record(): RecordToAppend {
    const n = ++this.#made;
    return {
      key: encodeUtf8(`actor ${n}`),
      value: encodeUtf8(`{"event":${n}}`),
      headers: [
        ['trace', encodeUtf8(`t${n}`)],
        ['empty', null],
      ],
    };
  }
}

/** A batch that does not parse, and takes that many offsets. */
function unparsed(maker: Maker, count: number): Buffer {
  const batch = maker.batch(count);
  batch.writeUInt8(0xff, 61);
  sealCrc(batch);
  return batch;
}

/**
 * A log on which there is nothing to find. Partition 0: a seal of two plain batches (offsets 0-1, 2-3), one of a gzip batch (4-6), one
 * of a snappy (7-8), an LZ4 (9-10) and a zstd batch (11-12). Partition 1: a seal of a plain batch (0-2), one of a control (3), a transactional (4) and a CreateTime
 * batch (5-6), one of a batch that does not parse (7-9) and a plain one (10). Partition 0 has one event that is not sealed (13).
 */
export async function cleanLog(): Promise<SmallLog> {
  const maker = new Maker(2);
  await maker.start();
  try {
    await maker.settled();
    await maker.sealed(0, maker.batch(2), maker.batch(2));
    await maker.sealed(1, maker.batch(3));
    await maker.sealed(0, maker.batch(3, { codec: 1 }));
    await maker.sealed(1, maker.batch(1, { bits: 0x38 }), maker.batch(1, { bits: 0x18 }), maker.batch(2, { bits: 0 }));
    await maker.sealed(0, maker.batch(2, { codec: 2 }), maker.batch(2, { codec: 3 }), maker.batch(2, { codec: 4 }));
    await maker.sealed(1, unparsed(maker, 3), maker.batch(1));
  } finally {
    await maker.stop();
  }
  maker.put(0, maker.batch(1));
  return await maker.copy();
}

/**
 * A log that says itself what was lost, so that it is never verified: a seal (0-1), a gap (2-3), a seal (4-5), then generation 1 from
 * offset 6, a seal (6-8).
 */
export async function scarredLog(): Promise<SmallLog> {
  const maker = new Maker(1);
  await maker.start();
  await maker.settled();
  await maker.sealed(0, maker.batch(2));
  await maker.stop();
  maker.put(0, maker.batch(2));
  maker.cluster.deleteRecords(topics.events, 0, 4);
  await maker.start();
  await maker.sealed(0, maker.batch(2));
  await maker.stop();
  await maker.beginGeneration('diverged', 6);
  await maker.start();
  await maker.sealed(0, maker.batch(3));
  await maker.stop();
  return await maker.copy();
}
