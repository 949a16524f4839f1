import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseBatch, readBatchHeader } from '@tallystick/core/batch';
import { encodeBatch, sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { encodeEvent, eventHeaders } from '@tallystick/schemas/avro';
import { compareIds } from '../../src/content/compare-ids.ts';
import type { ComparedIds, ComparedPartition } from '../../src/content/compare-ids.ts';
import { mergeContent, openContentCheck } from '../../src/content/content-check.ts';
import type { ContentOptions, ContentPart, ContentState, MergedContent } from '../../src/content/content-types.ts';
import type { NewFinding } from '../../src/domain/findings.ts';

export const topic = 'audit.events';
export const origin = 'example.org/ledger';
export const appendedAt = 1_722_375_081_000;

let made = 0;

/** An event with an id of its own, unless one is given. */
export function event(changes: Partial<AuditEvent> = {}): AuditEvent {
  made += 1;
  return {
    id: `01938f2c-7a00-7000-8000-${made.toString(16).padStart(12, '0')}`,
    action: 'invoice:approve',
    occurredAtMs: appendedAt,
    source: 'billing',
    outcome: 'success',
    instance: 'billing-1',
    epoch: 5,
    sequence: 0,
    ...changes,
  };
}

/** Events of one life with these sequences. */
export function life(sequences: readonly number[], changes: Partial<AuditEvent> = {}): AuditEvent[] {
  return sequences.map((sequence) => event({ ...changes, sequence }));
}

export function record(of: AuditEvent): RecordToAppend {
  return { key: Buffer.from('k'), value: encodeEvent(of, 1), headers: eventHeaders };
}

export interface BatchOptions {
  /** Unix ms of the broker. */
  readonly time?: number;
  /** Bits 3 to 5 of the attributes; default LogAppendTime. */
  readonly attributes?: number;
}

/** One partition's batches, as a broker stored them. */
export class Records {
  readonly batches: ReadBatch[] = [];
  readonly partition: number;
  next: number;

  constructor(partition = 0, first = 0) {
    this.partition = partition;
    this.next = first;
  }

  add(of: readonly (AuditEvent | RecordToAppend)[], { time = appendedAt, attributes = 0x08 }: BatchOptions = {}): this {
    const bytes = encodeBatch(
      of.map((each) => ('value' in each ? each : record(each))),
      time,
    );
    bytes.writeBigInt64BE(BigInt(this.next), 0);
    bytes.writeInt16BE(attributes, 21);
    sealCrc(bytes);
    this.batches.push({ bytes, header: readBatchHeader(bytes, 0) });
    this.next += of.length;
    return this;
  }

  /** Each event in a batch of its own. */
  each(of: readonly (AuditEvent | RecordToAppend)[]): this {
    for (const one of of) this.add([one]);
    return this;
  }
}

export interface CheckSettings extends Partial<ContentOptions> {
  readonly before?: ContentState | null;
  /** Offsets at which new shards begin. */
  readonly cuts?: readonly number[];
  /** Places of seals by the offset that they begin at, for signatures. */
  readonly places?: ReadonlyMap<number, number>;
  readonly skipped?: readonly [first: number, last: number, why: 'unread' | 'lost'][];
}

export interface Checked {
  readonly merged: MergedContent;
  readonly compared: ComparedIds;
  readonly parts: readonly ContentPart[];
  /** As they go to `compareIds`; their files are gone. */
  readonly partitions: readonly ComparedPartition[];
  /** Of both, as `code place` in order. */
  readonly findings: readonly NewFinding[];
  readonly codes: readonly string[];
}

/** Checks partitions as the verifier does. The temporary folder has to be empty in the end. */
export async function check(partitions: Records | readonly Records[], settings: CheckSettings = {}): Promise<Checked> {
  const all = 'batches' in partitions ? [partitions] : partitions;
  const tempDir = mkdtempSync(join(tmpdir(), 'content-'));
  try {
    const parts: ContentPart[] = [];
    const partitions: ComparedPartition[] = [];
    const merged: MergedContent[] = [];
    for (const records of all) {
      const own = await shards(records, tempDir, settings);
      parts.push(...own.map((part) => structuredClone(part)));
      const of = mergeContent(own, settings.before ?? null);
      partitions.push({ parts: own, repeats: structuredClone(of.repeats) });
      merged.push(of);
    }
    const compared = await compareIds(partitions, {
      read: reader(all),
      schemas: settings.schemas ?? null,
      codecs: nodeCodecs,
      signal: undefined,
    });
    if (readdirSync(tempDir).length > 0) throw new Error('files are left over');
    const findings = [...merged.flatMap((each) => each.findings), ...compared.findings];
    return { merged: merged[0]!, compared, parts, partitions, findings, codes: findings.map(({ code }) => code) };
  } finally {
    rmSync(tempDir, { recursive: true });
  }
}

async function shards(
  { batches, partition }: Records,
  tempDir: string,
  settings: CheckSettings,
): Promise<ContentPart[]> {
  const { cuts = [], places = new Map<number, number>(), skipped = [] } = settings;
  const options: ContentOptions = {
    topic,
    partition,
    origin,
    schemas: null,
    producerKeys: [],
    maxClockSkewMs: null,
    tempDir,
    ...settings,
  };
  const parts: ContentPart[] = [];
  let shard = openContentCheck(options);
  for (const { bytes, header } of batches) {
    const judged = parseBatch(bytes, header, nodeCodecs);
    let from = header.baseOffset;
    for (const [first, last, why] of skipped) if (last + 1 === from) shard.skipped(first, last, why);
    for (const cut of cuts) {
      if (cut < from || cut > header.lastOffset) continue;
      if (cut > from) await shard.batch(judged, from, cut - 1);
      parts.push(await shard.finish());
      shard = openContentCheck(options);
      from = cut;
    }
    const place = places.get(from);
    if (place !== undefined) shard.section(place);
    await shard.batch(judged, from, header.lastOffset);
  }
  return [...parts, await shard.finish()];
}

function reader(all: readonly Records[]) {
  return async function* read(partition: number, from: number, to: number) {
    await Promise.resolve();
    const of = all.find((each) => each.partition === partition)?.batches ?? [];
    yield of.filter(({ header }) => header.lastOffset >= from && header.baseOffset < to);
  };
}
