import type { Latency } from './cases.ts';
import type { Result } from './run-case.ts';

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
  /** Largest peak as a share of the baseline's largest. */
  readonly peakRatio: number;
}

/** What a release is held to. */
const targets: readonly {
  readonly of: string;
  readonly at: 'ratio' | 'eventsPerCpuSecond' | 'cpuRatio' | 'peakMiB' | 'peakRatio' | 'p99Ms' | 'seconds';
  readonly least?: number;
  readonly most?: number;
  readonly what: string;
}[] = [
  { of: 'seal', at: 'ratio', least: 1, what: 'events a second as a share of what eachBatch reads, doing nothing:' },
  { of: 'seal', at: 'eventsPerCpuSecond', least: 450_000, what: 'events a CPU-second' },
  { of: 'seal', at: 'peakMiB', most: 200, what: 'MiB at the peak' },
  { of: 'verify', at: 'ratio', least: 1, what: 'events a second as a share of what eachBatch reads, doing nothing:' },
  { of: 'verify-1', at: 'eventsPerCpuSecond', least: 450_000, what: 'events a CPU-second' },
  { of: 'verify-1', at: 'cpuRatio', least: 0.92, what: "events a CPU-second as a share of eachBatch's" },
  { of: 'verify-1', at: 'peakMiB', most: 300, what: 'MiB at the peak' },
  { of: 'verify-long', at: 'peakRatio', most: 1.1, what: "MiB at the peak as a share of verify's, of fewer events:" },
  { of: 'verify-bundle-2', at: 'ratio', least: 1.7, what: 'events a second as a share of what one thread does:' },
  { of: 'verify-incremental', at: 'seconds', most: 5, what: 'seconds for ten thousand new events behind all others' },
  { of: 'latency', at: 'p99Ms', most: 2_000, what: 'p99 in ms from acknowledged to published' },
  { of: 'proof', at: 'p99Ms', most: 5, what: 'p99 in ms' },
];

/** Prints the medians of all rounds, a line a case, and which targets are met. */
export function report(results: ReadonlyMap<string, readonly Result[]>, json: boolean): void {
  const rate = ({ events, seconds }: Result) => events / seconds;
  const rows = new Map<string, Row>();
  if (!json)
    process.stdout.write(
      `${'case'.padEnd(20)}${'events/s'.padStart(12)}${'per CPU-s'.padStart(12)}${'CPU-s per 1M'.padStart(14)}${'ratio'.padStart(8)}${'peak MiB'.padStart(10)}\n`,
    );
  for (const [name, rounds] of results) {
    const baseline = baselineOf(name, results);
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
      peakMiB: Math.round(peak(rounds)),
      peakRatio: Math.round((100 * peak(rounds)) / peak(results.get(baseline) ?? rounds)) / 100,
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
        : name === 'verify-long'
          ? `  peak ${row.peakRatio} of that for ${millions(results.get(baseline))}`
          : '';
    process.stdout.write(`${json ? JSON.stringify(row) : text + each + took}\n`);
    rows.set(name, row);
  }
  if (json) return;
  process.stdout.write('\n');
  for (const { of, at, least = -Infinity, most = Infinity, what } of targets) {
    const value = rows.get(of)?.[at];
    if (value === undefined) continue;
    const verdict = value >= least && value <= most ? 'met' : 'missed';
    const bound = least > -Infinity ? `at least ${least}` : `at most ${most}`;
    process.stdout.write(`${verdict.padEnd(8)}${of}: ${what} ${value}, ${bound}\n`);
  }
}

/**
 * Reading is held against kafkajs' eachBatch, writing against a bare send loop of kafkajs, two threads and two processes against one,
 * and many events against fewer, each of the same round.
 */
function baselineOf(name: string, results: ReadonlyMap<string, unknown>): string {
  const own: Readonly<Record<string, string>> = {
    ...{ 'kafkajs-send': 'kafkajs-send', emit: 'kafkajs-send' },
    ...{ 'verify-bundle-2': 'verify-bundle-1', 'two-processes': 'verify-bundle-1', 'verify-long': 'verify' },
    ...{ proof: name, latency: name, 'verify-incremental': name, 'verify-bundle-1': name },
  };
  const baseline = name.startsWith('restart') ? name : (own[name] ?? 'kafkajs-eachBatch');
  return results.has(baseline) ? baseline : name;
}

function peak(rounds: readonly Result[]): number {
  return Math.max(...rounds.map(({ peakMiB }) => peakMiB));
}

function millions(rounds: readonly Result[] | undefined): string {
  return `${(rounds?.[0]?.events ?? Number.NaN) / 1e6} M`;
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

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
