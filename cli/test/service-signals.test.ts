import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-signals-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A process that runs a service whose start is `open`, a body of a function that may use `signal()` and `running`. */
async function run(
  name: string,
  open: string,
): Promise<{ code: number | null; signal: string | null; stopped: boolean }> {
  const home = join(folder, name);
  const script = join(folder, `${name}.mjs`);
  const [service, config] = ['commands/service.ts', 'config.ts'].map(
    (file) => new URL(`../src/${file}`, import.meta.url).href,
  );
  writeFileSync(
    script,
    `
    import { writeFileSync } from 'node:fs';
    import { runService } from '${service}';
    import { loadConfig } from '${config}';
    const [cwd, stopped] = ${JSON.stringify([folder, join(folder, `${name}.stopped`)])};
    const signal = () => process.kill(process.pid, 'SIGTERM');
    let end;
    const running = {
      status: () => ({ alarms: [] }),
      stop: async () => { writeFileSync(stopped, ''); end(); },
      done: new Promise((resolve) => (end = resolve)),
    };
    const keep = setTimeout(() => process.exit(9), 120_000);
    const write = () => undefined;
    const context = { cwd, home: cwd, stackName: 'local', stackHome: ${JSON.stringify(home)}, libs: cwd, env: {},
      config: loadConfig({ env: {}, cwd }), configFile: undefined, out: write, say: write, terminal: false };
    const code = await runService(context, 'ledger', async () => { ${open} });
    clearTimeout(keep);
    process.exitCode = code;
    `,
  );
  const child = spawn(process.execPath, ['--conditions=@tallystick/source', script], { stdio: ['ignore', 2, 2] });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('close', (...how) => resolve(how)),
  );
  return { code, signal, stopped: existsSync(join(folder, `${name}.stopped`)) };
}

const ended = { code: 0, signal: null };

describe('a service that is told to stop ends, whenever it is told', () => {
  it.each([
    ['while it starts', 'signal(); await new Promise(() => {}); return running;', false],
    ['in the moment in which its start ends', 'signal(); return running;', true],
    [
      'as soon as it tells its first status',
      'running.status = () => (signal(), { alarms: [] }); return running;',
      true,
    ],
    ['once it runs', 'setTimeout(signal, 300); return running;', true],
    ['twice', 'setTimeout(() => (signal(), setTimeout(signal, 0)), 100); return running;', true],
  ])('%s', async (name, open, stopped) => {
    expect(await run(name.replaceAll(' ', '-'), open)).toEqual({ ...ended, stopped });
  });
});
