import { KafkaError } from '@tallystick/kafka/errors';
import { silentLogger } from '@tallystick/kafka/logger';
import { describe, expect, it } from 'vitest';
import { AlarmBoard } from '../src/alarm-board.ts';
import { LedgerError } from '../src/errors.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { RunningRole } from '../src/ports/role.ts';
import { SupervisedRole } from '../src/supervised-role.ts';

/** A clock on which every wait is over at once, and noted. */
class FastClock implements Clock {
  readonly slept: number[] = [];
  now = () => 7;
  passed = 0;
  monotonic = () => this.passed;
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await Promise.resolve();
    signal?.throwIfAborted();
    this.slept.push(ms);
  }
}

class Role implements RunningRole {
  readonly #end = Promise.withResolvers<void>();
  readonly done = this.#end.promise;
  stopped = false;
  status = () => 'fine';
  fail(error: Error): void {
    this.#end.reject(error);
  }
  async stop(): Promise<void> {
    this.stopped = true;
    this.#end.resolve();
    await Promise.resolve();
  }
}

function supervise(starts: (Error | Role)[]) {
  const clock = new FastClock();
  const alarms = new AlarmBoard(clock);
  const seen: string[] = [];
  const role = new SupervisedRole({
    name: 'publish',
    clock,
    alarms,
    logger: silentLogger,
    mendMs: 30_000,
    start: async () => {
      seen.push(
        alarms
          .list()
          .map(({ code }) => code)
          .join(),
      );
      await Promise.resolve();
      const next = starts.shift();
      if (next instanceof Role) return next;
      throw next ?? new Error('no more starts');
    },
  });
  return { role, clock, alarms, seen };
}

const passing = new KafkaError('UNREACHABLE', 'away', { retriable: true });
const broken = new LedgerError('LOG_STORE_INVALID', 'broken');
const turns = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

describe('a supervised role', () => {
  it('is begun anew: soon after what can pass, after half a minute where somebody has to mend it, at once after lost statements', async () => {
    const [a, b, c] = [new Role(), new Role(), new Role()];
    const { role, clock, alarms, seen } = supervise([passing, passing, broken, a, b, c]);
    await expect(role.started).rejects.toBe(passing);
    await turns();
    expect(role.state).toBe('running');
    expect(clock.slept).toEqual([100, 200, 30_000]);
    expect(seen).toEqual(['', 'UNREACHABLE', 'UNREACHABLE', 'LOG_STORE_INVALID']);
    expect(alarms.list()).toEqual([]);
    a.fail(new LedgerError('SEALS_LOST', 'gone', { fatal: true }));
    await turns();
    expect(role.role).toBe(b);
    // Who fails as soon as it is begun is not begun anew ever faster; who was well for a while begins with the first pause.
    expect(clock.slept.slice(3)).toEqual([800]);
    clock.passed += 60_000;
    b.fail(new LedgerError('SEALS_LOST', 'gone again', { fatal: true }));
    await turns();
    expect(clock.slept.slice(4)).toEqual([100]);
    expect(role.role).toBe(c);
    await role.stop();
    expect(c.stopped).toBe(true);
    expect(role.state).toBe('ended');
    await expect(role.done).resolves.toBeUndefined();
  });

  it('fails for good where no try can help', async () => {
    const a = new Role();
    const { role, clock, alarms } = supervise([a]);
    await role.started;
    const unknown = new LedgerError('UNKNOWN_STATEMENT', 'of a later release', { fatal: true });
    a.fail(unknown);
    await expect(role.done).rejects.toBe(unknown);
    expect(role.state).toBe('failed');
    expect(clock.slept).toEqual([]);
    expect(alarms.list()).toMatchObject([{ code: 'UNKNOWN_STATEMENT', place: 'publish', since: 7 }]);
    await role.stop();
  });

  it('an error that nobody expected is an alarm too, and is tried again', async () => {
    const { role, alarms } = supervise([new TypeError('x is undefined'), new Role()]);
    await expect(role.started).rejects.toThrow('x is undefined');
    await turns();
    expect(role.state).toBe('running');
    expect(alarms.list()).toEqual([]);
    await role.stop();
  });

  it('stops while it is being begun', async () => {
    const late = Promise.withResolvers<Role>();
    const clock = new FastClock();
    const role = new SupervisedRole({
      name: 'seal',
      clock,
      alarms: new AlarmBoard(clock),
      logger: silentLogger,
      mendMs: 1,
      start: async (signal) => {
        signal.addEventListener('abort', () => late.reject(signal.reason as Error));
        return await late.promise;
      },
    });
    await turns();
    await role.stop();
    expect(role.state).toBe('ended');
    await expect(role.started).rejects.toThrow('stops');
  });

  it('told to stop while it is begun: what was begun is ended, and nothing runs on', async () => {
    const clock = new FastClock();
    const beginning = Promise.withResolvers<Role>();
    const role = new SupervisedRole({
      name: 'seal',
      clock,
      alarms: new AlarmBoard(clock),
      logger: silentLogger,
      mendMs: 1,
      // It does not look at the signal.
      start: async () => await beginning.promise,
    });
    const stopping = role.stop();
    const late = new Role();
    beginning.resolve(late);
    await stopping;
    expect(late.stopped).toBe(true);
    expect(role.state).toBe('ended');
    await role.done;
  });
});
