import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, symlinkSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBundle } from '../../src/bundle/open-bundle.ts';
import { tarHeader } from '../../src/bundle/tar-header.ts';
import { World } from '../support/world.ts';
import { BundleFolder, membersIn, membersOf, pack } from './bundles.ts';
import type { Member } from './bundles.ts';

const folder = new BundleFolder();
let good: Buffer;
beforeAll(async () => {
  good = await folder.bytesOf(await World.small(), { policy: 'quorum none\n' });
});
afterAll(() => folder.end());

async function refused(bytes: Uint8Array): Promise<string> {
  return await refusal(folder.write(bytes));
}

async function refusal(file: string): Promise<string> {
  try {
    await (await openBundle(file)).close();
    return 'opened';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** The same list with one member's content changed. */
function changed(name: string, change: (content: string) => string): Member[] {
  return membersIn(good).map(([each, content]) => [
    each,
    each === name ? change(Buffer.from(content).toString()) : content,
  ]);
}

const manifest = (change: (json: Record<string, unknown>) => unknown): Buffer =>
  pack(changed('MANIFEST.json', (text) => JSON.stringify(change(JSON.parse(text) as Record<string, unknown>))));

test('what is packed here by the same rules opens', async () => {
  expect(pack(membersIn(good)).equals(good)).toBe(true);
  expect(await refused(good)).toBe('opened');
});

describe('half a bundle', () => {
  test('at any block, and around every end of a member', async () => {
    const ends = [...membersOf(good).values()].flatMap(({ at, size }) => [
      at - 1,
      at,
      at + 1,
      at + size,
      at + size + 1,
    ]);
    const cuts = new Set([0, 1, 511, ...ends, good.length - 1, good.length - 512, good.length - 1024]);
    for (let at = 0; at < good.length; at += 512) cuts.add(at);
    for (const cut of cuts) expect([cut, await refused(good.subarray(0, cut))]).toEqual([cut, 'BUNDLE_TRUNCATED']);
  });

  test('of which the rest are zeros', async () => {
    const { at } = membersOf(good).get('sha256sums')!;
    const zeros = Buffer.from(good);
    zeros.fill(0, at - 512);
    expect(await refused(zeros)).toBe('BUNDLE_TRUNCATED');
  });

  test('also where only the headers are read', async () => {
    const file = folder.write(good);
    truncateSync(file, good.length - 2000);
    await expect(openBundle(file, { digests: false })).rejects.toMatchObject({ code: 'BUNDLE_TRUNCATED' });
  });
});

test('every bit of a small bundle: none is free', async () => {
  const small = await folder.bytesOf(await World.make());
  const file = folder.write(small);
  const handle = openSync(file, 'r+');
  const effort = Number(process.env['TEST_EFFORT'] ?? 1);
  const step = Math.max(1, Math.floor(37 / effort));
  let tried = 0;
  for (let bit = randomBytes(1).readUInt8() % step; bit < small.length * 8; bit += step) {
    const at = bit >> 3;
    writeSync(handle, Buffer.of(small.readUInt8(at) ^ (1 << (bit & 7))), 0, 1, at);
    const code = await refusal(file);
    if (!code.startsWith('BUNDLE_')) throw new Error(`bit ${bit} (byte ${at}): ${code}`);
    writeSync(handle, small, at, 1, at);
    tried += 1;
  }
  closeSync(handle);
  expect(tried).toBeGreaterThan(1_000);
  expect(await refusal(file)).toBe('opened');
});

describe('a file that is no bundle', () => {
  test.each([
    ['an empty file', () => Buffer.alloc(0), 'BUNDLE_TRUNCATED'],
    ['gzip', () => gzipSync(good), 'BUNDLE_COMPRESSED'],
    ['zstd', () => zstdCompressSync(good), 'BUNDLE_COMPRESSED'],
    ['noise', () => Buffer.concat([Buffer.from('noise'), randomBytes(5_000)]), 'BUNDLE_FORMAT'],
    ['a line of text', () => Buffer.from('dear auditor\n'), 'BUNDLE_FORMAT'],
    ['the beginning of a bundle', () => good.subarray(0, 300), 'BUNDLE_TRUNCATED'],
    ['one letter of it', () => good.subarray(0, 1), 'BUNDLE_TRUNCATED'],
    [
      'the beginning of an archive of something else',
      () => pack([['POLICY.txt', Buffer.of()]]).subarray(0, 300),
      'BUNDLE_FORMAT',
    ],
    ['zeros', () => Buffer.alloc(10_240), 'BUNDLE_FORMAT'],
    ['bytes behind its end', () => Buffer.concat([good, Buffer.alloc(512)]), 'BUNDLE_FORMAT'],
    ['two bundles', () => Buffer.concat([good, good]), 'BUNDLE_FORMAT'],
  ])('%s', async (_, bytes, code) => {
    expect(await refused(bytes())).toBe(code);
  });

  test('what is not there, a folder, and an archive of tar itself', async () => {
    await expect(openBundle(folder.file())).rejects.toMatchObject({ code: 'BUNDLE_UNREADABLE' });
    await expect(openBundle(folder.path)).rejects.toMatchObject({ code: 'BUNDLE_UNREADABLE' });
    const out = join(folder.path, 'unpacked');
    mkdirSync(out);
    execFileSync('tar', ['-xf', folder.write(good), '-C', out]);
    for (const format of ['ustar', 'pax', 'gnu']) {
      const file = folder.file();
      execFileSync('tar', [
        `--format=${format}`,
        '-cf',
        file,
        '-C',
        out,
        'MANIFEST.json',
        'POLICY.txt',
        'records',
        'sha256sums',
      ]);
      await expect(openBundle(file)).rejects.toMatchObject({ code: 'BUNDLE_FORMAT' });
    }
    rmSync(join(out, 'POLICY.txt'));
    symlinkSync('/etc/passwd', join(out, 'POLICY.txt'));
    const links = folder.file();
    execFileSync('tar', ['--format=ustar', '-cf', links, '-C', out, 'POLICY.txt']);
    await expect(openBundle(links)).rejects.toThrow(/a symbolic link stands there/);
  });
});

describe('members', () => {
  const other = (name: string): Buffer => {
    const block = tarHeader({ name: 'x', size: 0 });
    block.fill(0, 0, 100);
    block.write(name, 0, 'utf8');
    return mended(block);
  };
  const mended = (block: Buffer): Buffer => {
    block.write(' '.repeat(8), 148, 'latin1');
    let sum = 0;
    for (const byte of block) sum += byte;
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return block;
  };
  /** The good bundle with the header of its second member in another form, its checksum mended. */
  const withHeader = (change: (block: Buffer) => void): Buffer => {
    let count = 0;
    return pack(membersIn(good), (name, size) => {
      const block = tarHeader({ name, size });
      if (count++ === 1) change(block);
      return mended(block);
    });
  };

  test.each([
    '../../etc/passwd',
    '/etc/passwd',
    'records/../../x',
    'records/events/0000000/../0000000000000001',
    'log/../checkpoint',
    'log/tile/0/1',
    'log/snapshot',
    'nul',
    'records/events/0/0',
    'records/Events/0000000/0000000000000009',
    'records/events/0000000/9999999999999999',
    'records/events/0000000/0000000000000005-0000000000000004.error-0',
    'schemas/9999999999.json',
    'manifest.json',
    'sha256sums.txt',
  ])('named %s are refused', async (name) => {
    expect(await refused(pack([...membersIn(good), [name, 'x']]))).toBe('BUNDLE_FORMAT');
  });

  test('with names of other bytes are refused', async () => {
    for (const name of ['records/ä', 'a b', 'a\u0007', '.', '..', 'POLICY.txt ']) {
      const header = other(name);
      const bytes = Buffer.concat([good.subarray(0, membersOf(good).get('POLICY.txt')!.at - 512), header, good]);
      expect([name, await refused(bytes)]).toEqual([name, 'BUNDLE_FORMAT']);
    }
  });

  test('that stand twice, or out of their place, are refused', async () => {
    const list = membersIn(good);
    for (const each of list) expect(await refused(pack([...list, each]))).toBe('BUNDLE_FORMAT');
    const [first, second, ...rest] = list;
    expect(await refused(pack([second!, first!, ...rest]))).toBe('BUNDLE_FORMAT');
    expect(await refused(pack([second!, ...rest]))).toBe('BUNDLE_FORMAT');
    expect(await refused(pack([first!, second!, ...rest.toReversed()]))).toBe('BUNDLE_FORMAT');
  });

  test('that the manifest does not know, or places outside of what it says, are refused', async () => {
    for (const name of [
      'records/events/0000009/0000000000000000',
      'records/other-01/0000000/0000000000000000',
      'records/events/0000000/0000000000000010',
      'records/seals/0000000/0000000000000002-0000000000000099.error-0',
      'log/checkpoint',
      'schemas/0000000001.json',
    ]) {
      const list = [...membersIn(good), [name, 'x'] as const].sort(([a], [b]) => (a < b ? -1 : 1));
      expect([name, await refused(pack(list))]).toEqual([name, 'BUNDLE_FORMAT']);
    }
  });

  test.each([
    ['a mode of its own', (block: Buffer) => block.write('0000755', 100)],
    ['an owner', (block: Buffer) => block.write('0001750', 108)],
    ['a time', (block: Buffer) => block.write('00000000001', 136)],
    ['a name of the owner', (block: Buffer) => block.write('root', 265)],
    ['a prefix', (block: Buffer) => block.write('../..', 345)],
    ['a link', (block: Buffer) => block.write('/etc/passwd', 157)],
    ['a hard link', (block: Buffer) => block.write('1', 156)],
    ['a pax header', (block: Buffer) => block.write('x', 156)],
    ['a sparse file', (block: Buffer) => block.write('S', 156)],
    ['an old type', (block: Buffer) => block.write('\0', 156)],
    ['bytes behind its name', (block: Buffer) => block.write('x', 99)],
    ['a size in base 256', (block: Buffer) => block.writeUInt8(0x80, 124)],
    ['a size with blanks', (block: Buffer) => block.write('         14 ', 124)],
  ] as const)('with %s are refused', async (_, change) => {
    expect(await refused(withHeader(change))).toBe('BUNDLE_FORMAT');
  });

  test('of absurd lengths are refused before anything is read of them', async () => {
    for (const [size, code] of [
      ['77777777777', 'BUNDLE_TRUNCATED|BUNDLE_LIMIT'],
      ['02000000001', 'BUNDLE_LIMIT'],
      ['01777777777', 'BUNDLE_TRUNCATED'],
    ] as const) {
      expect(await refused(withHeader((block) => block.write(size, 124)))).toMatch(new RegExp(`^(${code})$`));
    }
  });

  test('whose bytes are not those of the sums are named', async () => {
    const words = async (bytes: Uint8Array): Promise<unknown> =>
      await openBundle(folder.write(bytes)).then(String, ({ message }: Error) => message);
    const members = [...membersOf(good)].filter(([name, { size }]) => size > 0 && name !== 'MANIFEST.json');
    for (const [name, { at }] of members) {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x20, at);
      // What the sums say of the first member is no longer what it is.
      const named = name === 'sha256sums' ? 'MANIFEST.json' : name;
      expect(await words(bytes)).toContain(`: ${named} is not what the last member, sha256sums, says of it.`);
    }
    const { at, size } = membersOf(good).get('sha256sums')!;
    const sums = Buffer.concat([good.subarray(at, at + size), Buffer.from('more')]);
    const block = Buffer.alloc(Math.ceil(sums.length / 512) * 512 + 1024);
    sums.copy(block);
    const header = tarHeader({ name: 'sha256sums', size: sums.length });
    const longer = Buffer.concat([good.subarray(0, at - 512), header, block]);
    expect(await words(longer)).toContain(': Its last member, sha256sums, says more than there is.');
  });

  test('whose bytes are not those of the sums are refused', async () => {
    for (const [name, { at, size }] of membersOf(good)) {
      if (size === 0) continue;
      const bytes = Buffer.from(good);
      bytes.writeUInt8(bytes.readUInt8(at + size - 1) ^ 0x20, at + size - 1);
      expect([name, await refused(bytes)]).toEqual([
        name,
        name === 'MANIFEST.json' ? expect.anything() : 'BUNDLE_DIGEST',
      ]);
    }
  });
});

describe('a manifest', () => {
  test.each([
    ['that is no JSON', () => pack(changed('MANIFEST.json', () => '{'))],
    [
      'that is no UTF-8',
      () =>
        pack(
          membersIn(good).map(([name, content]) => [name, name === 'MANIFEST.json' ? Buffer.from([0xff]) : content]),
        ),
    ],
    ['of nothing', () => manifest(() => null)],
    ['of another format', () => manifest((json) => ({ ...json, format: 'x' }))],
    ['with a scope of another kind', () => manifest((json) => ({ ...json, scope: { kind: 'none' } }))],
    [
      'with a range that goes back',
      () => manifest((json) => ({ ...json, scope: { kind: 'ranges', ranges: [{ partition: 0, first: 2, last: 1 }] } })),
    ],
    ['with fractions', () => manifest((json) => ({ ...json, log: { place: 'x', size: 1.5 } }))],
    [
      'with a topic twice',
      () =>
        manifest((json) => ({ ...json, stored: [...(json['stored'] as object[]), (json['stored'] as object[])[0]] })),
    ],
    ['with names that cannot be shown', () => manifest((json) => ({ ...json, origin: 'a\u001b[2Jb' }))],
    ['without topics', () => manifest(({ topics: _topics, ...json }) => json)],
  ])('%s is refused', async (_, bytes) => {
    expect(await refused(bytes())).toBe('BUNDLE_MANIFEST');
  });

  test('with offsets that contradict each other is refused', async () => {
    const change = (fields: object) =>
      manifest((json) => {
        const stored = json['stored'] as { partitions: object[] }[];
        return {
          ...json,
          stored: stored.map((topic) => ({
            ...topic,
            partitions: topic.partitions.map((each) => ({ ...each, ...fields })),
          })),
        };
      });
    for (const fields of [
      { from: 11, to: 11 },
      { logStart: 3 },
      { to: 2 ** 53 },
      { from: -1 },
      { partition: 10_000_000 },
    ])
      expect([fields, await refused(change(fields))]).toEqual([fields, 'BUNDLE_MANIFEST']);
  });

  test('of a later version is not guessed at', async () => {
    expect(await refused(manifest((json) => ({ ...json, version: 2 })))).toBe('BUNDLE_VERSION');
  });
});
