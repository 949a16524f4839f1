import type { BatchHeader } from '@tallystick/core/batch';
import type { VerifierKey } from '@tallystick/core/note';
import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog, TopicDescription, TopicNames } from '@tallystick/kafka/record-log';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { abortError } from '../deadline.ts';
import type { Patience } from '../deadline.ts';
import type { Bounds } from '../domain/shards.ts';
import { VerifierError } from '../errors.ts';
import type { PublishedLog } from '../ports/published-log.ts';
import type { Source } from '../records/read-through.ts';
import { BundleWriter } from './bundle-writer.ts';
import { choose } from './choose.ts';
import type { Choice, Chosen, SealSpan } from './choose.ts';
import { eventTime } from './event-time.ts';
import { exportPublished, readCheckpoint } from './export-published.ts';
import type { ReadCheckpoint } from './export-published.ts';
import { exportRecords } from './export-records.ts';
import { exportSchemas, SchemaIds } from './export-schemas.ts';
import { nothingOf, TopicsToExport, wholly } from './export-topics.ts';
import { leavesWindow } from './leaves-window.ts';
import { maxOtherTopics } from './limits.ts';
import { formatManifest } from './manifest.ts';
import type { BundleManifest, StoredTopic } from './manifest.ts';
import { manifestName, policyName } from './member-names.ts';
import type { BundleSink } from './sinks.ts';

export type { Choice, Edge } from './choose.ts';
export { fileSink, streamSink } from './sinks.ts';
export type { BundleSink } from './sinks.ts';

export interface ExportOptions {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly rootKey: VerifierKey;
  /** null: none is exported. */
  readonly published: PublishedLog | null;
  /** null: none are exported, and who checks the bundle can read events of our own schema only. */
  readonly schemas: SchemaSource | null;
  /** vkeys and policy, for information: a checker takes neither from a bundle. */
  readonly logKeys: readonly string[];
  readonly policy: string | null;
  readonly choice: Choice;
  /** The choice as it was given. */
  readonly asked: BundleManifest['asked'];
  readonly sink: BundleSink;
  readonly onProgress?: (progress: ExportProgress) => void;
  /** What is not as it should be, but does not stop the export, in a sentence. */
  readonly onNotice?: (message: string) => void;
  readonly signal?: AbortSignal;
  /** Longest wait for any one answer, ms; default 30,000. */
  readonly deadlineMs?: number;
  /** Unix ms; default Date.now. */
  readonly now?: () => number;
}

export interface ExportProgress {
  readonly phase: 'choosing' | 'leaves' | 'log' | 'records';
  /** What is being read: a topic and partition, or a path. */
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

export interface Exported {
  readonly manifest: BundleManifest;
  readonly bytes: number;
  /** Records of the events topic. */
  readonly events: number;
  /** First and last broker time of them as served, unix ms; null where there are none. */
  readonly times: { readonly first: bigint; readonly last: bigint } | null;
}

/**
 * Writes an evidence bundle (docs/evidence-bundle.md): the chosen events, all statements, the published log and the leaves of the chosen
 * seals, as they are stored. It judges nothing but which events are chosen; damage is copied as it is met. Needs no more memory than a few chunks.
 * The sink is finished only when the bundle is whole, and abandoned otherwise.
 * @throws VerifierError OPTIONS_INVALID, BUNDLE_WRITE, BUNDLE_LIMIT, VERIFY_ABORTED, LOG_*; KafkaError where the cluster cannot be read;
 *   SchemasError where the registry cannot
 */
export async function exportBundle(options: ExportOptions): Promise<Exported> {
  try {
    const exported = await new Export(options).run();
    await options.sink.finish();
    return exported;
  } catch (error) {
    await options.sink.abandon();
    throw error instanceof KafkaError && error.code === 'ABORTED' ? abortError(error) : error;
  }
}

class Export {
  private readonly options: ExportOptions;
  private readonly patience: Patience;
  private readonly topics: TopicsToExport;
  private readonly writer: BundleWriter;
  private readonly ids = new SchemaIds();
  private events = 0;
  private times: Exported['times'] = null;
  /** The events topic; undefined: not asked for yet. */
  private eventsTopic: TopicDescription | null | undefined;

  constructor(options: ExportOptions) {
    this.options = options;
    this.patience = { deadlineMs: options.deadlineMs ?? 30_000, signal: options.signal };
    this.topics = new TopicsToExport(options.log, this.patience);
    this.writer = new BundleWriter(options.sink);
  }

  /** The log first, then the statements, then where records end: so nothing that is taken speaks of what is not. */
  async run(): Promise<Exported> {
    const { published, policy } = this.options;
    const checkpoint = published === null ? null : await readCheckpoint(published);
    const chosen = await this.choose();
    const manifest = this.manifest(chosen, published, checkpoint);
    await this.writer.member(manifestName, formatManifest(manifest));
    if (policy !== null) await this.writer.member(policyName, Buffer.from(policy));
    if (published !== null && checkpoint !== null) await this.copyLog(published, checkpoint);
    for (const topic of [...manifest.stored].sort((a, b) => (a.folder < b.folder ? -1 : 1)))
      await this.copyTopic(topic);
    await this.copySchemas();
    await this.writer.end();
    return { manifest, bytes: this.writer.bytes, events: this.events, times: this.times };
  }

  private async choose(): Promise<Chosen> {
    const { topics, origin, rootKey, choice } = this.options;
    const seals = await this.topics.describe(topics.seals);
    if (seals === null) {
      const what = `Topic ${topics.seals} does not exist: there are no statements to choose by.`;
      throw new VerifierError('OPTIONS_INVALID', what);
    }
    const bounds = await this.topics.bounds(topics.seals, 0);
    const chosen = await choose(this.topics.source(seals, 0), bounds, topics.events, choice, {
      origin,
      rootKey,
      askTime: (partition, topicId, offset) => this.askTime(partition, topicId, offset),
      onProgress: (done, total) => this.progress('choosing', topics.seals, done, total),
    });
    // As the statements were chosen from: what came since may speak of records that are not copied.
    const [partition] = seals.partitions.filter((each) => each.partition === 0);
    await this.topics.store('seals', { ...seals, partitions: partition === undefined ? [] : [partition] }, () =>
      wholly(bounds),
    );
    if (chosen.otherTopics.length > maxOtherTopics)
      throw new VerifierError('BUNDLE_LIMIT', `Statements speak of more than ${maxOtherTopics} topics.`);
    await this.storeEvents(chosen);
    for (const [index, name] of chosen.otherTopics.entries()) {
      const other = await this.topics.describe(name);
      const folder = `other-${String(index + 1).padStart(2, '0')}`;
      const offsets = chosen.scope.kind === 'all' ? wholly : nothingOf;
      if (other !== null) await this.topics.store(folder, other, (_, each) => offsets(each));
    }
    await this.storeLeaves(chosen);
    return chosen;
  }

  /** Described once: that it does not exist is noted once. */
  private async describeEvents(): Promise<TopicDescription | null> {
    if (this.eventsTopic === undefined) this.eventsTopic = await this.topics.describe(this.options.topics.events);
    return this.eventsTopic;
  }

  /** The time of an event that was sealed; null, and told, where it cannot be read. */
  private async askTime(partition: number, topicId: string, offset: number): Promise<bigint | null> {
    const read = await eventTime(this.topics, await this.describeEvents(), { topicId, partition, offset });
    if (read.time === null) {
      const place = `offset ${offset} of ${this.options.topics.events}/${partition}`;
      const what = `the time of ${place} cannot be read, so its seal is chosen whatever its time`;
      this.options.onNotice?.(`${what}: ${read.why}`);
    }
    return read.time;
  }

  private async storeEvents({ scope }: Chosen): Promise<void> {
    const topic = await this.describeEvents();
    if (topic === null) return;
    await this.topics.store('events', topic, (partition, bounds) => {
      if (scope.kind === 'all') return wholly(bounds);
      const range = scope.ranges.find((each) => each.partition === partition);
      if (range === undefined) return nothingOf(bounds);
      const from = Math.min(Math.max(range.first, bounds.logStart), bounds.highWatermark);
      return { ...bounds, from, to: Math.max(from, Math.min(range.last + 1, bounds.highWatermark)) };
    });
  }

  private async storeLeaves({ scope, seals }: Chosen): Promise<void> {
    const { topics } = this.options;
    const topic = await this.topics.describe(topics.leaves);
    if (topic === null) return;
    await this.topics.store('leaves', topic, async (partition, bounds, source) => {
      if (scope.kind === 'all') return wholly(bounds);
      const span = seals?.get(partition);
      if (seals === null && scope.ranges.some((range) => range.partition === partition)) return wholly(bounds);
      const window = span === undefined ? null : await this.leavesOf(source, bounds, span);
      const { from, to } = window ?? { from: bounds.highWatermark, to: bounds.highWatermark };
      return { logStart: from, highWatermark: to, from, to };
    });
  }

  private async leavesOf(source: Source, bounds: Bounds, span: SealSpan): ReturnType<typeof leavesWindow> {
    this.progress('leaves', `${source.topic}/${source.partition}`, 0, 1);
    return await leavesWindow(source, bounds, this.options.topics.events, span);
  }

  private manifest(
    { scope }: Chosen,
    published: PublishedLog | null,
    checkpoint: ReadCheckpoint | null,
  ): BundleManifest {
    const { origin, topics, asked, schemas, rootKey, logKeys } = this.options;
    return {
      made: new Date((this.options.now ?? Date.now)()).toISOString(),
      origin,
      asked,
      scope,
      topics,
      stored: this.topics.stored,
      missing: this.topics.missing,
      log: published === null || checkpoint === null ? null : { place: published.place, size: checkpoint.size },
      schemas: schemas !== null,
      keys: { root: rootKey.vkey, log: logKeys },
    };
  }

  private async copyLog(published: PublishedLog, checkpoint: ReadCheckpoint): Promise<void> {
    const notice = await exportPublished(published, checkpoint, this.writer, (path, done, total) =>
      this.progress('log', path, done, total),
    );
    if (notice !== null) this.options.onNotice?.(`${notice}: a verification will say so.`);
  }

  private async copyTopic(topic: StoredTopic): Promise<void> {
    const { schemas, onNotice } = this.options;
    const description: TopicDescription = topic;
    const isEvents = topic.folder !== 'seals' && topic.folder !== 'leaves';
    for (const { partition, from, to } of topic.partitions) {
      if (from >= to) continue;
      const what = `${topic.name}/${partition}`;
      this.progress('records', what, 0, to - from);
      await exportRecords(this.topics.source(description, partition), this.writer, {
        folder: topic.folder,
        from,
        to,
        onBatch: (bytes, header) => {
          if (isEvents) this.count(header);
          if (isEvents && schemas !== null) this.ids.batch(bytes, header);
          this.progress('records', what, Math.min(header.lastOffset + 1, to) - from, to - from);
        },
        onDamage: (message) => onNotice?.(`damage was met and is in the bundle as it was served: ${message}`),
      });
    }
  }

  private count({ count, appendTime, baseTimestamp, maxTimestamp }: BatchHeader): void {
    this.events += count;
    const begins = appendTime ? maxTimestamp : baseTimestamp;
    const { first, last } = this.times ?? { first: begins, last: maxTimestamp };
    this.times = { first: begins < first ? begins : first, last: maxTimestamp > last ? maxTimestamp : last };
  }

  private async copySchemas(): Promise<void> {
    const { schemas, onNotice } = this.options;
    if (schemas === null) return;
    if (this.ids.overflow)
      onNotice?.(
        'records name more schemas than a bundle takes: those that name the others cannot be decoded from it.',
      );
    await exportSchemas(schemas, this.ids.ids, this.writer);
  }

  private progress(phase: ExportProgress['phase'], what: string, done: number, total: number): void {
    this.options.onProgress?.({ phase, what, done, total });
  }
}
