import { beforeAll, describe, expect, it } from 'vitest';
import { nodeSigner, nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import { encodeUtf8 } from '../src/encoding.ts';
import { Judge } from '../src/judge.ts';
import { LogTree } from '../src/log-tree.ts';
import { leafHash } from '../src/merkle.ts';
import { signNote } from '../src/note.ts';
import { formatSnapshot, maxSnapshotBytes, openSnapshot, type Snapshot } from '../src/snapshot.ts';
import { by, genesis, key, noteOf, origin, root, sealA, sealAfter, seed } from './judge-script.ts';
import { codeOf } from './reference/throws.ts';

const logKey = nodeSigner(origin, seed(9));
const newKey = nodeSigner(origin, seed(10));
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
const options = { origin, keys: [logKey.key], verify: nodeVerifyEd25519 };
const judgeOptions = { origin, rootKey: root.key, verify: nodeVerifyEd25519 };
const K0 = key();
const G = genesis();

let snapshot: Snapshot;
let text = '';

beforeAll(async () => {
  const tree = LogTree.empty();
  const judge = new Judge(judgeOptions);
  const offers = [by(root, K0), by(sealA, G), by(sealA, sealAfter(G))];
  for (const [offset, offer] of offers.entries()) {
    const note = await noteOf(offer);
    expect(judge.offer(note, { in: 'seals', offset }).outcome).toBe('accepted');
    tree.append(leafHash(note!));
  }
  const position = { topicId, offset: 3 };
  snapshot = { origin, size: tree.size, root: tree.root(), frontier: tree.frontier(), judge: judge.save(), position };
  text = formatSnapshot(snapshot);
});

describe('a snapshot', () => {
  it('is opened as it was signed, by any of the keys given, and a judge goes on from it', async () => {
    for (const signer of [logKey, newKey]) {
      const opened = openSnapshot(await signNote(text, signer), { ...options, keys: [newKey.key, logKey.key] });
      expect(opened).toEqual(snapshot);
      expect(Judge.restore(judgeOptions, opened.judge).save()).toEqual(snapshot.judge);
    }
  });

  it('has these five lines', () => {
    const [first, ...lines] = text.split('\n');
    expect(first).toBe('tallystick/snapshot/v1');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['origin', 'size', 'root', 'state', '']);
    expect(Object.keys(JSON.parse(lines[3]!.slice(6)))).toEqual(['frontier', 'position', 'judge']);
  });

  it('of the empty log is one too', async () => {
    const judge = new Judge(judgeOptions).save();
    const tree = LogTree.empty();
    const empty = { origin, size: 0, root: tree.root(), frontier: [], judge, position: { topicId, offset: 0 } };
    expect(openSnapshot(await signNote(formatSnapshot(empty), logKey), options)).toEqual(empty);
  });

  it('counts only under a signature of a log key', async () => {
    const note = await signNote(text, logKey);
    expect(codeOf(() => openSnapshot(note, { ...options, keys: [] }))).toBe('SNAPSHOT_UNSIGNED');
    expect(codeOf(() => openSnapshot(note, { ...options, keys: [newKey.key] }))).toBe('SNAPSHOT_UNSIGNED');
    expect(codeOf(() => openSnapshot(note, { ...options, verify: () => false }))).toBe('SNAPSHOT_UNSIGNED');
    const changed = encodeUtf8(new TextDecoder().decode(note).replace('size 3', 'size 4'));
    expect(codeOf(() => openSnapshot(changed, options))).toBe('SNAPSHOT_UNSIGNED');
  });

  it.each([
    ['nothing', () => new Uint8Array(0)],
    ['no note', () => encodeUtf8(text)],
    ['more bytes than it may have', () => new Uint8Array(maxSnapshotBytes + 1).fill(0x61)],
  ])('is not %s', (_, make) => {
    expect(codeOf(() => openSnapshot(make(), options))).toBe('SNAPSHOT_MALFORMED');
  });

  it('belongs to its log', async () => {
    const other = { ...options, origin: 'other.org/log' };
    expect(codeOf(() => openSnapshot(new Uint8Array(0), other))).toBe('SNAPSHOT_MALFORMED');
    const note = await signNote(text, logKey);
    expect(codeOf(() => openSnapshot(note, other))).toBe('SNAPSHOT_MALFORMED');
  });

  const texts: [string, (from: string) => string][] = [
    ['another first line', (from) => from.replace('snapshot/v1', 'snapshot/v2')],
    ['a line more', (from) => `${from}more 1\n`],
    ['a line less', (from) => from.replace(/^root .*\n/m, '')],
    ['an empty line', (from) => `${from}\n`],
    ['its lines in another order', (from) => from.replace(/^(size .*\n)(root .*\n)/m, '$2$1')],
    ['a leading zero', (from) => from.replace('size 3', 'size 03')],
    ['two spaces', (from) => from.replace('size 3', 'size  3')],
    ['another size', (from) => from.replace('size 3', 'size 4')],
    ['another size in both places', (from) => from.replace('size 3', 'size 4').replace('"size":3', '"size":4')],
    ['another accepted size', (from) => from.replace('"size":3', '"size":4')],
    ['another root', (from) => from.replace(/^root .*$/m, `root ${'A'.repeat(43)}=`)],
    ['a root that is no hash', (from) => from.replace(/^root .*$/m, 'root AAAA')],
    ['a root that is not canonical', (from) => from.replace(/^(root .*)=$/m, '$1')],
    ['a frontier that is short', (from) => from.replace(/"frontier":\["[^"]*",/, '"frontier":[')],
    ['a frontier of another tree', (from) => from.replace(/"frontier":\["[^"]*"/, `"frontier":["${'A'.repeat(43)}="`)],
    ['a frontier that is no list', (from) => from.replace(/"frontier":\[[^\]]*\]/, '"frontier":null')],
    ['white space in its state', (from) => from.replace('{"frontier"', '{ "frontier"')],
    ['an escape in its state', (from) => from.replace('"keys"', String.raw`"\u006beys"`)],
    ['a member twice', (from) => from.replace('"position"', '"position":0,"position"')],
    ['an unknown member', (from) => from.replace('"position"', '"more":0,"position"')],
    ['an unknown member of its position', (from) => from.replace('"topicId"', '"more":0,"topicId"')],
    ['a number in another form', (from) => from.replace('"size":3', '"size":3.0')],
    ['no topic id', (from) => from.replace(topicId, 'AAAA')],
    ['a position before what was judged', (from) => from.replace('Q","offset":3', 'Q","offset":2')],
    ['a position that is no offset', (from) => from.replace('Q","offset":3', 'Q","offset":"3"')],
    ['a judge that is none', (from) => from.replace(/"judge":.*$/m, '"judge":{}}')],
    ['a state that is no JSON', (from) => from.replace(/^state .*$/m, 'state x')],
    ['a state that is no object', (from) => from.replace(/^state .*$/m, 'state 7')],
    ['a state that is null', (from) => from.replace(/^state .*$/m, 'state null')],
    [
      'a state of many levels',
      (from) => from.replace(/^state .*$/m, `state ${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    ],
    ['a name that is none', (from) => from.replace(`origin ${origin}`, 'origin a+b')],
  ];
  it.each(texts)('signed with %s is none', async (_, bend) => {
    const bent = bend(text);
    expect(bent).not.toBe(text);
    const note = await signNote(bent, logKey);
    expect(codeOf(() => openSnapshot(note, options))).toBe('SNAPSHOT_MALFORMED');
  });

  it('is not written where its parts contradict each other', () => {
    for (const wrong of [
      { size: 4 },
      { root: new Uint8Array(32) },
      { frontier: [] },
      { origin: 'a\nsize 3' },
      { position: { topicId, offset: 2 } },
      { position: { topicId: '', offset: 3 } },
    ])
      expect(codeOf(() => formatSnapshot({ ...snapshot, ...wrong }))).toBe('SNAPSHOT_MALFORMED');
  });

  it('is not written where it would be too large for anybody to take', () => {
    const [partition] = snapshot.judge.partitions;
    const partitions = Array.from({ length: 25_000 }, () => partition!);
    const judge = { ...snapshot.judge, partitions };
    expect(codeOf(() => formatSnapshot({ ...snapshot, judge }))).toBe('SNAPSHOT_MALFORMED');
  });
});
