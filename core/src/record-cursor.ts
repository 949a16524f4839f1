import { refusal } from './codecs/refusal.ts';

/**
 * Reads zigzag varints in place (Kafka documentation, "Record"; protobuf's encoding). Only shortest forms are taken. `at`
 * moves over what was read; nothing is allocated.
 */
export class RecordCursor {
  data: Uint8Array;
  /** Position of the next byte. */
  at: number;
  /** Where the bytes that may be read end. */
  end: number;
  /** The last varlong, as two signed 32-bit halves. */
  low = 0;
  high = 0;

  constructor(data: Uint8Array, at: number, end: number) {
    this.data = data;
    this.at = at;
    this.end = end;
  }

  /**
   * A varint of 32 bits.
   * @throws CoreError BATCH_UNPARSED where it is cut off, longer than it need be, or does not fit
   */
  varint(): number {
    if (this.at >= this.end) throw cutOff();
    const byte = this.data[this.at++] ?? 0;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    return this.#longVarint(byte & 0x7f);
  }

  #longVarint(first: number): number {
    let value = first;
    for (let shift = 7; shift <= 28; shift += 7) {
      if (this.at >= this.end) throw cutOff();
      const byte = this.data[this.at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0) throw refusal('a varint is longer than it need be');
      if (shift === 28 && byte > 0x0f) break;
      return (value >>> 1) ^ -(value & 1);
    }
    throw refusal('a varint does not fit 32 bits');
  }

  /**
   * A varint of 64 bits, into `low` and `high`.
   * @throws CoreError BATCH_UNPARSED as above
   */
  varlong(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift <= 63; shift += 7) {
      if (this.at >= this.end) throw cutOff();
      const byte = this.data[this.at++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) throw refusal('a varint is longer than it need be');
      if (shift === 63 && byte > 1) break;
      const sign = -(low & 1);
      this.low = ((low >>> 1) | (high << 31)) ^ sign;
      this.high = (high >>> 1) ^ sign;
      return;
    }
    throw refusal('a varint does not fit 64 bits');
  }
}

function cutOff(): Error {
  return refusal('a varint is cut off');
}
