// npm run failover -- [--rounds N] [--kind kill|stop|leader|restart|ledger|brokers|all] [--ledgers N] [--contend]
//   [--minutes N] [--json]
// Three real brokers on this machine; exit code 0 if nothing was lost, forked or falsely alarmed about.
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { choices, planOf, type Choice } from './plan.ts';
import { runFailovers, type FailoverReport, type RoundReport } from './run.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    kind: { type: 'string', default: 'all' },
    ledgers: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '120' },
    contend: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const root = dirname(dirname(import.meta.dirname));
const state = join(root, '.tallystick');
const home = join(state, `failover-${process.pid}`);
const began = Date.now();
const say = (line: string) =>
  process.stderr.write(`failover: ${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);

function whole(name: 'rounds' | 'ledgers' | 'minutes'): number {
  const value = Number(flags[name]);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} ${flags[name]}: give a whole number of 1 or more`);
  return value;
}

function isChoice(kind: string): kind is Choice {
  return Object.hasOwn(choices, kind);
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);

function told({ number, kind, what, awayMs, longestWaitMs, settleMs, alarms }: RoundReport): string {
  const codes = [...new Set(alarms.map(({ code }) => code))].join(' ') || '-';
  return [
    ...[
      String(number).padStart(4),
      ` ${kind.padEnd(12)}`,
      seconds(awayMs).padStart(6),
      seconds(longestWaitMs).padStart(8),
    ],
    ...[seconds(settleMs).padStart(8), `  ${codes.padEnd(12)}`, what],
  ].join(' ');
}

function report({
  rounds,
  seconds: took,
  acknowledged,
  failedAppends,
  published,
  verdict,
  alarms,
  problems,
}: FailoverReport): void {
  const worst = (of: (round: RoundReport) => number) => seconds(Math.max(0, ...rounds.map(of)));
  const lines = [
    `rounds ${rounds.length} in ${took} s; ${acknowledged} events acknowledged, ${failedAppends} appends given up`,
    `longest time without an acknowledgement ${worst(({ longestWaitMs }) => longestWaitMs)} s, longest settling ${worst(({ settleMs }) => settleMs)} s`,
    `published ${published} statements; verify: ${verdict?.verdict}, exit ${verdict?.exitCode}, ${verdict?.counts.races} lost races, ${verdict?.counts.resends} resends, ${verdict?.counts.forks} forks`,
    `alarms ${alarms.length}: ${[...new Set(alarms.map(({ code }) => code))].join(', ') || 'none'}`,
    ...alarms.map(
      ({ ledger, code, place, message, round, raisedAt, clearedAt }) =>
        `  round ${round}, ${ledger}, ${place}: ${code}, stood for ${clearedAt === null ? '?' : seconds(clearedAt - raisedAt)} s: ${message}`,
    ),
    ...problems.map((problem) => `PROBLEM ${problem}`),
    problems.length === 0 ? 'nothing lost, nothing forked, no false alarm' : `${problems.length} problems`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function main(): Promise<void> {
  if (!isChoice(flags.kind)) throw new Error(`--kind ${flags.kind}: one of ${Object.keys(choices).join(', ')}`);
  const rounds = planOf(flags.kind, whole('rounds'));
  const timer = setTimeout(() => enough.abort(), whole('minutes') * 60_000);
  mkdirSync(state, { recursive: true });
  if (!flags.json) process.stdout.write(`round kind           away s  no ack s settle s  alarms       what\n`);
  const result = await runFailovers({
    ...{ home, libs: join(state, 'lib'), rounds, say, contend: flags.contend, ledgers: whole('ledgers') },
    ...{ settleMs: 180_000, enough: enough.signal },
    onRound: (round) => {
      if (!flags.json) process.stdout.write(`${told(round)}\n`);
    },
  });
  clearTimeout(timer);
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else report(result);
  process.exitCode = result.problems.length === 0 ? 0 : 1;
}

// The first signal ends it after the round that is under way, with a report; the second at once. Brokers and ledgers are tied to this
// process; their folder is not.
const enough = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (!enough.signal.aborted) {
      say('ends after this round; once more ends it at once');
      enough.abort();
      return;
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    process.exit(130);
  });
try {
  await main();
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 2;
}
