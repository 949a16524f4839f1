import { createHash } from 'node:crypto';

/** Everything that happens in a simulated world, in order: two runs of one seed are the same if their hashes are. */
export class Trace {
  readonly #hash = createHash('sha256');
  #digest: string | null = null;
  readonly #print: ((line: string) => void) | null;

  /** @param print is given every line; null: only the hash is kept */
  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  add(time: number, what: string): void {
    const line = `${time.toFixed(3)} ${what}`;
    if (this.#digest === null) this.#hash.update(`${line}\n`);
    this.#print?.(line);
  }

  /** Hex: of what was added until this was first asked for. */
  digest(): string {
    return (this.#digest ??= this.#hash.digest('hex'));
  }
}
