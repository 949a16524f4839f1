import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';

export interface TopicStatementsOptions {
  readonly log: RecordLog;
  readonly topic: string;
  readonly topicId: string;
  readonly codecs: Codecs;
  /** First offset. */
  readonly from: number;
  /** Exclusive end. */
  readonly to: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/**
 * The values of the seals topic's records in order, as they are: statements, noise and rubbish. Control records are none of it.
 * @throws KafkaError of the strict reader
 */
export async function* topicStatements(options: TopicStatementsOptions): AsyncGenerator<Uint8Array, void, void> {
  const { codecs, from, to, ...where } = options;
  if (from >= to) return;
  for await (const { batches } of readPartition({ ...where, partition: 0, from, to })) {
    for (const { bytes, header } of batches) {
      if (header.control) continue;
      const parsed = parseBatch(bytes, header, codecs);
      if (!parsed.parsed) continue;
      for (const { offset, value } of recordsOf(parsed))
        if (value !== null && offset >= from && offset < to) yield value;
    }
  }
}
