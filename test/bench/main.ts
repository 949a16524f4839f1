// npm run bench [-- --json] [--events N] [--rounds N] [--partitions N] [--restart N,N] [--only CASE,CASE]
// Every case runs in a process of its own on the same topic; rounds are repeated and medians shown, because machines are noisy.
import { spawn } from 'node:child_process';
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
import type { CaseInput, Latency } from './cases.ts';
import { newEvents } from './verify.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    events: { type: 'string', default: '1000000' },
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

interface Result extends Partial<Latency> {
  readonly events: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

function runCase(name: string, input: CaseInput): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'case.ts'), name], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(output) as Result) : reject(new Error(`case ${name} ended with ${code}`)),
    );
    child.stdin.end(JSON.stringify(input));
  });
}

function configFor(stack: StackInfo, role: Role): KafkaConfig {
  const kafka = stack.kafka;
  if (kafka === null) throw new Error('Kafka does not run');
  const { username, passwordFile } = kafka.users[role];
  return {
    brokers: kafka.brokers,
    sasl: { mechanism: 'scram-sha-512', username, password: readFileSync(passwordFile, 'utf8').trim() },
  };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function whole(name: 'events' | 'rounds' | 'partitions'): number {
  const value = Number(flags[name]);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} ${flags[name]}: give a whole number of 1 or more`);
  return value;
}

/** Whether a case is asked for. */
function wanted(name: string): boolean {
  return flags.only === undefined || flags.only.split(',').includes(name);
}

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
    const measure = async (name: string, role: Role): Promise<void> => {
      const result = await runCase(name, input(role));
      say(`round ${round + 1} of ${rounds}: ${name} ${Math.round(result.events / result.seconds)} events/s`);
      results.set(name, [...(results.get(name) ?? []), result]);
    };
    const order = [
      ['kafkajs-eachBatch', 'bench'],
      ['strict-reader', 'verifier'],
      ['seal', 'ledger'],
      ['verify', 'verifier'],
      ['verify-bundle-1', 'verifier'],
      ['verify-bundle-2', 'verifier'],
      ['proof', 'verifier'],
      ['kafkajs-send', 'producer'],
      ['emit', 'producer'],
    ] as const;
    const baselines = new Set(['kafkajs-eachBatch', 'seal', 'kafkajs-send']);
    for (const [name, role] of order) {
      if (wanted(name) || baselines.has(name)) await measure(name, role);
      if (name === 'seal' && round === 0) {
        say('exporting the events to a bundle');
        await runCase('export', input('verifier'));
      }
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
  report(results);
}

interface Row extends Partial<Latency> {
  readonly name: string;
  readonly eventsPerSecond: number;
  readonly eventsPerCpuSecond: number;
  readonly ratio: number;
  readonly peakMiB: number;
  readonly cpuSecondsPerMillion: number;
  readonly baseline: string;
  readonly seconds: number;
  /** Events a CPU-second as a share of the baseline's: what a machine's speed does not change. */
  readonly cpuRatio: number;
}

/** What a release is held to. */
const targets: readonly {
  readonly of: string;
  readonly at: 'ratio' | 'eventsPerCpuSecond' | 'cpuRatio' | 'peakMiB' | 'p99Ms' | 'seconds';
  readonly least?: number;
  readonly most?: number;
  readonly what: string;
}[] = [
  { of: 'seal', at: 'ratio', least: 1, what: 'events a second as a share of what eachBatch reads, doing nothing:' },
  { of: 'seal', at: 'eventsPerCpuSecond', least: 450_000, what: 'events a CPU-second' },
  { of: 'seal', at: 'peakMiB', most: 200, what: 'MiB at the peak' },
  { of: 'verify', at: 'ratio', least: 1, what: 'events a second as a share of what eachBatch reads, doing nothing:' },
  { of: 'verify', at: 'eventsPerCpuSecond', least: 450_000, what: 'events a CPU-second' },
  { of: 'verify', at: 'cpuRatio', least: 0.92, what: "events a CPU-second as a share of eachBatch's" },
  { of: 'verify', at: 'peakMiB', most: 300, what: 'MiB at the peak' },
  { of: 'verify-bundle-2', at: 'ratio', least: 1.7, what: 'events a second as a share of what one thread does:' },
  { of: 'verify-incremental', at: 'seconds', most: 5, what: 'seconds for ten thousand new events behind all others' },
  { of: 'latency', at: 'p99Ms', most: 2_000, what: 'p99 in ms from acknowledged to published' },
  { of: 'proof', at: 'p99Ms', most: 5, what: 'p99 in ms' },
];

function report(results: ReadonlyMap<string, readonly Result[]>): void {
  const rate = ({ events, seconds }: Result) => events / seconds;
  const rows = new Map<string, Row>();
  if (!flags.json)
    process.stdout.write(
      `${'case'.padEnd(20)}${'events/s'.padStart(12)}${'per CPU-s'.padStart(12)}${'CPU-s per 1M'.padStart(14)}${'ratio'.padStart(8)}${'peak MiB'.padStart(10)}\n`,
    );
  for (const [name, rounds] of results) {
    // Reading is held against kafkajs' eachBatch, writing against a bare send loop of kafkajs, each of the same round.
    const writes = name === 'emit' || name === 'kafkajs-send';
    const alone =
      name === 'proof' ||
      name === 'verify-incremental' ||
      name === 'verify-bundle-1' ||
      name === 'latency' ||
      name.startsWith('restart');
    const baseline =
      name === 'verify-bundle-2' && results.has('verify-bundle-1')
        ? 'verify-bundle-1'
        : alone
          ? name
          : writes
            ? 'kafkajs-send'
            : 'kafkajs-eachBatch';
    const ratio = median(rounds.map((result, round) => rate(result) / rate(results.get(baseline)?.[round] ?? result)));
    const cpuRate = ({ events, cpuSeconds }: Result) => events / cpuSeconds;
    const cpuRatio = median(
      rounds.map((result, round) => cpuRate(result) / cpuRate(results.get(baseline)?.[round] ?? result)),
    );
    const perCpu = median(rounds.map(cpuRate));
    const row: Row = {
      name,
      eventsPerSecond: Math.round(median(rounds.map(rate))),
      eventsPerCpuSecond: Math.round(perCpu),
      ratio: Math.round(ratio * 100) / 100,
      cpuRatio: Math.round(cpuRatio * 100) / 100,
      peakMiB: Math.round(Math.max(...rounds.map(({ peakMiB }) => peakMiB))),
      cpuSecondsPerMillion: Math.round(1e8 / perCpu) / 100,
      baseline,
      seconds: Math.round(median(rounds.map(({ seconds }) => seconds)) * 1000) / 1000,
      ...latencyOf(rounds),
    };
    const cells = [row.eventsPerSecond, row.eventsPerCpuSecond].map((cell) => String(cell).padStart(12)).join('');
    const text = `${name.padEnd(20)}${cells}${String(row.cpuSecondsPerMillion).padStart(14)}${row.ratio.toFixed(2).padStart(8)}${String(row.peakMiB).padStart(10)}`;
    const slowest = row.slowestColdMs === undefined ? `at most ${row.slowestMs}` : `cold at most ${row.slowestColdMs}`;
    const each = row.p99Ms === undefined ? '' : `  p50 ${row.p50Ms} ms, p99 ${row.p99Ms} ms, ${slowest} ms`;
    const took = name.startsWith('restart')
      ? `  began within ${row.seconds} s`
      : name === 'verify-incremental'
        ? `  ${row.seconds} s`
        : '';
    process.stdout.write(`${flags.json ? JSON.stringify(row) : text + each + took}\n`);
    rows.set(name, row);
  }
  if (flags.json) return;
  process.stdout.write('\n');
  for (const { of, at, least = -Infinity, most = Infinity, what } of targets) {
    const value = rows.get(of)?.[at];
    if (value === undefined) continue;
    const verdict = value >= least && value <= most ? 'met' : 'missed';
    const bound = least > -Infinity ? `at least ${least}` : `at most ${most}`;
    process.stdout.write(`${verdict.padEnd(8)}${of}: ${what} ${value}, ${bound}\n`);
  }
}

/** Medians of the rounds, where a case measured each request. */
function latencyOf(rounds: readonly Result[]): Partial<Latency> {
  const of = (pick: (result: Result) => number | undefined) => rounds.map(pick).filter((ms) => ms !== undefined);
  const hundredths = (all: readonly number[]) => Math.round(median(all) * 100) / 100;
  const [p50, p99, cold] = [of(({ p50Ms }) => p50Ms), of(({ p99Ms }) => p99Ms), of((one) => one.slowestColdMs)];
  if (p50.length === 0) return {};
  const slowest = of(({ slowestMs }) => slowestMs);
  return {
    ...{ p50Ms: hundredths(p50), p99Ms: hundredths(p99) },
    ...(cold.length === 0 ? {} : { slowestColdMs: hundredths(cold) }),
    ...(slowest.length === 0 ? {} : { slowestMs: hundredths(slowest) }),
  };
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
