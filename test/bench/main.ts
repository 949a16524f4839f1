// npm run bench [-- --json] [--events N] [--long-events N] [--rounds N] [--partitions N] [--restart N,N] [--only CASE,CASE]
// Every case runs in a process of its own on the same topic; rounds are repeated and medians shown, because machines are noisy.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatSignerKey, signerFromSeed, signNote } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import { aclSpecs, topicSpecs } from '@tallystick/infra/local/kafka-data';
import { type StackInfo, startStack, stopStack, type Role } from '@tallystick/infra/local/stack';
import { applyAcls, applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import type { CaseInput } from './cases.ts';
import { report } from './report.ts';
import { runAtOnce, runCase, type Result } from './run-case.ts';
import { newEvents } from './verify.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    events: { type: 'string', default: '1000000' },
    /** Of the bundle, and of the verification that shows that memory does not grow: so many that what a start costs weighs little. */
    'long-events': { type: 'string', default: '4000000' },
    rounds: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '1' },
    /** Statements of the logs that a role begins from, such as 1000,1000000,10000000 (which takes a quarter of an hour to write). */
    restart: { type: 'string', default: '1000,1000000' },
    /** Cases that are measured; default all. What others need of a case is done all the same. */
    only: { type: 'string' },
  },
});
const root = dirname(dirname(import.meta.dirname));
const home = join(root, '.tallystick', `bench-${process.pid}`);
const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

function configFor(stack: StackInfo, role: Role): KafkaConfig {
  const kafka = stack.kafka;
  if (kafka === null) throw new Error('Kafka does not run');
  const { username, passwordFile } = kafka.users[role];
  return {
    brokers: kafka.brokers,
    sasl: { mechanism: 'scram-sha-512', username, password: readFileSync(passwordFile, 'utf8').trim() },
  };
}

function whole(name: 'events' | 'long-events' | 'rounds' | 'partitions'): number {
  const value = Number(flags[name]);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} ${flags[name]}: give a whole number of 1 or more`);
  return value;
}

/** Whether a case is asked for. */
function wanted(name: string): boolean {
  return flags.only === undefined || flags.only.split(',').includes(name);
}

/** Those of many events, what each runs, and in how many processes at once. */
const longCases = [
  ['verify-long', 'verify', 1],
  ['verify-bundle-1', 'verify-bundle-1', 1],
  ['verify-bundle-2', 'verify-bundle-2', 1],
  // What two cores of this machine have for two threads at most.
  ['two-processes', 'verify-bundle-1', 2],
] as const;

/** What others are held against is measured with them. */
const always = new Set(['kafkajs-eachBatch', 'seal', 'kafkajs-send']);
const baselineOf: Readonly<Record<string, string>> = {
  verify: 'verify-long',
  'verify-bundle-1': 'verify-bundle-2',
  'two-processes': 'verify-bundle-2',
};

async function bench(): Promise<void> {
  const events = whole('events');
  const rounds = whole('rounds');
  const partitions = whole('partitions');
  const stack = await startStack({
    home,
    libs: join(root, '.tallystick', 'lib'),
    parts: ['kafka', 'registry'],
    attached: true,
    onProgress: say,
  });
  const admin = configFor(stack, 'admin');
  const origin = 'tallystick.local/bench';
  const rootKey = signerFromSeed(`${origin}/root`, randomBytes(32));
  const sealSeed = randomBytes(32);
  const sealKey = signerFromSeed(`${origin}/seal`, sealSeed);
  const statement = {
    kind: 'key',
    origin,
    number: 0,
    action: 'add',
    role: 'seal',
    key: sealKey.key.vkey,
    previous: null,
    time: Date.now(),
  } as const;
  mkdirSync(home, { recursive: true });
  const sealKeyFile = join(home, 'seal.key');
  writeFileSync(sealKeyFile, `${formatSignerKey(sealKey.key.name, sealSeed)}\n`, { mode: 0o600 });
  const common = {
    registry: { url: stack.registry?.url ?? '' },
    emitTopic: 'bench.emit',
    partitions,
    events,
    origin,
    rootVkey: rootKey.key.vkey,
    sealKeyFile,
    logDir: home,
    bundle: join(home, 'events.bundle'),
    state: join(home, 'verifier.state'),
    senderKafka: configFor(stack, 'bench'),
    keyStatement: Buffer.from(await signNote(formatStatement(statement), rootKey)).toString('base64'),
  };
  const emitTopics = { events: 'bench.emit', seals: 'bench.emit.seals', leaves: 'bench.emit.leaves' };
  await applyTopics(admin, topicSpecs(emitTopics, { partitions }));
  await applyAcls(admin, aclSpecs(emitTopics));
  await new SchemaRegistry(common.registry).register('bench.emit-value');

  const results = new Map<string, Result[]>();
  const keep = (round: number, name: string, result: Result): void => {
    say(`round ${round + 1} of ${rounds}: ${name} ${Math.round(result.events / result.seconds)} events/s`);
    results.set(name, [...(results.get(name) ?? []), result]);
  };
  const fillLong = async (): Promise<CaseInput> => {
    const topics = { events: 'bench.long', seals: 'bench.long-seals', leaves: 'bench.long-leaves' };
    await applyTopics(admin, topicSpecs(topics, { partitions }));
    await applyAcls(admin, aclSpecs(topics));
    const of = { ...common, events: whole('long-events'), topics };
    say(`filling and sealing a topic of ${of.events} events, and exporting it to a bundle`);
    await runCase('fill', { ...of, kafka: configFor(stack, 'bench') });
    await runCase('seal', { ...of, kafka: configFor(stack, 'ledger') });
    const input = { ...of, kafka: configFor(stack, 'verifier') };
    await runCase('export', input);
    return input;
  };
  let long: CaseInput | null = null;
  for (let round = 0; round < rounds; round++) {
    // Statements of a round before must not be there when the next one seals: each round has its own seals and leaves.
    const topics = { events: 'bench.events', seals: `bench.seals.${round}`, leaves: `bench.leaves.${round}` };
    await applyTopics(admin, topicSpecs(topics, { partitions }));
    await applyAcls(admin, aclSpecs(topics));
    const input = (role: Role): CaseInput => ({ ...common, topics, kafka: configFor(stack, role) });
    if (round === 0) {
      say(`filling the topic with ${events} events`);
      await runCase('fill', input('bench'));
    }
    const measure = async (name: string, role: Role): Promise<void> =>
      keep(round, name, await runCase(name, input(role)));
    const order = [
      ['kafkajs-eachBatch', 'bench'],
      ['strict-reader', 'verifier'],
      ['seal', 'ledger'],
      ['verify', 'verifier'],
      ['verify-1', 'verifier'],
      ['proof', 'verifier'],
      ['kafkajs-send', 'producer'],
      ['emit', 'producer'],
    ] as const;
    const measured = (name: string): boolean => always.has(name) || wanted(name) || wanted(baselineOf[name] ?? name);
    for (const [name, role] of order) if (measured(name)) await measure(name, role);
    for (const [name, run, processes] of longCases) {
      if (!measured(name)) continue;
      long ??= await fillLong();
      keep(round, name, await runAtOnce(processes, run, long));
    }
    if (round === rounds - 1 && wanted('verify-incremental')) {
      await runCase('verify-first', input('verifier'));
      await runCase('fill', { ...input('bench'), events: newEvents });
      await runCase('seal', { ...input('ledger'), events: newEvents });
      for (let again = 0; again < rounds; again++) await measure('verify-incremental', 'verifier');
    }
    if (!wanted('latency')) continue;
    const own = {
      events: `bench.steady.${round}`,
      seals: `bench.steady-seals.${round}`,
      leaves: `bench.steady-leaves.${round}`,
    };
    await applyTopics(admin, topicSpecs(own, { partitions: 1 }));
    await applyAcls(admin, aclSpecs(own));
    const result = await runCase('latency', { ...input('ledger'), topics: own, partitions: 1 });
    say(`round ${round + 1} of ${rounds}: latency p99 ${result.p99Ms} ms`);
    results.set('latency', [...(results.get('latency') ?? []), result]);
  }
  for (const text of wanted('restart') ? flags.restart.split(',') : []) {
    const size = Number(text);
    if (!Number.isSafeInteger(size) || size < 3) throw new Error(`--restart ${text}: give whole numbers of 3 or more`);
    const logDir = join(home, `log-${size}`);
    mkdirSync(logDir);
    const of = { ...common, logDir, events: size, topics: emitTopics, kafka: admin };
    say(`writing a log of ${size} statements`);
    await runCase('restart-fill', of);
    const runs: Result[] = [];
    for (let round = 0; round < rounds; round++) runs.push(await runCase('restart', of));
    results.set(`restart ${size}`, runs);
    rmSync(logDir, { recursive: true });
  }
  report(results, flags.json);
}

const stop = async () => {
  await stopStack(home);
  rmSync(home, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stop().then(() => process.exit(130)));
try {
  await bench();
} finally {
  await stop();
}
