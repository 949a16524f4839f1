import type { ParsedBatch, UnparsedBatch } from '@tallystick/core/batch';
import type { KeyState } from '@tallystick/core/judge';
import { openContentCheck } from '../content/content-check.ts';
import type { ContentCheck, ContentOptions, ContentPart, ProducerKey } from '../content/content-types.ts';
import type { RecordSink } from './seal-pass.ts';

/** What the content of one shard came to: plain data. */
export interface ShardContent {
  /** null: there was nothing to look at. */
  readonly sealed: ContentPart | null;
  /** Of the unsealed tail: the next run looks at it again, so it is no part of what that one goes on from. */
  readonly tail: ContentPart | null;
}

/** Feeds one shard's records to the check of what they say, and keeps the unsealed ones apart. */
export class ContentFeed implements RecordSink {
  private readonly options: ContentOptions;
  private check: ContentCheck | null = null;
  private inTail = false;
  private sealed: ContentPart | null = null;

  constructor(options: ContentOptions) {
    this.options = options;
  }

  section(place: number): void {
    this.open().section(place);
  }

  batch(judged: ParsedBatch | UnparsedBatch, from: number, to: number): void | Promise<void> {
    return this.open().batch(judged, from, to);
  }

  skipped(first: number, last: number, why: 'unread' | 'lost'): void {
    this.open().skipped(first, last, why);
  }

  async tail(): Promise<void> {
    if (this.inTail) return;
    this.sealed = (await this.check?.finish()) ?? null;
    this.check = null;
    this.inTail = true;
  }

  async finish(): Promise<ShardContent> {
    const part = (await this.check?.finish()) ?? null;
    return this.inTail ? { sealed: this.sealed, tail: part } : { sealed: part, tail: null };
  }

  private open(): ContentCheck {
    this.check ??= openContentCheck(this.options);
    return this.check;
  }
}

/** The producers' keys of a log's key chain, with the indexes in the log between which they count. */
export function producerKeysOf({ entries, places }: KeyState): ProducerKey[] {
  const indexOf = (number: number): number => places[number]?.index ?? Infinity;
  return entries
    .filter(({ role }) => role === 'producer')
    .map(({ key, number, retiredBy }) => ({
      key,
      added: indexOf(number),
      retired: retiredBy === null ? null : indexOf(retiredBy),
    }));
}
