import { setTimeout } from 'node:timers/promises';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { afterAll } from 'vitest';
import { recordLogContract } from '../../../kafka/test/record-log-contract.ts';
import { BundleWriter } from '../../src/bundle/bundle-writer.ts';
import { exportRecords } from '../../src/bundle/export-records.ts';
import { TopicsToExport, wholly } from '../../src/bundle/export-topics.ts';
import { fileSink } from '../../src/bundle/sinks.ts';
import { formatManifest } from '../../src/bundle/manifest.ts';
import { manifestName } from '../../src/bundle/member-names.ts';
import { openBundle } from '../../src/bundle/open-bundle.ts';
import { BundleFolder } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

/** Answers every question from a bundle of the one topic asked about, made at that moment. Only what is appended goes past bundles. */
class BundledLog implements RecordLog {
  private readonly inner: RecordLog;

  constructor(cluster: MemoryCluster) {
    this.inner = cluster.connect();
  }

  async describeTopic(topic: string) {
    return await this.ask(topic, (log) => log.describeTopic(topic));
  }

  async fetch(request: FetchRequest): Promise<FetchResponse> {
    const until = performance.now() + request.maxWaitMs;
    for (;;) {
      const answer = await this.ask(request.topic, (log) => log.fetch({ ...request, maxWaitMs: 0 }));
      if (answer.error !== 0 || answer.records.length > 0 || performance.now() >= until) return answer;
      await setTimeout(5);
    }
  }

  async bounds(topic: string, partition: number) {
    return await this.ask(topic, (log) => log.bounds(topic, partition));
  }

  async createAppender() {
    return await this.inner.createAppender();
  }

  async close(): Promise<void> {
    await this.inner.close();
  }

  private async ask<T>(topic: string, question: (log: RecordLog) => Promise<T>): Promise<T> {
    const file = folder.file();
    const sink = await fileSink(file);
    try {
      await this.export(topic, new BundleWriter(sink));
      await sink.finish();
    } catch (error) {
      await sink.abandon();
      throw error;
    }
    const bundle = await openBundle(file);
    try {
      return await question(bundle.records);
    } finally {
      await bundle.close();
    }
  }

  private async export(topic: string, writer: BundleWriter): Promise<void> {
    const topics = new TopicsToExport(this.inner, { deadlineMs: 5_000, signal: undefined });
    const description = await topics.describe(topic);
    if (description !== null) await topics.store('events', description, (_, bounds) => wholly(bounds));
    const manifest = formatManifest({
      made: '2026-01-01T00:00:00Z',
      origin: 'contract',
      asked: { from: null, to: null, partition: null },
      scope: { kind: 'all' },
      topics: { events: topic, seals: 'seals', leaves: 'leaves' },
      stored: topics.stored,
      missing: topics.missing,
      log: null,
      schemas: false,
      keys: { root: 'none', log: [] },
    });
    await writer.member(manifestName, manifest);
    if (description !== null) {
      for (const { partition, from, to } of topics.stored[0]?.partitions ?? [])
        await exportRecords(topics.source(description, partition), writer, { folder: 'events', from, to });
    }
    await writer.end();
  }
}

recordLogContract('a bundle', () => {
  const cluster = new MemoryCluster();
  let count = 0;
  return Promise.resolve({
    connect: () => new BundledLog(cluster),
    createTopic: ({ maxMessageBytes } = {}) =>
      Promise.resolve(
        cluster.createTopic(`topic-${(count += 1)}`, {
          partitions: 2,
          ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
        }),
      ),
    recreateTopic: (name) => Promise.resolve(cluster.recreateTopic(name)),
    deleteTopic: (name) => Promise.resolve(cluster.deleteTopic(name)),
    deleteRecords: (topic, partition, below) => Promise.resolve(cluster.deleteRecords(topic, partition, below)),
    close: () => Promise.resolve(),
  });
});
