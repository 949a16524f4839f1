import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

// The command alone, offline, on the vectors of core: what it has is the file, the root key and the policy.

interface Vector {
  readonly desc: string;
  readonly json: string;
  readonly rootKey: string;
  readonly policy: string;
  readonly wantErr: string | null;
}

const folder = mkdtempSync(join(tmpdir(), 'tallystick-check-proof-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const main = join(import.meta.dirname, '..', 'src', 'main.ts');
const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'core', 'testdata', 'proofs', 'proofs.json'), 'utf8'),
) as Vector[];

function vector(find: (one: Vector) => boolean): Vector {
  const found = vectors.find(find);
  if (found === undefined) throw new Error('no such vector');
  return found;
}

const good = vector(({ wantErr }) => wantErr === null);
const withoutQuorum = vector(({ wantErr }) => wantErr === 'PROOF_QUORUM');
const policyFile = file('policy.txt', good.policy);

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function run(args: string[], input = '') {
  const env = { PATH: process.env['PATH'], TALLYSTICK_HOME: join(folder, 'home') };
  const command = ['--conditions=@tallystick/source', main, 'check-proof', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: folder,
    input,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const held = ['--policy', policyFile, '--root-key', good.rootKey];

describe('check-proof', () => {
  it('verifies a file or standard input, with the root key as it is or in a file', () => {
    const proof = file('proof.json', good.json);
    const { status, stdout, stderr } = run([proof, ...held]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^verified: the event is sealed, and its seal is in the log log\.example\/acme\n/);
    expect(stdout).toMatch(/\nquorum {6}reached 20\d\d-/);
    const key = file('root.vkey', `${good.rootKey}\n`);
    expect(run(['-', '--policy', policyFile, '--root-key', key], good.json).stdout).toBe(stdout);
  });

  it('tells a failed proof from a missing quorum', () => {
    const policy = file('quorum.txt', withoutQuorum.policy);
    const lacking = run(['-', '--policy', policy, '--root-key', withoutQuorum.rootKey, '--json'], withoutQuorum.json);
    expect([lacking.status, JSON.parse(lacking.stdout)]).toMatchObject([
      1,
      { verified: false, finding: 'quorum', error: { code: 'PROOF_QUORUM' } },
    ]);
    const garbage = run(['-', ...held], '{"version":1}');
    expect([garbage.status, garbage.stdout]).toEqual([1, expect.stringMatching(/^NOT VERIFIED \(proof\): /)]);
    const bytes = run(['-', ...held], '\ud800');
    expect([bytes.status, bytes.stdout]).toEqual([1, expect.stringMatching(/^NOT VERIFIED \(proof\): /)]);
  });

  it('ends with 2 where the checker holds nothing to check with', () => {
    const proof = file('proof.json', good.json);
    for (const [args, code] of [
      [[proof, '--root-key', good.rootKey], 'CONFIG_MISSING'],
      [[proof, '--policy', policyFile], 'CONFIG_MISSING'],
      [[proof, '--policy', join(folder, 'none'), '--root-key', good.rootKey], 'CONFIG_INVALID'],
      [[proof, '--policy', file('bad.txt', 'quorum X\n'), '--root-key', good.rootKey], 'POLICY_MALFORMED'],
      [[proof, '--policy', policyFile, '--root-key', 'nonsense'], 'KEY_MALFORMED'],
      [[join(folder, 'none.json'), ...held], 'PROOF_FILE'],
      [[folder, ...held], 'PROOF_FILE'],
    ] as const) {
      const { status, stdout, stderr } = run([...args]);
      expect([status, stdout], stderr).toEqual([2, '']);
      expect(stderr).toContain(`[${code}]`);
    }
    const bad = file('garbage.policy', 'garbage\n');
    expect(run([proof, '--policy', bad, '--root-key', good.rootKey]).stderr).toContain(
      `tallystick: The policy ${bad} cannot be used: line 1: "garbage" is none of`,
    );
    expect(run([]).status).toBe(2);
  });

  it('does not read a file that is larger than any proof', () => {
    const large = file('large.json', '');
    truncateSync(large, 5_000_000_000);
    expect(run([large, ...held])).toMatchObject({ status: 2, stderr: expect.stringContaining('PROOF_FILE') as string });
  });
});
