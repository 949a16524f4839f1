import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { aclSpecs, topicSpecs } from '@tallystick/infra/local/kafka-data';
import { applyAcls, applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import type { LedgerStatus } from '@tallystick/ledger-service/status';
import kafkajs from 'kafkajs';
import { inject } from 'vitest';
import { keysShowCommand, type ShownKey } from '../src/commands/keys-show.ts';
import { submitCommand } from '../src/commands/submit.ts';
import { verifyCommand } from '../src/commands/verify.ts';
import { loadConfig } from '../src/config.ts';
import { type Context, deploymentOf } from '../src/context.ts';
import type { Deployment } from '../src/deployment.ts';
import { exitCodeOf } from '../src/exit-codes.ts';
import { type Installation, openInstallation } from '../src/installation.ts';

const stack = inject('stack');
const main = join(import.meta.dirname, '..', 'src', 'main.ts');

export interface Ran {
  readonly code: number | null;
  readonly signal?: NodeJS.Signals | null;
  readonly out: string;
  readonly errors: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
}

/** A log of its own on the shared stack, run by the command alone. */
export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'tallystick-keys-'));
  readonly origin = `test.example/${randomBytes(6).toString('hex')}`;
  readonly topics;
  readonly #children: ChildProcess[] = [];
  readonly #admin: KafkaConfig;
  readonly #log;
  readonly #events: SafeWriter;
  installation!: Installation;
  emitted = 0;

  constructor() {
    const name = `keys-${randomBytes(6).toString('hex')}`;
    this.topics = { events: `${name}.events`, seals: `${name}.seals`, leaves: `${name}.leaves` };
    const { kafka } = stack;
    if (kafka === null) throw new Error('these tests need the stack with Kafka');
    const { username, passwordFile } = kafka.users.admin;
    const password = readFileSync(passwordFile, 'utf8').trim();
    // A slow machine's broker is as silent as one that is gone.
    const patience = { connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 };
    this.#admin = { brokers: kafka.brokers, sasl: { mechanism: 'scram-sha-512', username, password }, ...patience };
    this.#log = connectRecordLog(this.#admin);
    this.#events = new SafeWriter({ log: this.#log, topic: this.topics.events });
    const user = (role: 'ledger' | 'verifier') =>
      `    ${role}: { username: '${kafka.users[role].username}', passwordFile: '${kafka.users[role].passwordFile}' }`;
    writeFileSync(
      join(this.folder, 'tallystick.yaml'),
      [
        `origin: ${this.origin}`,
        'kafka:',
        `  brokers: [${kafka.brokers.map((broker) => `'${broker}'`).join(', ')}]`,
        '  users:',
        user('ledger'),
        user('verifier'),
        `topics: { events: ${this.topics.events}, seals: ${this.topics.seals}, leaves: ${this.topics.leaves} }`,
        'ledger: { batchAgeMs: 100 }',
        '',
      ].join('\n'),
    );
  }

  async begin(): Promise<void> {
    await this.makeTopics();
    await applyAcls(this.#admin, aclSpecs(this.topics));
    this.installation = await openInstallation(join(this.folder, 'local'), this.origin);
    // As the documentation asks: what runs never sees the root key.
    mkdirSync(join(this.folder, 'offline'));
    renameSync(this.installation.rootKeyFile, join(this.folder, 'offline', 'root.key'));
  }

  async makeTopics(): Promise<void> {
    await applyTopics(this.#admin, topicSpecs(this.topics, { partitions: 1 }));
  }

  /** Deletes the events topic and makes it again under the same name. */
  async recreateEvents(): Promise<void> {
    const { brokers, sasl } = this.#admin;
    if (sasl === undefined) throw new Error('no login');
    const { username, password } = sasl;
    const client = new kafkajs.Kafka({
      brokers: [...brokers],
      sasl: { mechanism: 'scram-sha-512', username, password },
      connectionTimeout: 30_000,
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin();
    await client.connect();
    await client.deleteTopics({ topics: [this.topics.events] });
    await client.disconnect();
    // A name is free only when every broker has forgotten it.
    for (const until = Date.now() + 120_000; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
      try {
        return await this.makeTopics();
      } catch (error) {
        if (Date.now() > until) throw error;
      }
    }
  }

  async emit(count = 20): Promise<void> {
    // No value begins with a 0 byte, as those do that name a schema.
    const value = () => Buffer.concat([Buffer.of(0xff), randomBytes(99)]);
    const records = Array.from({ length: count }, () => ({ key: null, value: value() }));
    await this.#events.append(0, records);
    this.emitted += count;
  }

  run(args: string[], env: NodeJS.ProcessEnv = {}, cwd = this.folder): Promise<Ran> {
    const child = this.#spawn(args, env, cwd);
    return ended(child);
  }

  /** Begins a command that goes on until it is told to end. */
  start(args: string[], env: NodeJS.ProcessEnv = {}): Running {
    const child = this.#spawn(args, env, this.folder);
    return { child, ended: ended(child) };
  }

  /** Runs a command that must end well, and gives what it printed. */
  async ok(args: string[], env: NodeJS.ProcessEnv = {}, cwd = this.folder): Promise<string> {
    const { code, out, errors } = await this.run(args, env, cwd);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${out}${errors}`);
    return out;
  }

  /** What the machine with the root key does: no network settings, no configuration, another folder. */
  sign(file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    const to = file.replace(/\.txt$/, '.note');
    return this.ok(
      ['sign', join(this.folder, file), '--key', 'root.key', '-o', join(this.folder, to), '--yes'],
      env,
      join(this.folder, 'offline'),
    );
  }

  /** A ledger in the foreground, ready once it writes its status. */
  async ledger(name: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
    rmSync(join(this.folder, name), { recursive: true, force: true });
    return await this.#ready(name, this.begun(name, env));
  }

  /** A role apart, that finds no key but those of `env`. Ready once it writes its status, into a folder of its name. */
  async role(name: 'seal' | 'publish' | 'serve', env: NodeJS.ProcessEnv = {}): Promise<Running> {
    const none = join(this.folder, 'no.key');
    const child = this.#spawn([name], {
      TALLYSTICK_LEDGER_STATE_DIR: join(this.folder, 'apart'),
      TALLYSTICK_LEDGER_SEAL_KEY_FILE: none,
      TALLYSTICK_LOG_KEY_FILE: none,
      ...env,
    });
    return await this.#ready(join('apart', name), { child, ended: ended(child) });
  }

  /** As `ledger`, but not waited for. */
  begun(name: string, env: NodeJS.ProcessEnv = {}): Running {
    const child = this.#spawn(['ledger'], {
      TALLYSTICK_LEDGER_STATE_DIR: join(this.folder, name),
      TALLYSTICK_LEDGER_ROLES: 'seal',
      ...env,
    });
    return { child, ended: ended(child) };
  }

  async stop({ child, ended: end }: Running): Promise<void> {
    child.kill('SIGTERM');
    const { code, signal, errors } = await end;
    if (code !== 0) throw new Error(`the ledger ended with ${code ?? signal}: ${errors}`);
  }

  /** Calls a command in this process, where nothing hangs on its being another one. */
  async call(run: (context: Context) => Promise<number> | number): Promise<Ran> {
    const said: string[] = [];
    const context = this.#context((line) => void said.push(line));
    try {
      return { code: await run(context), out: said.join('\n'), errors: '' };
    } catch (error) {
      return { code: exitCodeOf(error), out: said.join('\n'), errors: inspect(error) };
    }
  }

  /** What reads the deployment, as a command in this process would. */
  deployed<T>(read: (deployment: Deployment) => T): T {
    return read(deploymentOf(this.#context(() => undefined)));
  }

  submit(file: string): Promise<Ran> {
    return this.call((context) => submitCommand(context, {}, [file]));
  }

  async verify(): Promise<{
    exitCode: number;
    checked: { events: number; statements: number };
    findings: { code: string }[];
  }> {
    const { out } = await this.call((context) => verifyCommand(context, { json: true }));
    return JSON.parse(out) as Awaited<ReturnType<Site['verify']>>;
  }

  /** Waits until every event emitted is sealed and verified. */
  async allSealed(): Promise<void> {
    for (const until = performance.now() + 120_000; ;) {
      const verdict = await this.verify();
      if (verdict.exitCode === 0 && verdict.checked.events === this.emitted) return;
      if (performance.now() > until) throw new Error(`not sealed: ${JSON.stringify(verdict)}`);
    }
  }

  /** Waits until the log holds every statement, as the ledger of this state folder says; what it says may be older than the last seal. */
  async allPublished(name: string): Promise<number> {
    const { statements } = (await this.verify()).checked;
    for (const until = performance.now() + 120_000; ;) {
      const { publish } = this.status(name) as { publish: { publishedSize: number } | null };
      if (publish?.publishedSize === statements) return statements;
      if (performance.now() > until) throw new Error(`not published: ${JSON.stringify(publish)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async keys(): Promise<readonly ShownKey[]> {
    const { out } = await this.call((context) => keysShowCommand(context, { json: true }));
    return (JSON.parse(out) as { keys: ShownKey[] }).keys;
  }

  /** What the ledger with this state folder says of itself. */
  status(name: string): LedgerStatus {
    return JSON.parse(readFileSync(join(this.folder, name, 'status.json'), 'utf8')) as LedgerStatus;
  }

  async end(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.#events.close();
    await this.#log.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #ready(name: string, running: Running): Promise<Running> {
    let over = false;
    void running.ended.then(() => (over = true));
    while (!existsSync(join(this.folder, name, 'status.json'))) {
      if (over) throw new Error(`the ledger ended: ${(await running.ended).errors}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return running;
  }

  #context(out: (line: string) => void): Context {
    const file = join(this.folder, 'tallystick.yaml');
    return {
      env: {},
      cwd: this.folder,
      home: this.folder,
      stackName: 'local',
      stackHome: join(this.folder, 'local'),
      libs: this.folder,
      config: loadConfig({ file, env: {}, cwd: this.folder }),
      configFile: file,
      out,
      say: () => undefined,
      terminal: false,
    };
  }

  #spawn(args: string[], env: NodeJS.ProcessEnv, cwd = this.folder): ChildProcess {
    const child = spawn(process.execPath, ['--conditions=@tallystick/source', main, ...args], {
      cwd,
      env: { ...withoutSettings(), TALLYSTICK_HOME: cwd, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    return child;
  }
}

function withoutSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TALLYSTICK_')));
}

function ended(child: ChildProcess): Promise<Ran> {
  const text = { out: '', errors: '' };
  child.stdout?.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text.errors += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, ...text })));
}
