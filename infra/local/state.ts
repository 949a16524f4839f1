import { InfraError } from './errors.ts';
import { readIfThere, writeAtomically } from './files.ts';
import { partNames } from './layout.ts';
import type { Layout, PartName } from './layout.ts';
import type { ProcessRecord } from './processes.ts';

/** What stack.json holds. The ports stay when the stack stops, so that the next start can have the same ones. */
export interface StackState {
  readonly version: 1;
  readonly home: string;
  readonly libs: string;
  readonly clusterId: string;
  readonly ports: Readonly<Record<PortName, number>>;
  readonly processes: Readonly<Partial<Record<PartName, ProcessRecord>>>;
  readonly notices: readonly string[];
}

export const portNames = ['kafka', 'controller', 'registry', 'clickhouse'] as const;

export type PortName = (typeof portNames)[number];

/** Reads stack.json; null when there is none. STACK_STATE_CORRUPT when it is not one. */
export function readState(layout: Layout): StackState | null {
  const text = readIfThere(layout.stateFile);
  return text === null ? null : parseState(text, layout.stateFile);
}

export function writeState(layout: Layout, state: StackState): void {
  writeAtomically(layout.stateFile, `${JSON.stringify(state, null, 2)}\n`);
}

/** Reads the text of a state file, each field checked. STACK_STATE_CORRUPT names the first that is wrong. */
export function parseState(text: string, path: string): StackState {
  const corrupt = (what: string) =>
    new InfraError(
      'STACK_STATE_CORRUPT',
      `${path}: ${what}; stop the stack (down) and remove the file: the servers' data stays, only their ports are chosen anew`,
      {
        evidence: { path },
      },
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw corrupt('it is not JSON');
  }
  if (!isObject(json)) throw corrupt('it is not an object');
  const { version, home, libs, clusterId, ports, processes, notices } = json;
  if (version !== 1) throw corrupt(`its version is ${JSON.stringify(version)}, and this release knows 1`);
  if (typeof home !== 'string' || typeof libs !== 'string') throw corrupt('home or libs is not a text');
  if (typeof clusterId !== 'string' || !/^[A-Za-z0-9_-]{22}$/.test(clusterId))
    throw corrupt('clusterId is not 22 characters of base64url');
  if (!isObject(ports)) throw corrupt('ports is not an object');
  const portOf = (name: PortName): number => {
    const port = ports[name];
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535)
      throw corrupt(`ports.${name} is not a port`);
    return port;
  };
  if (!isObject(processes)) throw corrupt('processes is not an object');
  if (!Array.isArray(notices) || !notices.every((notice) => typeof notice === 'string'))
    throw corrupt('notices is not a list of texts');
  const records: Partial<Record<PartName, ProcessRecord>> = {};
  for (const name of partNames) {
    const record = processes[name];
    if (record === undefined) continue;
    if (!isObject(record)) throw corrupt(`processes.${name} is not an object`);
    const { pid, began } = record;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 1 || typeof began !== 'string') {
      throw corrupt(`processes.${name} is not a process id with the time when it began`);
    }
    records[name] = { pid, began };
  }
  return {
    version,
    home,
    libs,
    clusterId,
    ports: {
      kafka: portOf('kafka'),
      controller: portOf('controller'),
      registry: portOf('registry'),
      clickhouse: portOf('clickhouse'),
    },
    processes: records,
    notices,
  };
}

/** The state with this process recorded for the part, or with none. */
export function withProcess(state: StackState, part: PartName, record: ProcessRecord | null): StackState {
  const { [part]: _, ...others } = state.processes;
  return { ...state, processes: record === null ? others : { ...others, [part]: record } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
