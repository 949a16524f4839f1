import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InfraError } from '../local/errors.ts';
import { ensureS3Server } from '../local/s3-binary.ts';

// With a "go" of our own: what is tried here is what lies around the build, not Go.
let folder: string;
let libs: string;
let path: string | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallystick-s3-'));
  libs = join(folder, 'lib');
  path = process.env['PATH'];
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true, force: true });
});

/** Puts a `go` first on PATH that counts its calls and then runs these lines of shell. */
function fakeGo(lines: string): () => number {
  const bin = join(folder, 'bin');
  const calls = join(folder, 'calls');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'go'), `#!/bin/sh\necho "$@" >> '${calls}'\n${lines}\n`);
  chmodSync(join(bin, 'go'), 0o755);
  process.env['PATH'] = `${bin}:${path}`;
  return () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n').length : 0);
}

const works = `sleep 0.3; echo program > "$GOBIN/versitygw"; chmod +x "$GOBIN/versitygw"`;

describe('the program of the S3 server', () => {
  it('is built once for all who ask, at once and later, and says how long it takes', async () => {
    const calls = fakeGo(works);
    const said: string[] = [];
    const ask = async () => await ensureS3Server(libs, (line) => said.push(line));
    const programs = await Promise.all([ask(), ask(), ask()]);
    expect(new Set(programs).size).toBe(1);
    expect(readFileSync(programs[0]!, 'utf8')).toBe('program\n');
    expect(await ask()).toBe(programs[0]);
    expect(calls()).toBe(1);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toMatch(/^install .*versitygw@v\d+\.\d+\.\d+\n$/);
    expect(said[0]).toContain('building versitygw');
    expect(readdirSync(libs)).toHaveLength(1);
  });

  it('that cannot be built: says what Go said, and does not try again at once', async () => {
    const calls = fakeGo('echo "no route to the module proxy" >&2; exit 1');
    const ask = async () => await ensureS3Server(libs, () => {});
    await expect(ask()).rejects.toThrow(/no route to the module proxy/);
    await expect(ask()).rejects.toMatchObject({ code: 'S3_SERVER_BUILD_FAILED' });
    await expect(ask()).rejects.toThrow(/no route to the module proxy/);
    expect(calls()).toBe(1);
    // After a while, or once the file is removed, it is tried again.
    const failed = readdirSync(libs).find((name) => name.endsWith('.failed'))!;
    const longAgo = Date.now() / 1000 - 3600;
    utimesSync(join(libs, failed), longAgo, longAgo);
    fakeGo(works);
    expect(existsSync(await ask())).toBe(true);
    expect(readdirSync(libs)).toHaveLength(1);
  });

  it('without Go: says so', async () => {
    process.env['PATH'] = join(folder, 'nowhere');
    const asked = ensureS3Server(libs, () => {});
    await expect(asked).rejects.toBeInstanceOf(InfraError);
    await expect(asked).rejects.toMatchObject({ code: 'GO_MISSING' });
    expect(existsSync(libs)).toBe(false);
  });

  it('whose build was killed: what it left is removed by the next one', async () => {
    fakeGo(works);
    mkdirSync(join(libs, 'building-versitygw-v0-1'), { recursive: true });
    mkdirSync(join(libs, 'partial-jars'));
    await ensureS3Server(libs, () => {});
    expect(readdirSync(libs).filter((name) => name.startsWith('building-'))).toEqual([]);
    // That one is the download's of somebody else.
    expect(readdirSync(libs)).toContain('partial-jars');
  });
});
