/** `line`: one line of a terminal that is written over. `lines`: a line now and then, for a file or a pipe. */
export type ProgressMode = 'line' | 'lines' | 'none';

export interface ProgressLine {
  update(text: string): void;
  clear(): void;
}

/** Between two updates, ms. */
const every = { line: 100, lines: 10_000, none: Number.POSITIVE_INFINITY } as const;

export interface ProgressOptions {
  readonly write?: (text: string) => void;
  /** Of the terminal; undefined where that is not known. */
  readonly columns?: () => number | undefined;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

/** How far something is, on standard error. As lines the first comes ten seconds after the first update: what is done sooner says nothing. */
export function progressLine(
  mode: ProgressMode,
  {
    write = (text) => void process.stderr.write(text),
    columns = () => process.stderr.columns,
    now = () => performance.now(),
  }: ProgressOptions = {},
): ProgressLine {
  let last: number | null = null;
  let dirty = false;
  return {
    update(text) {
      const at = now();
      last ??= mode === 'line' ? Number.NEGATIVE_INFINITY : at;
      if (at - last < every[mode]) return;
      last = at;
      if (mode === 'lines') return write(`${text}\n`);
      dirty = true;
      // A line that wraps could not be written over. Some terminals say that they have 0 columns.
      write(`\r\u001B[2K${text.slice(0, Math.max(20, (columns() || 80) - 1))}`);
    },
    clear() {
      if (dirty) write('\r\u001B[2K');
      dirty = false;
    },
  };
}

/** Who asks for JSON is a program, which waits without being told. */
export function progressMode(terminal: boolean, json = false): ProgressMode {
  return json ? 'none' : terminal ? 'line' : 'lines';
}
