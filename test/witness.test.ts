import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addSignatures, cosign, parseWitnessKey, verifiedCosignatures } from '@tallystick/core/cosignature';
import { formatSignatureLine, parseNote, type NoteSignature } from '@tallystick/core/note';
import { parsePolicy, quorumReached, quorumTime } from '@tallystick/core/policy';
import { choosePort } from '../infra/local/ports.ts';
import { WitnessClient } from '../ledger-service/src/log/witnesses.ts';
import { GrowingLog, requestBody, seeded } from '../verifier/test/witness/growing-log.ts';

// A log of ours and witnesses of ours, each in a process of its own that the command line starts, and only HTTP between them.

const home = mkdtempSync(join(tmpdir(), 'tallystick-witnesses-'));
const main = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts');
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

const log = new GrowingLog('log.example/audit').grow(40);
const command = (args: readonly string[]): string[] => ['--conditions=@tallystick/source', main, 'witness', ...args];

/** Runs the command to its end. */
function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, command(args), { cwd: home, encoding: 'utf8' });
}

/** Makes a key and an empty state; gives the vkey. */
function prepare(name: string): string {
  const { status, stdout } = run('--new-key', `${name}.key`, '--name', `witness.example/${name}`, '--new-state', name);
  expect(status).toBe(0);
  return stdout.replace(/^vkey /, '').trim();
}

interface Process {
  readonly child: ChildProcess;
  readonly vkey: string;
  readonly url: string;
  /** What it wrote on standard error so far. */
  lines(): string;
  /** Its exit code. */
  ended: Promise<number | null>;
}

function start(name: string, listen = '127.0.0.1:0', ...more: string[]): Promise<Process> {
  return startWith([
    ...['--log', log.signer.key.vkey, '--key', `${name}.key`, '--state', name, '--listen', listen],
    ...more,
  ]);
}

async function startWith(args: readonly string[]): Promise<Process> {
  const child = spawn(process.execPath, command(args), { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      children.delete(child);
      resolve(code);
    });
  });
  let output = '';
  const [, vkey = '', url = ''] = await new Promise<RegExpExecArray>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const told = /^vkey (\S+)\nurl {2}(\S+)\n/.exec(output);
      if (told !== null) resolve(told);
    });
    void ended.then((code) => reject(new Error(`the witness ended with ${code}: ${errors}`)));
  });
  return { child, vkey, url, lines: () => errors, ended };
}

const post = (url: string, body: Uint8Array | string): Promise<Response> =>
  fetch(`${url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) });

describe('one witness', () => {
  let witness: Process;
  let vkey: string;
  beforeAll(async () => {
    vkey = prepare('one');
    witness = await start('one', '127.0.0.1:0', '--prefix', '/w');
  });
  const client = (): WitnessClient => new WitnessClient({ name: 'one', key: parseWitnessKey(vkey), url: witness.url });
  const ask = (size: number, from = log): Promise<unknown> =>
    from.checkpoint(size).then((note) => client().ask(note, { size }, async (old) => from.proof(old, size)));

  it('has a key of its own and says which, and where it is', () => {
    expect(statSync(join(home, 'one.key')).mode & 0o777).toBe(0o600);
    expect(witness.vkey).toBe(vkey);
    expect(witness.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/w$/);
  });

  it('cosigns a log as it grows, for a client that remembers and for one that does not', async () => {
    const remembers = client();
    for (const size of [1, 2, 5, 5, 8]) {
      const answer = await remembers.ask(await log.checkpoint(size), { size }, async (old) => log.proof(old, size));
      if (answer.kind !== 'cosigned') throw new Error('not cosigned');
      const note = parseNote(addSignatures(await log.checkpoint(size), answer.lines));
      expect(verifiedCosignatures(note, [parseWitnessKey(vkey)])).toMatchObject([{ time: answer.time }]);
    }
    expect(await ask(9)).toMatchObject({ kind: 'cosigned' });
  });

  it('answers every refusal of the specification', async () => {
    const status = async (body: Uint8Array | string): Promise<number> => (await post(witness.url, body)).status;
    expect(await status('')).toBe(400);
    expect(await status(requestBody(12, [], await log.checkpoint(11)))).toBe(400);
    expect(await status(requestBody(9, log.proof(9, 12), await log.checkpoint(12, seeded(log.origin, 'x'))))).toBe(403);
    expect(await status(await new GrowingLog('log.example/other').grow(3).request(0))).toBe(404);
    expect(await status(requestBody(9, log.proof(8, 12), await log.checkpoint(12)))).toBe(422);
    expect(await status(await log.fork(8).grow(1, 'other ').request(9))).toBe(422);
    expect(await status('x'.repeat(200_000))).toBe(413);
    expect((await fetch(`${witness.url}/add-checkpoint`)).status).toBe(405);
    const conflict = await post(witness.url, await log.request(3, 12));
    expect([conflict.status, conflict.headers.get('content-type'), await conflict.text()]).toEqual([
      409,
      'text/x.tlog.size',
      '9\n',
    ]);
    // What it has to say of it is one line of JSON each.
    const said = () =>
      witness
        .lines()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of [
      { level: 'warn', message: 'refused', status: 409 },
      { level: 'error', origin: log.origin, status: 422 },
    ])
      await expect.poll(said, { timeout: 60_000 }).toContainEqual(expect.objectContaining(line));
  });

  it('gives away a log that was rolled back, and one that took another turn', async () => {
    expect(await ask(7)).toEqual({ kind: 'ahead', size: 9 });
    await expect(ask(12, log.fork(8).grow(4, 'other '))).rejects.toMatchObject({
      code: 'WITNESS_REFUSED',
      evidence: { status: 422 },
    });
  });

  it('holds its state alone, keeps it through kill -9 and SIGTERM, and stops where it is damaged', async () => {
    const args = ['--log', log.signer.key.vkey, '--key', 'one.key', '--state', 'one', '--listen', '127.0.0.1:0'];
    expect(run(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining('[WITNESS_STATE_LOCKED]') });
    expect(run(...args.slice(0, -2))).toMatchObject({ status: 2, stderr: expect.stringContaining('[USAGE]') });
    witness.child.kill('SIGKILL');
    await witness.ended;
    witness = await start('one', '127.0.0.1:0', '--prefix', '/w');
    expect(await ask(7)).toEqual({ kind: 'ahead', size: 9 });
    // Twice, as Ctrl-C comes where a wrapper passes it on.
    witness.child.kill('SIGTERM');
    witness.child.kill('SIGINT');
    expect(await witness.ended).toBe(0);
    const [file = ''] = readdirSync(join(home, 'one')).filter((name) => name.endsWith('.checkpoint'));
    const path = join(home, 'one', file);
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(1));
    expect(run(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining('[WITNESS_STATE_CORRUPT]') });
    writeFileSync(path, whole);
    witness = await start('one', '127.0.0.1:0', '--prefix', '/w');
    expect(await ask(10)).toMatchObject({ kind: 'cosigned' });
  });
});

it('the commands of docs/operations.md do what it says', async () => {
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'operations.md'), 'utf8');
  const [section = ''] = page.split(/^## /m).filter((part) => part.startsWith('Running a witness'));
  const [make = '', serve = ''] = [...section.matchAll(/^```sh\ntallystick witness (.*)\n```$/gm)].map(
    ([, args]) => args,
  );
  expect(run(...make.split(' '))).toMatchObject({ status: 0, stdout: expect.stringMatching(/^vkey witness\.example/) });
  const witness = await startWith(serve.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:0').split(' '));
  expect(await (await fetch(`${witness.url}/metrics`)).text()).toContain('{origin="example.com/foo"} 0');
  const hash = createHash('sha256').update('example.com/foo').digest('hex');
  expect((await fetch(`${witness.url}/${hash}/checkpoint`)).status).toBe(404);
});

it('a quorum stands and falls with its witnesses: one dead, one lying, one behind', async () => {
  const vkeys = { behind: prepare('behind'), dead: prepare('dead'), liar: prepare('liar') };
  const behind = await start('behind');
  // No port that a connection of somebody else is given while it is dead.
  const port = await choosePort(undefined, new Set());
  const dead = await start('dead', `127.0.0.1:${port}`);
  // It cosigns everything, with a key that is not the one it is known by.
  const other = seeded('witness.example/liar', 'not the key');
  const key = parseWitnessKey(vkeys.liar);
  const liar = createServer((request, response) => {
    request.resume().on('end', () => {
      const signer = { key, sign: (message: Uint8Array) => other.sign(message) };
      void cosign(log.text(20), signer, Math.floor(Date.now() / 1000)).then((line) =>
        response.end(`${formatSignatureLine(line)}\n`),
      );
    });
  });
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
  try {
    const policy = parsePolicy(
      [
        `log ${log.signer.key.vkey}`,
        `witness behind ${vkeys.behind} ${behind.url}`,
        `witness dead ${vkeys.dead} http://127.0.0.1:${port}`,
        `witness liar ${vkeys.liar} http://127.0.0.1:${(liar.address() as AddressInfo).port}`,
        'group two 2 behind dead liar',
        'quorum two',
        '',
      ].join('\n'),
    );
    const clients = policy.witnesses.map(
      ({ name, key, url }) => new WitnessClient({ name, key, url: url ?? '' }, { timeoutMs: 60_000 }),
    );
    const keys = policy.witnesses.map(({ key }) => key);
    const askAll = async (size: number): Promise<{ lines: NoteSignature[]; codes: string[] }> => {
      const note = await log.checkpoint(size);
      const answers = await Promise.allSettled(
        clients.map((client) => client.ask(note, { size }, async (old) => log.proof(old, size))),
      );
      return {
        lines: answers.flatMap((answer) =>
          answer.status === 'fulfilled' && answer.value.kind === 'cosigned' ? answer.value.lines : [],
        ),
        codes: answers.map((answer) =>
          answer.status === 'fulfilled' ? answer.value.kind : (answer.reason as { code: string }).code,
        ),
      };
    };
    const standing = async (size: number, lines: readonly NoteSignature[]) => {
      const cosigned = verifiedCosignatures(parseNote(addSignatures(await log.checkpoint(size), lines)), keys);
      return {
        reached: quorumReached(policy, new Set(cosigned.map(({ key }) => key.vkey))),
        time: quorumTime(policy, cosigned),
      };
    };

    const first = await askAll(5);
    expect(first.codes).toEqual(['cosigned', 'cosigned', 'WITNESS_INVALID']);
    expect(await standing(5, first.lines)).toEqual({ reached: true, time: expect.any(Number) });

    dead.child.kill('SIGKILL');
    await dead.ended;
    for (const client of [...clients]) expect(client.lastSize).toBe(client.witness.name === 'liar' ? null : 5);
    // A publisher that was started anew knows nothing of the witness, which tells what it cosigned.
    clients.splice(0, 1, new WitnessClient({ name: 'behind', key: keys[0]!, url: behind.url }));
    const second = await askAll(20);
    expect(second.codes).toEqual(['cosigned', 'WITNESS_UNAVAILABLE', 'WITNESS_INVALID']);
    expect(await standing(20, second.lines)).toEqual({ reached: false, time: null });

    await start('dead', `127.0.0.1:${port}`);
    const third = await askAll(20);
    expect(third.codes).toEqual(['cosigned', 'cosigned', 'WITNESS_INVALID']);
    expect(await standing(20, third.lines)).toEqual({ reached: true, time: expect.any(Number) });
  } finally {
    liar.close();
  }
});
