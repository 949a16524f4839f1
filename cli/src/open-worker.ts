import { startWorker } from '@tallystick/anomaly-worker/worker';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { Logger } from '@tallystick/kafka/logger';
import type { Running } from './commands/service.ts';
import { type Context, deploymentOf } from './context.ts';
import { CliError } from './errors.ts';

/** Starts an anomaly worker as the configuration and the stack say. */
export function openWorker(context: Context, logger: Logger): Running {
  const deployment = deploymentOf(context);
  const { clickhouse } = deployment;
  if (clickhouse === null) {
    throw new CliError('NOT_RUNNING', 'the worker needs ClickHouse: none runs here and clickhouse.url is not set');
  }
  const log = connectRecordLog(deployment.kafka('worker'));
  const worker = startWorker({
    log,
    topics: deployment.topics,
    origin: deployment.origin,
    rootKey: deployment.rootKey,
    registry: deployment.registry,
    clickhouse,
    logger,
  });
  return { status: () => worker.status(), stop: () => worker.stop(), done: closing(worker.done, log) };
}

async function closing(done: Promise<void>, log: { close(): Promise<void> }): Promise<void> {
  try {
    await done;
  } finally {
    await log.close();
  }
}
