import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { InfraError } from './errors.ts';
import { kafkaPartOf } from './kafka-part.ts';
import { layoutOf, markerOf } from './layout.ts';
import type { Layout } from './layout.ts';
import type { Libs } from './libs.ts';
import type { Part, PartContext } from './part.ts';
import { choosePort } from './ports.ts';
import { findMarked, isAlive, sendSignal, waitUntilGone } from './processes.ts';
import type { ProcessRecord } from './processes.ts';
import type { ClusterNode } from './properties.ts';
import { runPart } from './run-part.ts';
import { endPart } from './servers.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';

export interface NodeOptions {
  readonly cluster: Layout;
  readonly id: number;
  readonly java: string;
  readonly libs: Libs;
  readonly libsFolder: string;
  readonly attached: boolean;
  readonly onProgress: (line: string) => void;
}

/** How long a process may take to vanish once it was killed, in ms. */
const goneMs = 10_000;

/** One broker of a cluster: a folder of its own in that of the cluster, with port, process and data; the passwords are shared. */
export class KafkaNode {
  readonly id: number;
  readonly #options: NodeOptions;
  readonly #layout: Layout;
  readonly #session: Session;
  #part: Part | null = null;

  constructor(options: NodeOptions) {
    this.id = options.id;
    this.#options = options;
    const own = layoutOf(join(options.cluster.home, `broker-${options.id}`));
    this.#layout = { ...own, secrets: options.cluster.secrets };
    for (const folder of [own.home, own.kafka, own.logs]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#session = openSession(this.#layout, options.libsFolder, null);
  }

  get address(): string {
    return `127.0.0.1:${this.#session.state.ports.kafka}`;
  }

  get dataDir(): string {
    return this.#layout.kafkaData;
  }

  get controllerPort(): number {
    return this.#session.state.ports.controller;
  }

  get clusterId(): string {
    return this.#session.state.clusterId;
  }

  /** Null when it does not run. */
  get process(): ProcessRecord | null {
    const record = this.#session.state.processes.kafka;
    return record !== undefined && isAlive(record) ? record : null;
  }

  /** Ends what an earlier start left: frozen processes too. */
  async endLeftOver(): Promise<void> {
    for (const record of findMarked(markerOf(this.#layout))) await killed(record);
    this.#session.record('kafka', null);
  }

  /** Picks its two ports, those of the last start where they are free; none that is in `taken`, to which they are added. */
  async choosePorts(taken: Set<number>, clusterId: string): Promise<void> {
    const ports = { ...this.#session.state.ports };
    for (const name of ['kafka', 'controller'] as const) {
      ports[name] = await choosePort(ports[name] > 1 ? ports[name] : undefined, taken);
      taken.add(ports[name]);
    }
    this.#session.update({ ports, clusterId });
  }

  /** Formats its folder where that was not done, and makes it known to the others by `voters`. */
  async prepare(voters: ClusterNode['voters']): Promise<void> {
    this.#part = kafkaPartOf({ id: this.id, voters });
    await this.#part.prepare(this.#context());
  }

  /** Resolves when it serves clients. @throws InfraError STACK_PART_FAILED, quoting its log; PortTaken */
  async start(): Promise<void> {
    const { attached, onProgress } = this.#options;
    await runPart(this.#prepared(), this.#context(), {
      attached,
      onProgress: (line) => onProgress(`broker ${this.id}: ${line}`),
      onSpawn: (record) => this.#session.record('kafka', record),
    });
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.process !== null) await killed(this.process);
    this.#session.record('kafka', null);
  }

  /** A clean stop: it hands over what it leads first. */
  async stop(): Promise<void> {
    this.thaw();
    if (this.process !== null) await endPart(this.#prepared(), this.process);
    this.#session.record('kafka', null);
  }

  /** SIGSTOP: its connections stay open and nobody answers on them. */
  freeze(): void {
    if (this.process !== null) sendSignal(this.process, 'SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    if (this.process !== null) sendSignal(this.process, 'SIGCONT');
  }

  #prepared(): Part {
    if (this.#part !== null) return this.#part;
    throw new InfraError('STACK_NOT_STARTED', `broker ${this.id} of ${this.#options.cluster.home} was never started`);
  }

  #context(): PartContext {
    const { java, libs } = this.#options;
    return { layout: this.#layout, state: this.#session.state, java, libs, marker: markerOf(this.#layout) };
  }
}

async function killed(record: ProcessRecord): Promise<void> {
  sendSignal(record, 'SIGKILL');
  if (await waitUntilGone(record, goneMs)) return;
  throw new InfraError('STACK_STOP_FAILED', `kafka (process ${record.pid}) still runs after SIGKILL; end it by hand`, {
    evidence: { pid: record.pid },
  });
}
