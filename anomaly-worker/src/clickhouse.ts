import { ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client';
import { WorkerError } from './errors.ts';

export interface ClickHouseConfig {
  /** `http://host:8123` or `https://…`. */
  readonly url: string;
  /** Letters, digits and `_`; not a digit first. */
  readonly database: string;
  readonly username?: string;
  readonly password?: string;
  /** How long one request may take, milliseconds. Default 30,000. */
  readonly requestTimeoutMs?: number;
}

/** How long one request may take, milliseconds. The server is told to give up then, too. */
export function requestTimeoutOf(config: ClickHouseConfig): number {
  return config.requestTimeoutMs ?? 30_000;
}

type Parameters = Readonly<Record<string, unknown>>;

/** One ClickHouse over HTTP. Every request has a timeout; every error has a code of this package. */
export interface ClickHouse {
  readonly config: ClickHouseConfig;
  /** Rows as arrays of cells; 64-bit integers come as decimal text. `{name:Type}` in the SQL takes `parameters.name`. */
  query(sql: string, parameters?: Parameters): Promise<unknown[][]>;
  /** One statement without an answer. */
  command(sql: string, parameters?: Parameters, settings?: ClickHouseSettings): Promise<void>;
  /** An INSERT that ends in `FORMAT …`, with its data. Resolves once the rows are stored. */
  insert(sql: string, data: string, parameters: Parameters, settings: ClickHouseSettings): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects lazily: the first request opens the connection.
 * @throws WorkerError WORKER_CONFIG_INVALID
 */
export function connectClickHouse(config: ClickHouseConfig): ClickHouse {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/u.test(config.database)) {
    throw invalid(
      `ClickHouse database ${JSON.stringify(config.database)}: use letters, digits and "_", no digit first.`,
    );
  }
  const requestTimeout = requestTimeoutOf(config);
  const client = openClient(config, requestTimeout);
  return new HttpClickHouse(config, client, requestTimeout);
}

function openClient(config: ClickHouseConfig, requestTimeout: number): ClickHouseClient {
  const url = URL.canParse(config.url) ? new URL(config.url) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid(`ClickHouse URL ${JSON.stringify(config.url)}: write http://host:port or https://host:port.`);
  }
  return createClient({
    url: url.origin,
    // The database is named in every statement: one that does not exist yet must not break the connection.
    database: 'default',
    ...(config.username === undefined ? {} : { username: config.username }),
    ...(config.password === undefined ? {} : { password: config.password }),
    request_timeout: requestTimeout,
    application: 'tallystick',
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: { date_time_output_format: 'iso', output_format_json_quote_64bit_integers: 1 },
  });
}

class HttpClickHouse implements ClickHouse {
  readonly config: ClickHouseConfig;
  private readonly client: ClickHouseClient;
  private readonly settings: ClickHouseSettings;

  constructor(config: ClickHouseConfig, client: ClickHouseClient, requestTimeoutMs: number) {
    this.config = config;
    this.client = client;
    // The server gives up when we do: an abandoned insert must not be carried out much later.
    this.settings = { max_execution_time: Math.max(1, Math.ceil(requestTimeoutMs / 1000)) };
  }

  async query(sql: string, parameters: Parameters = {}): Promise<unknown[][]> {
    return this.guard(sql, async () => {
      // The whole answer is read before any of it counts, so that an error in its middle is an error.
      const format = 'JSONCompact';
      const clickhouse_settings = { ...this.settings, wait_end_of_query: 1 as const };
      const result = await this.client.query({
        query: sql,
        format,
        query_params: { ...parameters },
        clickhouse_settings,
      });
      const { data } = await result.json<unknown[]>();
      return data;
    });
  }

  async command(sql: string, parameters: Parameters = {}, settings: ClickHouseSettings = {}): Promise<void> {
    await this.guard(sql, async () => {
      const clickhouse_settings = { ...this.settings, wait_end_of_query: 1 as const, ...settings };
      await this.client.command({ query: sql, query_params: { ...parameters }, clickhouse_settings });
    });
  }

  async insert(sql: string, data: string, parameters: Parameters, settings: ClickHouseSettings): Promise<void> {
    // In the body, not in the URL: the names of all columns are long, and proxies limit the length of a request line.
    await this.command(`${sql}\n${data}`, parameters, settings);
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async guard<T>(sql: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw clickHouseFailure(error, sql, this.config);
    }
  }
}

// https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
const refused = new Set(['192', '193', '194', '195', '497', '516']);
const wrongSchema = new Set(['16', '47', '60', '81', '117', '10', '36', '53', '115']);
const passing = new Set([
  '3',
  '159',
  '160',
  '164',
  '173',
  '198',
  '202',
  '209',
  '210',
  '236',
  '241',
  '242',
  '243',
  '252',
  '319',
  '394',
  '425',
  '439',
  '999',
]);

function clickHouseFailure(error: unknown, sql: string, config: ClickHouseConfig): WorkerError {
  const statement = sql.trim().slice(0, 120).replaceAll(/\s+/gu, ' ');
  const at = `ClickHouse at ${config.url}`;
  if (error instanceof ClickHouseError) {
    const evidence = { url: config.url, statement, number: error.code, type: error.type ?? null };
    const said = error.message.slice(0, 500);
    const options = { cause: error, evidence };
    if (refused.has(error.code)) {
      return new WorkerError(
        'CLICKHOUSE_REFUSED',
        `${at} refuses user ${config.username ?? 'default'}: ${said}. Check user, password and grants.`,
        options,
      );
    }
    if (wrongSchema.has(error.code)) {
      return new WorkerError(
        'CLICKHOUSE_SCHEMA',
        `${at}: ${said}. Apply the migrations of this release to database ${config.database}.`,
        options,
      );
    }
    const retriable = passing.has(error.code);
    return new WorkerError('CLICKHOUSE_FAILED', `${at} answered ${error.type ?? error.code}: ${said}.`, {
      ...options,
      retriable,
    });
  }
  const reason = error instanceof Error && error.message !== '' ? error.message.slice(0, 500) : String(error);
  const options = { cause: error, evidence: { url: config.url, statement }, retriable: true };
  // A connection's error has the system's name as its code. Anything else was an answer, though none of ClickHouse's own.
  const system = error instanceof Error && 'code' in error && typeof error.code === 'string';
  if (system || /timeout|socket|aborted/iu.test(reason)) {
    return new WorkerError(
      'CLICKHOUSE_UNREACHABLE',
      `${at} does not answer: ${reason}. Check that it runs and that the URL is right.`,
      options,
    );
  }
  return new WorkerError(
    'CLICKHOUSE_FAILED',
    `${at} answered: ${reason}. Check that the URL is that of ClickHouse's HTTP port.`,
    options,
  );
}

function invalid(message: string): WorkerError {
  return new WorkerError('WORKER_CONFIG_INVALID', message);
}
