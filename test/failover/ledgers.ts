import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { TopicNames } from '@tallystick/kafka/record-log';
import { tiedToUs } from '@tallystick/infra/local/processes';
import type { BatchLimits } from '@tallystick/ledger-service/service';
import { AlarmRecord } from './alarms.ts';
import { eventually } from './waiting.ts';

/** What a ledger process is told. */
export interface LedgerInput {
  readonly kafka: KafkaConfig;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly rootVkey: string;
  /** base64 of the note. */
  readonly keyStatement: string;
  /** Signer keys. */
  readonly sealKey: string;
  readonly logKey: string;
  readonly logDir: string;
  readonly checkpointDir: string;
  readonly stateDir: string;
  readonly partitions: readonly number[];
  readonly takeoverMs: number;
  readonly limits: Partial<BatchLimits>;
}

/** What a ledger process says. */
export type LedgerWord =
  | { readonly say: 'started' }
  | {
      readonly say: 'alarms';
      readonly alarms: readonly { readonly code: string; readonly place: string; readonly message: string }[];
    }
  | { readonly say: 'state'; readonly roles: Readonly<Record<string, string>>; readonly sealing: number };

/** A ledger in a process of its own, that can be killed, frozen and started again. Its processes end with this one. */
export class LedgerProcess {
  readonly name: string;
  readonly alarms: AlarmRecord;
  readonly #input: LedgerInput;
  readonly #now: () => { at: number; round: number };
  /** It ended although nobody asked it to. */
  unexpectedEnd: string | null = null;
  roles: Readonly<Record<string, string>> = {};
  #child: ChildProcess | null = null;
  #expected = false;

  constructor(name: string, input: LedgerInput, now: () => { at: number; round: number }) {
    this.name = name;
    this.alarms = new AlarmRecord(name);
    this.#input = input;
    this.#now = now;
  }

  /** Resolves when it seals. */
  async start(): Promise<void> {
    const [command, args] = tiedToUs(process.execPath, [
      '--conditions=@tallystick/source',
      '--disable-warning=TimeoutNegativeWarning',
      join(import.meta.dirname, 'ledger-process.ts'),
      JSON.stringify(this.#input),
    ]);
    const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#expected = false;
    let errors = '';
    child.stderr.on('data', (text: Buffer) => (errors = `${errors}${text.toString('utf8')}`.slice(-4_000)));
    child.once('exit', (code, signal) => {
      if (!this.#expected) this.unexpectedEnd = `${this.name} ended with ${code ?? signal}: ${errors}`;
    });
    let started = false;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const word = JSON.parse(line) as LedgerWord;
      const { at, round } = this.#now();
      if (word.say === 'started') started = true;
      else if (word.say === 'alarms') this.alarms.update(word.alarms, at, round);
      else this.roles = word.roles;
    });
    await eventually(
      () => {
        if (this.unexpectedEnd !== null) throw new Error(this.unexpectedEnd);
        return started;
      },
      `${this.name} started`,
      120_000,
    );
  }

  /** kill -9. What it said last of its alarms is forgotten with it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
    const { at, round } = this.#now();
    this.alarms.update([], at, round);
  }

  async stop(): Promise<void> {
    this.thaw();
    await this.#end('SIGTERM');
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    this.#expected = true;
    const ended = once(child, 'exit');
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await ended;
    clearTimeout(force);
  }
}
