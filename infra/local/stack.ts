import { existsSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { clickhouseUnavailable } from './clickhouse-part.ts';
import { InfraError } from './errors.ts';
import { findJava } from './java.ts';
import { kafkaPart } from './kafka-part.ts';
import { layoutOf, logFileOf, makeHome, markerOf, partNames } from './layout.ts';
import type { Layout, PartName } from './layout.ts';
import { ensureLibs } from './libs.ts';
import { withLock } from './lock.ts';
import type { Part } from './part.ts';
import { isAlive } from './processes.ts';
import type { Role } from './roles.ts';
import { adopt, endPart, endUnknown, localProcesses, partsNamed, startMissing, stopAll } from './servers.ts';
import { openKnown, openSession } from './session.ts';
import { infoOf } from './stack-info.ts';
import type { StackInfo } from './stack-info.ts';
import { readState } from './state.ts';

export type { PartName, Role, StackInfo };

export interface StartOptions {
  /** The folder of this stack; made where it is missing (mode 0700). */
  readonly home: string;
  /** The folder of downloaded programs; stacks can share it. */
  readonly libs: string;
  readonly onProgress?: (line: string) => void;
  /** The servers wanted; all by default. */
  readonly parts?: readonly PartName[];
  /** The servers end with this process, however it ends (where the system has setpriv). False by default: they outlive it. */
  readonly attached?: boolean;
}

export interface PartStatus {
  readonly name: PartName;
  /** Null when it does not run. */
  readonly pid: number | null;
  readonly address: string;
  readonly running: boolean;
  /** It answered a request of its own protocol just now. */
  readonly healthy: boolean;
  readonly logFile: string;
}

/** `info` is there when a part runs. */
export interface StackStatus {
  readonly home: string;
  readonly known: boolean;
  readonly parts: readonly PartStatus[];
  readonly info: StackInfo | null;
}

/** A start may wait for the first download of another; a stop for a start. */
const lockWaitMs = 300_000;

/**
 * Starts the servers that do not run yet and waits until all answer; what runs and answers is left as it is, so that calling it twice is
 * harmless. Whatever a killed start left behind is taken over or ended first. When a part fails, the parts that this call
 * started are stopped again. Errors: InfraError with the codes of errors.ts.
 */
export async function startStack(options: StartOptions): Promise<StackInfo> {
  if (process.platform === 'win32') {
    throw new InfraError(
      'PLATFORM_UNSUPPORTED',
      'the local stack runs on Linux and macOS; on Windows, run it inside WSL 2, or name running services in the configuration',
    );
  }
  const layout = layoutOf(options.home);
  const onProgress = options.onProgress ?? (() => {});
  const unavailable = clickhouseUnavailable();
  const asked = options.parts ?? partNames;
  const wanted = asked.filter((name) => name !== 'clickhouse' || unavailable === null);
  // Null: ClickHouse was not asked for, so what was said about it before still stands.
  const notices = !asked.includes('clickhouse') ? null : unavailable === null ? [] : [unavailable];
  const java = findJava();
  const libs = await ensureLibs(options.libs, onProgress);
  makeHome(layout);
  return await locked(layout, onProgress, async () => {
    for (const notice of notices ?? []) onProgress(`clickhouse: ${notice}`);
    const session = openSession(layout, resolve(options.libs), notices);
    await endUnknown(layout, session.state);
    const context = () => ({ layout, state: session.state, java, libs, marker: markerOf(layout) });
    const missing: Part[] = [];
    await Promise.all(
      partsNamed(wanted).map(async (part) => {
        if (!(await adopt(part, context(), session, onProgress))) missing.push(part);
      }),
    );
    await startMissing(missing, context, session, options.attached ?? false, onProgress);
    return infoOf(layout, session.state);
  });
}

/** Stops every server of the stack: SIGTERM, then SIGKILL after a grace period. Harmless when nothing runs. */
export async function stopStack(home: string, onProgress: (line: string) => void = () => {}): Promise<void> {
  const layout = layoutOf(home);
  if (!existsSync(layout.home)) return;
  await locked(layout, onProgress, async () => await stopAll(layout, onProgress));
}

/**
 * Stops the stack and removes all that it made in its folder: records, schemas, tables, passwords, logs. Refuses a folder that holds
 * no stack; what others put into the folder stays.
 */
export async function wipeStack(home: string, onProgress: (line: string) => void = () => {}): Promise<void> {
  const layout = layoutOf(home);
  if (!existsSync(layout.home)) return;
  if (!existsSync(layout.kafka) || !existsSync(layout.secrets)) {
    if (readdirSync(layout.home).length === 0) return rmdirSync(layout.home);
    throw new InfraError('STACK_NOT_STARTED', `${layout.home} is not the folder of a stack; nothing was removed`, {
      evidence: { home: layout.home },
    });
  }
  await locked(layout, onProgress, async () => {
    await stopAll(layout, onProgress);
    for (const path of [
      layout.kafka,
      layout.registry,
      layout.clickhouse,
      layout.logs,
      layout.secrets,
      layout.stateFile,
    ]) {
      rmSync(path, { recursive: true, force: true });
    }
  });
  if (readdirSync(layout.home).length === 0) rmdirSync(layout.home);
}

/** What runs and whether it answers, from the state file and a request to each server. */
export async function stackStatus(home: string): Promise<StackStatus> {
  const layout = layoutOf(home);
  const state = readState(layout);
  if (state === null) return { home: layout.home, known: false, parts: [], info: null };
  const parts = await Promise.all(
    localProcesses.parts.map(async (part) => {
      const record = state.processes[part.name];
      const running = record !== undefined && isAlive(record);
      const healthy = running && (await part.probe(state));
      const logFile = logFileOf(layout, part.name);
      return {
        name: part.name,
        pid: running ? record.pid : null,
        address: part.address(state),
        running,
        healthy,
        logFile,
      };
    }),
  );
  return {
    home: layout.home,
    known: true,
    parts,
    info: parts.some((part) => part.running) ? infoOf(layout, state) : null,
  };
}

/** How to connect to a stack that was started before, or null. Parts that do not run now are null. */
export function readStack(home: string): StackInfo | null {
  const layout = layoutOf(home);
  const state = readState(layout);
  return state === null ? null : infoOf(layout, state);
}

/** Stops Kafka alone, cleanly; its folder can be read and changed then. */
export async function stopKafka(home: string): Promise<void> {
  const layout = layoutOf(home);
  openKnown(layout);
  await locked(
    layout,
    () => {},
    async () => {
      const session = openKnown(layout);
      const record = session.state.processes.kafka;
      if (record !== undefined) await endPart(kafkaPart, record);
      session.record('kafka', null);
    },
  );
}

/** Starts Kafka of a stack that was started before, on the same port if that is still free. */
export async function startKafka(
  home: string,
  options: { attached?: boolean; onProgress?: (line: string) => void } = {},
): Promise<StackInfo> {
  const layout = layoutOf(home);
  const { libs } = openKnown(layout).state;
  return await startStack({ home, libs, parts: ['kafka'], ...options });
}

/** stopKafka, then startKafka. */
export async function restartKafka(
  home: string,
  options: { attached?: boolean; onProgress?: (line: string) => void } = {},
): Promise<StackInfo> {
  await stopKafka(home);
  return await startKafka(home, options);
}

function locked<T>(layout: Layout, onProgress: (line: string) => void, work: () => Promise<T>): Promise<T> {
  return withLock(layout.lockFile, { what: `the stack in ${layout.home}`, waitMs: lockWaitMs, onProgress }, work);
}
