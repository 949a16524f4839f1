import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, inject, test } from 'vitest';
import { findMarked, recordProcess } from '@tallystick/infra/local/processes';
import { isFalseAlarm } from './failover/alarms.ts';
import type { Round } from './failover/rounds.ts';
import { runFailovers, type RoundReport } from './failover/run.ts';

const shared = inject('stack');
const home = join(dirname(shared.home), `failover-${process.pid}`);
const { libs }: { libs: string } = JSON.parse(readFileSync(join(shared.home, 'stack.json'), 'utf8'));

afterAll(() => rmSync(home, { recursive: true, force: true }));

// `npm run failover` plays any number of these.
const rounds: Round[] = [
  { kind: 'kill', awayMs: 1_000 },
  { kind: 'leader', awayMs: 0 },
  { kind: 'stop', awayMs: 12_000 },
];

test('on three brokers a leader is killed, moved and frozen: nothing is lost, nothing forks, no alarm is false', async () => {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  // The next run of the tests removes the folder if this one is killed.
  writeFileSync(join(home, 'owner.json'), JSON.stringify(recordProcess(process.pid)));
  const lines: string[] = [];
  const played: RoundReport[] = [];
  const say = (line: string) => void lines.push(line);
  const report = await runFailovers({
    ...{ home, libs, rounds, ledgers: 2, contend: false, say },
    settleMs: 240_000,
    onRound: (round) => void played.push(round),
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${lines.slice(-30).join('\n')}`, { cause: error });
  });
  expect(report.problems).toEqual([]);
  expect(played.map(({ kind }) => kind)).toEqual(rounds.map(({ kind }) => kind));
  expect(report.alarms.filter(isFalseAlarm)).toEqual([]);
  // The rounds were no sham: the partition whose leader was frozen took nothing until another one led it.
  expect(played[2]?.longestWaitMs).toBeGreaterThan(2_000);
  expect(report.acknowledged).toBeGreaterThan(500);
  expect(report.verdict).toMatchObject({ verdict: 'verified', exitCode: 0, counts: { forks: 0, unsealed: 0 } });
  expect(report.verdict?.checked.events).toBeGreaterThanOrEqual(report.acknowledged);
  for (const id of [1, 2, 3])
    expect(findMarked(`-Dtallystick.home=${join(home, 'kafka', `broker-${id}`)}`)).toEqual([]);
  expect(existsSync(home)).toBe(false);
}, 1_200_000);
