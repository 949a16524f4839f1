import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive, recordProcess, type ProcessRecord } from '@tallystick/infra/local/processes';
import { stopStack } from '@tallystick/infra/local/stack';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { mustExist, runDemo } from '../demo/demo.ts';
import { Story } from '../demo/steps.ts';
import { stopServices } from '../services.ts';

const samples = ['cloudtrail-otrf.ndjson', 'cloudtrail-stratus.ndjson'].map((name) =>
  fileURLToPath(import.meta.resolve(`../../sample/${name}`)),
);

/** The demo in a stack of its own: `given` holds no configuration. All that it starts ends with it. */
export async function demoCommand(given: Context, flags: { json?: boolean }): Promise<number> {
  mustExist(samples);
  await removeLeftovers(given);
  const stackName = `demo-${randomBytes(4).toString('hex')}`;
  const stackHome = join(given.home, stackName);
  // Services take settings from the folder they run in too: this one has none.
  const context: Context = { ...given, stackName, stackHome, cwd: stackHome };
  const began = Date.now();
  const story = new Story((line) => context.out(line));
  mkdirSync(stackHome, { recursive: true, mode: 0o700 });
  writeFileSync(ownerFile(stackHome), JSON.stringify(recordProcess(process.pid)));

  const interrupted = new Promise<never>((_, reject) => {
    // Not once: a Ctrl-C comes from the terminal and again from npm, and a second one would end the stopping half-way.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => reject(new CliError('INTERRUPTED', `the demo was ended by ${signal}`)));
  });
  const demo = runDemo(context, story, samples);
  try {
    const summary = await Promise.race([demo, interrupted]);
    story.step('Stopping everything');
    await stopAll(context);
    const seconds = Math.round((Date.now() - began) / 100) / 10;
    story.line(
      `${summary.events} events, ${summary.sealed} of them sealed and verified${summary.rows === null ? '' : `, ${summary.rows} rows in ClickHouse`}; one altered byte, and the verifier named offset ${summary.tamperedOffset}. ${seconds} s.`,
    );
    if (flags.json === true) context.out(JSON.stringify({ ...summary, seconds }));
    return 0;
  } catch (error) {
    if (error instanceof CliError && error.code === 'INTERRUPTED') context.say(`${error.message}: stopping everything`);
    throw error;
  } finally {
    await stopAll(context);
  }
}

async function stopAll(context: Context): Promise<void> {
  if (!existsSync(context.stackHome)) return;
  await stopServices(context);
  await stopStack(context.stackHome);
  rmSync(context.stackHome, { recursive: true, force: true });
}

function ownerFile(stackHome: string): string {
  return join(stackHome, 'demo-owner.json');
}

/** A demo that was killed could not remove its folder, nor end what is not tied to it everywhere: the next one does. */
async function removeLeftovers(given: Context): Promise<void> {
  if (!existsSync(given.home)) return;
  for (const name of readdirSync(given.home).filter((entry) => /^demo-[0-9a-f]{8}$/.test(entry))) {
    const stackHome = join(given.home, name);
    let owner: ProcessRecord | null = null;
    try {
      owner = JSON.parse(readFileSync(ownerFile(stackHome), 'utf8')) as ProcessRecord | null;
    } catch {
      // It was killed before it wrote the file, or is just making it: only a folder that says whose it was is removed.
      continue;
    }
    if (owner === null || !isAlive(owner)) await stopAll({ ...given, stackName: name, stackHome });
  }
}
