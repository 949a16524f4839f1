import { closeSync, fsyncSync, openSync, readFileSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type BatchHeader, readBatchHeader } from '@tallystick/core/batch';
import { crc32c } from '@tallystick/kafka/crc32c';

/** One byte that the attacker changed in a log segment, and the checksum that was mended so that Kafka goes on serving it. */
export interface Alteration {
  readonly file: string;
  readonly partition: number;
  readonly offset: number;
  /** Places in the file and the bytes that stood there. */
  readonly original: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly before: number;
  readonly after: number;
}

const CRC_AT = 17;
const CRC_FROM = 21;

/**
 * Does what an administrator of the broker's host can do: finds `needle` in the stored record at `offset`, changes the needle's last byte, and mends
 * the CRC-32C of its batch. Kafka must be stopped.
 */
export function alterStoredRecord(options: {
  dataDir: string;
  topic: string;
  partition: number;
  offset: number;
  needle: Uint8Array;
}): Alteration {
  const folder = join(options.dataDir, `${options.topic}-${options.partition}`);
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log'))) {
    const file = join(folder, name);
    const segment = readFileSync(file);
    const found = batchAt(segment, options.offset);
    if (found === null) continue;
    const { at, header } = found;
    const end = at + header.totalLength;
    const place = segment.subarray(0, end).indexOf(options.needle, at + CRC_FROM);
    if (place === -1)
      throw new Error(
        `the batch at offset ${header.baseOffset} of ${file} does not hold what was looked for (is it compressed?)`,
      );
    const target = place + options.needle.length - 1;
    const before = segment.readUInt8(target);
    const after = before ^ 0x01;
    const original = [
      { at: target, bytes: Uint8Array.of(before) },
      { at: at + CRC_AT, bytes: Uint8Array.from(segment.subarray(at + CRC_AT, at + CRC_FROM)) },
    ];
    segment.writeUInt8(after, target);
    segment.writeUInt32BE(crc32c(segment.subarray(at + CRC_FROM, end)), at + CRC_AT);
    writeAt(
      file,
      original.map(({ at: where, bytes }) => ({ at: where, bytes: segment.subarray(where, where + bytes.length) })),
    );
    return { file, partition: options.partition, offset: options.offset, original, before, after };
  }
  throw new Error(`offset ${options.offset} is in no segment of ${folder}`);
}

/** Puts the bytes back that stood there. Kafka must be stopped. */
export function restore(alteration: Alteration): void {
  writeAt(alteration.file, alteration.original);
}

function batchAt(segment: Uint8Array, offset: number): { at: number; header: BatchHeader } | null {
  for (let at = 0; at + 61 <= segment.length;) {
    const header = readBatchHeader(segment, at);
    if (offset >= header.baseOffset && offset <= header.lastOffset) return { at, header };
    at += header.totalLength;
  }
  return null;
}

function writeAt(file: string, changes: readonly { at: number; bytes: Uint8Array }[]): void {
  const fd = openSync(file, 'r+');
  try {
    for (const { at, bytes } of changes) writeSync(fd, bytes, 0, bytes.length, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
