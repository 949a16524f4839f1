import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { findJava } from './java.ts';
import { KafkaNode } from './kafka-node.ts';
import { checkPath, layoutOf, makeSecrets } from './layout.ts';
import { ensureLibs } from './libs.ts';
import { withLock } from './lock.ts';
import { PortTaken } from './run-part.ts';
import { usersOf } from './stack-info.ts';
import type { KafkaUsers } from './stack-info.ts';

export interface ClusterOptions {
  /** A folder of its own, made where it is missing (mode 0700): data, logs, passwords. */
  readonly home: string;
  /** The folder of downloaded programs; stacks can share it. */
  readonly libs: string;
  /** Default 3: any one of them may be gone. */
  readonly brokers?: number;
  /** The brokers end with this process, however it ends (where the system has setpriv). Default true. */
  readonly attached?: boolean;
  readonly onProgress?: (line: string) => void;
}

/** One broker of a running cluster. */
export interface Broker {
  /** Its node id, from 1. */
  readonly id: number;
  readonly address: string;
  /** The folder that holds its copy of the partitions' log segments. */
  readonly dataDir: string;
  /** Null while it does not run. */
  readonly pid: number | null;
  /** kill -9. Resolves when it is gone; its data stays. */
  kill(): Promise<void>;
  /** A clean stop: it hands over what it leads first. */
  stop(): Promise<void>;
  /** After `kill` or `stop`. Resolves when it serves clients. @throws InfraError STACK_PART_FAILED */
  start(): Promise<void>;
  /** SIGSTOP: its connections stay open, and nobody answers on them. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/** Several Kafka brokers on loopback, each of them a controller too, with the users of a stack. */
export interface KafkaCluster {
  /** `host:port` of each broker. */
  readonly addresses: string[];
  readonly brokers: readonly Broker[];
  /** SASL/SCRAM-SHA-512 users; the file holds the password and nothing else. */
  readonly users: KafkaUsers;
  /** Stops all brokers, cleanly within half a minute, else by force. Their data stays. */
  close(): Promise<void>;
}

/**
 * Starts a cluster of Kafka brokers for failover tests; `up` and `demo` never do. New topics there have three replicas and want two in sync.
 * What an earlier start in this folder left running is ended first.
 * @throws InfraError JAVA_MISSING, JAVA_TOO_OLD, MAVEN_MISSING, LIBS_DOWNLOAD_FAILED, STACK_HOME_UNUSABLE, STACK_BUSY, STACK_PART_FAILED
 */
export async function startKafkaCluster(options: ClusterOptions): Promise<KafkaCluster> {
  const { attached = true, brokers: count = 3, onProgress = () => {} } = options;
  const cluster = layoutOf(options.home);
  checkPath(cluster.home, 'the folder of the cluster');
  const java = findJava();
  const libsFolder = resolve(options.libs);
  const libs = await ensureLibs(libsFolder, onProgress);
  for (const folder of [cluster.home, cluster.secrets]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const what = `the cluster in ${cluster.home}`;
  const nodes = await withLock(cluster.lockFile, { what, waitMs: 300_000, onProgress }, async () => {
    makeSecrets(cluster);
    const made = Array.from(
      { length: count },
      (_, at) => new KafkaNode({ cluster, id: at + 1, java, libs, libsFolder, attached, onProgress }),
    );
    await startAll(made);
    return made;
  });
  return {
    addresses: nodes.map(({ address }) => address),
    brokers: nodes.map(brokerOf),
    users: usersOf(cluster),
    close: async () => {
      await Promise.all(nodes.map(async (node) => await node.stop()));
    },
  };
}

/** A broker serves only when most of them are there, so they start side by side. When a port was lost to somebody all try others. */
async function startAll(nodes: readonly KafkaNode[]): Promise<void> {
  for (const node of nodes) await node.endLeftOver();
  const clusterId = nodes[0]?.clusterId ?? '';
  for (let attempt = 1; ; attempt += 1) {
    const taken = new Set<number>();
    for (const node of nodes) await node.choosePorts(taken, clusterId);
    const voters = nodes.map(({ id, controllerPort }) => ({ id, controllerPort }));
    const outcomes = await Promise.allSettled(
      nodes.map(async (node) => {
        await node.prepare(voters);
        await node.start();
      }),
    );
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.length === 0) return;
    await Promise.all(nodes.map(async (node) => await node.kill()));
    const lost = failures.every((failure) => failure instanceof PortTaken);
    if (!lost || attempt === 3) throw failures.find((failure) => !(failure instanceof PortTaken)) ?? failures[0];
  }
}

function brokerOf(node: KafkaNode): Broker {
  return {
    id: node.id,
    address: node.address,
    dataDir: node.dataDir,
    get pid() {
      return node.process?.pid ?? null;
    },
    kill: async () => await node.kill(),
    stop: async () => await node.stop(),
    start: async () => await node.start(),
    freeze: () => node.freeze(),
    thaw: () => node.thaw(),
  };
}
