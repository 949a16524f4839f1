import { stackStatus } from '@tallystick/infra/local/stack';
import { type Context, deploymentOf } from '../context.ts';
import type { HttpService } from '../configured-services.ts';
import { readSealing, type Sealing } from '../sealing.ts';
import { type PublishedCheckpoint, placeOfLog, readCheckpoint } from '../published-log.ts';
import { logFileOf, processNames, readReport, serviceNames } from '../services.ts';
import { readInstallation } from '../installation.ts';

interface ServiceLine {
  readonly name: string;
  readonly running: boolean;
  readonly pid: number | null;
  readonly logFile: string;
  readonly status: unknown;
  /** Since its last report, while it is alive. */
  readonly silentMs: number;
}

interface Alarm {
  readonly from: string;
  readonly code: string;
  readonly message: string;
}

/** It writes its report once a second; on a machine that is busy, somewhat later. */
const mostSilentMs = 30_000;

/** A process that is alive, but stands still: what it last said is not how it is. */
function silent(name: string, silentMs: number): Alarm[] {
  if (!(silentMs > mostSilentMs)) return [];
  const message = `It has given no sign of life for ${Math.round(silentMs / 1000)} s: what is shown of it is that old. Look at its process, or restart it.`;
  return [{ from: name, code: 'SERVICE_SILENT', message }];
}

/** Exit 0: all runs and no alarm; 1: something that belongs to the stack does not run, or there is an alarm; 3: nothing runs. */
export async function statusCommand(context: Context, flags: { json?: boolean }): Promise<number> {
  const stack = await stackStatus(context.stackHome);
  const services = processNames
    .map((name): ServiceLine => {
      const report = readReport(context, name);
      const running = report?.alive === true;
      return {
        name,
        running,
        pid: running ? report.pid : null,
        logFile: logFileOf(context, name),
        status: report?.status ?? null,
        silentMs: running ? Date.now() - Date.parse(report.at) : 0,
      };
    })
    // Roles that run apart are shown where they were started.
    .filter(({ name, status }) => status !== null || serviceNames.some((one) => one === name));
  const external = context.config.has('kafka.brokers');
  const running = external || stack.parts.some((part) => part.name === 'kafka' && part.running);
  const alarms: Alarm[] = services.flatMap(({ name, status }) => alarmsOf(name, status));
  alarms.push(...services.flatMap(({ name, silentMs }) => silent(name, silentMs)));
  alarms.push(...ended(stack.parts, services));
  const look = async <T>(what: string, work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
      const why = error instanceof Error ? error.message : String(error);
      alarms.push({ from: 'status', code, message: `${what}: ${why}` });
      return null;
    }
  };
  const sealing = running ? await look('how far sealing is cannot be read', () => readSealing(context)) : null;
  const checkpoint = await look('the published checkpoint is not good', () => readCheckpoint(deploymentOf(context)));
  const served = servedAt(services);
  if (flags.json === true) {
    context.out(
      JSON.stringify({
        stack: context.stackName,
        running,
        parts: stack.parts,
        services,
        sealing,
        alarms,
        ...connection(context, running, { checkpoint, served }),
      }),
    );
  } else {
    for (const line of inWords(context, { parts: stack.parts, services, sealing, checkpoint, served, alarms }))
      context.out(line);
  }
  if (!running) return 3;
  const down = stack.parts.some((part) => !part.healthy) && !external;
  return alarms.length > 0 || down || services.some((service) => service.status !== null && !service.running) ? 1 : 0;
}

/** What should run and does not: a service that "down" did not stop, a server that a running service needs. */
function ended(
  parts: readonly { name: string; running: boolean; healthy: boolean }[],
  services: readonly ServiceLine[],
): Alarm[] {
  const gone = services
    .filter(({ status, running }) => status !== null && !running)
    .map(({ name, logFile }) => ({
      from: name,
      code: 'SERVICE_FAILED',
      message: `it does not run any more; see ${logFile}.`,
    }));
  const needed = services.some(({ running }) => running);
  const servers = parts
    .filter(({ healthy }) => needed && !healthy)
    .map(({ name, running }) => ({
      from: name,
      code: 'NOT_RUNNING',
      message: running ? 'it runs, but does not answer.' : 'it does not run any more.',
    }));
  return [...servers, ...gone].map((alarm) => ({ ...alarm, message: `${alarm.message} "tallystick up" starts it` }));
}

/** All that a tool needs to connect as the verifier does. */
function connection(
  context: Context,
  running: boolean,
  log: { checkpoint: PublishedCheckpoint | null; served: string | null },
) {
  const deployment = deploymentOf(context);
  const known = <T>(look: () => T): T | null => {
    try {
      return look();
    } catch {
      return null; // not running, or not configured: the members above say which
    }
  };
  const kafka = running ? known(() => deployment.kafka('verifier')) : null;
  return {
    origin: known(() => deployment.origin),
    rootVkey: known(() => deployment.rootKey.vkey),
    topics: deployment.topics,
    kafka: kafka && {
      brokers: kafka.brokers,
      mechanism: kafka.sasl?.mechanism ?? null,
      user: kafka.sasl?.username ?? null,
      passwordFile: deployment.passwordFile('verifier') ?? null,
      tls: kafka.tls !== undefined,
      ...files(context, ['kafka.tlsCaFile', 'kafka.tlsCertFile', 'kafka.tlsKeyFile']),
    },
    registry: known(() => ({ ...login(deployment.registry), ...files(context, ['registry.passwordFile']) })),
    clickhouse: known(
      () =>
        deployment.clickhouse && {
          ...login(deployment.clickhouse),
          database: deployment.clickhouse.database,
          ...files(context, ['clickhouse.passwordFile']),
        },
    ),
    keys: readInstallation(context.stackHome),
    log: known(() => {
      const place = placeOfLog(deployment);
      return { ...place, url: place.url ?? log.served, ...log };
    }),
  };
}

function login({ url, username }: HttpService) {
  return { url, user: username ?? null };
}

/** Settings that name files, as members without their group: `kafka.tlsCaFile` is `tlsCaFile`, null where it is not set. */
function files(context: Context, paths: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(paths.map((path) => [path.split('.')[1] ?? path, context.config.text(path) ?? null]));
}

/** Alarms of a service and of each of its partitions, with what to do. */
function alarmsOf(from: string, status: unknown): Alarm[] {
  if (typeof status !== 'object' || status === null) return [];
  const own =
    'alarms' in status && Array.isArray(status.alarms)
      ? (status.alarms as Partial<Record<'code' | 'message' | 'place' | 'todo', unknown>>[])
      : [];
  const alarms = own.map(({ code, message, place, todo }) => ({
    from: typeof place === 'string' && place !== '' ? `${from}, ${place}` : from,
    code: typeof code === 'string' ? code : 'ALARM',
    message: [message, todo].filter((part) => typeof part === 'string').join(' '),
  }));
  const partitions = 'partitions' in status && Array.isArray(status.partitions) ? (status.partitions as unknown[]) : [];
  return [...alarms, ...troubleOf(from, status), ...partitions.flatMap((one) => alarmsOf(from, one))];
}

/** What the worker says of itself: why it stopped (`error`), and what a partition waits for (`trouble`). */
function troubleOf(from: string, status: object): Alarm[] {
  const { error, trouble, partition } = status as Partial<Record<'error' | 'trouble' | 'partition', unknown>>;
  if (typeof trouble === 'string')
    return [{ from: `${from}, partition ${String(partition)}`, code: 'WAITING', message: trouble }];
  if (typeof error !== 'object' || error === null) return [];
  const { code, message } = error as { code?: unknown; message?: unknown };
  return [{ from, code: String(code), message: String(message) }];
}

function inWords(
  context: Context,
  seen: {
    parts: readonly { name: string; pid: number | null; address: string; running: boolean; healthy: boolean }[];
    services: readonly ServiceLine[];
    sealing: Sealing | null;
    checkpoint: PublishedCheckpoint | null;
    served: string | null;
    alarms: readonly Alarm[];
  },
): string[] {
  const { parts, services, sealing, checkpoint, served, alarms } = seen;
  const lines = [`stack ${context.stackName} in ${context.stackHome}`];
  for (const part of parts) {
    const state = part.healthy ? 'runs' : part.running ? 'does not answer' : 'not running';
    lines.push(
      `  ${part.name.padEnd(12)}${state.padEnd(16)}${part.running ? `${part.address}  (process ${part.pid})` : ''}`.trimEnd(),
    );
  }
  for (const service of services) {
    lines.push(
      `  ${service.name.padEnd(12)}${(service.running ? 'runs' : 'not running').padEnd(16)}${service.running ? `process ${service.pid}, log ${service.logFile}` : ''}`.trimEnd(),
    );
  }
  if (parts.length === 0 && sealing === null && !context.config.has('kafka.brokers'))
    lines.push('  nothing was started here yet: run "tallystick up"');
  if (sealing !== null) {
    lines.push('sealing');
    for (const { partition, highWatermark, sealed, lag } of sealing.partitions) {
      const state = sealed === null ? 'no genesis yet' : lag === 0 ? 'all sealed' : `${lag} not sealed yet`;
      lines.push(`  partition ${String(partition).padEnd(4)}${String(highWatermark).padStart(12)} records  ${state}`);
    }
  }
  lines.push(...logInWords(context, checkpoint, served));
  const rows = rowsBehind(services.find(({ name }) => name === 'worker')?.status);
  if (rows !== null)
    lines.push(`query copy  ${rows === 0 ? 'at the end of every partition' : `${rows} records behind`}`);
  lines.push(alarms.length === 0 ? 'no alarms' : 'ALARMS');
  for (const { from, code, message } of alarms) lines.push(`  ${from}: ${message} [${code}]`);
  return lines;
}

function logInWords(context: Context, checkpoint: PublishedCheckpoint | null, served: string | null): string[] {
  if (checkpoint === null) return [];
  const { place, url: configured } = placeOfLog(deploymentOf(context));
  const url = configured ?? served;
  const lines = [`log         ${checkpoint.size} statements in ${place}${url === null ? '' : `, ${url}`}`];
  for (const { name, time } of checkpoint.witnesses) {
    const when = time === null ? 'has not cosigned it' : `cosigned it ${new Date(time * 1000).toISOString()}`;
    lines.push(`  witness ${name}: ${when}`);
  }
  if (checkpoint.quorum === false) lines.push('  the quorum of witnesses is not reached');
  return lines;
}

/** Where a server of this machine answers; null where none runs. */
function servedAt(services: readonly ServiceLine[]): string | null {
  for (const { running, status } of services) {
    const serve = (status as { serve?: { url?: unknown } | null } | null)?.serve;
    if (running && typeof serve?.url === 'string') return serve.url;
  }
  return null;
}

/** How many records ClickHouse lacks, as the worker last saw it; null where no worker has said so. */
function rowsBehind(status: unknown): number | null {
  if (typeof status !== 'object' || status === null || !('partitions' in status)) return null;
  const partitions = status.partitions as readonly { nextOffset: number; highWatermark: number }[];
  return partitions.reduce((sum, { nextOffset, highWatermark }) => sum + Math.max(0, highWatermark - nextOffset), 0);
}
