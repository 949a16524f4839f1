import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import type { Section, Sections } from './sections.ts';

/** Bytes of one section in {@link writeSection}'s form. */
export const sectionBytes = 208;

const kinds = ['seal', 'gap', 'lost', 'outside'] as const;
const noEpoch = 1;
const noTime = 2;
const hashBytes = 32;

// Every number is a 64-bit float, which holds a safe integer exactly, and Infinity.
const generationAt = 8;
const firstAt = 16;
const lastAt = 24;
const sealAt = 32;
const firstEventAt = 40;
const lastEventAt = 48;
const epochAt = 56;
const timeAt = 64;
const placeAt = 72;
const hashAt = 80;
const rootAt = 112;
const afterAt = 144;
const headAt = 176;

/** Writes a section to `bytes` at `at`: always {@link sectionBytes} bytes. This form lives no longer than a run. */
export function writeSection(section: Section, bytes: Buffer, at: number): void {
  const number = (value: number, field: number): number => bytes.writeDoubleLE(value, at + field);
  const hash = (text: string, field: number): void => bytes.set(hashOf(text), at + field);
  bytes.fill(0, at, at + sectionBytes);
  bytes[at] = kinds.indexOf(section.kind);
  number(section.first, firstAt);
  number(section.last, lastAt);
  if (section.kind === 'gap') {
    number(section.generation, generationAt);
    hash(section.hash, hashAt);
  }
  if (section.kind !== 'seal') return;
  const { generation, seal, events, epoch, time, root, after, head } = section.seal;
  bytes[at + 1] = (epoch === null ? noEpoch : 0) | (time === null ? noTime : 0);
  number(generation, generationAt);
  number(seal, sealAt);
  number(events.first, firstEventAt);
  number(events.last, lastEventAt);
  number(epoch ?? 0, epochAt);
  number(time ?? 0, timeAt);
  number(section.place, placeAt);
  hash(section.hash, hashAt);
  hash(root, rootAt);
  hash(after, afterAt);
  hash(head, headAt);
}

/** The section that {@link writeSection} wrote there. */
export function readSection(bytes: Buffer, at: number): Section {
  const number = (field: number): number => bytes.readDoubleLE(at + field);
  const hash = (field: number): string => encodeBase64(bytes.subarray(at + field, at + field + hashBytes));
  const kind = kinds[bytes[at] ?? -1];
  const range = { first: number(firstAt), last: number(lastAt) };
  if (kind === 'lost' || kind === 'outside') return { kind, ...range };
  const generation = number(generationAt);
  if (kind === 'gap') return { kind, ...range, generation, hash: hash(hashAt) };
  if (kind !== 'seal') throw new RangeError('these bytes are no section');
  const flags = bytes[at + 1] ?? 0;
  return {
    kind,
    ...range,
    hash: hash(hashAt),
    place: number(placeAt),
    seal: {
      generation,
      seal: number(sealAt),
      events: { first: number(firstEventAt), last: number(lastEventAt) },
      offsets: range,
      epoch: (flags & noEpoch) !== 0 ? null : number(epochAt),
      time: (flags & noTime) !== 0 ? null : number(timeAt),
      root: hash(rootAt),
      after: hash(afterAt),
      head: hash(headAt),
    },
  };
}

/** Sections written one behind the other: what crosses to a worker thread. */
export class PackedSections implements Sections {
  readonly length: number;
  private readonly bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = Math.floor(bytes.length / sectionBytes);
  }

  static of(sections: Sections, from: number, to: number): Uint8Array {
    const bytes = Buffer.alloc((to - from) * sectionBytes);
    for (let index = from; index < to; index++) {
      const section = sections.at(index);
      if (section !== undefined) writeSection(section, bytes, (index - from) * sectionBytes);
    }
    return bytes;
  }

  at(index: number): Section | undefined {
    return index >= 0 && index < this.length ? readSection(this.bytes, index * sectionBytes) : undefined;
  }

  *[Symbol.iterator](): Generator<Section, void, void> {
    for (let index = 0; index < this.length; index++) yield readSection(this.bytes, index * sectionBytes);
  }
}

function hashOf(text: string): Uint8Array {
  const hash = decodeBase64(text);
  if (hash.length !== hashBytes) throw new RangeError(`${text} is not the base64 of ${hashBytes} bytes`);
  return hash;
}
