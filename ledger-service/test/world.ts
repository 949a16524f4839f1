import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { encodeBase64, encodeUtf8 } from '@tallystick/core/encoding';
import { entriesOf } from '@tallystick/core/entry';
import { Judge, type Outcome } from '@tallystick/core/judge';
import { genesisLeaf, leafOf } from '@tallystick/core/leaf';
import { root } from '@tallystick/core/merkle';
import { signerFromSeed, signNote, type NoteSigner } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import type { KeyStatement, SealStatement, Statement } from '@tallystick/core/statement-types';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { RecordLog, RecordToAppend, TopicNames } from '@tallystick/kafka/record-log';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { MemoryCheckpointStore } from '../src/adapters/memory-checkpoint-store.ts';
import { MemoryLogStore } from '../src/adapters/memory-log-store.ts';
import { startLedger, type LedgerOptions, type RunningLedger } from '../src/service.ts';

export const origin = 'test.example/log';
export const seed = (n: number) => new Uint8Array(32).fill(n);
export const rootSigner = signerFromSeed(`${origin}/root`, seed(1));
export const sealSigner = signerFromSeed(`${origin}/seal`, seed(2));
export const logSigner = signerFromSeed(origin, seed(4));
export const topics: TopicNames = { events: 'events', seals: 'seals', leaves: 'leaves' };

export const keyStatement = (key: string, over: Partial<KeyStatement> = {}): KeyStatement => ({
  kind: 'key',
  origin,
  number: 0,
  action: 'add',
  role: 'seal',
  key,
  previous: null,
  time: 1,
  ...over,
});

export const noteOf = (statement: Statement, signer: NoteSigner) => signNote(formatStatement(statement), signer);

/** A cluster, a folder, and the ledgers that a test starts; all is ended afterwards. */
export class World {
  readonly cluster = new MemoryCluster();
  readonly folder = mkdtempSync(join(tmpdir(), 'tallystick-ledger-'));
  readonly log: RecordLog;
  readonly stores = { store: new MemoryLogStore(), checkpoints: new MemoryCheckpointStore() };
  readonly ledgers: RunningLedger[] = [];
  readonly seals: SealStatement[] = [];

  constructor(partitions = 1) {
    this.cluster.createTopic(topics.events, { partitions });
    this.cluster.createTopic(topics.seals);
    this.cluster.createTopic(topics.leaves, { partitions });
    this.log = this.cluster.connect();
    worlds.push(this);
  }

  async start(over: Partial<LedgerOptions> = {}): Promise<RunningLedger> {
    const ledger = await startLedger({
      kafka: this.cluster.connect(),
      topics,
      origin,
      rootKey: rootSigner.key,
      roles: ['seal'],
      stores: this.stores,
      logKeys: [logSigner.key],
      logSigners: [logSigner],
      publishMs: 20,
      keyStatements: [await noteOf(keyStatement(sealSigner.key.vkey), rootSigner)],
      signer: sealSigner,
      stateDir: join(this.folder, 'state'),
      limits: { events: 10, ageMs: 40 },
      deadlineMs: 400,
      topicCheckMs: 20,
      mendMs: 50,
      onSeal: (seal) => this.seals.push(seal),
      ...over,
    });
    this.ledgers.push(ledger);
    return ledger;
  }

  async emit(count: number, partition = 0): Promise<void> {
    const appender = await this.log.createAppender();
    for (let i = 0; i < count; i++) {
      await appender.append(topics.events, partition, [record(`event ${i}`)]);
    }
  }

  async emitTogether(records: readonly RecordToAppend[], partition = 0): Promise<void> {
    await (await this.log.createAppender()).append(topics.events, partition, records);
  }

  async appendNote(value: Uint8Array | null): Promise<void> {
    await (await this.log.createAppender()).append(topics.seals, 0, [{ key: null, value }]);
  }

  highWatermark(topic: string, partition = 0): number {
    return this.cluster.partition(topic, partition).highWatermark;
  }

  /** What a fresh reader of the seals topic takes it for. */
  judge(): { judge: Judge; outcomes: Outcome[] } {
    const judge = new Judge({ origin, rootKey: rootSigner.key, verify: nodeVerifyEd25519 });
    const outcomes: Outcome[] = [];
    for (const { offset, value } of this.records(topics.seals))
      outcomes.push(judge.offer(value, { in: 'seals', offset }));
    return { judge, outcomes };
  }

  accepted(partition = 0): SealStatement[] {
    return this.#seals(this.judge().outcomes, partition);
  }

  /** As `judge` and `accepted`, of one reading. */
  read(partition: number): { judge: Judge; outcomes: Outcome[]; seals: SealStatement[] } {
    const { judge, outcomes } = this.judge();
    return { judge, outcomes, seals: this.#seals(outcomes, partition) };
  }

  #seals(outcomes: readonly Outcome[], partition: number): SealStatement[] {
    return outcomes.flatMap((outcome) =>
      outcome.outcome === 'accepted' &&
      outcome.signed.statement.kind === 'seal' &&
      outcome.signed.statement.partition === partition
        ? [outcome.signed.statement]
        : [],
    );
  }

  records(topic: string, partition = 0) {
    return this.cluster.batches(topic, partition).flatMap((bytes) => {
      const header = readBatchHeader(bytes, 0);
      const batch = parseBatch(bytes, header, nodeCodecs);
      return batch.parsed ? recordsOf(batch) : [];
    });
  }

  /** Waits until every event is in an accepted seal. */
  async sealed(partition = 0): Promise<void> {
    await until(
      () => (this.accepted(partition).at(-1)?.offsets.last ?? -1) + 1 === this.highWatermark(topics.events, partition),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const worlds: World[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) {
    await Promise.all(world.ledgers.map((ledger) => ledger.stop()));
    world[Symbol.dispose]();
  }
});

export const record = (value: string | null, key: string | null = 'k'): RecordToAppend => ({
  key: key === null ? null : encodeUtf8(key),
  value: value === null ? null : encodeUtf8(value),
});

/** Polls until the condition holds; its error or a timeout fails the test. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not become true`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Checks all accepted seals of a partition against its records with the slow functions that follow the protocol's words.
 * @returns how many events are sealed
 */
export function checkSeals(world: World, partition = 0): number {
  const { judge, outcomes, seals } = world.read(partition);
  const state = judge.partition(topics.events, partition);
  if (state === null) return 0;
  const genesis = outcomes.flatMap((o) =>
    o.outcome === 'accepted' && o.signed.statement.kind === 'genesis' && o.signed.statement.partition === partition
      ? [o.signed.text]
      : [],
  );
  let previous = genesisLeaf(genesis[0] ?? '');
  const leaves: Uint8Array[] = [];
  for (const bytes of world.cluster.batches(topics.events, partition)) {
    const header = readBatchHeader(bytes, 0);
    for (const entry of entriesOf(parseBatch(bytes, header, nodeCodecs), partition))
      leaves.push((previous = leafOf(previous, entry)));
  }
  for (const { events, root: sealed, head } of seals) {
    const batch = leaves.slice(events.first, events.last + 1);
    const found = { root: encodeBase64(root(batch)), head: encodeBase64(batch.at(-1) ?? new Uint8Array()) };
    if (found.root !== sealed || found.head !== head)
      throw new Error(`events ${events.first} to ${events.last} are not what was sealed`);
  }
  return state.nextIndex;
}
