import type { ContentOptions, ContentPart, ContentState, MergedContent } from './content/content-types.ts';
import { mergeContent, unknownBefore } from './content/content-check.ts';
import type { Plan } from './domain/plan.ts';
import type { Shard } from './domain/shards.ts';
import { ContentFeed } from './record-content.ts';
import type { ShardContent } from './record-content.ts';

/** What the records of one partition say of themselves. */
export interface PartitionContent {
  readonly parts: readonly ContentPart[];
  readonly merged: MergedContent;
  /** What the next run goes on from, which looks at the unsealed records again: plain JSON. */
  readonly state: ContentState;
}

/** Collects the content of the shards of one partition, in order. */
export class ContentParts {
  private readonly plan: Plan;
  private readonly options: ContentOptions;
  private readonly sealed: ContentPart[] = [];
  private readonly tail: ContentPart[] = [];
  private reached: number;

  constructor(plan: Plan, options: ContentOptions) {
    this.plan = plan;
    this.options = options;
    this.reached = plan.from;
  }

  async add({ from, end }: Pick<Shard, 'from' | 'end'>, { sealed, tail }: ShardContent): Promise<void> {
    await this.passOver(from - 1);
    this.reached = end;
    if (sealed !== null) this.sealed.push(sealed);
    if (tail !== null) this.tail.push(tail);
  }

  /** @param before what an earlier run left; undefined where this one goes on from none */
  async finish(before: unknown): Promise<PartitionContent> {
    await this.passOver(this.plan.end - 1);
    const parts = [...this.sealed, ...this.tail];
    const state = this.stateBefore(before);
    const merged = mergeContent(parts, state);
    return { parts, merged, state: this.tail.length === 0 ? merged.state : mergeContent(this.sealed, state).state };
  }

  /** Up to `last`, what is in no shard: lost with an earlier generation, or not asked for. */
  private async passOver(last: number): Promise<void> {
    const feed = new ContentFeed(this.options);
    for (const { kind, first, last: end } of this.plan.skips) {
      if (first < this.reached || end > last) continue;
      feed.skipped(first, end, kind === 'lost' ? 'lost' : 'unread');
    }
    const { sealed } = await feed.finish();
    if (sealed !== null) this.sealed.push(sealed);
    this.reached = Math.max(this.reached, last + 1);
  }

  private stateBefore(before: unknown): ContentState | null {
    const { from } = this.plan;
    if (isState(before) && before.nextOffset === from) return before;
    return from === 0 ? null : unknownBefore;
  }
}

/** It comes from a file of this program's own that is authenticated; this is only so that no other version is taken for it. */
function isState(value: unknown): value is ContentState {
  return (
    typeof value === 'object' && value !== null && 'version' in value && value.version === 1 && 'nextOffset' in value
  );
}
