import { type Context, deploymentOf } from './context.ts';
import { readStatements, withLog } from './statements.ts';

export interface PartitionSealing {
  readonly partition: number;
  readonly logStart: number;
  readonly highWatermark: number;
  /** Offset after the last sealed one; null where there is no accepted genesis yet. */
  readonly sealed: number | null;
  /** Records that are not sealed yet. */
  readonly lag: number;
}

export interface Sealing {
  readonly partitions: readonly PartitionSealing[];
  readonly lag: number;
}

/** How far sealing is, as the statements and the broker say, read with the verifier's rights: it asks no ledger. */
export async function readSealing(context: Context): Promise<Sealing> {
  const deployment = deploymentOf(context);
  return await withLog(deployment, 'verifier', async (log) => {
    const { events } = deployment.topics;
    const { judge } = await readStatements(log, deployment);
    const { partitions: described } = await log.describeTopic(events);
    const partitions = await Promise.all(
      described.map(async ({ partition }): Promise<PartitionSealing> => {
        const { logStart, highWatermark } = await log.bounds(events, partition);
        const sealed = judge.partition(events, partition)?.nextOffset ?? null;
        return { partition, logStart, highWatermark, sealed, lag: Math.max(0, highWatermark - (sealed ?? logStart)) };
      }),
    );
    partitions.sort((a, b) => a.partition - b.partition);
    return { partitions, lag: partitions.reduce((sum, { lag }) => sum + lag, 0) };
  });
}
