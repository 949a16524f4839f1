import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { KafkaRecord } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import type { KafkaErrorCode } from '@tallystick/kafka/errors';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import type { ReadChunk, ReadOptions } from '@tallystick/kafka/strict-reader';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { expect } from 'vitest';

export function record(value: string, key: string | null = null): RecordToAppend {
  return { key: key === null ? null : Buffer.from(key), value: Buffer.from(value) };
}

/** The records of chunks, those before `from` in the first batch left out as a caller would. */
export function recordsIn(chunks: readonly ReadChunk[], from = 0): KafkaRecord[] {
  return chunks.flatMap(({ batches }) =>
    batches.flatMap(({ bytes, header }) => {
      const parsed = parseBatch(bytes, header, nodeCodecs);
      if (!parsed.parsed) throw new Error(`batch at ${header.baseOffset} does not parse: ${parsed.reason}`);
      return recordsOf(parsed).filter(({ offset }) => offset >= from);
    }),
  );
}

export function valuesIn(chunks: readonly ReadChunk[], from = 0): string[] {
  return recordsIn(chunks, from).map(({ value }) => (value === null ? '(null)' : Buffer.from(value).toString()));
}

export async function readAll(options: ReadOptions): Promise<ReadChunk[]> {
  const chunks: ReadChunk[] = [];
  for await (const chunk of readPartition(options)) chunks.push(chunk);
  return chunks;
}

/** What was yielded before it failed, and how it failed. */
export async function readUntilError(options: ReadOptions): Promise<{ chunks: ReadChunk[]; error: KafkaError }> {
  const chunks: ReadChunk[] = [];
  try {
    for await (const chunk of readPartition(options)) chunks.push(chunk);
  } catch (error) {
    return { chunks, error: asKafkaError(error) };
  }
  throw new Error('the reader should have failed');
}

export function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  throw error;
}

export async function rejection(promise: Promise<unknown>): Promise<KafkaError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`should have been rejected, but gave ${JSON.stringify(outcome.value)}`);
  return asKafkaError(outcome.error);
}

export async function expectCode(promise: Promise<unknown>, code: KafkaErrorCode): Promise<KafkaError> {
  const error = await rejection(promise);
  expect({ code: error.code, message: error.message }).toEqual({ code, message: error.message });
  return error;
}
