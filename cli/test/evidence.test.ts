import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { choiceOf, evidenceExportCommand } from '../src/commands/evidence.ts';
import { failureOf, testContext } from './test-context.ts';

describe('what is to be exported', () => {
  it('is offsets, days of UTC or times with their zone', () => {
    expect(choiceOf({})).toEqual({ from: null, to: null, partition: null });
    expect(choiceOf({ from: '12', to: '9007199254740991', partition: '3' })).toEqual({
      from: { offset: 12 },
      to: { offset: 9007199254740991 },
      partition: 3,
    });
    expect(choiceOf({ from: '2026-02-28', to: '2026-02-28' })).toEqual({
      from: { time: Date.parse('2026-02-28T00:00:00.000Z') },
      to: { time: Date.parse('2026-02-28T23:59:59.999Z') },
      partition: null,
    });
    expect(choiceOf({ from: '2026-02-28T10:00+02:00' }).from).toEqual({ time: Date.parse('2026-02-28T08:00:00Z') });
  });

  it.each([
    '-1',
    '01',
    '1.5',
    '1e3',
    '9007199254740992',
    '2026-02-30',
    '2026-13-01',
    '2026-02-28T10:00',
    'yesterday',
    '',
  ])('is not %s', (text) => {
    expect(() => choiceOf({ from: text })).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
    expect(() => choiceOf({ to: text })).toThrow(/--to/);
  });

  it('is of a partition that is a number', () => {
    expect(() => choiceOf({ partition: 'x' })).toThrow(/--partition x/);
  });
});

describe('evidence export', () => {
  it('writes over no file', async () => {
    const context = testContext('origin: example.org/log\n');
    writeFileSync(join(context.cwd, 'there'), '');
    const error = await failureOf(() => evidenceExportCommand(context, { output: 'there' }));
    expect(error).toMatchObject({ code: 'FILE_EXISTS' });
  });
});
