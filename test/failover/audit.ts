import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { renderText } from '@tallystick/verifier/render';
import type { Verdict } from '@tallystick/verifier/verdict';
import { verify } from '@tallystick/verifier/verify';
import type { Receipt } from './load.ts';
import { partitions, type FailoverWorld } from './world.ts';

/** What is wrong with receipts, where `stored` has the number of the event at each offset. Empty: all is there. */
export function lost(
  receipts: readonly Receipt[],
  stored: readonly (number | undefined)[],
  sealedTo: number,
): string[] {
  const wrong: string[] = [];
  for (const { first, runs } of receipts) {
    let number = first;
    for (const { baseOffset, count } of runs)
      for (let offset = baseOffset; offset < baseOffset + count; offset += 1, number += 1) {
        if (stored[offset] !== number)
          wrong.push(`event ${number} is not at offset ${offset}, where it was acknowledged`);
        else if (offset >= sealedTo) wrong.push(`event ${number} at offset ${offset} is not sealed`);
      }
  }
  return wrong;
}

export interface AuditResult {
  readonly problems: readonly string[];
  readonly verdict: Verdict;
}

/** When all is quiet: holds Kafka, the receipts and the published log against each other, and verifies everything from the root key. */
export async function audit(world: FailoverWorld): Promise<AuditResult> {
  const problems: string[] = [];
  const { topics, origin, rootKey, published, load } = world;
  // Of its own, with the time-outs that everybody has.
  const log = connectRecordLog(world.kafka('verifier'));
  try {
    await published.follow();
    if (!(await published.tilesAgree())) problems.push('the tiles of the published log lead to another root');
    for (let partition = 0; partition < partitions; partition += 1) {
      const stored = await numbersOf(world, partition);
      const sealedTo = published.sealedTo(topics.events, partition);
      if (sealedTo !== stored.length) problems.push(`partition ${partition}: ${sealedTo} of ${stored.length} sealed`);
      const missing = lost(load.receipts[partition] ?? [], stored, sealedTo);
      if (missing.length > 0) problems.push(`partition ${partition}: ${missing.length} lost: ${missing[0]}`);
    }
    const verdict = await verify({ log, topics, origin, rootKey, schemas: noSchemas });
    if (verdict.exitCode !== 0) problems.push(`verify ends with ${verdict.exitCode}: ${renderText(verdict)}`);
    return { problems, verdict };
  } finally {
    await log.close();
  }
}

/** The number that each event of the partition carries, by offset. */
async function numbersOf({ log, topics }: FailoverWorld, partition: number): Promise<(number | undefined)[]> {
  const topic = topics.events;
  const { topicId } = await log.describeTopic(topic);
  const { highWatermark } = await log.bounds(topic, partition);
  const numbers: (number | undefined)[] = Array.from({ length: highWatermark });
  for await (const { batches } of readPartition({ log, topic, topicId, partition, from: 0, to: highWatermark }))
    for (const { bytes, header } of batches) {
      const batch = parseBatch(bytes, header, nodeCodecs);
      if (!batch.parsed) throw new Error(`a batch of ${topic}/${partition} does not parse`);
      for (const { offset, value } of recordsOf(batch))
        numbers[offset] = value === null ? undefined : Buffer.from(value).readDoubleBE(0);
    }
  return numbers;
}

/** The load writes numbers, no events: whatever looks like a schema's id is none. */
const noSchemas: SchemaSource = {
  schemaById: (id) => Promise.reject(new SchemasError('SCHEMA_UNKNOWN', `no schema ${id}`)),
};
