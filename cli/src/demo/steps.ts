import { CliError } from '../errors.ts';

/** Tells the story of the demo on standard output: numbered steps, and under each what was seen. */
export class Story {
  #step = 0;
  readonly #write: (line: string) => void;
  readonly #began = Date.now();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  step(title: string): void {
    this.#step += 1;
    this.#write('');
    this.#write(`${String(this.#step).padStart(2)}. ${title}  (${this.seconds} s)`);
  }

  line(text: string): void {
    for (const one of text.split('\n')) this.#write(`    ${one}`);
  }

  get seconds(): number {
    return Math.round((Date.now() - this.#began) / 1000);
  }
}

/** @throws CliError DEMO_FAILED, with the evidence in the message too: nobody sees the fields of an error that ends the demo */
export function must(condition: boolean, what: string, evidence?: unknown): asserts condition {
  if (!condition) fail(what, evidence);
}

export function fail(what: string, evidence?: unknown): never {
  const seen = evidence === undefined ? '' : ` (seen: ${JSON.stringify(evidence)})`;
  throw new CliError('DEMO_FAILED', `the demo did not give what it must: ${what}${seen}`);
}

/** Asks until the answer is there. @throws CliError DEMO_FAILED after the deadline, with what was seen last */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  look: () => Promise<T | null> | T | null,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (Date.now() > end)
      throw new CliError('DEMO_FAILED', `the demo waited ${deadlineMs / 1000} s in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
