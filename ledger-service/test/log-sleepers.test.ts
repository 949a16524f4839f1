import { describe, expect, it } from 'vitest';
import type { Clock } from '../src/ports/clock.ts';
import { storeUnavailable } from '../src/store-errors.ts';
import { fastClock, Faults } from './support/log-faults.ts';
import { logSigner, LogWorld, sizeOf, until } from './support/log-world.ts';

const minute = 60_000;
const clock = fastClock();

/** A clock that the machine's sleep makes jump: the monotonic one, or, where that stands still meanwhile, the wall clock alone. */
function sleeperClock(which: 'monotonic' | 'wall'): Clock & { slept: number } {
  const jumping = { slept: 0 };
  return Object.assign(jumping, {
    monotonic: () => clock.monotonic() + (which === 'monotonic' ? jumping.slept : 0),
    now: () => clock.now() + jumping.slept,
    sleep: clock.sleep,
  });
}

/** A process that falls asleep once, at the first call of this name after it was armed: with all that it does, until it is told to wake. */
class Sleeper {
  readonly faults = new Faults();
  /** Calls since it woke. */
  readonly calls: string[] = [];
  readonly #asleep = Promise.withResolvers<void>();
  readonly #woken = Promise.withResolvers<void>();
  /** So many calls of a name fail. */
  failing: { readonly name: string; times: number } | null = null;
  #armed = false;
  #sleeps = false;

  constructor(call: string, when: 'before' | 'after') {
    const sleepAt = async (name: string, at: 'before' | 'after') => {
      if (this.#armed && name === call && at === when) {
        this.#armed = false;
        this.#sleeps = true;
        this.#asleep.resolve();
      }
      if (this.#sleeps) await this.#woken.promise;
    };
    this.faults.before = async (name) => {
      await sleepAt(name, 'before');
      this.calls.push(name);
      if (name !== this.failing?.name || this.failing.times === 0) return;
      this.failing.times -= 1;
      throw storeUnavailable(`injected: ${name}`);
    };
    this.faults.after = async (name) => await sleepAt(name, 'after');
  }

  async fallAsleep(): Promise<void> {
    this.#armed = true;
    await this.#asleep.promise;
    this.calls.splice(0);
  }

  wake(): void {
    this.#sleeps = false;
    this.#woken.resolve();
  }
}

/** Two publishers of one log: one that sleeps, and reads the same statements in another order, as after a loss; and one that goes on. */
async function sleepOver(sleeper: Sleeper, which: 'monotonic' | 'wall', failing: Sleeper['failing'] = null) {
  const world = new LogWorld();
  await world.begin();
  const other = new LogWorld();
  other.store = world.store;
  other.checkpoints = world.checkpoints;
  await other.begin();
  const { faults } = sleeper;
  const stores = { store: faults.store(world.store), checkpoints: faults.checkpoints(world.checkpoints) };
  const own = sleeperClock(which);
  await other.start({ stores, signers: [faults.signer(logSigner)], clock: own });
  await other.logged(1);
  // The session looked at its start, and what publishes has looked again: the next look is the session's, before it goes on.
  await until(
    () => sleeper.calls.filter((name) => name === 'newest').length >= 3,
    () => 'a publisher that has nothing to do',
  );
  own.slept += 2_000;
  const asleep = sleeper.fallAsleep();
  await other.seal(1, 1);
  await other.seal(1, 0);
  await asleep;
  const winner = await world.start({ clock });
  await world.seal(1, 0);
  await world.seal(1, 1);
  await world.logged(5);
  await winner.stop();
  own.slept += minute;
  sleeper.failing = failing;
  sleeper.wake();
  return { world, other };
}

describe.each(['monotonic', 'wall'] as const)('a publisher that slept for a minute, by its %s clock', (which) => {
  it.each([
    ['with the newest checkpoint in its hands', 'newest', 'after'],
    ['when it had signed', 'sign', 'after'],
  ] as const)('%s signs nothing, and writes no tile over those of one that went on', async (_, call, when) => {
    const sleeper = new Sleeper(call, when);
    const { world } = await sleepOver(sleeper, which);
    const { calls } = sleeper;
    await until(
      () => calls.filter((name) => name === 'read tile').length > 0,
      () => 'it reads what the other one wrote',
    );
    for (const name of ['sign', 'write tiles', 'swap']) expect(calls).not.toContain(name);
    await world.expectWholeLog();
  });

  it('and cannot look at first goes on behind the others then, and shows no alarm any more', async () => {
    const sleeper = new Sleeper('sign', 'before');
    const { world, other } = await sleepOver(sleeper, which, { name: 'newest', times: 2 });
    const [publisher] = other.publishers;
    await until(
      () => publisher?.status().size === 5,
      () => 'it goes on behind what the other one stored',
    );
    // That of the session, and of what looks at the published checkpoint.
    expect(sleeper.failing?.times).toBe(0);
    await until(
      () => publisher?.status().alarms.length === 0,
      () => 'its alarms are over',
    );
    await world.expectWholeLog();
  });

  it('between the look at the published checkpoint and its write does not put an older one there', async () => {
    const world = new LogWorld();
    await world.begin();
    const sizes: number[] = [];
    const { store } = world;
    world.store = {
      read: async (path, most) => await store.read(path, most),
      write: async (path, bytes) => {
        if (path === 'checkpoint') sizes.push(sizeOf(bytes));
        await store.write(path, bytes);
      },
      writeAll: async (objects) => await store.writeAll(objects),
      remove: async (paths) => await store.remove(paths),
      list: (prefix) => store.list(prefix),
      close: async () => await store.close(),
    };
    const sleeper = new Sleeper('read checkpoint', 'after');
    const { faults } = sleeper;
    const stores = { store: faults.store(world.store), checkpoints: faults.checkpoints(world.checkpoints) };
    const own = sleeperClock(which);
    await world.start({ stores, clock: own });
    await world.logged(1);
    await until(
      () => sizes.at(-1) === 1,
      () => 'the first checkpoint published',
    );
    const asleep = sleeper.fallAsleep();
    await world.seal(1);
    await asleep;
    const winner = await world.start({ clock });
    await world.seal(6);
    await world.logged(9);
    await until(
      () => sizes.at(-1) === 9,
      () => 'the winner published',
    );
    await winner.stop();
    own.slept += minute;
    sleeper.wake();
    await world.seal(1);
    await until(
      () => sizes.at(-1) === 10,
      () => 'the sleeper goes on',
    );
    expect(sizes).toEqual([...sizes].sort((one, two) => one - two));
  });
});
