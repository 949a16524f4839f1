import { parseVerifierKey } from '@tallystick/core/note';
import { parsePolicy } from '@tallystick/core/policy';
import type { Policy } from '@tallystick/core/policy';
import { memoryPublishedLog } from '../../src/adapters/published-memory.ts';
import type { PublishedLog } from '../../src/ports/published-log.ts';
import type { Verdict } from '../../src/verdict.ts';
import type { VerifyOptions } from '../../src/verify.ts';
import { checkpointOf, tilesOf, witnessFrom } from './tiny-log.ts';
import type { CheckpointOptions } from './tiny-log.ts';
import { keyFrom } from './tiny-sealer.ts';
import { World, origin, sealKey, topics } from './world.ts';

export const logKey = keyFrom(origin, 3);
export const witnesses = [
  witnessFrom('witness.example/a', 11),
  witnessFrom('witness.example/b', 12),
  witnessFrom('witness.example/c', 13),
] as const;
const [a, b, c] = witnesses;

/** Two of three witnesses. */
export const quorum = (): Policy =>
  parsePolicy(
    `log ${logKey.vkey}\nwitness A ${a.vkey}\nwitness B ${b.vkey}\nwitness C ${c.vkey}\ngroup two-of-three 2 A B C\nquorum two-of-three\n`,
  );

/** A world whose statements are published too, when it is told so. */
export class LogWorld extends World {
  /** Every statement that was sent, in order. */
  readonly notes: Buffer[] = [];
  /** What is published, by path. */
  files = new Map<string, Uint8Array>();

  static override async make(options: { partitions?: number; start?: boolean } = {}): Promise<LogWorld> {
    const plain = new LogWorld();
    await plain.begin(options);
    return plain;
  }

  /** Two sealed batches of 4 and 3 events, everything published, one record unsealed. */
  static async published(options: { partitions?: number } = {}): Promise<LogWorld> {
    const world = await LogWorld.make(options);
    for (const partition of world.states.keys()) {
      await world.emit(partition, 4);
      await world.seal(partition);
      await world.emit(partition, 3);
      await world.seal(partition);
      await world.emit(partition, 1);
    }
    world.publish();
    return world;
  }

  override async statement(note: Uint8Array): Promise<void> {
    this.notes.push(Buffer.from(note));
    await super.statement(note);
  }

  /** Publishes the first `count` statements; tiles of earlier checkpoints stay. */
  publish(count = this.notes.length, options: CheckpointOptions = {}): void {
    this.publishEntries(this.notes.slice(0, count), options);
  }

  publishEntries(entries: readonly Buffer[], options: CheckpointOptions = {}): void {
    for (const [path, bytes] of tilesOf(entries)) this.files.set(path, bytes);
    this.files.set('checkpoint', checkpointOf(entries, logKey, options));
  }

  get published(): PublishedLog {
    return memoryPublishedLog(this.files);
  }

  /** With the log and its key. */
  async check(options: Partial<VerifyOptions> = {}): Promise<Verdict> {
    return await this.verify({ published: this.published, logKeys: [parseVerifierKey(logKey.vkey)], ...options });
  }

  private async begin({ partitions = 1, start = true }: { partitions?: number; start?: boolean }): Promise<void> {
    this.cluster.createTopic(topics.events, { partitions });
    this.cluster.createTopic(topics.seals);
    this.cluster.createTopic(topics.leaves, { partitions });
    if (!start) return;
    await this.key('add', sealKey);
    for (let partition = 0; partition < partitions; partition++) await this.genesis(partition);
  }
}
