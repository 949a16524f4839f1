import { clickhousePart } from './clickhouse-part.ts';
import { InfraError } from './errors.ts';
import { kafkaPart } from './kafka-part.ts';
import { markerOf } from './layout.ts';
import type { Layout, PartName } from './layout.ts';
import type { Part, PartContext, PartProvider } from './part.ts';
import { choosePort } from './ports.ts';
import { endProcess, findMarked, isAlive } from './processes.ts';
import type { ProcessRecord } from './processes.ts';
import { registryPart } from './registry-part.ts';
import { PortTaken, runPart, waitForAnswer } from './run-part.ts';
import { sessionOf } from './session.ts';
import type { Session } from './session.ts';
import { portNames, readState } from './state.ts';
import type { PortName, StackState } from './state.ts';

/** The servers of a stack as local processes. */
export const localProcesses: PartProvider = { kind: 'processes', parts: [kafkaPart, registryPart, clickhousePart] };

export function partsNamed(names: readonly PartName[]): Part[] {
  return localProcesses.parts.filter((part) => names.includes(part.name));
}

/** Ends what carries our marker and no file knows: left by a start that was killed between starting a server and recording it. */
export async function endUnknown(layout: Layout, state: StackState | null): Promise<void> {
  const known = new Set(Object.values(state?.processes ?? {}).map((record) => record.pid));
  const unknown = findMarked(markerOf(layout)).filter((record) => !known.has(record.pid));
  await Promise.all(unknown.map(async (record) => await endOrThrow('an unrecorded server', record, kafkaPart.graceMs)));
}

/** True when the part runs already and answers. One that runs but does not answer is ended. */
export async function adopt(
  part: Part,
  context: PartContext,
  session: Session,
  onProgress: (line: string) => void,
): Promise<boolean> {
  const record = session.state.processes[part.name];
  if (record === undefined) return false;
  if (isAlive(record)) {
    if (await waitForAnswer(part, context, record, 30_000)) {
      onProgress(`${part.name}: runs already at ${part.address(session.state)} (process ${record.pid})`);
      return true;
    }
    onProgress(`${part.name}: process ${record.pid} does not answer; starting it anew`);
    await endPart(part, record);
  }
  session.record(part.name, null);
  return false;
}

/** Starts the parts side by side. One that lost its port to somebody is started again on another; two such losses are enough. */
export async function startMissing(
  missing: readonly Part[],
  context: () => PartContext,
  session: Session,
  attached: boolean,
  onProgress: (line: string) => void,
): Promise<void> {
  const started: Part[] = [];
  let toStart = missing;
  for (let attempt = 1; toStart.length > 0; attempt += 1) {
    await choosePorts(session, toStart);
    const outcomes = await Promise.allSettled(
      toStart.map(async (part) => {
        await part.prepare(context());
        await runPart(part, context(), {
          attached,
          onProgress,
          onSpawn: (record) => session.record(part.name, record),
        });
      }),
    );
    const again: Part[] = [];
    let failure: unknown = null;
    for (const [index, outcome] of outcomes.entries()) {
      const part = toStart[index];
      if (part === undefined) continue;
      if (outcome.status === 'fulfilled') started.push(part);
      else if (outcome.reason instanceof PortTaken && attempt < 3) again.push(part);
      else failure ??= outcome.reason;
    }
    if (failure !== null) {
      for (const part of missing) {
        const record = session.state.processes[part.name];
        if (record !== undefined) await endPart(part, record);
        session.record(part.name, null);
      }
      throw failure;
    }
    for (const part of again) onProgress(`${part.name}: its port was taken by somebody else; trying another`);
    toStart = again;
  }
}

/** Keeps the ports of the last start where they are still free. */
async function choosePorts(session: Session, parts: readonly Part[]): Promise<void> {
  const ports: Record<PortName, number> = { ...session.state.ports };
  for (const name of portNames) {
    const owner = name === 'controller' ? 'kafka' : name;
    if (!parts.some((part) => part.name === owner)) continue;
    const others = new Set(portNames.filter((other) => other !== name).map((other) => ports[other]));
    ports[name] = await choosePort(ports[name] > 1 ? ports[name] : undefined, others);
  }
  session.update({ ports });
}

export async function stopAll(layout: Layout, onProgress: (line: string) => void): Promise<void> {
  const state = readableState(layout);
  if (state !== null) {
    const session = sessionOf(layout, state);
    await Promise.all(
      localProcesses.parts.map(async (part) => {
        const record = state.processes[part.name];
        if (record === undefined) return;
        if (isAlive(record)) {
          await endPart(part, record);
          onProgress(`${part.name}: stopped`);
        }
        session.record(part.name, null);
      }),
    );
  }
  await endUnknown(layout, null);
}

/** A stop must work with a broken state file too: the servers are found by their marker then. */
function readableState(layout: Layout): StackState | null {
  try {
    return readState(layout);
  } catch (error) {
    if (error instanceof InfraError && error.code === 'STACK_STATE_CORRUPT') return null;
    throw error;
  }
}

export async function endPart(part: Part, record: ProcessRecord): Promise<void> {
  await endOrThrow(part.name, record, part.graceMs);
}

async function endOrThrow(what: string, record: ProcessRecord, graceMs: number): Promise<void> {
  if (await endProcess(record, graceMs)) return;
  throw new InfraError(
    'STACK_STOP_FAILED',
    `${what} (process ${record.pid}) still runs after SIGKILL; end it by hand`,
    { evidence: { pid: record.pid } },
  );
}
