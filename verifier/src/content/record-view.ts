import { signatureHeader } from '@tallystick/core/event-signature';
import { eventSchemaHash, schemaHeader } from '@tallystick/schemas/avro';
import { byteWords, hasBytes } from './byte-words.ts';

const schemaName = byteWords(Buffer.from(schemaHeader));
const signatureName = byteWords(Buffer.from(signatureHeader));
const ownHash = byteWords(eventSchemaHash);
/** No record has these headers. */
const noHeaders = byteWords(new Uint8Array(0));
/** Headers of more bytes are not kept. */
const longestUsual = 1024;

/** Where the parts of one record lie, read in place: nothing is allocated. Only for records of a batch that parsed. */
export class RecordView {
  /** The record's bytes end here; the next one begins. */
  end = 0;
  /** Begin and end of key and value; -1 as the begin where it is null. */
  keyAt = -1;
  keyEnd = -1;
  valueAt = -1;
  valueEnd = -1;
  /** How many headers have the name, and the value of the last one (begin -1: null). */
  schemas = 0;
  schemaAt = -1;
  schemaEnd = -1;
  /** Whether it pins this release's event schema. */
  own = false;
  signatures = 0;
  signatureAt = -1;
  signatureEnd = -1;

  /**
   * Headers that pin this release's schema and hold no signature, as they were met last, and where in them the hash begins: most
   * records have the same.
   */
  private usual = noHeaders;
  private usualHash = 0;
  /** Others are looked for once in the bytes given: where all differ, a copy of each would cost more than it saves. */
  private looked = false;

  private at = 0;
  private data = new Uint8Array(0) as Uint8Array;
  private bytes = new DataView(this.data.buffer);

  /** The bytes in which records are read from here on. */
  open(data: Uint8Array): void {
    this.data = data;
    this.bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.looked = false;
  }

  /** Reads the record that begins at `at`, its length first. */
  read(at: number): void {
    const { data } = this;
    this.at = at;
    const length = this.varint(data);
    this.end = this.at + length;
    // Attributes, timestamp delta, offset delta.
    this.at += 1;
    this.skipVarint(data);
    this.skipVarint(data);
    this.fields(data);
  }

  /** Reads a record's own bytes, from its key length to its end. */
  readBody(body: Uint8Array): void {
    this.open(body);
    this.at = 0;
    this.end = body.length;
    this.fields(body);
  }

  private fields(data: Uint8Array): void {
    const key = this.varint(data);
    this.keyAt = key < 0 ? -1 : this.at;
    this.at += Math.max(key, 0);
    this.keyEnd = this.at;
    const value = this.varint(data);
    this.valueAt = value < 0 ? -1 : this.at;
    this.at += Math.max(value, 0);
    this.valueEnd = this.at;
    this.signatures = 0;
    this.signatureAt = -1;
    const begin = this.at;
    if (this.end - begin === this.usual.length && hasBytes(this.bytes, begin, this.usual)) {
      this.schemas = 1;
      this.schemaAt = begin + this.usualHash;
      this.schemaEnd = this.schemaAt + ownHash.length;
      this.own = true;
      return;
    }
    this.schemas = 0;
    this.schemaAt = -1;
    for (let left = this.varint(data); left > 0; left--) this.header(data);
    const isHash = this.schemas === 1 && this.schemaAt >= 0 && this.schemaEnd - this.schemaAt === ownHash.length;
    this.own = isHash && hasBytes(this.bytes, this.schemaAt, ownHash);
    if (!this.own || this.signatures > 0 || this.looked || this.end - begin > longestUsual) return;
    this.looked = true;
    this.usual = byteWords(data.subarray(begin, this.end));
    this.usualHash = this.schemaAt - begin;
  }

  private header(data: Uint8Array): void {
    const length = this.varint(data);
    const name = this.at;
    this.at += length;
    const size = this.varint(data);
    const begin = size < 0 ? -1 : this.at;
    this.at += Math.max(size, 0);
    if (length === schemaName.length && hasBytes(this.bytes, name, schemaName)) {
      this.schemas += 1;
      this.schemaAt = begin;
      this.schemaEnd = this.at;
    } else if (length === signatureName.length && hasBytes(this.bytes, name, signatureName)) {
      this.signatures += 1;
      this.signatureAt = begin;
      this.signatureEnd = this.at;
    }
  }

  private varint(data: Uint8Array): number {
    let byte = data[this.at++] ?? 0;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 35; shift += 7) {
      byte = data[this.at++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  private skipVarint(data: Uint8Array): void {
    while ((data[this.at++] ?? 0) >= 0x80);
  }
}
