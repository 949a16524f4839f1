import type { CacheCounts, ReadLimits } from './adapters/kafka-events.ts';
import type { KafkaLeaves } from './adapters/kafka-leaves.ts';
import type { BatchTree } from './domain/batch-tree.ts';
import type { IndexedSeal } from './domain/log-index.ts';
import { Lru } from './domain/lru.ts';

const treeBytes = 16 * 1024 * 1024;

/** The trees of sealed batches, a bounded number of bytes of them; each is loaded once, however many ask for it. */
export class SealTrees {
  readonly #leaves: KafkaLeaves;
  readonly #kept = new Lru<BatchTree>(treeBytes);
  readonly #loading = new Map<string, Promise<BatchTree>>();
  readonly #run: <Result>(task: () => Promise<Result>) => Promise<Result>;
  readonly counts: CacheCounts = { hits: 0, misses: 0 };

  /** @param run where loading is done, for it is limited how much of it is done at once */
  constructor(leaves: KafkaLeaves, run: <Result>(task: () => Promise<Result>) => Promise<Result>) {
    this.#leaves = leaves;
    this.#run = run;
  }

  /** @throws LedgerError EVENT_GONE, RECORDS_DISAGREE, SERVER_BUSY; KafkaError as the strict reader */
  async of(seal: IndexedSeal, topicId: string, limits: ReadLimits): Promise<BatchTree> {
    const { topic, partition, root } = seal.statement;
    const key = `${topic}/${partition}/${seal.index}/${root}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.counts.hits += 1;
      return kept;
    }
    this.counts.misses += 1;
    const loading = this.#loading.get(key);
    if (loading !== undefined) return await loading;
    const load = this.#run(() => this.#leaves.tree(seal.statement, topicId, limits));
    this.#loading.set(key, load);
    try {
      const tree = await load;
      this.#kept.set(key, tree, tree.bytes);
      return tree;
    } finally {
      this.#loading.delete(key);
    }
  }
}
