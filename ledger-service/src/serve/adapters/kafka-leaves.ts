import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { decodeBase64, equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import type { SealStatement } from '@tallystick/core/statement-types';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { recompute } from '../../recompute.ts';
import { BatchTree } from '../domain/batch-tree.ts';
import { findLeaves, leavesNameOf, type LeavesProbe } from '../domain/find-leaves.ts';
import { refuse } from '../proof-errors.ts';
import type { ReadLimits } from './kafka-events.ts';

const leafBytes = 32;

/** Where the trees of sealed batches come from: the leaves topic, or the events themselves. */
export class KafkaLeaves {
  readonly #log: RecordLog;
  readonly #topic: string;

  constructor(log: RecordLog, topic: string) {
    this.#log = log;
    this.#topic = topic;
  }

  /**
   * The tree of a seal's batch. It counts because its root is the seal's, wherever it comes from.
   * @throws LedgerError EVENT_GONE, RECORDS_DISAGREE; KafkaError as the strict reader
   */
  async tree(seal: SealStatement, topicId: string, limits: ReadLimits): Promise<BatchTree> {
    return (await this.#stored(seal, limits)) ?? (await this.#computed(seal, topicId, limits));
  }

  /** @throws KafkaError where Kafka cannot be asked now */
  async #stored(seal: SealStatement, limits: ReadLimits): Promise<BatchTree | null> {
    const { topic, partition, events } = seal;
    const root = decodeBase64(seal.root);
    const length = (events.last - events.first + 1) * leafBytes;
    let tree: BatchTree | null = null;
    const fits = (leaves: Uint8Array): boolean => {
      if (leaves.length !== length) return false;
      const made = new BatchTree(new Uint8Array(leaves), nodeSha256);
      if (!equalBytes(made.root, root)) return false;
      tree = made;
      return true;
    };
    try {
      const { topicId } = await this.#log.describeTopic(this.#topic);
      const bounds = await this.#log.bounds(this.#topic, partition);
      const read = (offset: number) => this.#probe({ topicId, partition, offset }, topic, limits);
      await findLeaves(seal, bounds, read, fits);
      return tree;
    } catch (error) {
      // Leaves are a convenience: without them the events are hashed again.
      if (error instanceof KafkaError && !error.retriable && error.code !== 'ABORTED') return null;
      throw error;
    }
  }

  async #probe(
    at: { readonly topicId: string; readonly partition: number; readonly offset: number },
    eventsTopic: string,
    limits: ReadLimits,
  ): Promise<LeavesProbe<Uint8Array>> {
    const { topicId, partition, offset } = at;
    const where = { log: this.#log, topic: this.#topic, topicId, partition };
    for await (const { batches } of readPartition({ ...where, from: offset, to: offset + 1, maxBytes: 1, ...limits })) {
      for (const { bytes, header } of batches) {
        if (header.lastOffset < offset) continue;
        const batch = header.control ? null : parseBatch(bytes, header, nodeCodecs);
        const records = batch === null || !batch.parsed ? [] : recordsOf(batch);
        const named = records.flatMap(({ key, value }) => {
          const name = leavesNameOf(key, eventsTopic);
          return name === null || value === null ? [] : [{ name, leaves: value }];
        });
        return { firstOffset: header.baseOffset, lastOffset: header.lastOffset, records: named };
      }
    }
    return { firstOffset: offset, lastOffset: offset, records: [] };
  }

  async #computed(seal: SealStatement, topicId: string, limits: ReadLimits): Promise<BatchTree> {
    const { topic, partition, offsets } = seal;
    const evidence = { topic, partition, offsets };
    const where = `offsets ${offsets.first} to ${offsets.last} of ${topic}/${partition}`;
    try {
      const options = { log: this.#log, topicId, codecs: nodeCodecs, sha256: nodeSha256, ...limits };
      const { differs, leaves } = await recompute(seal, options);
      if (!differs.includes('root')) return new BatchTree(leaves, nodeSha256);
    } catch (error) {
      if (error instanceof CoreError)
        throw refuse('RECORDS_DISAGREE', `The records of ${where} are not what was sealed.`, {
          cause: error,
          evidence,
        });
      if (!(error instanceof KafkaError) || error.retriable || error.code === 'ABORTED') throw error;
      const message = `Of ${where} neither all records nor the stored leaves can be read, so that no proof can be made: ${error.message}`;
      throw refuse('EVENT_GONE', message, { cause: error, evidence });
    }
    throw refuse(
      'RECORDS_DISAGREE',
      `The records of ${where} do not give the root that was sealed. Run a verification.`,
      {
        evidence,
      },
    );
  }
}
