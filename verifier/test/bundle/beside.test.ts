// The sums of a bundle compared in a thread while it is verified: a damaged one ends as it does where they are compared first.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { memoryAnchorStore } from '../../src/adapters/anchor-memory.ts';
import { BundleFile } from '../../src/bundle/bundle-file.ts';
import { openBundle } from '../../src/bundle/open-bundle.ts';
import { SumsBeside } from '../../src/bundle/sums-beside.ts';
import { VerifierError } from '../../src/errors.ts';
import type { VerifyOptions } from '../../src/verify.ts';
import { World } from '../support/world.ts';
import { BundleFolder, membersIn, membersOf, pack } from './bundles.ts';

const folder = new BundleFolder();
const world = new World();
let good: Buffer;
beforeAll(async () => {
  good = await folder.bytesOf(await World.small({ partitions: 2 }), { policy: 'quorum none\n' });
});
afterAll(() => folder.end());

/** The good bundle with the last byte of a member changed. */
function damaged(name: string): Buffer {
  const bytes = Buffer.from(good);
  const { at, size } = membersOf(good).get(name)!;
  bytes.writeUInt8(bytes.readUInt8(at + size - 1) ^ 0x20, at + size - 1);
  return bytes;
}

const records = 'records/events/0000000/0000000000000000';

async function verified(file: string, options: Partial<VerifyOptions> = {}) {
  const bundle = await openBundle(file, { digests: 'beside' });
  try {
    const { records: log, manifest, intact } = bundle;
    const reopen = { kind: 'bundle', file } as const;
    return await world.verify({ log, scope: manifest.scope, workers: 2, reopen, intact, ...options });
  } finally {
    await bundle.close();
  }
}

test('a sound bundle is verified, and the anchor moves', async () => {
  const anchor = memoryAnchorStore();
  expect(await verified(folder.write(good), { anchor })).toMatchObject({ exitCode: 0, checked: { events: 16 } });
  expect(await anchor.load()).not.toBeNull();
});

describe('a damaged bundle has no verdict', () => {
  test('where the verification sees nothing of it, and no anchor moves', async () => {
    const anchor = memoryAnchorStore();
    const run = verified(folder.write(damaged('POLICY.txt')), { anchor });
    await expect(run).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
    expect(await anchor.load()).toBeNull();
  });

  test('where the verification would have found tampering', async () => {
    await expect(verified(folder.write(damaged(records)))).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
  });

  test('where the verification breaks off first', async () => {
    const broken = {
      ...memoryAnchorStore(),
      load: async () => Promise.reject(new VerifierError('ANCHOR_CORRUPT', '')),
    };
    const options = { anchor: broken };
    await expect(verified(folder.write(damaged(records)), options)).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
    await expect(verified(folder.write(good), options)).rejects.toMatchObject({ code: 'ANCHOR_CORRUPT' });
  });

  test('also where its manifest and its members no longer agree', async () => {
    const members = membersIn(good).map(([name, content]) => {
      if (name !== 'MANIFEST.json') return [name, content] as const;
      const json = JSON.parse(Buffer.from(content).toString()) as object;
      return [name, JSON.stringify({ ...json, log: { place: 'a log that it does not hold', size: 1 } })] as const;
    });
    const bytes = pack(members);
    const [forged, honest] = [membersOf(bytes).get('sha256sums')!, membersOf(good).get('sha256sums')!];
    const file = folder.write(bytes);
    await expect(openBundle(file, { digests: 'beside' })).rejects.toMatchObject({ code: 'BUNDLE_FORMAT' });
    good.copy(bytes, forged.at, honest.at, honest.at + honest.size);
    for (const digests of [true, 'beside'] as const)
      await expect(openBundle(folder.write(bytes), { digests })).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
  });
});

test('half a bundle is refused before anything is read of it', async () => {
  for (const cut of [1, 600, good.length - 1024, good.length - 1]) {
    const open = openBundle(folder.write(good.subarray(0, cut)), { digests: 'beside' });
    await expect(open).rejects.toMatchObject({ code: 'BUNDLE_TRUNCATED' });
  }
});

describe('the thread', () => {
  /** What comes of the sums of this file with a thread of this code. */
  async function compared(bytes: Uint8Array, code: string | null, meanwhile?: (file: string) => void): Promise<void> {
    const name = folder.write(bytes);
    const file = await BundleFile.open(name);
    meanwhile?.(name);
    const entry = join(folder.path, 'sums.mjs');
    writeFileSync(entry, `import { parentPort } from 'node:worker_threads';\n${code}`);
    const sums = code === null ? new SumsBeside(file) : new SumsBeside(file, pathToFileURL(entry));
    try {
      await sums.compared();
      await sums.compared();
    } finally {
      await sums.close();
      await file.close();
    }
  }

  test.each([
    ['dies', 'throw new Error("boom");'],
    ['ends without a word', ''],
    ['does not load', 'import "./nothing.mjs";'],
    ['says another thing', 'parentPort.postMessage("well");'],
  ])('is not believed where it %s', async (_, code) => {
    await compared(good, code);
    await expect(compared(damaged(records), code)).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
  });

  test('is not believed where it looked at another file of that name', async () => {
    const put = (bytes: Buffer) => (file: string) => renameSync(folder.write(bytes), file);
    await compared(good, null, put(damaged(records)));
    await expect(compared(damaged(records), null, put(good))).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
  });

  test('is not waited for where it says nothing, nor where it does not end', async () => {
    const file = await BundleFile.open(folder.write(good));
    const entry = join(folder.path, 'silent.mjs');
    writeFileSync(entry, 'setInterval(() => undefined, 1_000);');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const terminate = vi.spyOn(Worker.prototype, 'terminate').mockReturnValue(new Promise(() => undefined));
    try {
      const sums = new SumsBeside(file, pathToFileURL(entry));
      const compared = sums.compared();
      await vi.advanceTimersByTimeAsync(120_000);
      await compared;
      const closed = sums.close();
      await vi.advanceTimersByTimeAsync(2_000);
      await closed;
      const [thread] = terminate.mock.contexts as Worker[];
      terminate.mockRestore();
      await thread?.terminate();
    } finally {
      terminate.mockRestore();
      vi.useRealTimers();
      await file.close();
    }
  });

  test('is ended with the run', async () => {
    const stop = new AbortController();
    const file = await BundleFile.open(folder.write(good), stop.signal);
    const entry = join(folder.path, 'forever.mjs');
    writeFileSync(entry, 'setInterval(() => undefined, 1_000);');
    const unasked = new SumsBeside(file, pathToFileURL(entry));
    await unasked.close();
    const asked = new SumsBeside(file, pathToFileURL(entry));
    const outcome = asked.compared();
    setTimeout(() => stop.abort(), 50);
    await expect(outcome).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    await file.close();
  });
});
