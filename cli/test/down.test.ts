import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downCommand } from '../src/commands/down.ts';
import { Config } from '../src/config.ts';
import type { Context } from '../src/context.ts';

let home: string;
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'tallystick-down-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

function contextOf(stackName: string): Context {
  const stackHome = join(home, stackName);
  const config = new Config(new Map());
  const write = () => undefined;
  const place = { env: {}, cwd: home, home, stackName, stackHome, libs: join(home, 'lib'), configFile: undefined };
  return { ...place, config, out: write, say: write, terminal: false };
}

describe('down --wipe', () => {
  it.each([['letters.txt'], ['kafka'], ['logs'], ['keys']])(
    'leaves a folder alone that holds only %s',
    async (name) => {
      mkdirSync(join(home, 'mine', name), { recursive: true });
      writeFileSync(join(home, 'mine', name, 'file'), 'precious');
      const wiped = downCommand(contextOf('mine'), { wipe: true, yes: true });
      await expect(wiped).rejects.toMatchObject({ code: 'USAGE' });
      expect(readdirSync(join(home, 'mine'))).toEqual([name]);
    },
  );

  it('asks where nobody said yes, and deletes nothing where there is no terminal', async () => {
    mkdirSync(join(home, 'mine', 'secrets'), { recursive: true });
    await expect(downCommand(contextOf('mine'), { wipe: true })).rejects.toMatchObject({ code: 'ANSWER_NEEDED' });
    expect(existsSync(join(home, 'mine', 'secrets'))).toBe(true);
  });

  it('deletes what is left of a stack that came no further than its passwords', async () => {
    mkdirSync(join(home, 'mine', 'secrets'), { recursive: true });
    expect(await downCommand(contextOf('mine'), { wipe: true, yes: true })).toBe(0);
    expect(readdirSync(home)).toEqual([]);
  });

  it('without a stack has nothing to do', async () => {
    expect(await downCommand(contextOf('mine'), { wipe: true, yes: true })).toBe(0);
    expect(readdirSync(home)).toEqual([]);
  });
});
