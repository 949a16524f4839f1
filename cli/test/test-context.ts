import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../src/config.ts';
import type { Context } from '../src/context.ts';

export interface TestContext extends Context {
  /** What was printed: results and progress. */
  readonly lines: string[];
}

/** A context in a folder of its own, which is removed after the test. `config` is the text of its configuration file. */
export function testContext(config = '', env: NodeJS.ProcessEnv = {}): TestContext {
  const cwd = mkdtempSync(join(tmpdir(), 'tallystick-cli-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const file = join(cwd, 'tallystick.yaml');
  writeFileSync(file, config);
  const lines: string[] = [];
  return {
    env,
    cwd,
    home: cwd,
    stackName: 'local',
    stackHome: join(cwd, 'local'),
    libs: join(cwd, 'lib'),
    config: loadConfig({ file, env, cwd }),
    configFile: file,
    out: (line) => void lines.push(line),
    say: (line) => void lines.push(line),
    terminal: false,
    lines,
  };
}

/** What a function throws or rejects with. */
export async function failureOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return undefined;
}
