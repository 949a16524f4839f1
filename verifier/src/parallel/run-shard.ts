import { createHash } from 'node:crypto';
import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { NewFinding } from '../domain/findings.ts';
import { PackedSections } from '../domain/section-record.ts';
import type { SealSection } from '../domain/sections.ts';
import { PartitionFindings } from '../records/partition-findings.ts';
import { readSoundShard } from '../records/read-shard.ts';
import { ContentFeed } from '../records/record-content.ts';
import type { DamagedSeal, SealSink } from '../records/seal-pass.ts';
import { sealOutcome } from './shard-message.ts';
import type { ShardResult, ShardTask } from './shard-message.ts';

const hashBytes = 32;

export interface ShardSource {
  readonly log: RecordLog;
  readonly schemas: SchemaSource | null;
  readonly deadlineMs: number;
  readonly sha256: Sha256;
  readonly codecs: Codecs;
  readonly meter: { add(bytes: number, events: number): void };
  readonly signal?: AbortSignal;
}

/**
 * Reads one shard and says in plain data what came of each seal.
 * @returns null where something could not be read as it should be: nothing is said of the shard then
 * @throws KafkaError where the partition cannot be read at all
 */
export async function runShard(task: Omit<ShardTask, 'id'>, source: ShardSource): Promise<ShardResult | null> {
  const { shard, plan, hasUnknown, content } = task;
  const { topic, partition, genesis } = plan;
  const { log, schemas, deadlineMs, sha256, codecs, meter, signal } = source;
  const sections = new PackedSections(task.sections);
  const findings: NewFinding[] = [];
  const { from, end, countTo: readTo } = shard;
  const of = { topic, partition, genesis, sections, genesisOffset: null, prunedTo: new Map<number, number>() };
  const sink = { add: (finding: NewFinding) => findings.push(finding) };
  const found = new PartitionFindings(sink, { ...of, from, floor: from, end, readTo }, hasUnknown);
  const { topicId } = genesis.statement;
  const reading = { log, topic, topicId, partition, deadlineMs, signal, reuse: true };
  const seals = new Outcomes(sections);
  const records = new ContentFeed({ ...content, schemas });
  const tools = { source: reading, sha256, codecs, found, seals, records, meter };
  const sound = await readSoundShard(shard, sections, tools);
  if (sound === null) return null;
  const { outcomes, digests, roots } = seals;
  return { ...sound, findings, outcomes, digests, roots, content: await records.finish() };
}

/** As `runShard`. What Kafka says is no matter of one thread: who asked reads the shard again, and hears it too. */
export async function readOrLeave(task: Omit<ShardTask, 'id'>, source: ShardSource): Promise<ShardResult | null> {
  try {
    return await runShard(task, source);
  } catch (error) {
    if (error instanceof KafkaError) return null;
    throw error;
  }
}

/** Notes what became of each seal, by its place among the shard's sections. */
class Outcomes implements SealSink {
  readonly outcomes: Uint8Array;
  readonly digests: Uint8Array;
  readonly roots: (string | null)[] = [];
  private readonly sections: PackedSections;
  private at = 0;

  constructor(sections: PackedSections) {
    this.sections = sections;
    this.outcomes = new Uint8Array(sections.length);
    this.digests = new Uint8Array(sections.length * hashBytes);
  }

  agrees(section: SealSection, leaves: Uint8Array): void {
    const at = this.indexOf(section);
    this.outcomes[at] = sealOutcome.agrees;
    this.digests.set(digestOfLeaves(leaves), at * hashBytes);
  }

  differs({ section, root }: DamagedSeal): void {
    this.outcomes[this.indexOf(section)] = sealOutcome.differs;
    this.roots.push(root);
  }

  /** Seals are settled in order. */
  private indexOf({ first }: SealSection): number {
    while (this.at < this.sections.length && (this.sections.at(this.at)?.first ?? 0) < first) this.at += 1;
    return this.at;
  }
}

/** By which leaves are compared that lie in two threads. Much cheaper than their tree: one hash of all. */
export function digestOfLeaves(leaves: Uint8Array): Uint8Array {
  return createHash('sha256').update(leaves).digest();
}
