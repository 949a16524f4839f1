import type { ClickHouse } from '../clickhouse.ts';
import type { Detection } from '../domain/detection.ts';
import { WorkerError } from '../errors.ts';
import type { Place } from '../ports/row-store.ts';

const lateMessage = 'tallystick: this finding comes too late';

const structure = `finding_id String, rule String, severity String, actor_id String, actor_type String, subject String,
  occurred_at DateTime64(3, \\'UTC\\'), topic String, generation UInt32, partition UInt32, offset UInt64, evidence Array(UInt64),
  title String, explanation String, details String`;

/**
 * Inserts one finding under its id as the token: of several workers that find it at once, one gets it in. There is no other
 * token for it, so one that cannot be seen yet does no harm. One that was held up until its token was forgotten would: the
 * server refuses to begin after `fence` (its own time, unix ms), and the caller looks again.
 */
export async function insertFinding(
  clickhouse: ClickHouse,
  place: Place,
  finding: Detection,
  fence: number,
): Promise<void> {
  const columns = {
    finding_id: finding.id,
    rule: finding.rule,
    severity: finding.severity,
    actor_id: finding.actorId,
    actor_type: finding.actorType,
    subject: finding.subject,
    occurred_at: dateTime(finding.occurredAtMs),
    topic: place.topic,
    generation: place.generation,
    partition: place.partition,
    offset: finding.offset,
    evidence: finding.evidence,
    title: finding.title,
    explanation: finding.explanation,
    details: JSON.stringify(finding.details),
  };
  const names = Object.keys(columns).join(', ');
  const sql = `INSERT INTO ${clickhouse.config.database}.findings (${names}) SELECT ${names} FROM input('${structure}')
    WHERE NOT throwIf(toUnixTimestamp64Milli(now64(3)) > {fence:Int64}, '${lateMessage}') FORMAT JSONEachRow`;
  const settings = { async_insert: 0, insert_deduplicate: 1, insert_deduplication_token: finding.id } as const;
  try {
    await clickhouse.insert(sql, JSON.stringify(columns), { fence }, settings);
  } catch (error) {
    if (!(error instanceof WorkerError) || !error.message.includes(lateMessage)) throw error;
    throw new WorkerError('CLICKHOUSE_FAILED', error.message, { cause: error, retriable: true });
  }
}

function dateTime(ms: number): string {
  const within = Math.min(Math.max(ms, Date.UTC(1900, 0, 1)), Date.UTC(2299, 11, 31));
  return new Date(within).toISOString().replace('T', ' ').replace('Z', '');
}
