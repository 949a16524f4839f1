import { randomBytes } from 'node:crypto';
import { InfraError } from './errors.ts';
import type { Layout, PartName } from './layout.ts';
import type { ProcessRecord } from './processes.ts';
import { readState, withProcess, writeState } from './state.ts';
import type { StackState } from './state.ts';

/** The state of the stack while its lock is held: every change is in the file before anything else happens. */
export interface Session {
  state: StackState;
  record(part: PartName, process: ProcessRecord | null): void;
  update(change: Partial<StackState>): void;
}

export function sessionOf(layout: Layout, first: StackState): Session {
  const session: Session = {
    state: first,
    record: (part, process) => {
      session.state = withProcess(session.state, part, process);
      writeState(layout, session.state);
    },
    update: (change) => {
      session.state = { ...session.state, ...change };
      writeState(layout, session.state);
    },
  };
  return session;
}

export function openSession(layout: Layout, libs: string, notices: readonly string[] | null): Session {
  const known = readState(layout);
  const fresh: StackState = {
    version: 1,
    home: layout.home,
    libs,
    clusterId: newClusterId(),
    ports: { kafka: 1, controller: 1, registry: 1, clickhouse: 1 },
    processes: {},
    notices: notices ?? [],
  };
  return sessionOf(layout, known === null ? fresh : { ...known, libs, notices: notices ?? known.notices });
}

export function openKnown(layout: Layout): Session {
  const state = readState(layout);
  if (state !== null) return sessionOf(layout, state);
  throw new InfraError('STACK_NOT_STARTED', `no stack was started in ${layout.home}; start it first`, {
    evidence: { home: layout.home },
  });
}

/** A random id in Kafka's text form. Like Kafka's own it never begins with "-": its tools would take it for an option. */
function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
