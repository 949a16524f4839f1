import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge, type Outcome } from '@tallystick/core/judge';
import { formatSignerKey, signerFromSeed, signNote } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { formatStatement } from '@tallystick/core/statement';
import type { SealStatement } from '@tallystick/core/statement-types';
import { applyAcls, applyTopics } from '@tallystick/kafka/admin';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StackInfo } from '../../infra/local/stack.ts';
import { recompute } from '../src/recompute.ts';
import { openStores } from '../src/log-stores.ts';
import type { LedgerOptions } from '../src/service.ts';
import type { ChildInput } from './ledger-child.ts';
import { keyStatement } from './world.ts';

type Role = keyof NonNullable<StackInfo['kafka']>['users'];

/** A log of its own on the shared stack: topics, rights of the ledger's user, keys and a folder. */
export class RealWorld {
  readonly origin = `test.example/${randomBytes(6).toString('hex')}`;
  readonly topics: TopicNames;
  readonly folder = mkdtempSync(join(tmpdir(), 'tallystick-ledger-'));
  readonly admin: KafkaConfig;
  readonly ledger: KafkaConfig;
  readonly log: RecordLog;
  readonly rootSigner = signerFromSeed(`${this.origin}/root`, randomBytes(32));
  readonly sealKeyFile = join(this.folder, 'seal.key');
  readonly sealSigner;
  readonly #logSeed = randomBytes(32);
  readonly logSigner = signerFromSeed(this.origin, this.#logSeed);
  readonly children: ChildProcess[] = [];
  readonly #partitions: number;
  readonly #principal: string;
  readonly #events: SafeWriter;

  constructor(stack: StackInfo, partitions: number) {
    const name = `ledger-${randomBytes(6).toString('hex')}`;
    this.topics = { events: `${name}.events`, seals: `${name}.seals`, leaves: `${name}.leaves` };
    this.admin = configOf(stack, 'admin');
    this.ledger = configOf(stack, 'ledger');
    this.#principal = `User:${stack.kafka?.users.ledger.username ?? ''}`;
    this.#partitions = partitions;
    this.log = connectRecordLog(this.admin);
    this.#events = new SafeWriter({ log: this.log, topic: this.topics.events });
    const seed = randomBytes(32);
    this.sealSigner = signerFromSeed(`${this.origin}/seal`, seed);
    writeFileSync(this.sealKeyFile, `${formatSignerKey(this.sealSigner.key.name, seed)}\n`, { mode: 0o600 });
  }

  /** Topics as infra's data says, and exactly the rights that the ledger's user is to have. */
  async create(config: Record<string, string> = {}): Promise<void> {
    const specs = JSON.parse(readFileSync(new URL('../../infra/kafka/topics.json', import.meta.url), 'utf8')) as {
      topic: keyof TopicNames;
      config: Record<string, string>;
    }[];
    await applyTopics(
      this.admin,
      specs.map((spec) => ({
        name: this.topics[spec.topic],
        partitions: spec.topic === 'seals' ? 1 : this.#partitions,
        replicationFactor: -1,
        config: spec.topic === 'events' ? { ...spec.config, ...config } : spec.config,
      })),
    );
  }

  async grant(): Promise<void> {
    const acls = JSON.parse(readFileSync(new URL('../../infra/kafka/acls.json', import.meta.url), 'utf8')) as {
      role: string;
      name: string;
      operations: ('Read' | 'Write' | 'DescribeConfigs')[];
    }[];
    const own = acls.filter(({ role }) => role === 'ledger');
    await applyAcls(
      this.admin,
      own.flatMap(({ name, operations }) =>
        operations.map((operation) => ({
          principal: this.#principal,
          resourceType: 'topic',
          resourceName: name.replace(/\{(events|seals|leaves)\}/, (_, topic: keyof TopicNames) => this.topics[topic]),
          pattern: 'literal',
          operation,
        })),
      ),
    );
  }

  async emit(count: number, partition: number, bytes = 300): Promise<void> {
    const value = randomBytes(bytes);
    await this.#events.append(
      partition,
      Array.from({ length: count }, (_, i) => ({
        key: Buffer.from(`key ${i}`),
        value,
        headers: [['h', Buffer.from([i & 0xff])]],
      })),
    );
  }

  async options(): Promise<LedgerOptions> {
    const { topics, origin } = this;
    return {
      kafka: this.ledger,
      topics,
      origin,
      rootKey: this.rootSigner.key,
      keyStatements: [await this.keyStatement()],
      stores: await openStores({ dir: join(this.folder, 'log'), checkpointDir: join(this.folder, 'checkpoints') }),
      logKeys: [this.logSigner.key],
      logSigners: [this.logSigner],
      signer: this.sealSigner,
      stateDir: join(this.folder, 'state'),
      limits: { events: 500, ageMs: 100 },
    };
  }

  async keyStatement(): Promise<Uint8Array> {
    return await signNote(
      formatStatement(keyStatement(this.sealSigner.key.vkey, { origin: this.origin })),
      this.rootSigner,
    );
  }

  /** A ledger in a process of its own, that can be killed. Resolves when it seals. */
  async spawn(stateDir: string, limits: ChildInput['limits'], partitions?: number[]): Promise<ChildProcess> {
    const input: ChildInput = {
      kafka: this.ledger,
      topics: this.topics,
      origin: this.origin,
      rootVkey: this.rootSigner.key.vkey,
      keyStatement: Buffer.from(await this.keyStatement()).toString('base64'),
      logDir: join(this.folder, 'log'),
      checkpointDir: join(this.folder, 'checkpoints'),
      logSignerKey: formatSignerKey(this.origin, this.#logSeed),
      sealKeyFile: this.sealKeyFile,
      stateDir: join(this.folder, stateDir),
      limits,
      ...(partitions === undefined ? {} : { partitions }),
    };
    const script = new URL('./ledger-child.ts', import.meta.url).pathname;
    const child = spawn(
      process.execPath,
      ['--conditions=@tallystick/source', '--disable-warning=TimeoutNegativeWarning', script, JSON.stringify(input)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.children.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (text: Buffer) => {
        if (text.includes('started')) resolve();
      });
      child.once('exit', (code) => reject(new Error(`the ledger ended with ${code}`)));
    });
    return child;
  }

  /** What a stranger with the root key makes of the seals topic now. */
  async judge(): Promise<{ judge: Judge; outcomes: Outcome[] }> {
    const judge = new Judge({ origin: this.origin, rootKey: this.rootSigner.key, verify: nodeVerifyEd25519 });
    const outcomes: Outcome[] = [];
    const { topicId } = await this.log.describeTopic(this.topics.seals);
    for await (const chunk of readPartition({
      log: this.log,
      topic: this.topics.seals,
      topicId,
      partition: 0,
      from: 0,
    })) {
      for (const { bytes, header } of chunk.batches) {
        const batch = parseBatch(bytes, header, nodeCodecs);
        if (!batch.parsed) throw new Error('a batch of the seals topic does not parse');
        for (const { offset, value } of recordsOf(batch)) outcomes.push(judge.offer(value, { in: 'seals', offset }));
      }
    }
    return { judge, outcomes };
  }

  async accepted(): Promise<SealStatement[]> {
    const { outcomes } = await this.judge();
    return outcomes.flatMap((outcome) =>
      outcome.outcome === 'accepted' && outcome.signed.statement.kind === 'seal' ? [outcome.signed.statement] : [],
    );
  }

  async allSealed(): Promise<boolean> {
    const { judge } = await this.judge();
    for (let partition = 0; partition < this.#partitions; partition++) {
      const { highWatermark } = await this.log.bounds(this.topics.events, partition);
      if ((judge.partition(this.topics.events, partition)?.nextOffset ?? -1) < highWatermark) return false;
    }
    return true;
  }

  /**
   * Recomputes every accepted seal from the records and settles everything contested.
   * @returns how many events are sealed, and how many statements lost a race
   */
  async check(): Promise<{ events: number; races: number; forks: number }> {
    const { judge } = await this.judge();
    const { topicId } = await this.log.describeTopic(this.topics.events);
    const options = {
      log: this.log,
      topicId,
      codecs: nodeCodecs,
      sha256: nodeSha256,
      deadlineMs: 10_000,
      signal: new AbortController().signal,
    };
    for (const seal of await this.accepted()) {
      const { differs } = await recompute(seal, options);
      if (differs.length > 0)
        throw new Error(`${differs.join()} of seal ${seal.seal} of partition ${seal.partition} differ`);
    }
    for (const contested of judge.open()) {
      const { statement } = contested.signed;
      if (statement.kind !== 'seal' || contested.continues === null) judge.settle(contested, { found: 'nothing' });
      else judge.settle(contested, { found: 'records', ...(await recompute(statement, options)).found });
    }
    const events = judge.partitions().reduce((sum, { nextIndex }) => sum + nextIndex, 0);
    return { events, races: judge.counts.race, forks: judge.counts.contested };
  }

  async end(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    await this.#events.close();
    await this.log.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function configOf(stack: StackInfo, role: Role): KafkaConfig {
  if (stack.kafka === null) throw new Error('these tests need the stack with Kafka');
  const { username, passwordFile } = stack.kafka.users[role];
  const password = readFileSync(passwordFile, 'utf8').trim();
  // A slow machine's broker is as silent as one that is gone.
  const patience = { connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 };
  return { brokers: stack.kafka.brokers, sasl: { mechanism: 'scram-sha-512', username, password }, ...patience };
}

/** Polls until the condition holds. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not become true`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
