// An acknowledged finding of the query copy covers what the rows held then, and no other content.
import { describe, expect, test } from 'vitest';
import { rowColumns } from '@tallystick/schemas/row';
import type { CopiedCell } from '../../src/query-copy/compare-cells.ts';
import type { VerifyOptions } from '../../src/verify.ts';
import type { Verdict } from '../../src/verdict.ts';
import { World, summary } from '../support/world.ts';
import { MemoryCopy } from './memory-copy.ts';

async function scene() {
  const world = await World.small();
  const copy = await MemoryCopy.of(world);
  const verify = async (options: Partial<VerifyOptions> = {}) =>
    await world.verify({ queryCopy: { rows: copy }, ...options });
  /** Writes cells into a row, as somebody with ALTER could. */
  const write = (offset: number, cells: Readonly<Record<string, CopiedCell>>, copyOf = 0): void => {
    const rows = copy.table.filter((row) => row.offset === offset);
    copy.table[copy.table.indexOf(rows[copyOf]!)] = {
      ...rows[copyOf]!,
      cells: rowColumns.map(({ name }, at) => cells[name] ?? rows[copyOf]!.cells[at] ?? null),
    };
  };
  return { copy, verify, write };
}

const answerFor = ({ findings }: Verdict) => findings.map(({ hash }) => ({ hash, reason: 'known' }));

describe('an altered row', () => {
  test('every column that is altered is covered', async () => {
    const { verify, write } = await scene();
    write(5, { action: 'forged' });
    const first = await verify();
    expect(summary(first)).toEqual(['copy-altered 0 offsets 5-5']);
    expect(await verify({ acknowledged: answerFor(first) })).toMatchObject({ exitCode: 0 });
    write(5, { source: 'forged too' });
    const second = await verify({ acknowledged: answerFor(first) });
    expect(second).toMatchObject({ exitCode: 1 });
    expect(await verify({ acknowledged: answerFor(second) })).toMatchObject({ exitCode: 0 });
    write(5, { source: 'forged anew' });
    expect(await verify({ acknowledged: answerFor(second) })).toMatchObject({ exitCode: 1 });
  });

  test('long text is covered to its end', async () => {
    const { verify, write } = await scene();
    write(5, { action: `${'x'.repeat(500)}a` });
    const acknowledged = answerFor(await verify());
    expect(await verify({ acknowledged })).toMatchObject({ exitCode: 0 });
    write(5, { action: `${'x'.repeat(500)}b` });
    expect(await verify({ acknowledged })).toMatchObject({ exitCode: 1 });
  });
});

describe('rows too many', () => {
  test('what they hold is covered', async () => {
    const { copy, verify, write } = await scene();
    copy.forge(5, {});
    copy.forge(5, {});
    write(5, { action: 'forged' }, 1);
    const first = await verify();
    expect(summary(first)).toEqual(['copy-extra 0 offsets 5-5']);
    const acknowledged = answerFor(first);
    expect(await verify({ acknowledged })).toMatchObject({ exitCode: 0 });
    write(5, { action: 'forged anew' }, 1);
    expect(await verify({ acknowledged })).toMatchObject({ exitCode: 1 });
  });

  test.each(['copy-extra 0 offsets 5-5', 'copy-altered 0 offsets 5-5'])(
    'the rows of an offset come in no order, and are the same finding in each: %s',
    async (code) => {
      const { copy, verify, write } = await scene();
      copy.forge(5, {});
      copy.forge(5, {});
      write(5, { action: 'one' }, 1);
      write(5, { action: 'other' }, 2);
      if (code.startsWith('copy-altered')) write(5, { action: 'third' }, 0);
      const first = await verify();
      expect(summary(first)).toContain(code);
      copy.table.reverse();
      expect((await verify()).findings.map(({ hash }) => hash).sort()).toEqual(
        first.findings.map(({ hash }) => hash).sort(),
      );
      expect(await verify({ acknowledged: answerFor(first) })).toMatchObject({ exitCode: 0 });
    },
  );

  test('rows behind the end of the partition', async () => {
    const { copy, verify, write } = await scene();
    copy.table.push({ ...copy.table.at(-1)!, offset: 30 }, { ...copy.table.at(-1)!, offset: 31 });
    const first = await verify();
    expect(summary(first)).toEqual(['copy-extra 0 offsets 30-31']);
    const acknowledged = answerFor(first);
    expect(await verify({ acknowledged })).toMatchObject({ exitCode: 0 });
    write(31, { action: 'forged' });
    expect(await verify({ acknowledged })).toMatchObject({ exitCode: 1 });
  });
});
