import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { openCheckpoint } from '@tallystick/core/checkpoint';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { concatBytes, encodeBase64, equalBytes } from '@tallystick/core/encoding';
import { Judge } from '@tallystick/core/judge';
import { genesisLeaf } from '@tallystick/core/leaf';
import { leafHash, root, rootInPlace } from '@tallystick/core/merkle';
import { signerFromSeed, signNote, type NoteSigner } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { Statement } from '@tallystick/core/statement-types';
import { formatEntryBundle, parseEntryBundle, tilePath } from '@tallystick/core/tiles';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import { createPrivateKey, sign } from 'node:crypto';
import { afterEach, expect } from 'vitest';
import { MemoryCheckpointStore } from '../../src/adapters/memory-checkpoint-store.ts';
import { MemoryLogStore } from '../../src/adapters/memory-log-store.ts';
import { MemoryStateFiles } from '../../src/adapters/memory-state-files.ts';
import { startPublisher, type PublisherOptions, type PublishStatus } from '../../src/log/publisher.ts';
import { seenCheckpointIn } from '../../src/log/seen-checkpoint.ts';
import type { CheckpointStore, StoredCheckpoint } from '../../src/ports/checkpoint-store.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import type { RunningRole } from '../../src/ports/role.ts';

export const origin = 'test.example/log';
export const seed = (n: number) => new Uint8Array(32).fill(n);
export const rootSigner = fastSigner(`${origin}/root`, seed(1));
export const sealSigner = fastSigner(`${origin}/seal`, seed(2));
export const logSigner = fastSigner(origin, seed(3));
export const newLogSigner = fastSigner(origin, seed(4));
export const topic = 'seals';

/** As signerFromSeed, in native code: a test signs thousands of statements. */
function fastSigner(name: string, secret: Uint8Array): NoteSigner {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const signer = signerFromSeed(name, secret);
  return { key: signer.key, sign: async (message) => await Promise.resolve(new Uint8Array(sign(null, message, key))) };
}

/** A checkpoint store that remembers every note that was ever stored in it. */
export class RecordingCheckpoints implements CheckpointStore {
  inner = new MemoryCheckpointStore();
  readonly stored: Uint8Array[] = [];

  async newest(): Promise<StoredCheckpoint | null> {
    return await this.inner.newest();
  }

  async swap(from: StoredCheckpoint | null, note: Uint8Array): Promise<StoredCheckpoint | null> {
    const stored = await this.inner.swap(from, note);
    if (stored !== null) this.stored[stored.version - 1] = note;
    return stored;
  }

  async close(): Promise<void> {
    await this.inner.close();
  }
}

/** Every world says the same, and signing costs more than all the rest of a test. */
const signed = new Map<string, Promise<Uint8Array>>();

/** One chain of statements of a partition. */
interface Chain {
  seals: number;
  previous: string;
  head: string;
}

/** A seals topic, a log, and the publishers that a test starts; all are ended afterwards. */
export class LogWorld {
  readonly cluster = new MemoryCluster();
  store: LogStore = new MemoryLogStore();
  checkpoints = new RecordingCheckpoints();
  readonly seen = seenCheckpointIn(new MemoryStateFiles());
  readonly publishers: RunningRole<PublishStatus>[] = [];
  readonly #chains = new Map<number, Chain>();
  #before: Chain | null = null;

  constructor() {
    this.cluster.createTopic(topic);
    worlds.push(this);
  }

  /** The first statement of every log. */
  async begin(): Promise<void> {
    const { vkey: key } = sealSigner.key;
    await this.note(
      { kind: 'key', origin, number: 0, action: 'add', role: 'seal', key, previous: null, time: 1 },
      rootSigner,
    );
  }

  /** Writes the next seals of a partition, and its genesis before them. */
  async seal(count = 1, partition = 0): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.#seal(partition);
  }

  async #seal(partition: number): Promise<void> {
    const where = { origin, topic: 'events', partition, generation: 0 };
    let chain = this.#chains.get(partition);
    if (chain === undefined) {
      const text = await this.note(
        {
          ...where,
          kind: 'genesis',
          topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
          reason: 'new',
          firstOffset: 0,
          previous: null,
          time: 1,
        },
        sealSigner,
      );
      this.#chains.set(
        partition,
        (chain = { seals: 0, previous: statementHash(text), head: encodeBase64(genesisLeaf(text)) }),
      );
    }
    const { seals, previous, head: after } = chain;
    const head = encodeBase64(leafHash(concatBytes(seed(partition), new TextEncoder().encode(String(seals)))));
    const text = await this.note(
      {
        ...where,
        kind: 'seal',
        seal: seals,
        events: { first: seals, last: seals },
        offsets: { first: seals, last: seals },
        epoch: 0,
        root: head,
        after,
        head,
        previous,
        time: 1,
      },
      sealSigner,
    );
    this.#chains.set(partition, { seals: seals + 1, previous: statementHash(text), head });
  }

  /** Says that events of partition 0 up to that index, which is at that offset, were removed. */
  async prune(through: number, offset: number): Promise<void> {
    const chain = this.#chains.get(0);
    if (chain === undefined) throw new Error('nothing was sealed');
    this.#before = { ...chain };
    const text = await this.note(
      {
        kind: 'prune',
        origin,
        topic: 'events',
        partition: 0,
        generation: 0,
        through,
        offset,
        rule: 'test',
        archive: 'file:///archive',
        sha256: encodeBase64(seed(9)),
        previous: chain.previous,
        time: 1,
      },
      sealSigner,
    );
    this.#chains.set(0, { ...chain, previous: statementHash(text) });
  }

  /** Goes on as if what was written since the last prune, and that, had not been accepted. */
  forget(): void {
    if (this.#before !== null) this.#chains.set(0, this.#before);
  }

  async note(statement: Statement, signer: NoteSigner): Promise<string> {
    const text = formatStatement(statement);
    let note = signed.get(text);
    if (note === undefined) signed.set(text, (note = signNote(text, signer)));
    await this.append(await note);
    return text;
  }

  async append(value: Uint8Array): Promise<void> {
    const appender = await this.cluster.connect().createAppender();
    await appender.append(topic, 0, [{ key: null, value }]);
  }

  options(over: Partial<PublisherOptions> = {}): PublisherOptions {
    return {
      log: this.cluster.connect(),
      topics: { seals: topic },
      origin,
      rootKey: rootSigner.key,
      stores: { store: this.store, checkpoints: this.checkpoints },
      logKeys: [logSigner.key],
      signers: [logSigner],
      publishMs: 5,
      snapshotMs: 1,
      deadlineMs: 200,
      graceMs: 1,
      seen: this.seen,
      ...over,
    };
  }

  async start(over: Partial<PublisherOptions> = {}): Promise<RunningRole<PublishStatus>> {
    const publisher = await startPublisher(this.options(over));
    this.publishers.push(publisher);
    return publisher;
  }

  /** What a fresh judge accepts of the topic, in order. */
  accepted(): Uint8Array[] {
    const judge = new Judge({ origin, rootKey: rootSigner.key, verify: nodeVerifyEd25519 });
    const notes: Uint8Array[] = [];
    for (const bytes of this.cluster.batches(topic, 0)) {
      const batch = parseBatch(bytes, readBatchHeader(bytes, 0), nodeCodecs);
      for (const { value, offset } of batch.parsed ? recordsOf(batch) : [])
        if (judge.offer(value, { in: 'seals', offset }).outcome === 'accepted' && value !== null)
          notes.push(value.slice());
    }
    return notes;
  }

  /** Resolves once a stored checkpoint holds so many entries. */
  async logged(size: number): Promise<void> {
    await until(
      () => this.size() >= size,
      () => `a log of ${size} entries (it has ${this.size()})`,
    );
  }

  size(): number {
    const last = this.checkpoints.stored.at(-1);
    return last === undefined ? 0 : sizeOf(last);
  }

  async publishedSize(): Promise<number | null> {
    const note = await this.store.read('checkpoint', 65_535);
    return note === null ? null : sizeOf(note);
  }

  /**
   * Holds the whole log against the RFC's words: every bundle and tile that its size calls for, the root, and every checkpoint that was
   * ever stored, as a prefix of it.
   * @returns the entries
   */
  async checkLog(keys = [logSigner.key]): Promise<Uint8Array[]> {
    const heads = this.checkpoints.stored.map(
      (note) => openCheckpoint(note, { origin, keys, verify: nodeVerifyEd25519 }).checkpoint,
    );
    const size = heads.at(-1)?.size ?? 0;
    const entries: Uint8Array[] = [];
    for (let index = 0; index * 256 < size; index += 1) {
      const width = Math.min(256, size - index * 256);
      const bundle = await this.store.read(tilePath({ level: 'entries', index, width }), 1 << 25);
      expect(bundle, `bundle ${index} of ${width}`).not.toBeNull();
      entries.push(...parseEntryBundle(bundle ?? new Uint8Array(), width));
    }
    let hashes = entries.map(leafHash);
    const leaves = hashes;
    for (let level = 0; hashes.length > 0; level += 1) {
      const above: Uint8Array[] = [];
      for (let index = 0; index * 256 < hashes.length; index += 1) {
        const some = hashes.slice(index * 256, index * 256 + 256);
        const path = tilePath({ level, index, width: some.length });
        expect(await this.store.read(path, 8_192), path).toEqual(concatBytes(...some));
        if (some.length === 256) above.push(root(some));
      }
      hashes = above;
    }
    let before = -1;
    for (const head of heads) {
      expect(head.size).toBeGreaterThan(before);
      before = head.size;
      const prefix = Buffer.concat(leaves.slice(0, head.size));
      expect(equalBytes(head.root, rootInPlace(prefix, head.size, nodeSha256)), `root of size ${head.size}`).toBe(true);
    }
    return entries;
  }

  /** The same, and it holds exactly what the topic's accepted statements are, in their order. */
  async expectWholeLog(keys = [logSigner.key]): Promise<void> {
    const entries = await this.checkLog(keys);
    const accepted = this.accepted();
    expect(entries.length).toBe(accepted.length);
    expect(equalBytes(formatAll(entries), formatAll(accepted))).toBe(true);
  }
}

function formatAll(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...entries.map((entry) => formatEntryBundle([entry])));
}

export function sizeOf(note: Uint8Array): number {
  return Number(new TextDecoder().decode(note).split('\n')[1]);
}

/** Polls until the condition holds; a timeout fails the test. */
export async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const worlds: LogWorld[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0))
    await Promise.all(world.publishers.map(async (publisher) => await publisher.stop()));
});
