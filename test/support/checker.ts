import { execFile, spawnSync, type ExecFileOptions } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../infra/local/processes.ts';

const root = join(import.meta.dirname, '..', '..');
export const sources = join(root, 'checker');
const oldest = [1, 22] as const;

/** `go` where there is one that can build the checker. Where there is not, a line says why its tests are skipped. */
export function findGo(): string | null {
  const go = findOnPath('go');
  const version = go === null ? '' : spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8', env }).stdout.trim();
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return go;
  const found = go === null ? 'no "go" on PATH' : `${go} is ${version || 'no Go'}`;
  process.stderr.write(
    `The second implementation is not tested: ${found}, and it takes Go ${oldest.join('.')} or later.\n`,
  );
  return null;
}

/** Nothing is downloaded, by Go's own choice of another Go neither. */
const env = {
  ...process.env,
  GOFLAGS: '-mod=mod',
  GOPROXY: 'off',
  GOTOOLCHAIN: 'local',
  GOENV: 'off',
  GOWORK: 'off',
  CGO_ENABLED: '0',
  GOCACHE: join(root, '.tallystick', 'go-cache'),
};

/** Runs a command of Go's on the checker; throws what it said where it fails. */
export function goCommand(go: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(go, args, { cwd: sources, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`go ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

export interface Answer {
  readonly exit: number;
  /** What it printed. */
  readonly text: string;
}

/** The second implementation, built from its sources. */
export class Checker {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tallystick-checker-'));
  readonly #program = join(this.#folder, 'checker');
  readonly #tests = join(this.#folder, 'checker.test');
  readonly #go: string;

  constructor(go: string) {
    this.#go = go;
    goCommand(go, 'build', '-o', this.#program, '.');
  }

  /** Its own test of a folder of vectors: a line a folder, and one for each vector with which it does not agree. */
  async vectors(dir: string): Promise<Answer> {
    if (!existsSync(this.#tests)) goCommand(this.#go, 'test', '-c', '-o', this.#tests, '.');
    const more = { env: { ...env, CHECKER_VECTORS: dir }, cwd: sources };
    return await answerOf(this.#tests, ['-test.run', '^TestVectors$'], more);
  }

  /** Not synchronous, for the server that it asks may be in this process. */
  async run(...args: readonly string[]): Promise<Answer> {
    return await answerOf(this.#program, args);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function answerOf(program: string, args: readonly string[], more: ExecFileOptions = {}): Promise<Answer> {
  const options = { ...more, encoding: 'utf8', timeout: 60_000 } as const;
  return await new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const exit = error === null ? 0 : error.code;
      if (typeof exit === 'number') resolve({ exit, text: stdout + stderr });
      else reject(new Error(`the checker did not end by itself: ${stdout}${stderr}`, { cause: error }));
    });
  });
}
