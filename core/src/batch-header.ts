import { CoreError } from './errors.ts';

/** Bytes of a magic 2 record batch before its records (Kafka documentation, "Record Batch"). */
export const batchHeaderLength = 61;

/** A batch with a last offset delta below 0 or above this is never sealed (protocol.md section 1). */
export const maxLastOffsetDelta = 2 ** 24 - 1;

/** Byte positions in that header. The CRC covers all from the attributes on; so does the SHA-256 of a batch that does not parse. */
export const batchField = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const;

/** Where the length field of a batch ends: it counts the bytes that follow. */
export const lengthFieldEnd = 12;

/** A record batch's header as stored. Times are unix milliseconds as signed 64-bit values. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** Of the whole batch, its offset and length fields included, in bytes. */
  readonly totalLength: number;
  readonly leaderEpoch: number;
  /** 2 in every batch that can be read: where it is another, the fields after it mean nothing. */
  readonly magic: number;
  /** CRC-32C as stored, unsigned; not verified here. */
  readonly crc: number;
  readonly attributes: number;
  /** 0 none, 1 gzip, 2 snappy, 3 LZ4, 4 zstd; 5 to 7 are unknown. */
  readonly codec: number;
  /** Whether the batch's max timestamp, the broker's clock, is the time of every record (LogAppendTime). */
  readonly appendTime: boolean;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly lastOffsetDelta: number;
  /** baseOffset + lastOffsetDelta: the last offset that the batch takes. */
  readonly lastOffset: number;
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** Number of records as stored; not verified here. */
  readonly count: number;
}

/**
 * Reads the header of the record batch that begins at `at`. The batch may be cut off after its header; neither CRC nor
 * magic is judged (see `neverSealed`).
 * @throws CoreError BATCH_MALFORMED where fewer than 61 bytes are left, the length is shorter than a header, or the offsets
 *   are not 0 to 2^53-1
 */
export function readBatchHeader(bytes: Uint8Array, at: number): BatchHeader {
  if (!(at >= 0 && bytes.length - at >= batchHeaderLength)) {
    throw new CoreError(
      'BATCH_MALFORMED',
      `at byte ${at} of ${bytes.length} there is no room for a record batch header of 61 bytes`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, batchHeaderLength);
  const totalLength = lengthFieldEnd + view.getInt32(batchField.batchLength);
  const magic = view.getInt8(batchField.magic);
  if (magic === 2 && totalLength < batchHeaderLength) {
    throw new CoreError('BATCH_MALFORMED', `the record batch at byte ${at} is shorter than its own header`, {
      evidence: { expected: `>= ${batchHeaderLength}`, found: totalLength },
    });
  }
  const baseOffset = Number(view.getBigInt64(batchField.baseOffset));
  const lastOffsetDelta = view.getInt32(batchField.lastOffsetDelta);
  const lastOffset = baseOffset + lastOffsetDelta;
  if (!(baseOffset >= 0 && Number.isSafeInteger(baseOffset) && Number.isSafeInteger(lastOffset))) {
    throw new CoreError('BATCH_MALFORMED', `the record batch at byte ${at} has offsets outside 0 to 2^53-1`, {
      evidence: { found: baseOffset, lastOffsetDelta },
    });
  }
  const attributes = view.getInt16(batchField.attributes);
  return {
    baseOffset,
    totalLength,
    leaderEpoch: view.getInt32(batchField.leaderEpoch),
    magic,
    crc: view.getUint32(batchField.crc),
    attributes,
    codec: attributes & 0x07,
    appendTime: (attributes & 0x08) !== 0,
    transactional: (attributes & 0x10) !== 0,
    control: (attributes & 0x20) !== 0,
    lastOffsetDelta,
    lastOffset,
    baseTimestamp: view.getBigInt64(batchField.baseTimestamp),
    maxTimestamp: view.getBigInt64(batchField.maxTimestamp),
    producerId: view.getBigInt64(batchField.producerId),
    producerEpoch: view.getInt16(batchField.producerEpoch),
    baseSequence: view.getInt32(batchField.baseSequence),
    count: view.getInt32(batchField.count),
  };
}

/** Why a batch is never sealed, so that its partition stops. */
export type NeverSealed = 'magic' | 'crc' | 'last-offset-delta';

/**
 * Whether a batch may be sealed at all (protocol.md section 1); null means yes, whatever its records are.
 * @param crc the CRC-32C of the stored batch from its attributes to its end, as the caller computed it
 */
export function neverSealed(header: BatchHeader, crc: number): NeverSealed | null {
  if (header.magic !== 2) return 'magic';
  if (crc !== header.crc) return 'crc';
  return isDeltaSealable(header) ? null : 'last-offset-delta';
}

function isDeltaSealable(header: BatchHeader): boolean {
  return header.lastOffsetDelta >= 0 && header.lastOffsetDelta <= maxLastOffsetDelta;
}

/**
 * Refuses what must never get as far as an entry: another magic, an impossible last offset delta, bytes that are not this
 * header's batch. The CRC is the reader's to check.
 * @throws CoreError BATCH_MALFORMED
 */
export function assertSealable(batch: Uint8Array, header: BatchHeader): void {
  if (batch.length !== header.totalLength) {
    throw new CoreError(
      'BATCH_MALFORMED',
      `${batch.length} bytes are not the batch of ${header.totalLength} that its header names`,
    );
  }
  if (header.magic !== 2 || !isDeltaSealable(header)) {
    throw new CoreError(
      'BATCH_MALFORMED',
      `the batch at offset ${header.baseOffset} is of those that are never sealed`,
      {
        evidence: { magic: header.magic, lastOffsetDelta: header.lastOffsetDelta },
      },
    );
  }
}
