import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from './errors.ts';
import { lastLines, readIfThere, writeAtomically } from './files.ts';
import { choosePort, ownsPort } from './ports.ts';
import { probeHttp } from './probes.ts';
import { endProcess, isAlive, spawnServer, withoutSettings } from './processes.ts';
import type { ProcessRecord } from './processes.ts';
import { ensureS3Server } from './s3-binary.ts';

export interface S3ServerOptions {
  /** A folder of its own: objects, log, the record of the process. */
  readonly home: string;
  /** The folder of downloaded programs that all stacks share. */
  readonly libs: string;
  /** The server is killed when this process ends, however it ends. */
  readonly attached?: boolean;
  readonly onProgress?: (line: string) => void;
}

/** A running S3 server on loopback, and the one user that it knows. It has no buckets at first. */
export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly record: ProcessRecord;
  readonly logFile: string;
  /** Ends the server; its objects stay in the folder. */
  stop(): Promise<void>;
}

const startDeadlineMs = 60_000;
const graceMs = 5_000;
const region = 'us-east-1';

/**
 * Starts an S3 server (versitygw) on a free port of 127.0.0.1, its objects as files in `home`. `up` and `demo` never do: it is for tests and
 * for trying out a log in a bucket. One that this folder's last start left running is ended first.
 * GO_MISSING and S3_SERVER_BUILD_FAILED: it cannot be had on this machine. STACK_PART_FAILED quotes its log.
 */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const { onProgress = () => {}, attached = true } = options;
  const home = resolve(options.home);
  const program = await ensureS3Server(options.libs, onProgress);
  const objects = join(home, 'objects');
  const versions = join(home, 'versions');
  for (const folder of [home, objects, versions]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  await endLast(home);
  const accessKeyId = `local-${randomBytes(6).toString('hex')}`;
  const secretAccessKey = randomBytes(24).toString('base64url');
  const logFile = join(home, 's3.log');
  const taken = new Set<number>();
  for (let attempt = 1; ; attempt += 1) {
    const port = await choosePort(undefined, taken);
    taken.add(port);
    const began = Date.now();
    let spawnError: Error | null = null;
    const record = spawnServer(
      {
        command: program,
        args: ['--port', `127.0.0.1:${port}`, '--health', '/health', 'posix', '--versioning-dir', versions, objects],
        cwd: home,
        logFile,
        attached,
        env: {
          ...withoutSettings('VGW_', 'AWS_', 'ROOT_'),
          ROOT_ACCESS_KEY: accessKeyId,
          ROOT_SECRET_KEY: secretAccessKey,
        },
      },
      (error) => (spawnError = error),
    );
    if (record !== null) writeAtomically(recordFile(home), JSON.stringify(record));
    if (record !== null && (await answers(record, port))) {
      const endpoint = `http://127.0.0.1:${port}`;
      onProgress(`s3: ready at ${endpoint} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
      return {
        endpoint,
        region,
        accessKeyId,
        secretAccessKey,
        record,
        logFile,
        stop: async () => await end(home, record),
      };
    }
    if (record !== null) await end(home, record);
    // The port may have been taken by somebody else in between.
    if (attempt < 3) continue;
    const lines = lastLines(logFile);
    const why = spawnError === null ? '' : ` (${String(spawnError)})`;
    throw new InfraError(
      'STACK_PART_FAILED',
      `s3: it did not start${why}. The last lines of its log:\n  ${lines.join('\n  ')}\nThe whole log: ${logFile}`,
      { evidence: { part: 's3', logFile, lines } },
    );
  }
}

async function answers(record: ProcessRecord, port: number): Promise<boolean> {
  const deadline = Date.now() + startDeadlineMs;
  while (isAlive(record) && Date.now() < deadline) {
    if ((await probeHttp(`http://127.0.0.1:${port}/health`)) && ownsPort(record.pid, port) !== false) return true;
    await sleep(50);
  }
  return false;
}

async function end(home: string, record: ProcessRecord): Promise<void> {
  if (!(await endProcess(record, graceMs)))
    throw new InfraError('STACK_STOP_FAILED', `s3 (process ${record.pid}) still runs after SIGKILL; end it by hand`, {
      evidence: { pid: record.pid },
    });
  rmSync(recordFile(home), { force: true });
}

function recordFile(home: string): string {
  return join(home, 's3.json');
}

async function endLast(home: string): Promise<void> {
  const text = readIfThere(recordFile(home));
  if (text === null) return;
  const record: ProcessRecord = JSON.parse(text);
  await end(home, record);
}
