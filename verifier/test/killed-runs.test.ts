// Real processes, really killed (SIGKILL), on real files: the anchor is the old one or the new one, nothing stays locked, and the next run goes on.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, expect, test } from 'vitest';
import { fileAnchorStore } from '../src/adapters/anchor-file.ts';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { Verdict } from '../src/verdict.ts';
import { BundleFolder, withBundle } from './bundle/bundles.ts';
import { topics, World } from './support/world.ts';

const effort = Number(process.env['TEST_EFFORT'] ?? 1);
const bundles = new BundleFolder();
const folder = mkdtempSync(join(tmpdir(), 'tallystick-killed-runs-'));
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));
afterAll(() => {
  bundles.end();
  rmSync(folder, { recursive: true, force: true });
});

let anchors = 0;
const newAnchor = (): string => join(folder, `anchor-${anchors++}.json`);

/** A log of many small seals, in two partitions. */
async function long(): Promise<World> {
  const world = await World.make({ partitions: 2 });
  for (let i = 0; i < 24; i++) {
    await world.emit(i % 2, 2);
    await world.seal(i % 2);
  }
  return world;
}

/** @param parts where it stops by itself, so that it is met in the middle however slow this machine is */
function start(bundle: string, anchor: string, reads: string, mode = 'full', parts = Infinity): ChildProcess {
  const script = join(import.meta.dirname, 'support/killed-child.ts');
  const args = [script, bundle, anchor, reads, mode, String(parts)];
  const child = spawn(process.execPath, ['--conditions=@tallystick/source', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

/** The verdict of a run that is left to end. */
async function ended(child: ChildProcess): Promise<Verdict> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  return JSON.parse(Buffer.concat(chunks).toString().split('\n').at(-2) ?? '') as Verdict;
}

async function killedWhen(child: ChildProcess, ready: () => boolean): Promise<void> {
  const over = once(child, 'exit');
  while (!ready() && child.exitCode === null) await wait(1);
  child.kill('SIGKILL');
  await over;
}

const partsIn = (anchor: string): number =>
  existsSync(`${anchor}.progress`)
    ? readdirSync(`${anchor}.progress`).filter((name) => name.startsWith('part-')).length
    : 0;

// Each of 24 seals is a part of its own here, so a run takes a while.
test('a run that was killed in the middle is gone on with, and what it checked is not read again', async () => {
  const world = await long();
  const { file } = await bundles.export(world);
  const anchor = newAnchor();
  const reads = `${anchor}.reads`;
  await killedWhen(start(file, anchor, reads, 'full', 15), () => partsIn(anchor) > 14);
  const kept = partsIn(anchor) - 1;
  expect(kept).toBeGreaterThan(12);
  expect(existsSync(anchor)).toBe(false);
  writeFileSync(reads, '');
  const verdict = await ended(start(file, anchor, reads));
  expect(verdict).toMatchObject({ exitCode: 0, mode: 'full', checked: { events: 48, seals: 24 } });
  expect(verdict.resumed).toMatchObject({ events: kept * 2, leftAside: null });
  const again = readFileSync(reads, 'utf8').trim().split('\n');
  // Of what was taken over only the batch that it ended with is looked at.
  expect(again.filter((place) => place.startsWith('0:') && Number(place.slice(2)) < 23)).toEqual([]);
  const first = (kept - 12) * 2;
  expect(again.filter((place) => Number(place.slice(2)) < first - 1)).toEqual([]);
  const whole = await withBundle(file, async ({ records }) => await world.verify({ log: records }));
  expect(verdict.checked).toEqual(whole.checked);
  expect(verdict.content).toEqual(whole.content);
  expect(existsSync(`${anchor}.progress`)).toBe(false);
  expect((await fileAnchorStore(anchor).load())?.partitions[1]).toMatchObject({ offset: 23 });
});

test('a bundle that was altered meanwhile is another one under the same name: it is read from its beginning', async () => {
  const world = await long();
  for (const [partition, offset, found] of [
    // Behind the kept point, and before it.
    [0, 3, 'bad-crc 0 offsets 2-2'],
    [1, 21, 'bad-crc 1 offsets 20-20'],
  ] as const) {
    const { file } = await bundles.export(world);
    const anchor = newAnchor();
    await killedWhen(start(file, anchor, `${anchor}.reads`, 'full', 5), () => partsIn(anchor) > 4);
    world.cluster.flipByte(topics.events, partition, { offset });
    renameSync((await bundles.export(world)).file, file);
    world.cluster.flipByte(topics.events, partition, { offset });
    const verdict = await ended(start(file, anchor, `${anchor}.reads`));
    expect(verdict).toMatchObject({ exitCode: 1, resumed: { events: 0, leftAside: { code: 'PROGRESS_FOREIGN' } } });
    expect(verdict.findings.map(({ code, partition: of, place }) => `${code} ${of} ${place}`)).toContain(found);
  }
});

test('with several threads it goes on behind what one thread left, and the other way round', async () => {
  const world = await long();
  const { file } = await bundles.export(world);
  for (const [first, then] of [
    ['full', 'threads'],
    ['threads', 'full'],
  ] as const) {
    const anchor = newAnchor();
    await killedWhen(start(file, anchor, `${anchor}.reads`, first, 2), () => partsIn(anchor) > 1);
    const kept = partsIn(anchor) > 1;
    const verdict = await ended(start(file, anchor, `${anchor}.reads`, then));
    expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 48 }, content: { ids: { compared: 0 } } });
    if (kept) expect(verdict.resumed?.events).toBeGreaterThan(0);
    expect(kept || first === 'threads').toBe(true);
  }
});

test('killed at random moments, full and incremental, a log that grows is verified in the end', async () => {
  const world = await long();
  const anchor = newAnchor();
  let { file } = await bundles.export(world);
  let before = 0;
  for (let kill = 0; kill < 8 * effort; kill++) {
    const child = start(file, anchor, `${anchor}.reads`, kill % 2 === 0 ? 'full' : 'incremental');
    await once(child.stdout!, 'data');
    const at = performance.now() + Math.random() * 400;
    await killedWhen(child, () => performance.now() >= at);
    // The old one or the new one: never half, never gone, never further back.
    const now = (await fileAnchorStore(anchor).load())?.savedAt ?? 0;
    expect(now).toBeGreaterThanOrEqual(before);
    before = now;
    if (kill % 3 !== 2) continue;
    await world.emit(0, 2);
    await world.seal(0);
    file = (await bundles.export(world)).file;
  }
  const verdict = await ended(start(file, anchor, `${anchor}.reads`));
  expect(verdict).toMatchObject({ exitCode: 0, anchoredTo: { updated: true } });
  expect(verdict.checked.events).toBe(world.entries(0).length + world.entries(1).length);
  const left = readdirSync(folder).filter((name) => name.startsWith(anchor.slice(folder.length + 1)));
  expect(left.sort()).toEqual([
    anchor.slice(folder.length + 1),
    ...['key', 'reads'].map((end) => `${anchor.slice(folder.length + 1)}.${end}`),
  ]);
});

test('an update that is killed leaves the old anchor or the new one, and no lock', async () => {
  const module = pathToFileURL(join(import.meta.dirname, '../src/adapters/anchor-file.ts')).href;
  const anchor = (await sampleAnchor())!;
  for (let kill = 0; kill < 10 * effort; kill++) {
    // Every other time it is the very first update, which makes the key too.
    const path = kill % 2 === 0 ? newAnchor() : join(folder, `anchor-${anchors - 1}.json`);
    const was = (await fileAnchorStore(path).load())?.savedAt ?? 0;
    const code = `
      const { fileAnchorStore } = await import(${JSON.stringify(module)});
      const anchor = ${JSON.stringify(anchor)};
      process.stdout.write('ready');
      for (;;) await fileAnchorStore(${JSON.stringify(path)}).update((now) => ({ ...anchor, savedAt: (now?.savedAt ?? 0) + 1 }));`;
    const child = spawn(process.execPath, ['--conditions=@tallystick/source', '--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    await wait(Math.random() * (kill % 4 < 2 ? 12 : 60));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const store = fileAnchorStore(path, { lockWaitMs: 500 });
    const now = (await store.load())?.savedAt ?? 0;
    expect(now).toBeGreaterThanOrEqual(was);
    await store.update((current) => ({ ...anchor, savedAt: (current?.savedAt ?? 0) + 1 }));
    expect((await store.load())?.savedAt).toBeGreaterThan(now);
  }
});

async function sampleAnchor() {
  const store = memoryAnchorStore();
  await (await World.small()).verify({ anchor: store });
  return await store.load();
}

test.each([
  ['full', 'full'],
  ['full', 'incremental'],
])('two processes on one anchor at once (%s and %s) both come to the right verdict', async (one, other) => {
  const world = await long();
  const { file } = await bundles.export(world);
  const anchor = newAnchor();
  const verdicts = await Promise.all(
    [one, other].map(async (mode, n) => await ended(start(file, anchor, `${anchor}.reads-${n}`, mode))),
  );
  for (const verdict of verdicts) expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 48 } });
  expect((await fileAnchorStore(anchor).load())?.partitions.map(({ offset }) => offset)).toEqual([23, 23]);
  expect(existsSync(`${anchor}.lock`)).toBe(false);
});
