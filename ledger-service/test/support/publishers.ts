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
      else this.won.push(JSON.parse(line) as Won);
    });
    this.ended = once(this.#process, 'close').then(([status]) => ({ status: status as number | null, said }));
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}

/** Runs them to their end, and returns all swaps that were won, by their versions. */
export async function runPublishers(inputs: readonly StoreChildInput[]): Promise<Won[]> {
  const publishers = inputs.map((input) => new Publisher(input));
  for (const { ended } of publishers) expect(await ended).toEqual({ status: 0, said: '' });
  return publishers.flatMap(({ won }) => won).sort((one, other) => one.version - other.version);
}

/** Each version was won once, none is missing, and each took the place of the one before it. */
export function expectOneChain(won: readonly Won[]): void {
  expect(won.map(({ version }) => version)).toEqual(won.map((_, at) => at + 1));
  expect(new Set(won.map(({ sha256 }) => sha256)).size).toBe(won.length);
  for (const [at, { version, from }] of won.entries())
    expect(from, `version ${version}`).toBe(at === 0 ? null : won[at - 1]?.sha256);
}
