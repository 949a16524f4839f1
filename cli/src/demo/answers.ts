import { connectClickHouse } from '@tallystick/anomaly-worker/clickhouse';
import type { ClickHouseConfig } from '@tallystick/anomaly-worker/clickhouse';

/** The questions that the demo asks ClickHouse, and how the answers are shown: a line a row. */
const always = "since = '2000-01-01 00:00:00', until = '2100-01-01 00:00:00'";
const questions = [
  {
    title: 'Who was refused most?',
    sql: `SELECT actor_id, refusals, arrayStringConcat(most_refused_actions, ', ') FROM {db}.top_denied(${always}) LIMIT 4`,
  },
  {
    title: 'Who touched the table "customers"?',
    sql: `SELECT formatDateTime(occurred_at, '%H:%i:%S'), actor_id, action, outcome FROM {db}.resource_history(resource = 'customers', ${always}) LIMIT 4`,
  },
  {
    title: 'What happened most?',
    sql: `SELECT action, count() AS events FROM {db}.events_once GROUP BY action ORDER BY events DESC, action LIMIT 4`,
  },
  {
    title: 'What did the detections find?',
    sql: `SELECT severity, title FROM {db}.findings_once ORDER BY indexOf(['high', 'medium', 'low'], toString(severity)), title LIMIT 5`,
  },
];

/** Rows of the table of events: one for each offset. */
export async function countRows(config: ClickHouseConfig): Promise<number> {
  const clickhouse = connectClickHouse(config);
  try {
    const [row] = await clickhouse.query(`SELECT count() FROM ${config.database}.events`);
    return Number(row?.[0] ?? 0);
  } finally {
    await clickhouse.close();
  }
}

export async function askQuestions(config: ClickHouseConfig): Promise<{ title: string; answers: string[] }[]> {
  const clickhouse = connectClickHouse(config);
  try {
    return await Promise.all(
      questions.map(async ({ title, sql }) => {
        const rows = await clickhouse.query(sql.replaceAll('{db}', config.database));
        return { title, answers: rows.map((row) => row.map(String).join('   ')) };
      }),
    );
  } finally {
    await clickhouse.close();
  }
}
