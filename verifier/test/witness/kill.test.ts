import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { equalBytes } from '@tallystick/core/encoding';
import { parseCheckpoint } from '@tallystick/core/checkpoint';
import { parseNote } from '@tallystick/core/note';
import { createWitnessFolder } from '../../src/witness/file-store.ts';
import { timesOf, witnessSigner } from './a-witness.ts';
import { GrowingLog } from './growing-log.ts';

/** `TEST_EFFORT=3` kills three times as often. */
const kills = 10 * Number(process.env['TEST_EFFORT'] ?? 1);
const home = mkdtempSync(join(tmpdir(), 'tallystick-witness-kill-'));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

interface Seen {
  readonly size: number;
  readonly root: Uint8Array;
  readonly time: number;
}

it(`killed ${kills} times under load of a log that forks, has never cosigned two histories`, async () => {
  const folder = join(home, 'state');
  const { key } = witnessSigner();
  await createWitnessFolder(folder, key);
  let history = new GrowingLog().grow(3);
  const seen: Seen[] = [];
  let killedBeforeAnswer = 0;

  for (let round = 0; round <= kills; round++) {
    const { child, url } = await start(folder, history.signer.key.vkey);
    // What the dead one had stored counts, whether anybody was told or not.
    const stored = await newest(url, history.origin);
    const told = Math.max(0, ...seen.map(({ size }) => size));
    if (stored !== null) {
      expect(stored.size).toBeGreaterThanOrEqual(told);
      if (stored.size > told) killedBeforeAnswer++;
      const owners = branches.filter(
        (log) => log.size >= stored.size && equalBytes(log.root(stored.size), stored.root),
      );
      expect(owners.length, `round ${round}: the stored tree is one of those sent`).toBeGreaterThan(0);
      history = (owners[0] ?? history).fork(stored.size);
    }
    if (round === kills) {
      child.kill('SIGKILL');
      break;
    }
    // Two histories that part here, and one that parts from what was cosigned before.
    branches = [
      history.fork().grow(40, `${round} a `),
      history.fork().grow(40, `${round} b `),
      history.fork(Math.max(1, history.size - 2)).grow(40, `${round} c `),
    ];
    const load = Promise.all(branches.flatMap((log) => [climb(url, log, seen), climb(url, log, seen)]));
    // Counted in answers, so that a slow machine tests as much as a fast one; then anywhere in what is under way.
    const enough = seen.length + randomInt(1, 6);
    for (const end = Date.now() + 30_000; seen.length < enough && Date.now() < end;) await wait(1);
    await wait(randomInt(0, 20));
    child.kill('SIGKILL');
    await load;
  }

  const times = seen.map(({ time }) => time);
  expect(Math.max(...times) - Math.min(...times)).toBeLessThan(600);
  for (const { size, root } of seen) expect(equalBytes(history.root(size), root), `size ${size}`).toBe(true);
  // Or the test has shown nothing.
  expect(seen.length).toBeGreaterThan(kills);
  expect(new Set(seen.map(({ size }) => size)).size).toBeGreaterThan(kills / 2);
  console.log(`${seen.length} cosignatures; ${killedBeforeAnswer} of ${kills} kills hit between storing and answering`);
}, 600_000);

let branches: GrowingLog[] = [new GrowingLog().grow(3)];

/** Asks for one leaf more at a time, from wherever the witness says it is, until nobody answers. */
async function climb(url: string, log: GrowingLog, seen: Seen[]): Promise<void> {
  const { key } = witnessSigner();
  let old = 0;
  for (let size = old + 1; ; size = Math.min(old + 1, log.size)) {
    let response;
    let text;
    try {
      const body = Buffer.from(await log.request(Math.min(old, size), size));
      response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
      text = await response.text();
    } catch {
      return; // killed
    }
    if (response.status === 409) {
      old = Number(text);
      if (old > log.size) return;
      continue;
    }
    if (response.status !== 200) {
      expect([422, 503]).toContain(response.status);
      if (response.status === 422) return; // the other history won
      continue;
    }
    const [time] = timesOf(log.text(size), text, key);
    if (time === undefined) throw new Error('a 200 without a cosignature');
    seen.push({ size, root: log.root(size), time });
    old = size;
  }
}

async function newest(url: string, origin: string): Promise<{ size: number; root: Uint8Array } | null> {
  const hash = createHash('sha256').update(origin).digest('hex');
  const response = await fetch(`${url}/${hash}/checkpoint`);
  const body = new Uint8Array(await response.arrayBuffer());
  return response.status === 404 ? null : parseCheckpoint(parseNote(body).text);
}

async function start(folder: string, vkey: string): Promise<{ child: ChildProcess; url: string }> {
  const program = join(import.meta.dirname, 'witness-child.ts');
  const child = spawn(process.execPath, ['--conditions=@tallystick/source', program, folder, vkey], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.on('exit', () => children.delete(child));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.on('exit', (code) => reject(new Error(`the witness ended with ${code}: ${errors}`)));
  });
  return { child, url };
}
