import { base64, broken, keyOf, leafHash, noteOf, sha256, signatureLine, treeRoot } from './primitives.ts';
import { genesis, key, logKey, note, origin, root, seal, sealA } from './statements.ts';

// Snapshots of a log of three entries, as protocol.md section 6 has them.

const K0 = key(0, '-', sealA);
const G = genesis(0);
const S0 = seal(G);
const notes = [note(K0.text, root), note(G.text, sealA), note(S0.text, sealA)];
const leaves = notes.map((one) => leafHash(Buffer.from(one)));
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';

const judge = {
  size: 3,
  offset: 3,
  keys: [{ note: notes[0], index: 0, offset: 0 }],
  partitions: [
    { geneses: [G.text], nextOffset: 10, pruned: [], last: { note: notes[2], index: 2, key: 0 }, lastSeal: null },
  ],
};
const frontier = [treeRoot(leaves.slice(0, 2)), leaves[2]!].map(base64);
const text = [
  'tallystick/snapshot/v1\n',
  `origin ${origin}\n`,
  'size 3\n',
  `root ${base64(treeRoot(leaves))}\n`,
  `state ${JSON.stringify({ frontier, position: { topicId, offset: 3 }, judge })}\n`,
].join('');
const empty = [
  'tallystick/snapshot/v1\n',
  `origin ${origin}\n`,
  'size 0\n',
  `root ${base64(sha256(''))}\n`,
  `state {"frontier":[],"position":{"topicId":"${topicId}","offset":0},"judge":{"size":0,"offset":0,"keys":[],"partitions":[]}}\n`,
].join('');

const nextKey = keyOf(origin, 1, 'the next log key');
const stranger = keyOf(origin, 1, 'somebody');

/** `wantErr`: null, SNAPSHOT_MALFORMED, SNAPSHOT_UNSIGNED, or JUDGE_STATE_INVALID for one that opens but gives no state. */
const vector = (description: string, given: string, wantErr: string | null) => ({
  description,
  origin,
  rootKey: root.vkey,
  keys: [logKey.vkey, nextKey.vkey],
  note: given,
  wantErr,
});
const signed = (given: string) => noteOf(given, signatureLine(given, logKey));
const malformed = (description: string, given: string) => {
  if (given === text) throw new Error(`${description} changes nothing`);
  return vector(description, signed(given), 'SNAPSHOT_MALFORMED');
};
const state = (description: string, bend: (copy: typeof judge) => object) => {
  const line = JSON.stringify({ frontier, position: { topicId, offset: 3 }, judge: { ...judge, ...bend(judge) } });
  return vector(description, signed(text.replace(/^state .*$/m, () => `state ${line}`)), 'JUDGE_STATE_INVALID');
};
const [partition] = judge.partitions;

export const snapshotVectors = [
  vector('a log of three entries', signed(text), null),
  vector('the empty log', signed(empty), null),
  vector('signed by the next log key', noteOf(text, signatureLine(text, nextKey)), null),
  vector('signed by both', noteOf(text, signatureLine(text, logKey), signatureLine(text, nextKey)), null),
  vector('signed by somebody else, too', noteOf(text, signatureLine(text, stranger), signatureLine(text, logKey)), null),
  vector('signed by somebody else', noteOf(text, signatureLine(text, stranger)), 'SNAPSHOT_UNSIGNED'),
  vector('signed by a seal key', noteOf(text, signatureLine(text, sealA)), 'SNAPSHOT_UNSIGNED'),
  vector('a signature that does not fit', noteOf(text, broken(signatureLine(text, logKey))), 'SNAPSHOT_UNSIGNED'),
  vector('changed after it was signed', signed(text).replace('size 3', 'size 4'), 'SNAPSHOT_UNSIGNED'),
  vector('no signature at all', text, 'SNAPSHOT_MALFORMED'),
  vector('nothing', '', 'SNAPSHOT_MALFORMED'),
  malformed('a later version', text.replace('/v1', '/v2')),
  malformed('another log', text.replace(`origin ${origin}`, 'origin other.org/log')),
  malformed('a line more', `${text}more 1\n`),
  malformed('a line less', text.replace(/^root .*\n/m, '')),
  malformed('lines in another order', text.replace(/^(size .*\n)(root .*\n)/m, '$2$1')),
  malformed('a carriage return', text.replace('size 3\n', 'size 3\r\n')),
  malformed('a size with a leading zero', text.replace('size 3', 'size 03')),
  malformed('another size', text.replace('size 3', 'size 4')),
  malformed('another accepted size', text.replace('"size":3', '"size":2')),
  malformed('a root without its padding', text.replace(/^(root .*)=$/m, '$1')),
  malformed('another root', text.replace(/^root .*$/m, `root ${base64(sha256('x'))}`)),
  malformed('a frontier in another order', text.replace(JSON.stringify(frontier), JSON.stringify(frontier.toReversed()))),
  malformed('a frontier that is short', text.replace(JSON.stringify(frontier), JSON.stringify(frontier.slice(1)))),
  malformed('a frontier that is long', text.replace(JSON.stringify(frontier), JSON.stringify([...frontier, frontier[0]]))),
  malformed('a position before what was judged', text.replace('"offset":3},"judge"', '"offset":2},"judge"')),
  malformed('no topic id', text.replace(topicId, 'AAAAAAAAAAAAAAAAAAAAA')),
  malformed('white space in its state', text.replace('{"frontier":', '{"frontier": ')),
  malformed('members in another order', text.replace(/("frontier":\[[^\]]*\]),("position":\{[^}]*\})/, '$2,$1')),
  malformed('a member twice', text.replace('"judge":', '"judge":1,"judge":')),
  malformed('an unknown member', text.replace('"keys":', '"more":1,"keys":')),
  malformed('an escape that is not needed', text.replace('"keys":', String.raw`"\u006beys":`)),
  malformed('a number in another form', text.replace('"nextOffset":10', '"nextOffset":1e1')),
  malformed('a state that is no JSON', text.replace(/^state .*$/m, 'state {')),
  malformed('a state that is no object', text.replace(/^state .*$/m, 'state null')),
  state('no keys', () => ({ keys: [] })),
  state('a key that does not continue', ({ keys }) => ({ keys: [...keys, { ...keys[0]!, index: 1 }] })),
  state('a next offset that the last seal does not give', () => ({ partitions: [{ ...partition!, nextOffset: 11 }] })),
  state('a partition twice', () => ({ partitions: [partition!, partition!] })),
  state('an index beyond the size', () => ({ partitions: [{ ...partition!, last: { ...partition!.last, index: 3 } }] })),
  state('a last statement under a key that did not sign it', () => ({ partitions: [{ ...partition!, last: { ...partition!.last, key: null } }] })),
  state('a prune of what was not sealed', () => ({ partitions: [{ ...partition!, pruned: [[0, 10]] }] })),
];
