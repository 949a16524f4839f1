import { spawn, spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A process as it is recorded: its id and when it began, in the words of the operating system. A process id alone is used again after
 * a while; the two together are not, so a stranger that got the same id is never taken for ours.
 */
export interface ProcessRecord {
  readonly pid: number;
  readonly began: string;
}

/** When the process began, in an opaque form that is only compared; null when there is none, or when it is dead and unreaped. */
export function processBegan(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in brackets may hold anything, so the fields are counted from the last bracket: state is the 3rd, starttime the 22nd.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const state = fields[0];
      const ticks = fields[19];
      if (state === 'Z' || state === 'X' || ticks === undefined) return null;
      return `${bootId()}/${ticks}`;
    } catch {
      return null;
    }
  }
  const answer = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const [state, ...began] = answer.stdout.trim().split(/\s+/);
  return answer.status !== 0 || state === undefined || state.startsWith('Z') ? null : began.join(' ');
}

let knownBootId: string | undefined;

/** Clock ticks since boot say nothing across a reboot, so the id of the boot goes with them. */
function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return knownBootId;
}

/** Records a process that runs now; null when it ended already. */
export function recordProcess(pid: number): ProcessRecord | null {
  const began = processBegan(pid);
  return began === null ? null : { pid, began };
}

export function isAlive(record: ProcessRecord): boolean {
  return processBegan(record.pid) === record.began;
}

/** Processes that carry `marker` as one whole argument of their command line, this one excepted. */
export function findMarked(marker: string): ProcessRecord[] {
  const found: ProcessRecord[] = [];
  for (const [pid, isMarked] of commandLines(marker)) {
    const record = isMarked && pid !== process.pid ? recordProcess(pid) : null;
    if (record !== null) found.push(record);
  }
  return found;
}

function* commandLines(marker: string): Generator<[number, boolean]> {
  if (process.platform === 'linux') {
    for (const name of readdirSync('/proc')) {
      if (!/^[0-9]+$/.test(name)) continue;
      try {
        yield [Number(name), readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes(marker)];
      } catch {
        // It ended in between, or belongs to somebody else.
      }
    }
    return;
  }
  const answer = spawnSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  for (const line of answer.stdout.split('\n')) {
    const match = /^\s*([0-9]+) (.*)$/.exec(line);
    if (match !== null) yield [Number(match[1]), ` ${match[2]} `.includes(` ${marker} `)];
  }
}

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The child is killed when this process ends, however it ends. */
  readonly attached: boolean;
}

/**
 * Takes the settings whose names begin so out of a child's environment: what the user has set for a Kafka, a Node or a Java of
 * their own would change ours.
 */
export function withoutSettings(...prefixes: readonly string[]): Record<string, undefined> {
  const names = Object.keys(process.env).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

/**
 * Starts a server in a session of its own (Ctrl-C in the launcher's terminal does not reach it), its output in the log file.
 * Returns its record, or null when it ended at once (the log says why); `onError` hears when it could not be started at all.
 */
export function spawnServer(options: SpawnOptions, onError: (error: Error) => void): ProcessRecord | null {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const [command, args] = options.attached
      ? tiedToUs(options.command, options.args)
      : [options.command, options.args];
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      detached: true,
      stdio: ['ignore', log, log],
    });
    child.on('error', onError);
    child.unref();
    return child.pid === undefined ? null : recordProcess(child.pid);
  } finally {
    closeSync(log);
  }
}

/**
 * setpriv asks the kernel to kill the server when its parent dies. The shell between them closes the gap: were the parent dead before
 * setpriv asked, nobody would tell. Where there is no setpriv, the next start or stop finds what is left by its marker.
 */
export function tiedToUs(command: string, args: readonly string[]): [string, readonly string[]] {
  const setpriv = process.platform === 'linux' ? findOnPath('setpriv') : null;
  if (setpriv === null) return [command, args];
  return [
    setpriv,
    [
      '--pdeathsig',
      'KILL',
      'sh',
      '-c',
      '[ "$PPID" = "$0" ] || exit 1; exec "$@"',
      String(process.pid),
      command,
      ...args,
    ],
  ];
}

/** The executable of that name on PATH, or null. */
export function findOnPath(name: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Signals the process if it is still the one that was recorded. */
export function sendSignal(record: ProcessRecord, name: NodeJS.Signals): void {
  if (!isAlive(record)) return;
  try {
    process.kill(record.pid, name);
  } catch {
    // It ended in between; or it is not ours to end, which the caller sees because it stays alive.
  }
}

/** Waits until the process is gone, at most so long; true when it is. */
export async function waitUntilGone(record: ProcessRecord, deadlineMs: number): Promise<boolean> {
  const deadline = Date.now() + deadlineMs;
  while (isAlive(record)) {
    if (Date.now() > deadline) return false;
    await sleep(30);
  }
  return true;
}

/** SIGTERM, and SIGKILL after the grace period. True when the process is gone; a process that is gone already is fine. */
export async function endProcess(record: ProcessRecord, graceMs: number): Promise<boolean> {
  sendSignal(record, 'SIGTERM');
  if (await waitUntilGone(record, graceMs)) return true;
  sendSignal(record, 'SIGKILL');
  return await waitUntilGone(record, 10_000);
}
