import type { Verdict } from '@tallystick/verifier/verdict';
import { isFalseAlarm, type SeenAlarm } from './alarms.ts';
import { audit } from './audit.ts';
import { play, type Kind, type Round } from './rounds.ts';
import { FailoverWorld, type WorldOptions } from './world.ts';

export interface RoundReport {
  readonly number: number;
  readonly kind: Kind;
  readonly what: string;
  readonly awayMs: number;
  /** The longest time for which a partition took nothing from the producer, ms. */
  readonly longestWaitMs: number;
  /** From the moment when all brokers and ledgers were back until all was sealed and published, ms. */
  readonly settleMs: number;
  readonly alarms: readonly SeenAlarm[];
}

export interface FailoverReport {
  readonly rounds: readonly RoundReport[];
  readonly seconds: number;
  readonly acknowledged: number;
  /** Appends of the producer that were given up. */
  readonly failedAppends: number;
  readonly published: number;
  readonly verdict: Verdict | null;
  /** All alarms of all ledgers. */
  readonly alarms: readonly SeenAlarm[];
  /** What must not be; empty: all is well. */
  readonly problems: readonly string[];
}

export interface FailoverOptions extends WorldOptions {
  readonly rounds: readonly Round[];
  /** How long settling may take after a round, ms. */
  readonly settleMs: number;
  readonly onRound?: (round: RoundReport) => void;
  /** No further round begins once it is aborted; what was played is checked all the same. */
  readonly enough?: AbortSignal;
}

/** Starts all, plays the rounds one after the other, checks everything and ends all. A round that does not settle is the last one. */
export async function runFailovers(options: FailoverOptions): Promise<FailoverReport> {
  const { rounds, settleMs, say, onRound } = options;
  const world = await FailoverWorld.start(options);
  const began = performance.now();
  const reports: RoundReport[] = [];
  const problems: string[] = [];
  let verdict: Verdict | null = null;
  try {
    await world.settled(settleMs);
    world.load.takeLongestWait();
    say('all is sealed and published: the rounds begin');
    try {
      for (const round of rounds) {
        if (options.enough?.aborted === true) break;
        const report = await oneRound(world, round, settleMs);
        reports.push(report);
        onRound?.(report);
      }
    } catch (error) {
      problems.push(`round ${world.round} (${rounds[world.round - 1]?.kind}): ${String(error)}`);
    }
    for (const broker of world.cluster.brokers) broker.thaw();
    const { load } = world;
    await load.stop();
    if (problems.length === 0) {
      await world.settled(settleMs);
      say('the producer has stopped and all is sealed and published: verifying');
    }
    for (const ledger of world.ledgers) await ledger.stop();
    const result = await audit(world);
    verdict = result.verdict;
    const alarms = alarmsOf(world);
    problems.push(...result.problems, ...alarmProblems(alarms));
    return {
      ...{ rounds: reports, acknowledged: load.acknowledged, failedAppends: load.failed },
      ...{ published: world.published.size, verdict, alarms, problems },
      seconds: Math.round((performance.now() - began) / 1000),
    };
  } finally {
    await world.end();
  }
}

async function oneRound(world: FailoverWorld, { kind, awayMs }: Round, settleMs: number): Promise<RoundReport> {
  world.round += 1;
  const number = world.round;
  const what = await play(world, { kind, awayMs }, number);
  const back = performance.now();
  await world.settled(settleMs);
  return {
    ...{ number, kind, what, awayMs },
    longestWaitMs: Math.round(world.load.takeLongestWait()),
    settleMs: Math.round(performance.now() - back),
    alarms: alarmsOf(world).filter(({ round }) => round === number),
  };
}

function alarmsOf({ ledgers }: FailoverWorld): SeenAlarm[] {
  return ledgers.flatMap(({ alarms }) => alarms.list());
}

/** False alarms, and those that stayed though nothing was the matter any more. */
export function alarmProblems(alarms: readonly SeenAlarm[]): string[] {
  return alarms.flatMap((alarm) => {
    const { ledger, code, place, message, round, clearedAt } = alarm;
    if (isFalseAlarm(alarm)) return [`false alarm in round ${round}: ${ledger}, ${place}: ${code} ${message}`];
    return clearedAt === null ? [`the alarm ${code} of ${ledger} (${place}, round ${round}) stands still`] : [];
  });
}
