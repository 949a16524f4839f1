import { describe, expect, it } from 'vitest';
import { kafkaErrors } from '@tallystick/kafka/errors';
import { ledgerErrors } from '@tallystick/ledger-service/errors';
import { AlarmRecord, isFalseAlarm } from './alarms.ts';
import { lost } from './audit.ts';
import { choices, planOf, type Choice } from './plan.ts';
import { alarmProblems } from './run.ts';

// What a failover run concludes: a run that cannot fail proves nothing.

describe('an alarm', () => {
  it('is false unless it says that brokers do not answer', () => {
    const codes = [...Object.keys(kafkaErrors), ...Object.keys(ledgerErrors)];
    expect(codes.filter((code) => !isFalseAlarm({ code })).sort()).toEqual([
      'BROKER_ERROR',
      'TIMED_OUT',
      'UNREACHABLE',
    ]);
  });

  it('is kept with the times between which it stood, once for each time', () => {
    const record = new AlarmRecord('ledger 1');
    const fork = { code: 'FORK', place: 'events/0', message: 'm' };
    const slow = { code: 'TIMED_OUT', place: 'events/1', message: 'm' };
    record.update([fork], 10, 1);
    record.update([fork, slow], 20, 1);
    record.update([slow], 30, 1);
    expect(record.standing()).toBe(1);
    record.update([fork, slow], 40, 2);
    expect(record.list().map(({ code, round, raisedAt, clearedAt }) => [code, round, raisedAt, clearedAt])).toEqual([
      ['FORK', 1, 10, 30],
      ['TIMED_OUT', 1, 20, null],
      ['FORK', 2, 40, null],
    ]);
  });

  it('is a problem where it is false, even when it went again, or where it stayed', () => {
    const alarm = { ledger: 'ledger 1', place: 'events/0', message: 'm', round: 3, raisedAt: 1 };
    expect(alarmProblems([{ ...alarm, code: 'UNREACHABLE', clearedAt: 2 }])).toEqual([]);
    expect(alarmProblems([{ ...alarm, code: 'UNREACHABLE', clearedAt: null }])).toHaveLength(1);
    expect(alarmProblems([{ ...alarm, code: 'OFFSET_OUT_OF_RANGE', clearedAt: 2 }])).toEqual([
      expect.stringContaining('round 3'),
    ]);
  });
});

describe('an acknowledged event', () => {
  const stored = [0, 1, 2, 2, 3, 4];

  it('is there where its receipt says, whatever was stored twice', () => {
    const receipts = [
      { first: 0, runs: [{ baseOffset: 0, count: 2 }] },
      { first: 2, runs: [{ baseOffset: 3, count: 1 }, { baseOffset: 4, count: 2 }] }, // prettier-ignore
    ];
    expect(lost(receipts, stored, 6)).toEqual([]);
  });

  it.each([
    ['is another one there', { first: 1, runs: [{ baseOffset: 0, count: 1 }] }, 6, 1],
    ['lies beyond the end', { first: 5, runs: [{ baseOffset: 6, count: 2 }] }, 9, 2],
    ['is behind the last seal', { first: 3, runs: [{ baseOffset: 4, count: 2 }] }, 5, 1],
  ])('counts as lost where it %s', (_, receipt, sealedTo, count) => {
    expect(lost([receipt], stored, sealedTo)).toHaveLength(count);
  });
});

describe('a plan', () => {
  it.each(Object.keys(choices) as Choice[])(
    '%s has as many rounds as asked, freezes for 45 s now and then',
    (choice) => {
      const plan = planOf(choice, 100);
      expect(plan).toHaveLength(100);
      expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(choices[choice]));
      const stops = plan.filter(({ kind }) => kind.endsWith('stop')).map(({ awayMs }) => awayMs);
      if (stops.length > 0) expect(Math.max(...stops)).toBe(45_000);
      expect(stops.every((ms) => ms >= 5_000)).toBe(true);
    },
  );
});
