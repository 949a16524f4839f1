import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { StackInfo } from '@tallystick/infra/local/stack';
import type { ClickHouse, ClickHouseConfig } from '../../src/clickhouse.ts';

export const migrationsDir = fileURLToPath(new URL('../../../infra/clickhouse', import.meta.url));

export function uniqueDatabase(): string {
  return `worker_${randomBytes(6).toString('hex')}`;
}

/** A database of its own in the stack's ClickHouse. */
export function clickhouseConfig(stack: StackInfo): ClickHouseConfig {
  if (stack.clickhouse === null) throw new Error(`no ClickHouse runs in ${stack.home}: ${stack.notices.join(' ')}`);
  return { url: stack.clickhouse.url, database: uniqueDatabase() };
}

/** What somebody with rights on the table could do. */
export async function removeRows(
  clickhouse: ClickHouse,
  place: { topic: string; partition: number },
  first: number,
  last: number,
): Promise<void> {
  await clickhouse.command(
    `ALTER TABLE ${clickhouse.config.database}.events DELETE WHERE topic = {topic:String} AND partition = {partition:UInt32}
       AND offset BETWEEN {first:UInt64} AND {last:UInt64}`,
    { ...place, first, last },
    { mutations_sync: '2' },
  );
}
