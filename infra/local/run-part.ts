import { closeSync, fstatSync, openSync, readSync, statSync, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from './errors.ts';
import { hasErrno, lastLines } from './files.ts';
import { logFileOf } from './layout.ts';
import type { Part, PartContext } from './part.ts';
import { ownsPort } from './ports.ts';
import { isAlive, spawnServer } from './processes.ts';
import type { ProcessRecord } from './processes.ts';

/** How long a server may take until it answers. Generous: the machine may be small and busy. */
export const startDeadlineMs = 120_000;

const logLimit = 20 * 1024 * 1024;

/** A server ended because somebody else listens on its port: the caller picks other ports and starts again. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

export interface RunOptions {
  readonly attached: boolean;
  readonly onProgress: (line: string) => void;
  /** Called as soon as the process exists, before anything is waited for. */
  readonly onSpawn: (record: ProcessRecord) => void;
}

/** Starts the server and waits until it answers. STACK_PART_FAILED quotes its log; PortTaken when it lost its port. */
export async function runPart(part: Part, context: PartContext, options: RunOptions): Promise<ProcessRecord> {
  const logFile = logFileOf(context.layout, part.name);
  keepLogSmall(logFile);
  const from = sizeOf(logFile);
  const began = Date.now();
  let spawnError: Error | null = null;
  const record = spawnServer(
    { ...part.command(context), logFile, attached: options.attached },
    (error) => (spawnError = error),
  );
  if (record !== null) options.onSpawn(record);
  const deadline = began + startDeadlineMs;
  let nextWord = began + 2000;
  options.onProgress(`${part.name}: starting…`);
  for (;;) {
    if (record === null || !isAlive(record)) {
      // The log, or the event that tells that it was never started, may come a moment later.
      await sleep(50);
      const said = textFrom(logFile, from);
      if (/Address already in use|BindException|EADDRINUSE|seems to be in use by another process/i.test(said))
        throw new PortTaken(part.name);
      throw failed(
        part,
        logFile,
        spawnError === null ? 'it ended while it was starting' : `it could not be started: ${String(spawnError)}`,
      );
    }
    const ready = part.readyLine === null || part.readyLine.test(textFrom(logFile, from));
    // The answer may come from a stranger who took the port in the meantime; ours is about to end then.
    if (ready && (await part.probe(context.state)) && ownsPort(record.pid, part.port(context.state)) !== false) break;
    if (Date.now() > deadline) throw failed(part, logFile, `it did not answer within ${startDeadlineMs / 1000} s`);
    if (Date.now() > nextWord) {
      options.onProgress(`${part.name}: starting… (${seconds(began)} s)`);
      nextWord += 2000;
    }
    await sleep(100);
  }
  options.onProgress(`${part.name}: ready at ${part.address(context.state)} (${seconds(began)} s)`);
  return record;
}

/** Waits until a server that runs already answers; false when it ends or does not within the time. */
export async function waitForAnswer(
  part: Part,
  context: PartContext,
  record: ProcessRecord,
  waitMs: number,
): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (isAlive(record)) {
    if (await part.probe(context.state))
      return isAlive(record) && ownsPort(record.pid, part.port(context.state)) !== false;
    if (Date.now() > deadline) return false;
    await sleep(150);
  }
  return false;
}

function failed(part: Part, logFile: string, what: string): InfraError {
  const lines = lastLines(logFile);
  const quoted =
    lines.length === 0 ? 'Its log is empty' : `The last lines of its log:\n  ${lines.join('\n  ')}\nThe whole log`;
  return new InfraError('STACK_PART_FAILED', `${part.name}: ${what}. ${quoted}: ${logFile}`, {
    evidence: { part: part.name, logFile, lines },
  });
}

function seconds(began: number): string {
  return ((Date.now() - began) / 1000).toFixed(1);
}

/** A log that grew large becomes NAME.1 before the next start; one such is kept. */
function keepLogSmall(logFile: string): void {
  if (sizeOf(logFile) > logLimit) renameSync(logFile, `${logFile}.1`);
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}

function textFrom(path: string, from: number): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, Math.min(fstatSync(file).size - from, 1024 * 1024)));
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, from));
  } finally {
    closeSync(file);
  }
}
