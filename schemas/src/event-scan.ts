import { eventSchemaHash } from './avro-schema.ts';
import { beginWalk, long, readLong, readOptionalLong, skipOptionalText, skipText, textOf } from './avro-skip.ts';
import { skipDescription, skipSalt } from './event-skip.ts';

/** Payloads of more bytes are left to the decoder, which counts the values in them: fewer bytes cannot hold too many. */
const longestScanned = 1024 * 1024;

/** Hash of the schema that the scan is written for, field by field, here and in event-skip.ts. Another one needs other steps. */
const scannedSchema = '1bfbb7d13bd66f4c7c6b199093cfa9a753ddc9758aa38731c15fa0f2e7303ada';

/** @throws TypeError for a schema other than the one that the scan is written for */
export function assertScanned(schemaHash: Uint8Array): void {
  const hash = Buffer.from(schemaHash).toString('hex');
  if (hash !== scannedSchema) throw new TypeError(`the scan of events is not written for the schema ${hash}`);
}

assertScanned(eventSchemaHash);

/** Places of {@link EventScan.numbers}. */
export const eventNumber = {
  occurredAtMs: 0,
  epoch: 1,
  sequence: 2,
  previousEpoch: 3,
  previousSequence: 4,
} as const;

/**
 * Walks over Avro payloads of this release's own event schema without decoding them, and says where in them lies what an event is
 * known by. As strict as the decoder: what it takes the decoder takes too, with the same fields. One scan is used for any number of
 * payloads; nothing is allocated for one.
 */
export class EventScan {
  /** Where the text of these fields begins and ends in the bytes given: UTF-8, as stored. */
  idAt = 0;
  idEnd = 0;
  sourceAt = 0;
  sourceEnd = 0;
  instanceAt = 0;
  instanceEnd = 0;
  /** By {@link eventNumber}; NaN for null. */
  readonly numbers = new Float64Array(5);

  /**
   * Scans `bytes[from, to)` as one payload.
   * @returns false where it is left to the decoder: almost always because it is malformed
   */
  scan(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from > longestScanned) return false;
    beginWalk(bytes);
    const { numbers } = this;
    this.idAt = textOf(bytes, from);
    let at = skipText(bytes, from, to);
    if (at < 0) return false;
    this.idEnd = at;
    at = skipSalt(bytes, at);
    if (at < 0) return false;
    // action
    at = skipText(bytes, at, to);
    if (at < 0) return false;
    // category
    at = skipOptionalText(bytes, at, to);
    if (at < 0) return false;
    at = readLong(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.occurredAtMs] = long[0] ?? 0;
    this.sourceAt = textOf(bytes, at);
    at = skipText(bytes, at, to);
    if (at < 0) return false;
    this.sourceEnd = at;
    at = skipDescription(bytes, at, to);
    if (at < 0) return false;
    this.instanceAt = textOf(bytes, at);
    at = skipText(bytes, at, to);
    if (at < 0) return false;
    this.instanceEnd = at;
    at = readLong(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.epoch] = long[0] ?? 0;
    at = readLong(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.sequence] = long[0] ?? 0;
    at = readOptionalLong(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.previousEpoch] = long[0] ?? 0;
    at = readOptionalLong(bytes, at, to);
    numbers[eventNumber.previousSequence] = long[0] ?? 0;
    return at === to;
  }
}
