import { describe, expect, it } from 'vitest';
import { AlarmBoard } from '../src/alarm-board.ts';
import { LedgerError } from '../src/errors.ts';
import type { LedgerOptions, RunningLedger } from '../src/service.ts';
import { topics, until, World } from './world.ts';

const codes = (ledger: RunningLedger) => [
  ...ledger.status().alarms.map(({ code }) => code),
  ...ledger.status().partitions.flatMap(({ alarms }) => alarms.map(({ code }) => code)),
];

/** A logger that keeps what was said as information, and a start that shows alarms for a moment only. */
function listening(): { over: Partial<LedgerOptions>; said: string[] } {
  const said: string[] = [];
  const info = (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void said.push(`${message} ${String(fields?.['code'])}`);
  return { said, over: { logger: { info, warn: () => undefined, error: () => undefined }, alarmShownMs: 200 } };
}

const isOver = (said: readonly string[], code: string) =>
  said.some((line) => line.includes('alarm is over') && line.includes(code));

describe('an alarm of what mended itself', () => {
  it('is shown for a while at least, and longer where it is raised again', () => {
    let now = 0;
    const board = new AlarmBoard({ now: () => now, monotonic: () => now, sleep: () => Promise.resolve() }, 100);
    const error = new LedgerError('SEALS_LOST', 'gone');
    expect(board.mended('it')).toBeNull();
    board.raise('it', error, 'here');
    now = 99;
    expect(board.mended('it')).toBeNull();
    board.raise('it', error, 'here');
    now = 150;
    expect(board.mayEnd('it')).toBe(false);
    expect(board.mended('it')).toBeNull();
    now = 199;
    expect(board.mayEnd('it')).toBe(true);
    expect(board.mended('it')).toMatchObject({ code: 'SEALS_LOST', since: 0 });
    expect(board.list()).toEqual([]);
    expect(board.mended('it')).toBeNull();
    board.raise('it', error, 'here');
    board.clear('it');
    expect(board.mayEnd('it')).toBe(false);
  });

  it('SEALS_LOST ends once the topic holds the log again, of both roles, and the log of the ledger says so', async () => {
    const world = new World();
    const { over, said } = listening();
    await world.emit(25);
    const ledger = await world.start({ ...over, roles: ['seal', 'publish'] });
    await world.sealed();
    await until(() => (ledger.status().publish?.publishedSize ?? 0) === world.judge().judge.size, 'published');
    world.cluster.recreateTopic(topics.seals);
    // It may be over again before it is looked at.
    await until(() => codes(ledger).includes('SEALS_LOST') || isOver(said, 'SEALS_LOST'), 'the alarm');
    await until(() => codes(ledger).length === 0, 'the alarms are over');
    expect(isOver(said, 'SEALS_LOST')).toBe(true);
    expect(world.highWatermark(topics.seals)).toBeGreaterThan(3);
  });

  it('SEALS_LOST stands of a role that only publishes for as long as nobody makes the topic whole', async () => {
    const world = new World();
    const { over, said } = listening();
    await world.emit(25);
    const sealer = await world.start({ roles: ['seal', 'publish'] });
    await world.sealed();
    await until(() => (sealer.status().publish?.publishedSize ?? 0) === world.judge().judge.size, 'published');
    await sealer.stop();
    const publisher = await world.start({ ...over, roles: ['publish'] });
    world.cluster.recreateTopic(topics.seals);
    await until(() => codes(publisher).includes('SEALS_LOST'), 'the alarm');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(codes(publisher)).toEqual(['SEALS_LOST']);
    expect(isOver(said, 'SEALS_LOST')).toBe(false);
  });

  it('LOG_DAMAGED ends once the tiles were made again', async () => {
    const world = new World();
    const { over, said } = listening();
    await world.emit(25);
    const ledger = await world.start({ roles: ['seal', 'publish'] });
    await world.sealed();
    await until(() => (ledger.status().publish?.publishedSize ?? 0) === world.judge().judge.size, 'published');
    await ledger.stop();
    for await (const path of world.stores.store.list('tile/')) await world.stores.store.remove([path]);
    const again = await world.start({ ...over, roles: ['publish'] });
    expect(codes(again).includes('LOG_DAMAGED') || isOver(said, 'LOG_DAMAGED')).toBe(true);
    await until(() => codes(again).length === 0, 'the alarm is over');
    expect(isOver(said, 'LOG_DAMAGED')).toBe(true);
  });

  it('of a gap ends once seals follow behind it; that records are gone stands', async () => {
    const world = new World();
    const { over, said } = listening();
    await world.emit(12);
    const ledger = await world.start(over);
    await world.sealed();
    await ledger.stop();
    await world.emit(3);
    world.cluster.deleteRecords(topics.events, 0, 15);
    const again = await world.start(over);
    await until(() => codes(again).filter((code) => code === 'RECORDS_DELETED').length === 2, 'both alarms');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(codes(again)).toEqual(['RECORDS_DELETED', 'RECORDS_DELETED']);
    await world.emit(4);
    await world.sealed();
    await until(() => codes(again).length === 1, 'the alarm of the gap is over');
    expect(isOver(said, 'RECORDS_DELETED')).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(again.status().partitions[0]?.alarms[0]?.message).toContain('the log starts at 15');
  });
});
