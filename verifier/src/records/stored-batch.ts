import { batchHeaderLength } from '@tallystick/core/batch';
import { batchField, batchLengthAt, viewOf } from '@tallystick/kafka/batch-encoder';
import { crc32c } from '@tallystick/kafka/crc32c';
import { KafkaError } from '@tallystick/kafka/errors';
import { digestOf } from '@tallystick/kafka/strict-reader';
import { fetchAt } from '../ask-broker.ts';
import { bytesBehind } from './batch-place.ts';
import type { Source } from './read-through.ts';

/**
 * The error of a bad batch with the SHA-256 of the stored batch in its evidence, as other errors of batches have it: what is wrong with one (its CRC, its
 * format) does not tell it from another.
 * @param position where the reader stood: the batch lies there, or right behind the batch before
 * @returns the error as it is where the batch is not served again
 * @throws KafkaError; VerifierError VERIFY_ABORTED
 */
export async function withDigest(source: Source, error: KafkaError, position: number): Promise<KafkaError> {
  const { code, message, evidence, retriable } = error;
  if (evidence['sha256'] !== undefined || (code !== 'BATCH_CRC' && code !== 'BATCH_MAGIC' && code !== 'BATCH_INVALID'))
    return error;
  for (const offset of position > 0 ? [position - 1, position] : [position]) {
    const served = await fetchAt(source, offset, bytesBehind);
    const batch = served.error === 0 ? badBatchIn(served.records, error) : null;
    if (batch !== null)
      return new KafkaError(code, message, {
        evidence: { ...evidence, sha256: digestOf(batch) },
        retriable,
        cause: error,
      });
  }
  return error;
}

/** The first batch of which the error says what is wrong with it: whole, or as far as it is there where its length is wrong. */
function badBatchIn(records: Uint8Array, { code, evidence: { expected, found } }: KafkaError): Uint8Array | null {
  const view = viewOf(records);
  for (let at = 0; records.length - at > batchField.magic;) {
    const left = records.length - at;
    const length = batchLengthAt(view, at);
    const isWhole = length >= batchHeaderLength && length <= left;
    const batch = records.subarray(at, isWhole ? at + length : Math.min(records.length, at + batchHeaderLength));
    const isMagic2 = batch[batchField.magic] === 2;
    if (!isMagic2 && code === 'BATCH_MAGIC' && batch[batchField.magic] === found) return batch;
    // A later one may only be cut off.
    if (isMagic2 && !isWhole)
      return code === 'BATCH_INVALID' && (at === 0 || length < batchHeaderLength) ? batch : null;
    if (!isWhole) return null;
    if (isMagic2 && code === 'BATCH_CRC') {
      const stored = view.getUint32(at + batchField.crc);
      if (stored === expected && crc32c(batch.subarray(batchField.attributes)) === found) return batch;
    }
    at += length;
  }
  return null;
}
