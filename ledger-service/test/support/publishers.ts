import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import type { StoreChildInput, Won } from './store-child.ts';

const child = join(import.meta.dirname, 'store-child.ts');

/** A publisher in a process of its own. */
export class Publisher {
  readonly won: Won[] = [];
  /** Swaps that resolved to null, and whose notes may have been stored all the same: see `Won.overtaken`. */
  readonly untold: Won[] = [];
  /** The versions of which it said that they are published. */
  readonly published: number[] = [];
  readonly ready: Promise<void>;
  /** What it wrote to standard error, and how it ended. */
  readonly ended: Promise<{ readonly status: number | null; readonly said: string }>;
  readonly #process: ChildProcess;

  constructor(input: StoreChildInput) {
    this.#process = spawn(process.execPath, ['--conditions=@tallystick/source', child, JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    let isReady: () => void = () => {};
    this.ready = new Promise((resolve) => (isReady = resolve));
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      if (line === 'ready') isReady();
      else if (line.startsWith('published ')) this.published.push(Number(line.slice(10)));
      else {
        const swap = JSON.parse(line) as Won;
        (swap.overtaken === undefined ? this.won : this.untold).push(swap);
      }
    });
    this.ended = once(this.#process, 'close').then(([status]) => ({ status: status as number | null, said }));
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}

/**
 * Runs them to their end, and returns the swaps that stored their notes, by their versions: those that were won, and of those that
 * resolved to null the ones that the next version names as what it replaced.
 */
export async function runPublishers(inputs: readonly StoreChildInput[]): Promise<Won[]> {
  const publishers = inputs.map((input) => new Publisher(input));
  for (const { ended } of publishers) expect(await ended).toEqual({ status: 0, said: '' });
  const stored = publishers.flatMap(({ won }) => won).sort((one, other) => one.version - other.version);
  expect(stored).toHaveLength(inputs.reduce((sum, { wins }) => sum + wins, 0));
  const untold = publishers.flatMap((publisher) => publisher.untold);
  for (let at = stored.length - 1; at >= 0; at -= 1) {
    const { version, from } = stored[at]!;
    if (version === 1 || stored[at - 1]?.version === version - 1) continue;
    // Nobody won the version before it: then somebody's note is there who was overtaken by too many to be told.
    const found = untold.filter((one) => one.version === version - 1 && one.sha256 === from);
    expect(found, `who stored version ${version - 1}, which version ${version} replaced`).toHaveLength(1);
    stored.splice(at, 0, ...found);
    at += 1;
  }
  return stored;
}

/** Each version was stored once, none is missing, and each took the place of the one before it. */
export function expectOneChain(stored: readonly Won[]): void {
  expect(stored.map(({ version }) => version)).toEqual(stored.map((_, at) => at + 1));
  expect(new Set(stored.map(({ sha256 }) => sha256)).size).toBe(stored.length);
  for (const [at, { version, from }] of stored.entries())
    expect(from, `version ${version}`).toBe(at === 0 ? null : stored[at - 1]?.sha256);
}
