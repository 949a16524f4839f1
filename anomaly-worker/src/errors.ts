import { TallystickError } from '@tallystick/core/errors';

/** The codes of this package, each with what it means. */
export const workerErrors = {
  WORKER_CONFIG_INVALID: 'a setting of the worker makes no sense; nothing was started',
  CLICKHOUSE_UNREACHABLE: 'ClickHouse does not answer, or not in time',
  CLICKHOUSE_REFUSED: 'ClickHouse refuses the user, the password or the right to do this',
  CLICKHOUSE_SCHEMA: 'a database, table, column or setting in ClickHouse is not what the migrations make',
  CLICKHOUSE_FAILED: 'ClickHouse answered a request with an error that trying again does not cure',
  MIGRATION_CHANGED:
    'a migration that was applied has another content now: migrations are never edited, a new one is added',
  MIGRATION_INVALID: 'the folder of migrations has a hole, two files of one number, or no files at all',
  MIGRATION_UNKNOWN: 'ClickHouse holds a migration that this release does not have: it was set up by a newer release',
  GENESIS_MISSING: 'no genesis statement signed under the root key covers this partition of this topic',
  ROWS_DOUBLED: 'ClickHouse holds more than one row for one offset: somebody else wrote into the table',
  ROWS_MISSING: 'rows that were written are not in ClickHouse and do not stay there when they are written again',
  RECORDS_LOST: 'rows are missing in ClickHouse and Kafka does not hold their records any more',
} as const;

export type WorkerErrorCode = keyof typeof workerErrors;

export class WorkerError extends TallystickError<WorkerErrorCode> {
  override readonly name = 'WorkerError';
}
