import type { ClickHouse } from '../clickhouse.ts';
import type { Detection } from '../domain/detection.ts';
import type { Place } from '../ports/row-store.ts';

/** Inserts one finding under its id as the token: of several workers that find it at once, one gets it in. */
export async function insertFinding(clickhouse: ClickHouse, place: Place, finding: Detection): Promise<void> {
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
  const sql = `INSERT INTO ${clickhouse.config.database}.findings (${Object.keys(columns).join(', ')}) FORMAT JSONEachRow`;
  const settings = { async_insert: 0, insert_deduplicate: 1, insert_deduplication_token: finding.id } as const;
  await clickhouse.insert(sql, JSON.stringify(columns), {}, settings);
}

function dateTime(ms: number): string {
  const within = Math.min(Math.max(ms, Date.UTC(1900, 0, 1)), Date.UTC(2299, 11, 31));
  return new Date(within).toISOString().replace('T', ' ').replace('Z', '');
}
