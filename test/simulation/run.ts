import { signNote } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import { decideGeneration } from '@tallystick/ledger-service/generation';
import { disturbances, statementsOf } from './disturbances.ts';
import { undisturbed, type Expectations } from './expectations.ts';
import { faults, inflict } from './faults.ts';
import { epoch, healMs, storm } from './figures.ts';
import { judgeEnd, unfinished } from './invariants.ts';
import { keys, newJudge, origin, topics } from './keys.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';

/** What a trace says when everything has happened that the seed decides. */
export const judged = 'the world is judged';

/** What became of one seed. */
export interface SeedResult {
  readonly seed: number;
  /** Of all that happened: the same seed gives the same. */
  readonly hash: string;
  readonly problems: readonly string[];
  readonly fault: string | null;
  readonly steps: number;
  /** Entries of the log and swaps in the end, virtual ms. */
  readonly entries: number;
  readonly swaps: number;
  readonly ms: number;
}

/** Lives through one seed. @param print is given every line of its trace */
export async function simulate(seed: number, print: ((line: string) => void) | null = null): Promise<SeedResult> {
  const trace = new Trace(print);
  const world = new World(seed, trace);
  const { scheduler } = world;
  const story = plan(world);
  for (const instance of world.instances) scheduler.after(world.random.between(0, 1_500), () => instance.start());
  watch(world);
  await scheduler.run(storm.to);
  world.say('the storm is over');
  world.clear();
  const expected = story.expected();
  // Something new for everybody to seal, so that all that was missed is met.
  for (let partition = 0; partition < world.partitions; partition += 1)
    scheduler.after(500, () => world.emit(partition, 3));
  await scheduler.run(scheduler.now + 2_000);
  await heal(world, expected, healMs / 2);
  if (expected.mayStop.size > 0 && world.random.chance(0.6)) {
    await beginGenerations(world);
    const { fault, alarms, findings, racesMayBeForks, mustFail, mustAlarm } = expected;
    await heal(world, { ...undisturbed, fault, alarms, findings, racesMayBeForks, mustFail, mustAlarm }, healMs);
  }
  // The verifier waits for real files and threads: what ledgers do meanwhile is not the seed's any more.
  world.say(judged);
  const { steps, now: ms } = scheduler;
  const { entries, swaps } = world.book;
  const same = { hash: trace.digest(), steps, ms, entries: entries.length, swaps };
  const ending = judgeEnd(world, expected);
  await scheduler.run(scheduler.now + 60_000, settled(ending));
  await ending;
  for (const instance of world.instances) instance.end();
  return {
    seed,
    ...same,
    problems: world.problems,
    fault: expected.fault,
  };
}

/** What goes wrong when, and what producers write. */
function plan(world: World): { expected: () => Expectations } {
  const { random, scheduler } = world;
  const moment = () => random.between(storm.from, storm.to - 1_000);
  for (let partition = 0; partition < world.partitions; partition += 1) {
    const pace = random.pick([150, 400, 1_200, 6_000]);
    for (let at = random.between(0, pace); at < storm.to - 500; at += random.between(1, 2 * pace)) {
      const count = random.pick([1, 1, 1, 2, 5]);
      scheduler.after(at, () => {
        world.emit(partition, count);
      });
    }
  }
  for (let i = random.pick([0, 1, 2, 4, 7]); i > 0; i -= 1) {
    const name = random.pick(Object.keys(disturbances)) ?? '';
    scheduler.after(moment(), () => {
      world.say(`disturbance: ${name}`);
      world.calm = false;
      disturbances[name]?.(world);
    });
  }
  planLater(world);
  let expected = undisturbed;
  const fault = random.chance(0.55) ? (random.pick(Object.keys(faults)) ?? null) : null;
  if (fault !== null) {
    scheduler.after(moment(), () => {
      world.say(`fault: ${fault}`);
      world.calm = false;
      void inflict(world, fault).then((follows) => (expected = follows));
    });
  }
  return { expected: () => expected };
}

/** Witnesses that fail or lie, and a seal key that is rotated in the middle. */
function planLater(world: World): void {
  const { later: random, scheduler, witnesses } = world;
  const moment = () => random.between(storm.from, storm.to - 1_000);
  if (witnesses !== null) {
    for (let i = random.pick([0, 1, 2, 4]); i > 0; i -= 1) scheduler.after(moment(), () => witnesses.trouble(world));
  }
  if (random.chance(0.15))
    scheduler.after(moment(), () => {
      world.calm = false;
      world.sealKeys.rotate(world);
    });
}

/** Looks at the alarms of everybody, again and again. */
function watch(world: World): void {
  for (const instance of world.instances) world.noteAlarms(instance);
  world.sealKeys.look(world);
  world.scheduler.after(500, () => watch(world));
}

async function heal(world: World, expected: Expectations, ms: number): Promise<void> {
  const { scheduler } = world;
  const until = scheduler.now + ms;
  let left: string | null = 'nothing was looked at';
  while (scheduler.now < until) {
    await scheduler.run(scheduler.now + 1_000);
    left = await unfinished(world, expected);
    if (left === null) {
      // What was done for good stays so.
      await scheduler.run(scheduler.now + 3_000);
      left = await unfinished(world, expected);
      if (left === null) return;
    }
  }
  world.problem(`not well again after ${ms / 1_000} s: ${left}`);
}

/** An operator with the root key begins every partition anew whose records are not those that were sealed. */
async function beginGenerations(world: World): Promise<void> {
  const judge = newJudge();
  for (const [index, entry] of world.book.entries.entries()) judge.offer(entry, { in: 'log', index });
  for (const [offset, value] of statementsOf(world).entries()) judge.offer(value, { in: 'seals', offset });
  const { topicId, partitions } = world.cluster.topic(topics.events);
  for (const [partition, { logStart, end }] of partitions.entries()) {
    const state = judge.partition(topics.events, partition);
    const stopped = world.instances.some(
      (instance) => instance.status()?.partitions.find((one) => one.partition === partition)?.state === 'stopped',
    );
    if (state === null || !stopped) continue;
    const recreated = state.topicId !== topicId;
    const statement = decideGeneration(state, {
      origin,
      reason: recreated ? world.random.pick(['recreated', 'migrated']) : world.random.pick(['truncated', 'diverged']),
      topicId,
      firstOffset: recreated ? logStart : world.random.between(logStart, end),
      now: epoch + Math.round(world.scheduler.now),
    });
    world.say(`the operator begins generation ${statement.generation} of partition ${partition}`);
    world.append(await signNote(formatStatement(statement), keys.root));
  }
}

function settled(promise: Promise<unknown>): () => boolean {
  let done = false;
  const finish = () => {
    done = true;
  };
  promise.then(finish, finish);
  return () => done;
}
