import { clickhouseUrl } from './clickhouse-part.ts';
import { passwordFileOf } from './layout.ts';
import type { Layout, PartName } from './layout.ts';
import { isAlive } from './processes.ts';
import { registryUrl } from './registry-part.ts';
import type { Role } from './roles.ts';
import type { StackState } from './state.ts';

/** The Kafka user of each role. */
export type KafkaUsers = Record<Role, { readonly username: string; readonly passwordFile: string }>;

/** What one needs to connect to a stack. `null` for a part that was not asked for or cannot run here (`notices` says why). */
export interface StackInfo {
  readonly home: string;
  readonly kafka: {
    readonly brokers: string[];
    /** The folder that holds the partitions' log segments. */
    readonly dataDir: string;
    readonly pid: number;
    /** SASL/SCRAM-SHA-512 users; the file holds the password and nothing else. */
    readonly users: KafkaUsers;
  } | null;
  /** `url` is the root of the Confluent-compatible API. */
  readonly registry: { readonly url: string; readonly pid: number } | null;
  readonly clickhouse: { readonly url: string; readonly pid: number } | null;
  /** Sentences for the user, such as why a part is missing. */
  readonly notices: readonly string[];
}

/** How to connect to what runs now, from the recorded state. */
export function infoOf(layout: Layout, state: StackState): StackInfo {
  const pidOf = (part: PartName): number | null => {
    const record = state.processes[part];
    return record !== undefined && isAlive(record) ? record.pid : null;
  };
  const kafka = pidOf('kafka');
  const registry = pidOf('registry');
  const clickhouse = pidOf('clickhouse');
  return {
    home: layout.home,
    kafka:
      kafka === null
        ? null
        : {
            brokers: [`127.0.0.1:${state.ports.kafka}`],
            dataDir: layout.kafkaData,
            pid: kafka,
            users: usersOf(layout),
          },
    registry: registry === null ? null : { url: registryUrl(state), pid: registry },
    clickhouse: clickhouse === null ? null : { url: clickhouseUrl(state), pid: clickhouse },
    notices: state.notices,
  };
}

/** Every role has a user named like it. */
export function usersOf(layout: Pick<Layout, 'secrets'>): KafkaUsers {
  const user = (role: Role) => ({ username: role, passwordFile: passwordFileOf(layout, role) });
  return {
    admin: user('admin'),
    producer: user('producer'),
    ledger: user('ledger'),
    verifier: user('verifier'),
    worker: user('worker'),
    reporter: user('reporter'),
    guard: user('guard'),
    bench: user('bench'),
    pruner: user('pruner'),
  };
}
