import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatCheckpoint } from '@tallystick/core/checkpoint';
import { decodeBase64 } from '@tallystick/core/encoding';
import { formatSignatureLine, type NoteSignature, type NoteSigner, parseNote, signNote } from '@tallystick/core/note';
import { parseEntryBundle } from '@tallystick/core/tiles';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import type { Verdict } from '@tallystick/verifier/verdict';
import { expect } from 'vitest';
import { Site } from '../../cli/test/site.ts';
import { rootOf, tilesOf } from '../../verifier/test/support/tiny-log.ts';

const main = join(import.meta.dirname, '..', '..', 'cli', 'src', 'main.ts');
export const witnessNames = ['a', 'b', 'c'] as const;

/** What `tallystick verify --json` said, and how it ended. */
export interface Said extends Pick<Verdict, 'findings' | 'anchoredTo' | 'published'> {
  readonly exitCode: number;
  readonly error?: { readonly code: string };
}

/**
 * A log that the command made: sealed and published on real Kafka, cosigned by two of three witnesses in processes of their own, served over HTTP.
 * Its files lie in `dir`, where somebody alters them.
 */
export class LiveLog {
  readonly site = new Site();
  readonly dir = join(this.site.folder, 'local', 'log');
  readonly policyFile = join(this.site.folder, 'policy.txt');
  /** Where `serve` answers. */
  url = '';
  vkeys: Record<string, string> = {};
  private readonly witnesses = new Map<string, ChildProcess>();
  private urls: Record<string, string> = {};
  private runs = 0;

  async begin(): Promise<void> {
    const { site } = this;
    await site.begin();
    for (const name of witnessNames) await this.startWitness(name);
    writeFileSync(this.policyFile, this.policy());
  }

  /** A policy that asks for two of the three, some keys replaced. */
  policy(over: Partial<Record<string, string>> = {}, quorum = 'two'): string {
    const lines = witnessNames.map((name) => `witness ${name} ${over[name] ?? this.vkeys[name]} ${this.urls[name]}`);
    const [log] = this.site.installation.logVkeys;
    return [`log ${over['log'] ?? log}`, ...lines, 'group two 2 a b c', `quorum ${quorum}`, ''].join('\n');
  }

  private async startWitness(name: string): Promise<void> {
    const { folder, installation } = this.site;
    const command = ['--conditions=@tallystick/source', main, 'witness'];
    const made = ['--new-key', `${name}.key`, '--name', `witness.example/${name}`, '--new-state', `w-${name}`];
    expect(spawnSync(process.execPath, [...command, ...made], { cwd: folder }).status).toBe(0);
    const [log = ''] = installation.logVkeys;
    const args = ['--log', log, '--key', `${name}.key`, '--state', `w-${name}`, '--listen', '127.0.0.1:0'];
    const child = spawn(process.execPath, [...command, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    this.witnesses.set(name, child);
    let text = '';
    const [, vkey = '', url = ''] = await new Promise<RegExpExecArray>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const told = /^vkey (\S+)\nurl {2}(\S+)\n/.exec(text);
        if (told !== null) resolve(told);
      });
      child.once('close', (code) => reject(new Error(`witness ${name} ended with ${code}`)));
    });
    this.vkeys[name] = vkey;
    this.urls[name] = url;
  }

  /** Where a witness shows the checkpoint that it cosigned last. */
  witnessed(name: string): string {
    const hash = createHash('sha256').update(this.site.origin).digest('hex');
    return `${this.urls[name]}/${hash}/checkpoint`;
  }

  endWitness(name: string): void {
    this.witnesses.get(name)?.kill('SIGKILL');
  }

  /** Runs the command as a user does. */
  async verify(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
    const { code, out, errors } = await this.site.run(['verify', '--json', ...args], env);
    if (!out.startsWith('{')) throw new Error(`no verdict: ${code} ${out} ${errors}`);
    const said = JSON.parse(out) as Said;
    expect(code).toBe(said.exitCode);
    return said;
  }

  /** What an earlier run accepted, in a folder of its own. */
  anchor(of: string): string {
    const folder = join(this.site.folder, `anchor-${this.runs++}`);
    mkdirSync(folder);
    for (const end of ['', '.key']) cpSync(join(this.site.folder, `${of}${end}`), join(folder, `anchor.json${end}`));
    return join(folder, 'anchor.json');
  }

  /** Copies the published files away, under a name. */
  keep(name: string): void {
    cpSync(this.dir, join(this.site.folder, name), { recursive: true });
  }

  putBack(name: string): void {
    rmSync(this.dir, { recursive: true });
    cpSync(join(this.site.folder, name), this.dir, { recursive: true });
  }

  get checkpoint(): Buffer {
    return readFileSync(join(this.dir, 'checkpoint'));
  }

  set checkpoint(note: Uint8Array) {
    writeFileSync(join(this.dir, 'checkpoint'), note);
  }

  get size(): number {
    return Number(this.checkpoint.toString().split('\n')[1]);
  }

  entries(): Buffer[] {
    const { size } = this;
    const entries: Buffer[] = [];
    while (entries.length < size) {
      const width = Math.min(256, size - entries.length);
      const name = `tile/entries/${String(entries.length / 256).padStart(3, '0')}${width < 256 ? `.p/${width}` : ''}`;
      entries.push(...parseEntryBundle(readFileSync(join(this.dir, name)), width).map((entry) => Buffer.from(entry)));
    }
    return entries;
  }

  /** Flips a bit of a byte of a file; from its end where `at` is negative. */
  flip(path: string, at: number): void {
    const file = join(this.dir, path);
    const bytes = readFileSync(file);
    const place = at < 0 ? bytes.length + at : at;
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  }

  get logSigner(): NoteSigner {
    return openFileSigner(this.site.installation.logKeyFile ?? '');
  }

  get sealSigner(): NoteSigner {
    return openFileSigner(this.site.installation.sealKeyFile);
  }

  /** A checkpoint as who holds a key signs it. */
  async signed(size: number, root: string, signer = this.logSigner): Promise<Uint8Array> {
    const { origin } = this.site;
    return await signNote(formatCheckpoint({ origin, size, root: decodeBase64(root), extensions: [] }), signer);
  }

  /** Publishes a log of other entries, all of it in order, as who holds the log key can. */
  async publish(entries: readonly Buffer[]): Promise<void> {
    rmSync(this.dir, { recursive: true });
    for (const [path, bytes] of tilesOf(entries)) {
      mkdirSync(dirname(join(this.dir, path)), { recursive: true });
      writeFileSync(join(this.dir, path), bytes);
    }
    this.checkpoint = await this.signed(entries.length, rootOf(entries));
  }

  /** The checkpoint with other signature lines. */
  withLines(change: (lines: readonly NoteSignature[]) => readonly NoteSignature[]): void {
    const { text, signatures } = parseNote(this.checkpoint);
    const lines = change(signatures).map((line) => `${formatSignatureLine(line)}\n`);
    this.checkpoint = Buffer.from(`${text}\n${lines.join('')}`);
  }

  /** Every published file, by its path. */
  files(): Map<string, Buffer> {
    const found = readdirSync(this.dir, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    return new Map(
      found.map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        return [path.slice(this.dir.length + 1), readFileSync(path)];
      }),
    );
  }

  async end(): Promise<void> {
    for (const child of this.witnesses.values()) child.kill('SIGKILL');
    await this.site.end();
  }
}
