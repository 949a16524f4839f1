import { ContentMerge, unknownBefore } from '../content/content-check.ts';
import type { ContentOptions, ContentPart, ContentState, MergedContent, PartIds } from '../content/content-types.ts';
import type { Plan } from '../domain/plan.ts';
import type { Shard } from '../domain/shards.ts';
import { ContentFeed } from './record-content.ts';
import type { ShardContent } from './record-content.ts';

/** What the records of one partition say of themselves. */
export interface PartitionContent {
  readonly parts: readonly PartIds[];
  readonly merged: MergedContent;
  /** What the next run goes on from, which looks at the unsealed records again: plain JSON. */
  readonly state: ContentState;
}

/** Puts the content of the shards of one partition together, in order; of each only its ids stay. */
export class ContentParts {
  private readonly plan: Plan;
  private readonly options: ContentOptions;
  private readonly merge: ContentMerge;
  private readonly parts: PartIds[] = [];
  /** Of the last shard. */
  private readonly tail: ContentPart[] = [];
  private reached: number;

  /** @param before what an earlier run left; undefined where this one goes on from none */
  constructor(plan: Plan, options: ContentOptions, before: unknown) {
    this.plan = plan;
    this.options = options;
    this.merge = new ContentMerge(stateBefore(plan, before));
    this.reached = plan.from;
  }

  async add({ from, end }: Pick<Shard, 'from' | 'end'>, { sealed, tail }: ShardContent): Promise<void> {
    await this.passOver(from - 1);
    this.reached = end;
    if (sealed !== null) this.take(sealed);
    if (tail !== null) this.tail.push(tail);
  }

  async finish(): Promise<PartitionContent> {
    await this.passOver(this.plan.end - 1);
    const { parts, merge, tail } = this;
    const sealed = merge.result();
    for (const part of tail) this.take(part);
    return { parts, merged: tail.length === 0 ? sealed : merge.result(), state: sealed.state };
  }

  private take(part: ContentPart): void {
    const { topic, partition, offsets, ids } = part;
    this.merge.add(part);
    if (ids.count > 0 || ids.failed !== null) this.parts.push({ topic, partition, offsets, ids });
  }

  /** Up to `last`, what is in no shard: lost with an earlier generation, or not asked for. */
  private async passOver(last: number): Promise<void> {
    const feed = new ContentFeed(this.options);
    for (const { kind, first, last: end } of this.plan.skips) {
      if (first < this.reached || end > last) continue;
      feed.skipped(first, end, kind === 'lost' ? 'lost' : 'unread');
    }
    const { sealed } = await feed.finish();
    if (sealed !== null) this.take(sealed);
    this.reached = Math.max(this.reached, last + 1);
  }
}

function stateBefore({ from }: Plan, before: unknown): ContentState | null {
  if (isState(before) && before.nextOffset === from) return before;
  return from === 0 ? null : unknownBefore;
}

/** It comes from a file of this program's own that is authenticated; this is only so that no other version is taken for it. */
function isState(value: unknown): value is ContentState {
  return (
    typeof value === 'object' && value !== null && 'version' in value && value.version === 1 && 'nextOffset' in value
  );
}
