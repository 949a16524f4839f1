import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  endProcess,
  findMarked,
  isAlive,
  type ProcessRecord,
  spawnServer,
  withoutSettings,
} from '@tallystick/infra/local/processes';
import { withLock } from '@tallystick/infra/local/lock';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { whyNotReady } from './service-ready.ts';
import { type ServiceSettings, settingsOf, settingsThatDiffer } from './service-settings.ts';
import { ledgerRoles } from './settings.ts';

/** What `up` starts. */
export const serviceNames = ['ledger', 'worker'] as const;
/** What may run on this machine: the roles of a ledger apart, too. */
export const processNames = [...serviceNames, ...ledgerRoles] as const;
export type ServiceName = (typeof processNames)[number];

/** What a running service tells: written by itself once a second, read by `tallystick status`. */
export interface ServiceReport {
  readonly pid: number;
  readonly began: string;
  readonly at: string;
  readonly status: unknown;
  /** What it was started with; not there where an earlier release wrote the report. */
  readonly settings?: ServiceSettings;
}

/** An argument on every service's command line, by which those of one stack are found, also when nothing recorded them. */
export function markerOf(context: Context): string {
  return `--service-of=${context.stackHome}`;
}

function folderOf(context: Context): string {
  return join(context.stackHome, 'services');
}

export function logFileOf(context: Context, name: ServiceName): string {
  return join(context.stackHome, 'logs', `${name}.log`);
}

export function readReport(context: Context, name: ServiceName): (ServiceReport & { alive: boolean }) | null {
  try {
    const report = JSON.parse(readFileSync(join(folderOf(context), `${name}.json`), 'utf8')) as ServiceReport;
    return { ...report, alive: isAlive({ pid: report.pid, began: report.began }) };
  } catch {
    return null; // not there yet: the service writes it when it is ready
  }
}

export function writeReport(context: Context, name: ServiceName, self: ProcessRecord, status: unknown): void {
  mkdirSync(folderOf(context), { recursive: true });
  const file = join(folderOf(context), `${name}.json`);
  const at = new Date().toISOString();
  const report: ServiceReport = { ...self, at, status, settings: settingsOf(context, name, self.began) };
  writeFileSync(`${file}.new`, JSON.stringify(report));
  renameSync(`${file}.new`, file);
}

export function removeReport(context: Context, name: ServiceName): void {
  rmSync(join(folderOf(context), `${name}.json`), { force: true });
}

/** How long a start may take; how long a service that came up is waited for until it does its work, ms. */
const startMs = 90_000;
const readyMs = 20_000;

export interface StartServices {
  readonly attached: boolean;
  readonly onProgress: (line: string) => void;
  /** Default 20,000. */
  readonly readyMs?: number;
}

/**
 * Starts the services that are not running yet and waits until each does its work; one that still waits for something after 20 seconds is
 * said and left alone. One start at a time: of two at once the second finds them running.
 * @throws CliError SERVICE_FAILED with the last lines of its log; InfraError STACK_BUSY
 */
export async function startServices(
  context: Context,
  names: readonly ServiceName[],
  options: StartServices,
): Promise<void> {
  mkdirSync(join(context.stackHome, 'logs'), { recursive: true });
  const { onProgress } = options;
  const lock = { what: `the services of the stack in ${context.stackHome}`, waitMs: 120_000, onProgress };
  await withLock(join(context.stackHome, 'services.lock'), lock, async () => {
    await endUnreported(context);
    await Promise.all(
      names.map(async (name) => {
        const report = readReport(context, name);
        if (report?.alive === true) {
          for (const line of runsAlready(context, name, report)) onProgress(line);
          return;
        }
        removeReport(context, name);
        await startService(context, name, options);
      }),
    );
  });
}

/** What runs is left as it is: where it was started with other settings, that is said. */
function runsAlready(context: Context, name: ServiceName, { began, settings }: ServiceReport): string[] {
  const differ = settingsThatDiffer(settings, settingsOf(context, name, began));
  if (differ.length === 0) return [`${name}: runs already`];
  const todo = 'It goes on with those. "tallystick down", then "tallystick up" starts it with what is set here.';
  return [`${name}: runs already, with other settings:`, ...differ.map((line) => `  ${line}`), `  ${todo}`];
}

/** Ends what a start that was killed has left half-way: it runs, but has not reported itself, so the next start would double it. */
async function endUnreported(context: Context): Promise<void> {
  const reported = serviceNames.flatMap((name) => {
    const report = readReport(context, name);
    return report?.alive === true ? [report.pid] : [];
  });
  const left = findMarked(markerOf(context)).filter(({ pid }) => !reported.includes(pid));
  await Promise.all(left.map((record) => endProcess(record, 2000)));
}

async function startService(context: Context, name: ServiceName, options: StartServices): Promise<void> {
  const logFile = logFileOf(context, name);
  const logFrom = existsSync(logFile) ? statSync(logFile).size : 0;
  const script = process.argv[1] ?? '';
  const started = Date.now();
  let failure: Error | undefined;
  const configured = context.configFile === undefined ? [] : ['--config', context.configFile];
  const record = spawnServer(
    {
      command: process.execPath,
      args: [...process.execArgv, script, '--stack', context.stackName, ...configured, name, markerOf(context)],
      cwd: context.cwd,
      logFile,
      env: { ...settingsFor(context), TALLYSTICK_HOME: context.home },
      attached: options.attached,
    },
    (error) => (failure = error),
  );
  let cameUp: number | null = null;
  for (;;) {
    const ended = record === null || !isAlive(record);
    const report = readReport(context, name);
    const running = report?.alive === true;
    const late = cameUp === null && Date.now() - started > startMs;
    if (failure !== undefined || ended || late) {
      if (record !== null) await endProcess(record, 2000);
      const last = readFileSync(logFile).subarray(logFrom).toString('utf8').trim().split('\n').slice(-5).join('\n  ');
      const why = failure?.message ?? (ended ? 'it ended' : `it was not ready after ${startMs / 1000} s`);
      const what = cameUp === null ? 'did not start' : 'started, and then did not stay';
      throw new CliError('SERVICE_FAILED', `the ${name} ${what}: ${why}. The end of ${logFile}:\n  ${last}`, {
        cause: failure,
      });
    }
    if (running) {
      cameUp ??= Date.now();
      const why = whyNotReady(name, report.status);
      const took = `${name}: runs (${((Date.now() - started) / 1000).toFixed(1)} s)`;
      if (why === null) return options.onProgress(took);
      if (Date.now() - cameUp > (options.readyMs ?? readyMs))
        return options.onProgress(`${took}, but is not ready: ${why}. See "tallystick status" and ${logFile}`);
    }
    await sleep(50);
  }
}

/** The TALLYSTICK_* variables of the context and no others: a demo's services are not told what is configured. */
function settingsFor(context: Context): NodeJS.ProcessEnv {
  const given = Object.entries(context.env).filter(([name]) => name.startsWith('TALLYSTICK_'));
  return { ...withoutSettings('TALLYSTICK_'), ...Object.fromEntries(given) };
}

/** Ends every service of this stack, recorded or not; says which did run. */
export async function stopServices(context: Context): Promise<number> {
  const running = findMarked(markerOf(context));
  await Promise.all(running.map((record) => endProcess(record, 10_000)));
  rmSync(folderOf(context), { recursive: true, force: true });
  return running.length;
}
