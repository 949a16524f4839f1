import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
// By path: vitest loads this file in an environment of its own that does not know the workspace's export condition.
import { isAlive, recordProcess } from '../infra/local/processes.ts';
import type { ProcessRecord } from '../infra/local/processes.ts';
import { readStack, startStack, stopStack } from '../infra/local/stack.ts';
import type { StackInfo } from '../infra/local/stack.ts';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackInfo;
  }
}

const state = join(dirname(import.meta.dirname), '.tallystick');

/**
 * One real stack for all integration tests of a run, in a folder of its own that is deleted afterwards. Its servers die with this
 * process, however it ends; the folder of a run that was killed is removed by the next one.
 * TALLYSTICK_TEST_STACK=<home of a running stack> is used as it is instead, and left running.
 */
export default async function globalStack(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const reused = process.env['TALLYSTICK_TEST_STACK'];
  if (reused !== undefined && reused !== '') {
    const info = readStack(reused);
    if (info === null || info.kafka === null)
      throw new Error(`TALLYSTICK_TEST_STACK=${reused}: no stack runs there; start it, or unset the variable`);
    project.provide('stack', info);
    return undefined;
  }
  const folder = join(state, 'test');
  await removeAbandoned(folder);
  const home = join(folder, randomBytes(6).toString('hex'));
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(ownerFile(home), JSON.stringify(recordProcess(process.pid)));
  const remove = async () => {
    await stopStack(home);
    rmSync(home, { recursive: true, force: true });
  };
  // Ctrl-C: vitest runs the teardown; where it does not get that far, at least the folder goes. The servers are tied to this process.
  const removeAtExit = () => rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeAtExit);
  try {
    const info = await startStack({
      home,
      libs: join(state, 'lib'),
      attached: true,
      onProgress: (line) => process.stderr.write(`stack  ${line}\n`),
    });
    project.provide('stack', info);
  } catch (error) {
    await remove();
    throw error;
  }
  return async () => {
    await remove();
    process.removeListener('exit', removeAtExit);
  };
}

function ownerFile(home: string): string {
  return join(home, 'owner.json');
}

/** Stops and removes the stacks of runs whose process is gone. */
async function removeAbandoned(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const home = join(folder, name);
    const owner = readOwner(home);
    if (owner === null || isAlive(owner)) continue;
    await stopStack(home);
    rmSync(home, { recursive: true, force: true });
  }
}

function readOwner(home: string): ProcessRecord | null {
  try {
    const owner: ProcessRecord = JSON.parse(readFileSync(ownerFile(home), 'utf8'));
    return owner;
  } catch {
    // Not a folder of ours, or one that another run is just making or removing.
    return null;
  }
}
