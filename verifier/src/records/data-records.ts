import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { KafkaRecord } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';

/** The records of a batch; none of one that only controls a transaction, or that does not parse. */
export function dataRecords({ bytes, header }: ReadBatch, codecs: Codecs): readonly KafkaRecord[] {
  if (header.control) return [];
  const parsed = parseBatch(bytes, header, codecs);
  return parsed.parsed ? recordsOf(parsed) : [];
}
