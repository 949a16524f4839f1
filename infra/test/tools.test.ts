import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { clickhouseUnavailable } from '../local/clickhouse-part.ts';
import { findJava, findMaven } from '../local/java.ts';
import { ensureLibs } from '../local/libs.ts';
import { ownsPort } from '../local/ports.ts';
import { probeHttp, probeKafka } from '../local/probes.ts';
import { readStack, startKafka, stackStatus, startStack, stopKafka, stopStack, wipeStack } from '../local/stack.ts';

let folder: string;
let bin: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallystick-infra-'));
  bin = join(folder, 'bin');
  mkdirSync(bin);
  vi.stubEnv('JAVA_HOME', undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A program of that name, first on PATH; with `alone`, nothing else is on PATH but the shell's own folder. */
function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}
const onlyOurs = () => vi.stubEnv('PATH', bin);
const oursFirst = () => vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);

describe('Java', () => {
  test('that is missing is one sentence that says what to do', () => {
    onlyOurs();
    expect(() => findJava()).toThrow(
      expect.objectContaining({
        code: 'JAVA_MISSING',
        message: expect.stringMatching(/^[^\n]*apt install openjdk-17-jre-headless[^\n]*$/),
      }),
    );
  });

  test('that is too old is named with its version', () => {
    program('java', `echo 'openjdk version "11.0.2"' >&2`);
    onlyOurs();
    expect(() => findJava()).toThrow(
      expect.objectContaining({ code: 'JAVA_TOO_OLD', message: expect.stringMatching(/Java 11: install it/) }),
    );
  });

  test('that does not work is as good as missing (macOS has such a one)', () => {
    program('java', 'echo "Unable to locate a Java Runtime." >&2; exit 1');
    onlyOurs();
    expect(() => findJava()).toThrow(expect.objectContaining({ code: 'JAVA_MISSING' }));
  });

  test('is taken from JAVA_HOME before PATH', () => {
    program('java', `echo 'openjdk version "17.0.1"' >&2`);
    vi.stubEnv('JAVA_HOME', folder);
    expect(findJava()).toBe(join(bin, 'java'));
  });

  test('stops a start before anything is made', async () => {
    onlyOurs();
    const home = join(folder, 'stack');
    await expect(startStack({ home, libs: join(folder, 'libs') })).rejects.toMatchObject({ code: 'JAVA_MISSING' });
    expect(existsSync(home)).toBe(false);
  });
});

const libs = () => join(folder, 'libs');

describe('the download', () => {
  const out = 'for a; do case "$a" in -Dstack.out=*) out="${a#-Dstack.out=}";; esac; done';

  test('without Maven is one sentence that says what to do', async () => {
    onlyOurs();
    expect(() => findMaven()).toThrow(
      expect.objectContaining({
        code: 'MAVEN_MISSING',
        message: expect.stringMatching(/^[^\n]*apt install maven[^\n]*$/),
      }),
    );
    await expect(ensureLibs(libs(), () => {})).rejects.toMatchObject({ code: 'MAVEN_MISSING' });
    expect(existsSync(libs())).toBe(false);
  });

  test('that fails quotes Maven’s errors and leaves nothing that counts as complete', async () => {
    program(
      'mvn',
      `${out}; mkdir -p "$out/kafka"; echo '[INFO] fine'; echo '[ERROR] Could not transfer artifact: proxy.example: Name or service not known'; exit 1`,
    );
    oursFirst();
    const failed = expect.objectContaining({
      code: 'LIBS_DOWNLOAD_FAILED',
      message: expect.stringContaining('proxy.example'),
    });
    await expect(ensureLibs(libs(), () => {})).rejects.toEqual(failed);
    await expect(ensureLibs(libs(), () => {})).rejects.toEqual(failed);
    expect(readdirSync(libs()).filter((name) => !name.startsWith('partial-'))).toEqual([]);
  });

  test('that was cut off is done again, and what it left is removed', async () => {
    mkdirSync(join(libs(), 'partial-x-1'), { recursive: true });
    program('mvn', `${out}; mkdir -p "$out/kafka" "$out/registry"`);
    oursFirst();
    const found = await ensureLibs(libs(), () => {});
    expect(existsSync(found.kafka) && existsSync(found.registry)).toBe(true);
    expect(readdirSync(libs())).toHaveLength(1);
  });

  test('happens once for two that want it at once, and not again', async () => {
    program(
      'mvn',
      `${out}; echo called >> ${JSON.stringify(join(folder, 'calls'))}; sleep 0.3; mkdir -p "$out/kafka" "$out/registry"; echo 'Downloaded from central: https://r/x.jar (1.5 MB at 1 MB/s)'`,
    );
    oursFirst();
    const lines: string[] = [];
    const both = await Promise.all([
      ensureLibs(libs(), (line) => lines.push(line)),
      ensureLibs(libs(), (line) => lines.push(line)),
    ]);
    expect(both[0]).toEqual(both[1]);
    onlyOurs();
    rmSync(join(bin, 'mvn'));
    expect(await ensureLibs(libs(), (line) => lines.push(`again ${line}`))).toEqual(both[0]);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('called\n');
    expect(lines.filter((line) => line.includes('complete'))).toEqual([
      expect.stringMatching(/^libraries: complete, 1 files, 2 MB \([0-9]+ s\)$/),
    ]);
    expect(lines.some((line) => line.includes('waiting'))).toBe(true);
    expect(lines.some((line) => line.startsWith('again'))).toBe(false);
  });
});

describe('ClickHouse', () => {
  const as = (name: 'platform' | 'arch', value: string) => {
    const original = Object.getOwnPropertyDescriptor(process, name);
    if (original === undefined) throw new Error(name);
    Object.defineProperty(process, name, { ...original, value });
    try {
      return clickhouseUnavailable();
    } finally {
      Object.defineProperty(process, name, original);
    }
  };

  test.each([
    ['platform', 'darwin', 'this is darwin on'],
    ['arch', 'arm64', 'on arm64'],
  ] as const)('where %s is %s cannot be had, which is one sentence that says what to do', (name, value, said) => {
    expect(as(name, value)).toMatch(
      /^ClickHouse comes as a library for Linux on x86-64 only[^\n]*Name a ClickHouse server of your own/,
    );
    expect(as(name, value)).toContain(said);
  });
});

describe('a folder without a stack', () => {
  test('can be stopped, asked and read, and is not made by that', async () => {
    const home = join(folder, 'none');
    await stopStack(home);
    await wipeStack(home);
    expect(await stackStatus(home)).toEqual({ home, known: false, parts: [], info: null });
    expect(readStack(home)).toBeNull();
    await expect(startKafka(home)).rejects.toMatchObject({ code: 'STACK_NOT_STARTED' });
    await expect(stopKafka(home)).rejects.toMatchObject({ code: 'STACK_NOT_STARTED' });
    expect(existsSync(home)).toBe(false);
  });

  test('is never wiped', async () => {
    writeFileSync(join(folder, 'mine.txt'), 'mine');
    await expect(wipeStack(folder)).rejects.toMatchObject({ code: 'STACK_NOT_STARTED' });
    expect(readFileSync(join(folder, 'mine.txt'), 'utf8')).toBe('mine');
  });
});

/** Lets a server answer the first bytes with that (null: with the end of the connection), and checks that nothing answers once it is closed. */
async function serve(answer: string | Buffer | null, work: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => (answer === null ? socket.destroy() : socket.end(answer)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  await work(address.port);
  server.close();
  await once(server, 'close');
  expect(await probeKafka(address.port)).toBe(false);
  expect(await probeHttp(`http://127.0.0.1:${address.port}/`)).toBe(false);
}

const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;

describe('the probes', () => {
  test('take nobody else for Kafka', async () => {
    await serve('HTTP/1.1 400 Bad Request\r\n\r\n', async (port) => expect(await probeKafka(port)).toBe(false));
    await serve(null, async (port) => expect(await probeKafka(port)).toBe(false));
    await serve(Buffer.from([0, 0, 0, 6, 0, 0, 0, 7, 0, 35]), async (port) =>
      expect(await probeKafka(port)).toBe(false),
    );
    await serve(Buffer.from([0, 0, 0, 10, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0]), async (port) =>
      expect(await probeKafka(port)).toBe(true),
    );
  });

  test('take nobody else for ClickHouse', async () => {
    await serve(ok('Ok.\n'), async (port) =>
      expect(await probeHttp(`http://127.0.0.1:${port}/ping`, 'Ok.\n')).toBe(true),
    );
    await serve(ok('Hello'), async (port) =>
      expect(await probeHttp(`http://127.0.0.1:${port}/ping`, 'Ok.\n')).toBe(false),
    );
    await serve('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n', async (port) =>
      expect(await probeHttp(`http://127.0.0.1:${port}/`)).toBe(false),
    );
  });

  test.skipIf(process.platform !== 'linux')('know whose port it is', async () => {
    await serve('x', async (port) => {
      expect(ownsPort(process.pid, port)).toBe(true);
      expect(ownsPort(process.ppid, port)).toBe(false);
      await Promise.resolve();
    });
  });
});
