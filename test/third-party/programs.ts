import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../infra/local/processes.ts';
import type { Answer } from '../support/checker.ts';

// Software of others, built by Go's own client from the versions that go.sum pins: see programs/main.go and manifests/main.go.

const root = join(import.meta.dirname, '..', '..');
const oldest = [1, 25] as const;
const env = {
  ...process.env,
  GOFLAGS: '-mod=readonly',
  GOTOOLCHAIN: 'local',
  GOWORK: 'off',
  CGO_ENABLED: '0',
  GOCACHE: join(root, '.tallystick', 'go-cache'),
};

function go(
  program: string,
  cwd: string,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
): { ok: boolean; text: string } {
  const options = { cwd, encoding: 'utf8', env: { ...env, ...more }, timeout: 240_000 } as const;
  const { status, stdout, stderr } = spawnSync(program, args, options);
  return { ok: status === 0, text: `${stdout}${stderr}`.trim() };
}

/**
 * Builds the programs of a Go module beside this file. null, and a line that says why, where there is no Go that can or where its modules
 * cannot be had; that the programs do not build is an error.
 */
export function buildPrograms(module: 'programs' | 'manifests' = 'programs'): Programs | null {
  const sources = join(import.meta.dirname, module);
  const program = findOnPath('go');
  const version = program === null ? '' : go(program, sources, ['env', 'GOVERSION']).text;
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (program === null || major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    return skipped(`Go ${oldest.join('.')} or later is needed, and ${program ?? '"go"'} is ${version || 'not there'}`);
  const modules = go(program, sources, ['mod', 'download']);
  if (!modules.ok) return skipped(`its modules cannot be had: ${modules.text.split('\n').at(-1)}`);
  const folder = mkdtempSync(join(tmpdir(), 'tallystick-third-party-'));
  const built = go(program, sources, ['build', '-o', join(folder, 'third-party'), '.'], { GOPROXY: 'off' });
  if (!built.ok) throw new Error(`go build: ${built.text}`);
  return new Programs(folder);
}

function skipped(why: string): null {
  process.stderr.write(`notice  software of others is not tried on what is ours: ${why}\n`);
  return null;
}

/** The programs, built. */
export class Programs {
  readonly #folder: string;
  readonly #program: string;
  readonly #children = new Set<ChildProcess>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#program = join(folder, 'third-party');
  }

  /** Runs one to its end; 3 where it did not end in time by its own measure. */
  async run(...args: readonly string[]): Promise<Answer> {
    return await new Promise((resolve, reject) => {
      execFile(this.#program, args, { encoding: 'utf8', timeout: 90_000 }, (error, stdout, stderr) => {
        const exit = error === null ? 0 : error.code;
        if (typeof exit === 'number') resolve({ exit, text: stdout + stderr });
        else reject(new Error(`${args[0]} did not end by itself: ${stdout}${stderr}`, { cause: error }));
      });
    });
  }

  /** Starts transparency-dev's witness for one log. */
  async startWitness(logKey: string): Promise<{ readonly vkey: string; readonly url: string }> {
    const child = spawn(this.#program, ['witness', logKey], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.add(child);
    let text = '';
    return await new Promise((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const [, vkey, url] = /^vkey (\S+)\nurl (\S+)\n/.exec(text) ?? [];
        if (vkey !== undefined && url !== undefined) resolve({ vkey, url });
      });
      child.on('close', (code) => reject(new Error(`the witness ended with ${code}`)));
    });
  }

  /** Ends what still runs and removes the programs. */
  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
