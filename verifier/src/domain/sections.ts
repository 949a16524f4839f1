import type { Base64Hash, SealStatement } from '@tallystick/core/statement-types';

/** What a seal says of its records. */
export type SealValues = Pick<
  SealStatement,
  'generation' | 'seal' | 'events' | 'offsets' | 'epoch' | 'root' | 'after' | 'head' | 'time'
>;

export interface SealSection {
  readonly kind: 'seal';
  readonly first: number;
  readonly last: number;
  /** Of the statement. */
  readonly hash: Base64Hash;
  readonly seal: SealValues;
  /** Index of the statement in the log, in the order of acceptance; Infinity where that is not known. */
  readonly place: number;
}

/**
 * Not looked at. `lost`: between an earlier generation's last checked seal and the next one, the loss that its genesis names.
 * `outside`: the caller asked for other offsets.
 */
export interface Skip {
  readonly kind: 'lost' | 'outside';
  readonly first: number;
  readonly last: number;
}

/** A run of offsets and what the accepted statements say of it. Both ends inclusive. */
export type Section =
  | SealSection
  | {
      readonly kind: 'gap';
      readonly first: number;
      readonly last: number;
      readonly hash: Base64Hash;
      readonly generation: number;
    }
  | Skip;

/** Sections in the order of their offsets, without holes. There may be millions: what is read is made when it is asked for. */
export interface Sections extends Iterable<Section> {
  readonly length: number;
  /** undefined behind the last. */
  at(index: number): Section | undefined;
}

/** The index of the first section that ends at `offset` or behind it; the length where there is none. */
export function firstEndingAt(sections: Sections, offset: number, from = 0, to = sections.length): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((sections.at(middle)?.last ?? Infinity) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The sections that touch offsets `first` to `last`, both inclusive. */
export function* sectionsBetween(sections: Sections, first: number, last: number): Generator<Section, void, void> {
  for (let index = firstEndingAt(sections, first); index < sections.length; index++) {
    const section = sections.at(index);
    if (section === undefined || section.first > last) return;
    yield section;
  }
}

/** Either one section, or `count` of a list from `from` on. */
export type Part = Section | { readonly list: Sections; readonly from: number; readonly count: number };

/** Sections put together from parts, which are not copied. */
export class JoinedSections implements Sections {
  readonly length: number;
  private readonly parts: readonly Part[];
  /** Index of the first section of each part. */
  private readonly starts: number[] = [];

  constructor(parts: readonly Part[]) {
    this.parts = parts;
    let length = 0;
    for (const part of parts) {
      this.starts.push(length);
      length += 'list' in part ? part.count : 1;
    }
    this.length = length;
  }

  at(index: number): Section | undefined {
    if (index < 0 || index >= this.length) return undefined;
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.starts[middle] ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    const part = this.parts[low];
    if (part === undefined || !('list' in part)) return part;
    return part.list.at(part.from + index - (this.starts[low] ?? 0));
  }

  *[Symbol.iterator](): Generator<Section, void, void> {
    for (const part of this.parts) {
      if (!('list' in part)) yield part;
      else {
        for (let index = part.from; index < part.from + part.count; index++) {
          const section = part.list.at(index);
          if (section !== undefined) yield section;
        }
      }
    }
  }
}
