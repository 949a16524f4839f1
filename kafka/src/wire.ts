import { KafkaError } from './errors.ts';

// Primitive types of Kafka's protocol in its flexible versions (Kafka protocol guide, "Protocol Primitive Types"; KIP-482).

/** Builds one request body. */
export class WireWriter {
  private bytes = Buffer.alloc(256);
  private at = 0;

  int8(value: number): this {
    this.room(1);
    this.at = this.bytes.writeInt8(value, this.at);
    return this;
  }

  int32(value: number): this {
    this.room(4);
    this.at = this.bytes.writeInt32BE(value, this.at);
    return this;
  }

  int64(value: number): this {
    this.room(8);
    this.at = this.bytes.writeBigInt64BE(BigInt(value), this.at);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  unsignedVarint(value: number): this {
    this.room(5);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
    return this;
  }

  compactString(value: string | null): this {
    if (value === null) return this.unsignedVarint(0);
    const text = Buffer.from(value);
    return this.unsignedVarint(text.length + 1).raw(text);
  }

  /** Kafka's text form of an id: 22 characters of URL-safe base64 for 16 bytes. */
  uuid(text: string): this {
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length !== 16) {
      throw new KafkaError('CONFIG_INVALID', `"${text}" is no topic id: 22 characters of URL-safe base64 are wanted.`, {
        evidence: { topicId: text },
      });
    }
    return this.raw(bytes);
  }

  /** The length of a compact array; its elements follow. */
  compactArray(length: number): this {
    return this.unsignedVarint(length + 1);
  }

  noTags(): this {
    return this.unsignedVarint(0);
  }

  done(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  private raw(bytes: Uint8Array): this {
    this.room(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
    return this;
  }

  private room(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    this.bytes = Buffer.concat([this.bytes], Math.max(this.bytes.length * 2, this.at + bytes));
  }
}

/** Reads one response body. Every length is checked: what does not fit is KafkaError PROTOCOL. */
export class WireReader {
  private readonly bytes: Buffer;
  private readonly what: string;
  private at = 0;

  constructor(bytes: Buffer, what: string) {
    this.bytes = bytes;
    this.what = what;
  }

  int8(): number {
    return this.bytes.readInt8(this.take(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.take(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.take(4));
  }

  /** @throws KafkaError PROTOCOL for one that is no safe integer */
  int64(): number {
    const value = Number(this.bytes.readBigInt64BE(this.take(8)));
    if (!Number.isSafeInteger(value)) throw this.broken('a number beyond 2^53-1');
    return value;
  }

  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.take(1)] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.broken('a varint of more than 5 bytes');
  }

  compactString(): string | null {
    return this.compactBytes()?.toString('utf8') ?? null;
  }

  /** A view, no copy. */
  compactBytes(): Buffer | null {
    const length = this.unsignedVarint() - 1;
    if (length < 0) return null;
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }

  uuid(): string {
    const from = this.take(16);
    return this.bytes.toString('base64url', from, from + 16);
  }

  /** null as an empty array. */
  compactArray<T>(element: () => T): T[] {
    const length = this.unsignedVarint() - 1;
    const elements: T[] = [];
    for (let index = 0; index < length; index += 1) elements.push(element());
    return elements;
  }

  /** Tagged fields: those that `known` names are read, others are skipped. */
  tags(known: Readonly<Record<number, (field: WireReader) => void>> = {}): void {
    const count = this.unsignedVarint();
    for (let index = 0; index < count; index += 1) {
      const tag = this.unsignedVarint();
      const length = this.unsignedVarint();
      const from = this.take(length);
      known[tag]?.(new WireReader(this.bytes.subarray(from, from + length), this.what));
    }
  }

  broken(why: string): KafkaError {
    return new KafkaError(
      'PROTOCOL',
      `The broker's answer to ${this.what} cannot be read: ${why} at byte ${this.at} of ${this.bytes.length}.`,
    );
  }

  /** Moves on by `length` bytes and returns where they begin. */
  private take(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length) throw this.broken(`${length} bytes are missing`);
    this.at = from + length;
    return from;
  }
}
