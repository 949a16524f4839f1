import { base64, broken, cosignatureLine, keyOf, noteOf, rawLine, sha256, signatureLine, someHash, vkeyOf } from './primitives.ts';
import { cosignedAt, keyNote, keys, keyText, make, origin, policy, signed, someEvents, statementText, twoCosign, type Document, type Event, type Steps } from './proof-world.ts';

export interface ProofVector {
  desc: string;
  json: string;
  /** Held by the checker: the root key's vkey and a tlog-policy. */
  rootKey: string;
  policy: string;
  wantErr: string | null;
  want?: object;
  /** Of a proof that is not redacted: the same proof, redacted. */
  redacted?: string;
}

interface Held {
  rootKey?: string;
  policy?: string;
  /** Names in `policy` and times of the cosigners that are found. */
  cosigned?: [string, number][];
  quorumTime?: number | null;
  logKey?: string;
}

const bytes = (value: Buffer | null) => (value === null ? null : base64(value));

function good(desc: string, change: Partial<Steps> = {}, held: Held = {}): ProofVector {
  const made = make(change);
  const { steps, json, leaf, sealText } = made;
  const event = steps.events[steps.position]!;
  const isLast = steps.position === steps.events.length - 1;
  const lines = new Map(sealText.split('\n').map((line) => [line.split(' ')[0]!, line.slice(line.indexOf(' ') + 1)]));
  const record = steps.redacted || event.batchHash !== undefined
    ? null
    : { key: bytes(event.key), value: bytes(event.value), headers: event.headers.map(([name, value]) => [base64(name), bytes(value)]) };
  return {
    desc,
    json,
    rootKey: held.rootKey ?? keys.root.vkey,
    policy: held.policy ?? policy,
    wantErr: null,
    want: {
      origin: lines.get('origin'),
      topic: lines.get('topic'),
      partition: steps.partition,
      generation: Number(lines.get('generation')),
      seal: Number(lines.get('seal')),
      offset: steps.firstOffset + steps.position,
      index: steps.firstIndex + steps.position,
      timestamp: !steps.redacted || (isLast && lines.get('time') !== '-') ? String(event.timestamp) : null,
      leaf: base64(leaf),
      statementHash: base64(sha256(sealText)),
      redacted: steps.redacted,
      record,
      batchHash: steps.redacted ? null : bytes(event.batchHash ?? null),
      sealKey: steps.sealKey.vkey,
      logKey: held.logKey ?? keys.log.vkey,
      logIndex: steps.logIndex,
      size: made.size,
      root: made.root,
      cosigned: (held.cosigned ?? [['witness.example/w1', cosignedAt], ['witness.example/w3', cosignedAt + 60]]),
      quorumTime: held.quorumTime === undefined ? cosignedAt : held.quorumTime,
    },
    ...(steps.redacted ? {} : { redacted: make({ ...change, redacted: true, json: (text) => text }).json }),
  };
}

function bad(code: string, desc: string, change: Partial<Steps> = {}, held: Held = {}): ProofVector {
  return {
    desc,
    json: make(change).json,
    rootKey: held.rootKey ?? keys.root.vkey,
    policy: held.policy ?? policy,
    wantErr: `PROOF_${code}`,
  };
}

/** A change of members, as they stand in the JSON. */
const doc = (change: (document: Document) => Record<string, unknown>): Partial<Steps> => ({
  document: (document) => ({ ...document, ...change(document) }),
});
const set = (change: Record<string, unknown>) => doc(() => change);
const json = (change: (json: string) => string): Partial<Steps> => ({ json: change });
const without = (...names: string[]): Partial<Steps> => ({
  document: (document) => Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name))) as Document,
});
const malformed = (desc: string, change: Partial<Steps>) => bad('MALFORMED', desc, change);
const redacted = (change: Partial<Steps> = {}): Partial<Steps> => ({ ...change, redacted: true });
/** A change of the entry's bytes, and of nothing else. */
const entry = (change: (entry: Buffer) => Buffer, steps: Partial<Steps> = {}): Partial<Steps> => ({
  ...steps,
  ...doc(({ entry }) => ({ entry: base64(change(Buffer.from(entry as string, 'base64'))) })),
});
const seal = (lines: Record<string, string>, steps: Partial<Steps> = {}): Partial<Steps> => ({
  ...steps,
  seal: (all) => ({ ...all, ...lines }),
});
const flip = (text: string) => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
const path = (change: (path: string[]) => string[], steps: Partial<Steps> = {}): Partial<Steps> => ({
  ...steps,
  ...doc(({ path }) => ({ path: change(path as string[]) })),
});
const checkpoint = (signatures: (text: string) => string[], steps: Partial<Steps> = {}): Partial<Steps> => ({ ...steps, signatures });
const event = (change: Partial<Event>, count = 5, at = 2): Event[] => someEvents(count).map((one, i) => (i === at ? { ...one, ...change } : one));
const noQuorum = `log ${keys.log.vkey}\nquorum none\n`;
const only = (text: string) => [signatureLine(text, keys.log)];
const addAsSeal = (vkey: string, number = 0) => keyNote(number, 'seal', vkey);
const other = 'log.example/other';
const otherRoot = keyOf(`${other}/root`, 1);
const thiefRoot = keyOf(`${origin}/root`, 1, 'a thief of the root');
const small = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]);
const genesis = statementText('genesis', { origin, topic: 'audit.events', 'topic-id': 'AAAAAAAAAAAAAAAAAAAAAA', partition: '3', generation: '0', reason: 'new', 'first-offset': '0', previous: '-', time: '1' });

const positive: ProofVector[] = [
  good('an event in the middle of its batch'),
  good('the first event of its batch', { position: 0 }),
  good('the second', { position: 1 }),
  good('the last event of its batch', { position: 4 }),
  good('a batch of one event', { events: someEvents(1), position: 0 }),
  good('a batch of 1,000 events', { events: someEvents(1000), position: 777 }),
  good('the first event of all', { position: 0, firstIndex: 0, firstOffset: 0, ...seal({ seal: '0' }) }),
  good('offsets at 2^53-1', { firstOffset: 9_007_199_254_740_987, firstIndex: 9_007_199_254_740_987, position: 4 }),
  good('redacted, in the middle', redacted()),
  good('redacted, the first', redacted({ position: 0 })),
  good('redacted, the last: the seal knows its time', redacted({ position: 4 })),
  good('redacted, a batch of one', redacted({ events: someEvents(1), position: 0 })),
  good('a batch that did not parse (version 2)', { events: event({ batchHash: sha256('batch') }) }),
  good('a batch that did not parse, at its end', { events: event({ batchHash: sha256('batch') }, 5, 4), position: 4 }),
  good('no key, no value, no headers', { events: event({ key: null, value: null, headers: [] }) }),
  good('an empty key, an empty value, a header without a value, one without a name', { events: event({ key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [[Buffer.from('a'), null], [Buffer.alloc(0), Buffer.alloc(0)]] }) }),
  good('bytes that are not UTF-8, also in a header name', { events: event({ key: Buffer.from('ff00', 'hex'), headers: [[Buffer.from('80', 'hex'), Buffer.from('c0', 'hex')]] }) }),
  good('a value of 5,000 bytes', { events: event({ value: Buffer.alloc(5000, 7) }) }),
  good('a control record of a transaction, with the time of its producer', { events: event({ flags: 0x30 }) }),
  good('a time before 1970 at the end: the seal says "-"', { events: event({ timestamp: -1n }, 5, 4), position: 4 }),
  good('the same, redacted: nobody knows the time', redacted({ events: event({ timestamp: -1n }, 5, 4), position: 4 })),
  good('a time of 2^63-1 in the middle', { events: event({ timestamp: 2n ** 63n - 1n }) }),
  good('a time of 2^53-1 at the end', { events: event({ timestamp: 2n ** 53n - 1n }, 5, 4), position: 4 }),
  good('generation 2, no leader epoch', seal({ generation: '2', epoch: '-' })),
  good('signed by the second seal key', { sealKey: keys.seal2, keyNotes: [addAsSeal(keys.seal.vkey), addAsSeal(keys.seal2.vkey, 3)] }),
  good('only the statement that adds the second seal key', { sealKey: keys.seal2, keyNotes: [addAsSeal(keys.seal2.vkey, 3)] }),
  good('the seal key is retired later: a matter for full verification', { keyNotes: [addAsSeal(keys.seal.vkey), addAsSeal(keys.seal2.vkey, 1), keyNote(2, 'seal', keys.seal.vkey, { action: 'retire' })] }),
  good('other additions among the key statements: a log key, a producer, one of no effect', { keyNotes: [addAsSeal(keys.seal.vkey), keyNote(1, 'log', keys.log.vkey), keyNote(2, 'producer', keyOf('service', 1).vkey), keyNote(3, 'seal', vkeyOf(`${origin}/seal`, 4, keys.seal2.publicKey).vkey)] }),
  good('a log of one entry', { entries: (statement) => [statement], logIndex: 0 }),
  good('the last entry of the log', { entries: (statement) => ['a', 'b', 'c', 'd', statement], logIndex: 4 }),
  good('a log of 300 entries', { entries: (statement) => Array.from({ length: 300 }, (_, i) => (i === 123 ? statement : `entry ${i}`)), logIndex: 123 }),
  good('all three witnesses', checkpoint((text) => [...twoCosign(text), cosignatureLine(text, keys.w2, cosignedAt + 30)]), { cosigned: [['witness.example/w1', cosignedAt], ['witness.example/w2', cosignedAt + 30], ['witness.example/w3', cosignedAt + 60]], quorumTime: cosignedAt + 30 }),
  good('a witness cosigned twice', checkpoint((text) => [...twoCosign(text), cosignatureLine(text, keys.w1, cosignedAt + 500)]), { cosigned: [['witness.example/w1', cosignedAt + 500], ['witness.example/w3', cosignedAt + 60]], quorumTime: cosignedAt + 60 }),
  good('no quorum is asked for', checkpoint(only), { policy: noQuorum, cosigned: [], quorumTime: null }),
  good('no quorum is asked for, the cosigners are unknown', {}, { policy: noQuorum, cosigned: [], quorumTime: null }),
  good('unknown signature lines', checkpoint((text) => [rawLine('x', Buffer.alloc(9)), ...twoCosign(text), cosignatureLine(text, keyOf('witness.example/w4', 4), 5)])),
  good('the log key is being rotated: both are held, the new one signed', checkpoint((text) => [signatureLine(text, keys.log2), ...twoCosign(text).slice(1)]), { policy: `log ${keys.log2.vkey}\n${policy}`, logKey: keys.log2.vkey }),
  good('another log in the policy', {}, { policy: `log ${keyOf(other, 1).vkey}\n${policy}` }),
  good('extra data in the proof of inclusion means nothing', { log: (text) => text.replace('\nindex', '\nextra AAAA\nindex') }),
  good('an extension line in the checkpoint', { checkpoint: (text) => `${text}extension\n` }),
  good('white space between the members, members in another order, escapes', json((text) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).toReversed()), null, '\t').replaceAll('=', '\\u003d').replaceAll('/', '\\/').replaceAll('"path"', '"\\u0070ath"'))),
];

const negative: ProofVector[] = [
  malformed('nothing', json(() => '')),
  malformed('null', json(() => 'null')),
  malformed('a number', json(() => '1')),
  malformed('a list', json((text) => `[${text}]`)),
  malformed('an empty object', json(() => '{}')),
  malformed('cut off', json((text) => text.slice(0, -1))),
  malformed('something behind it', json((text) => `${text}{}`)),
  malformed('a byte order mark', json((text) => `\ufeff${text}`)),
  malformed('a no-break space', json((text) => `${text}\u00a0`)),
  malformed('a comment', json((text) => `${text}// x`)),
  malformed('a comma behind the last member', json((text) => text.replace(/\}$/, ',}'))),
  malformed('a comma behind the last of a list', json((text) => text.replace('],"statement"', ',],"statement"'))),
  malformed('a name without quotes', json((text) => text.replace('"version"', 'version'))),
  malformed('single quotes', json((text) => text.replace('"version"', "'version'"))),
  malformed('a raw newline in a string', json((text) => text.replace('tallystick/seal/v1\\n', 'tallystick/seal/v1\n'))),
  malformed('half a surrogate pair in a name', json((text) => text.replace('{', '{"\\ud800":"",'))),
  malformed('an unknown member', set({ comment: 'x' })),
  malformed('an unknown member named __proto__', json((text) => text.replace('{', '{"__proto__":"x",'))),
  malformed('a member twice, with the same value', json((text) => text.replace('{"version":1', '{"version":1,"version":1'))),
  malformed('a member twice, the good one last', json((text) => text.replace('{', '{"entry":"AAAA",'))),
  malformed('a member twice, the good one first', json((text) => text.replace(/\}$/, ',"entry":"AAAA"}'))),
  malformed('a member twice, once escaped', json((text) => text.replace('{', '{"\\u0065ntry":"AAAA",'))),
  ...['version', 'entry', 'previousLeaf', 'path', 'statement', 'keys', 'log'].map((name) => malformed(`no member "${name}"`, without(name))),
  ...['leaf', 'offset', 'path', 'statement', 'keys', 'log'].map((name) => malformed(`redacted, no member "${name}"`, redacted(without(name)))),
  malformed('a name in capitals', json((text) => text.replace('"path"', '"Path"'))),
  malformed('version 2', set({ version: 2 })),
  malformed('version 0', set({ version: 0 })),
  malformed('a version that is a string', set({ version: '1' })),
  malformed('version 1.0', json((text) => text.replace('"version":1', '"version":1.0'))),
  malformed('version 1e0', json((text) => text.replace('"version":1', '"version":1e0'))),
  malformed('version 01', json((text) => text.replace('"version":1', '"version":01'))),
  malformed('version -1', set({ version: -1 })),
  malformed('entry and leaf', doc(() => ({ leaf: someHash('leaf') }))),
  malformed('entry and offset', set({ offset: 1009 })),
  malformed('redacted, with the leaf before', redacted(set({ previousLeaf: someHash('x') }))),
  malformed('an entry of null', set({ entry: null })),
  malformed('an entry that is a list', doc(({ entry }) => ({ entry: [entry] }))),
  malformed('an entry without padding', doc(({ entry }) => ({ entry: (entry as string).replace(/=+$/, '') + 'A' }))),
  malformed('an entry in URL-safe base64', set({ entry: '-_-_' })),
  malformed('an entry with a newline', doc(({ entry }) => ({ entry: `${entry as string}\n` }))),
  malformed('an entry whose unused bits are not 0', set({ entry: 'AB==' })),
  malformed('a leaf before of 31 bytes', set({ previousLeaf: base64(Buffer.alloc(31)) })),
  malformed('an empty leaf before', set({ previousLeaf: '' })),
  malformed('a leaf before whose unused bits are not 0', doc(({ previousLeaf }) => ({ previousLeaf: (previousLeaf as string).replace(/.=$/, '/=') }))),
  malformed('redacted, a leaf of 33 bytes', redacted(set({ leaf: base64(Buffer.alloc(33)) }))),
  malformed('redacted, an offset that is a string', redacted(set({ offset: '1009' }))),
  malformed('redacted, an offset of 1009.0', redacted(json((text) => text.replace('"offset":1009', '"offset":1009.0')))),
  malformed('redacted, an offset with a leading zero', redacted(json((text) => text.replace('"offset":1009', '"offset":01009')))),
  malformed('redacted, an offset of -1', redacted(set({ offset: -1 }))),
  malformed('redacted, an offset of 2^53', redacted(json((text) => text.replace('"offset":1009', '"offset":9007199254740992')))),
  malformed('redacted, an offset of 100 digits', redacted(json((text) => text.replace('"offset":1009', `"offset":${'1'.repeat(100)}`)))),
  malformed('redacted, an offset of true', redacted(set({ offset: true }))),
  malformed('a path that is a string', doc(({ path }) => ({ path: (path as string[]).join('\n') }))),
  malformed('a path with a number', path((all) => [...all.slice(1), 5 as unknown as string])),
  malformed('a path with a hash of 31 bytes', path((all) => [...all.slice(1), base64(Buffer.alloc(31))])),
  malformed('a path with an empty string', path((all) => [...all, ''])),
  malformed('a path of 15 hashes: no batch is so large', path((all) => [...all, ...Array.from({ length: 12 }, (_, i) => someHash(`${i}`))])),
  malformed('lists in the path', path((all) => [all as unknown as string])),
  malformed('a statement that is an object', set({ statement: {} })),
  malformed('a statement of 65,536 bytes', set({ statement: 'x'.repeat(65_536) })),
  malformed('keys that are a string', doc(({ keys }) => ({ keys: (keys as string[])[0] }))),
  malformed('keys that are an object', doc(({ keys }) => ({ keys: { 0: (keys as string[])[0] } }))),
  malformed('257 key statements', doc(({ keys }) => ({ keys: [...(keys as string[]), ...Array.from({ length: 256 }, () => 'x')] }))),
  malformed('10,000 open brackets', json(() => `{"path":${'['.repeat(10_000)}`)),
  malformed('a proof of inclusion that is an object', set({ log: {} })),
  malformed('an empty proof of inclusion', set({ log: '' })),
  malformed('the checkpoint alone', { log: (text) => text.slice(text.indexOf('\n\n') + 2) }),
  malformed('a proof of inclusion of version 2', { log: (text) => text.replace('@v1', '@v2') }),
  malformed('an index in the log with a leading zero', { log: (text) => text.replace('index ', 'index 0') }),
  malformed('a hash of the log path without padding', { log: (text) => text.replace('=\n', '\n') }),

  bad('STATEMENT', 'a statement without a signature', { statement: (text) => text }),
  bad('STATEMENT', 'a seal with two signature lines', { statement: (text) => noteOf(text, signatureLine(text, keys.seal), signatureLine(text, keys.seal2)) }),
  bad('STATEMENT', 'a seal with a cosignature', { statement: (text) => noteOf(text, signatureLine(text, keys.seal), cosignatureLine(text, keys.w1, 1)) }),
  bad('STATEMENT', 'a genesis statement', { statement: () => signed(genesis, keys.seal) }),
  bad('STATEMENT', 'a key statement', { statement: () => keyNote(0, 'seal', keys.seal.vkey) }),
  bad('STATEMENT', 'a seal of a later version', { statement: (text, key) => signed(text.replace('seal/v1', 'seal/v2'), key) }),
  bad('STATEMENT', 'a checkpoint', { statement: () => noteOf(`${origin}\n7\n${someHash('x')}\n`, ...only(`${origin}\n7\n${someHash('x')}\n`)) }),
  bad('STATEMENT', 'a seal with a leading zero', seal({ seal: '041' })),
  bad('STATEMENT', 'a seal whose events and offsets are not equally many', seal({ offsets: '1007-1012' })),
  bad('STATEMENT', 'a seal with a line behind it', { statement: (text, key) => signed(`${text}more\n`, key) }),
  bad('STATEMENT', 'carriage returns', { statement: (text, key) => signed(text, key).replaceAll('\n', '\r\n') }),
  bad('STATEMENT', 'a newline behind the signature', { statement: (text, key) => `${signed(text, key)}\n` }),

  bad('ENTRY', 'an empty entry', entry(() => Buffer.alloc(0))),
  bad('ENTRY', 'an entry of 22 bytes', entry((all) => all.subarray(0, 22))),
  bad('ENTRY', 'version 0', entry((all) => Buffer.concat([Buffer.from([0]), all.subarray(1)]))),
  bad('ENTRY', 'version 3', entry((all) => Buffer.concat([Buffer.from([3]), all.subarray(1)]))),
  bad('ENTRY', 'a flag that must be 0', entry((all) => Buffer.concat([all.subarray(0, 1), Buffer.from([0x48]), all.subarray(2)]))),
  bad('ENTRY', 'a byte behind the record', entry((all) => Buffer.concat([all, Buffer.alloc(1)]))),
  bad('ENTRY', 'the record is cut off', entry((all) => all.subarray(0, -1))),
  bad('ENTRY', 'a varint that is longer than it need be', entry((all) => Buffer.concat([all.subarray(0, 22), Buffer.from([all[22]! | 0x80, 0]), all.subarray(23)]))),
  bad('ENTRY', 'a header whose name is null', entry((all) => Buffer.concat([all.subarray(0, 22), Buffer.from([1, 1, 2, 1, 1])]))),
  bad('ENTRY', 'a header count below 0', entry((all) => Buffer.concat([all.subarray(0, 22), Buffer.from([1, 1, 1])]))),
  bad('ENTRY', 'version 2 with a record', entry((all) => Buffer.concat([Buffer.from([2]), all.subarray(1)]))),
  bad('ENTRY', 'version 2 with 31 bytes', entry((all) => all.subarray(0, -1), { events: event({ batchHash: sha256('x') }) })),
  bad('ENTRY', 'an offset of 2^53', entry((all) => Buffer.concat([all.subarray(0, 6), Buffer.from('0020000000000000', 'hex'), all.subarray(14)]))),
  bad('ENTRY', 'a record that does not parse, though the leaf and the root are right', { events: event({ body: Buffer.from('0101', 'hex') }) }),

  bad('PLACE', 'the entry is of another partition', seal({ partition: '4' })),
  bad('PLACE', 'the offset lies below the batch', seal({ offsets: '1010-1014' })),
  bad('PLACE', 'the offset lies above the batch', seal({ offsets: '1000-1004' })),
  bad('PLACE', 'redacted, below', redacted(set({ offset: 1006 }))),
  bad('PLACE', 'redacted, above', redacted(set({ offset: 1012 }))),
  bad('PLACE', 'redacted, far above', redacted(set({ offset: 9_007_199_254_740_991 }))),

  bad('LEAF', 'the first event: its leaf before is not what the seal says', seal({ after: someHash('x') }, { position: 0 })),
  bad('LEAF', 'the last event: its leaf is not what the seal says', seal({ head: someHash('x') }, { position: 4 })),
  bad('LEAF', 'the only event: its leaf is not what the seal says', seal({ head: someHash('x') }, { events: someEvents(1), position: 0 })),
  bad('LEAF', 'redacted, the last', redacted(seal({ head: someHash('x') }, { position: 4 }))),
  bad('LEAF', 'the first event with another leaf before', { position: 0, ...doc(({ previousLeaf }) => ({ previousLeaf: flip(previousLeaf as string) })) }),

  bad('TIME', 'the last event: another time', seal({ time: '1700000000005' }, { position: 4 })),
  bad('TIME', 'the last event: the seal says "-" of a time that it could name', seal({ time: '-' }, { position: 4 })),
  bad('TIME', 'the last event: the seal names a time for one before 1970', seal({ time: '0' }, { events: event({ timestamp: -1n }, 5, 4), position: 4 })),
  bad('TIME', 'the last event: 2^53 is named 2^53-1', seal({ time: '9007199254740991' }, { events: event({ timestamp: 2n ** 53n }, 5, 4), position: 4 })),

  bad('ROOT', 'a byte of the value is another', entry((all) => Buffer.concat([all.subarray(0, 34), Buffer.from([all[34]! ^ 1]), all.subarray(35)]))),
  bad('ROOT', 'the timestamp is another', entry((all) => Buffer.concat([all.subarray(0, 21), Buffer.from([all[21]! ^ 1]), all.subarray(22)]))),
  bad('ROOT', 'a flag is another', entry((all) => Buffer.concat([all.subarray(0, 1), Buffer.from([0]), all.subarray(2)]))),
  bad('ROOT', 'the offset of a neighbour', entry((all) => Buffer.concat([all.subarray(0, 13), Buffer.from([all[13]! + 1]), all.subarray(14)]))),
  bad('ROOT', 'the leaf before is another', doc(({ previousLeaf }) => ({ previousLeaf: flip(previousLeaf as string) }))),
  bad('ROOT', 'redacted, the leaf is another', redacted(doc(({ leaf }) => ({ leaf: flip(leaf as string) })))),
  bad('ROOT', 'redacted, the offset of a neighbour', redacted(set({ offset: 1008 }))),
  bad('ROOT', 'redacted, at an odd place the offset of the one before', redacted({ position: 1, ...set({ offset: 1007 }) })),
  bad('ROOT', 'no path', path(() => [])),
  bad('ROOT', 'the path is too short', path((all) => all.slice(0, -1))),
  bad('ROOT', 'the path is too long', path((all) => [...all, someHash('x')])),
  bad('ROOT', 'the path lacks its first hash', path((all) => all.slice(1))),
  bad('ROOT', 'the path is upside down', path((all) => all.toReversed())),
  bad('ROOT', 'a hash of the path is another', path((all) => [...all.slice(0, 1), flip(all[1]!), ...all.slice(2)])),
  bad('ROOT', 'a batch of one with a path', path(() => [someHash('x')], { events: someEvents(1), position: 0 })),
  bad('ROOT', 'the seal has another root', seal({ root: someHash('x') })),
  bad('ROOT', 'the seal counts one event less', seal({ events: '1000-1003', offsets: '1007-1010' })),
  bad('ROOT', 'an inner node in place of the leaf: the path of its level', redacted({ events: someEvents(4), position: 0, ...innerNode() })),

  bad('KEYS', 'no note', { keyNotes: ['key'] }),
  bad('KEYS', 'an empty string', { keyNotes: [addAsSeal(keys.seal.vkey), ''] }),
  bad('KEYS', 'a key statement without a signature', { keyNotes: [keyText(0, 'seal', keys.seal.vkey)] }),
  bad('KEYS', 'a key statement with two signature lines', { keyNotes: [noteOf(keyText(0, 'seal', keys.seal.vkey), signatureLine(keyText(0, 'seal', keys.seal.vkey), keys.root), signatureLine(keyText(0, 'seal', keys.seal.vkey), keys.seal))] }),
  bad('KEYS', 'a genesis statement among them', { keyNotes: [addAsSeal(keys.seal.vkey), signed(genesis, keys.root)] }),
  bad('KEYS', 'a key statement of a later version', { keyNotes: [addAsSeal(keys.seal.vkey), signed(keyText(1, 'seal', keys.seal2.vkey).replace('key/v1', 'key/v2'), keys.root)] }),
  bad('KEYS', 'a malformed key statement', { keyNotes: [keyNote(0, 'seal', keys.seal.vkey, { time: '-1' })] }),
  bad('KEYS', 'key statement 0 that adds no seal key', { keyNotes: [keyNote(0, 'log', keys.log.vkey), addAsSeal(keys.seal.vkey, 1)] }),
  bad('KEYS', 'signed by the seal key itself', { keyNotes: [signed(keyText(0, 'seal', keys.seal.vkey), keys.seal)] }),
  bad('KEYS', 'signed by a thief who takes the name of the root key', { sealKey: keys.thief, keyNotes: [signed(keyText(0, 'seal', keys.thief.vkey), thiefRoot)] }),
  bad('KEYS', "a signature that does not verify under the root key's name and id", { keyNotes: [addAsSeal(keys.seal.vkey).replace(signatureLine(keyText(0, 'seal', keys.seal.vkey), keys.root), broken(signatureLine(keyText(0, 'seal', keys.seal.vkey), keys.root)))] }),
  bad('KEYS', 'one good, and one that is not signed by the root key', { keyNotes: [addAsSeal(keys.seal.vkey), signed(keyText(1, 'seal', keys.thief.vkey), keys.thief)] }),
  bad('KEYS', 'another root key is held', {}, { rootKey: thiefRoot.vkey }),
  bad('KEYS', 'a time that was changed after signing', { keyNotes: [addAsSeal(keys.seal.vkey).replace('time 17', 'time 18')] }),

  bad('SEAL_KEY', 'no key statement', { keyNotes: [] }),
  bad('SEAL_KEY', 'the statement of another seal key', { keyNotes: [addAsSeal(keys.seal2.vkey)] }),
  bad('SEAL_KEY', 'the key was added as a log key', { keyNotes: [keyNote(1, 'log', keys.seal.vkey)] }),
  bad('SEAL_KEY', 'the key was added as that of a producer', { keyNotes: [keyNote(1, 'producer', keys.seal.vkey)] }),
  bad('SEAL_KEY', 'only its retirement', { keyNotes: [keyNote(2, 'seal', keys.seal.vkey, { action: 'retire' })] }),
  bad('SEAL_KEY', 'the key was added under a name that does not fit', { sealKey: keyOf(`${origin}/sealer`, 1), keyNotes: [keyNote(1, 'seal', keyOf(`${origin}/sealer`, 1).vkey)] }),
  bad('SEAL_KEY', 'the seal is signed by the log key', { sealKey: keys.log, keyNotes: [addAsSeal(keys.seal.vkey), keyNote(1, 'log', keys.log.vkey)] }),
  bad('SEAL_KEY', 'the seal is signed by the root key', { sealKey: keys.root }),
  bad('SEAL_KEY', 'the root key was added as a seal key: it is none', { sealKey: keyOf(`${origin}/seal`, 1, `${origin}/root`), keyNotes: [keyNote(1, 'seal', keyOf(`${origin}/seal`, 1, `${origin}/root`).vkey)] }),
  bad('SEAL_KEY', 'signed by a thief who takes the name of the seal key', { sealKey: keys.thief }),
  bad('SEAL_KEY', 'a signature that does not verify', { statement: (text, key) => noteOf(text, broken(signatureLine(text, key))) }),
  bad('SEAL_KEY', "a thief's signature under name and id of the seal key", { statement: (text) => noteOf(text, rawLine(keys.seal.name, Buffer.concat([keys.seal.id, keys.thief.sign(text)]))) }),
  bad('SEAL_KEY', 'a signature of 65 bytes', { statement: (text, key) => noteOf(text, rawLine(key.name, Buffer.concat([key.id, key.sign(text), Buffer.alloc(1)]))) }),
  bad('SEAL_KEY', 'the signature of another seal', { statement: (text, key) => noteOf(text, signatureLine(text.replace('seal 41', 'seal 42'), key)) }),
  bad('SEAL_KEY', 'a key of type 4 was added', { sealKey: { ...keys.seal, ...vkeyOf(`${origin}/seal`, 4, keys.seal.publicKey) }, keyNotes: [keyNote(1, 'seal', vkeyOf(`${origin}/seal`, 4, keys.seal.publicKey).vkey)] }),
  bad('SEAL_KEY', 'a key of small order was added, under which anybody can sign', smallOrder()),

  bad('ORIGIN', 'a key statement of another log', { keyNotes: [addAsSeal(keys.seal.vkey), keyNote(1, 'seal', keys.seal2.vkey, { origin: other })] }),
  bad('ORIGIN', 'the seal is of another log', seal({ origin: other })),
  bad('ORIGIN', 'all is of another log, and so are the keys held, but for the root key', ofOther(), { policy: policy.replace(keys.log.vkey, keyOf(other, 1).vkey) }),
  bad('ORIGIN', 'all is of another log, whose root key is held, but not its log key', ofOther(), { rootKey: otherRoot.vkey }),
  bad('ORIGIN', 'the root key has another name', {}, { rootKey: keyOf(origin, 1, `${origin}/root`).vkey }),
  bad('ORIGIN', 'the policy holds no log', {}, { policy: policy.slice(policy.indexOf('\n') + 1) }),
  bad('ORIGIN', 'the policy holds another log', {}, { policy: policy.replace(keys.log.vkey, keyOf(other, 1).vkey) }),
  bad('ORIGIN', 'the checkpoint is of another log, and signed by its key', { checkpoint: (text) => text.replace(origin, other), signatures: (text) => [signatureLine(text, keyOf(other, 1)), ...twoCosign(text).slice(1)] }, { policy: `log ${keyOf(other, 1).vkey}\n${policy}` }),
  bad('ORIGIN', "the checkpoint is of another log, and signed by this one's key", { checkpoint: (text) => text.replace(origin, other) }),

  bad('INCLUSION', 'another index', { log: (text) => text.replace('index 4', 'index 5') }),
  bad('INCLUSION', 'an index beyond the tree', { log: (text) => text.replace('index 4', 'index 7') }),
  bad('INCLUSION', 'the path is too short', { logPath: (all) => all.slice(0, -1) }),
  bad('INCLUSION', 'the path is too long', { logPath: (all) => [...all, someHash('x')] }),
  bad('INCLUSION', 'no path', { logPath: () => [] }),
  bad('INCLUSION', 'a hash of the path is another', { logPath: (all) => [flip(all[0]!), ...all.slice(1)] }),
  bad('INCLUSION', 'the seal is not in the log', { entries: (statement) => ['0', '1', '2', '3', statement.replace('seal 41', 'seal 40'), '5', '6'] }),
  bad('INCLUSION', 'the log holds the text of the seal without its signature', { entries: (statement) => ['0', '1', '2', '3', statement.slice(0, statement.indexOf('\n\n') + 1), '5', '6'] }),
  bad('INCLUSION', 'the checkpoint has another root', { checkpoint: (text) => text.replace(/\n[^\n]*\n$/, `\n${someHash('x')}\n`) }),
  bad('INCLUSION', 'the checkpoint has a size in which the path is longer', { checkpoint: (text) => text.replace('\n7\n', '\n9\n') }),
  bad('INCLUSION', 'the checkpoint has a size in which the path is shorter', { checkpoint: (text) => text.replace('\n7\n', '\n5\n') }),
  bad('INCLUSION', 'a checkpoint of the empty tree', { checkpoint: (text) => text.replace(/\n7\n[^\n]*\n$/, `\n0\n${base64(sha256(''))}\n`) }),

  bad('CHECKPOINT', 'no signature line', checkpoint(() => [])),
  bad('CHECKPOINT', 'not a note', { log: (text) => `${text.slice(0, text.indexOf('\n\n') + 2)}checkpoint` }),
  bad('CHECKPOINT', 'a size with a leading zero', { checkpoint: (text) => text.replace('\n7\n', '\n07\n') }),
  bad('CHECKPOINT', 'cosigned, but not signed by the log', checkpoint((text) => twoCosign(text).slice(1))),
  bad('CHECKPOINT', 'signed by a stranger who takes the name', checkpoint((text) => [signatureLine(text, keys.log2), ...twoCosign(text).slice(1)])),
  bad('CHECKPOINT', "the log's signature does not verify", checkpoint((text) => [broken(signatureLine(text, keys.log)), ...twoCosign(text).slice(1)])),
  bad('CHECKPOINT', "two lines of the log's key, one does not verify", checkpoint((text) => [...twoCosign(text), broken(signatureLine(text, keys.log))])),
  bad('CHECKPOINT', 'both log keys are held, the signature of one does not verify', checkpoint((text) => [...twoCosign(text), broken(signatureLine(text, keys.log2))]), { policy: `log ${keys.log2.vkey}\n${policy}` }),
  bad('CHECKPOINT', 'signed by the seal key', checkpoint((text) => [signatureLine(text, keys.seal), ...twoCosign(text).slice(1)])),
  bad('CHECKPOINT', 'the proof brings its own log key', { keyNotes: [addAsSeal(keys.seal.vkey), keyNote(1, 'log', keys.log2.vkey)], ...checkpoint((text) => [signatureLine(text, keys.log2), ...twoCosign(text).slice(1)]) }),
  bad('CHECKPOINT', 'signed without its extension line', { checkpoint: (text) => `${text}extension\n`, signatures: (text) => twoCosign(text.replace('extension\n', '')) }),

  bad('COSIGNATURE', 'a cosignature does not verify, and two do', checkpoint((text) => [...twoCosign(text), broken(cosignatureLine(text, keys.w2, cosignedAt))])),
  bad('COSIGNATURE', 'the cosignature of another checkpoint', checkpoint((text) => [...twoCosign(text), cosignatureLine(text.replace('\n7\n', '\n8\n'), keys.w2, cosignedAt)])),
  bad('COSIGNATURE', 'a cosignature of a known witness that the policy does not need does not verify', checkpoint((text) => [...only(text), broken(cosignatureLine(text, keys.w2, cosignedAt))]), { policy: policy.replace('quorum W', 'quorum none') }),
  bad('COSIGNATURE', 'time 0', checkpoint((text) => [...twoCosign(text), cosignatureLine(text, keys.w2, 0)])),

  bad('QUORUM', 'no cosignature', checkpoint(only)),
  bad('QUORUM', 'one of the two that are asked for', checkpoint((text) => twoCosign(text).slice(0, 2))),
  bad('QUORUM', 'one witness twice', checkpoint((text) => [...twoCosign(text).slice(0, 2), cosignatureLine(text, keys.w1, cosignedAt + 1)])),
  bad('QUORUM', 'one that is known and one that is not', checkpoint((text) => [...twoCosign(text).slice(0, 2), cosignatureLine(text, keyOf('witness.example/w4', 4), cosignedAt)])),
  bad('QUORUM', 'the key of a witness under another name', checkpoint((text) => [...twoCosign(text).slice(0, 2), cosignatureLine(text, keyOf('witness.example/w3x', 4, 'witness.example/w3'), cosignedAt)])),
  bad('QUORUM', 'a witness that signed as a log signs', checkpoint((text) => [...twoCosign(text).slice(0, 2), signatureLine(text, keyOf('witness.example/w3', 1))])),
  bad('QUORUM', 'two, but not the one that must', {}, { policy: policy.replace('quorum W', 'quorum W2').replace('group W 2', 'group W 1') }),
];

/** Four leaves; the node over the first two is given as "leaf", with the path that is left. */
function innerNode(): Partial<Steps> {
  return doc(({ leaf, path }) => {
    const [first, second] = [leaf as string, (path as string[])[0]!].map((text) => Buffer.from(text, 'base64'));
    return { leaf: base64(sha256(Buffer.from([1]), first!, second!)), path: (path as string[]).slice(1) };
  });
}

/** The neutral element as a public key, and the signature of which the equation holds for every message: R neutral, S = 0. */
function smallOrder(): Partial<Steps> {
  const { id, vkey } = vkeyOf(`${origin}/seal`, 1, small);
  return {
    keyNotes: [keyNote(1, 'seal', vkey)],
    statement: (text) => noteOf(text, rawLine(`${origin}/seal`, Buffer.concat([id, small, Buffer.alloc(32)]))),
  };
}

/** A good proof of another log. */
function ofOther(): Partial<Steps> {
  const sealKey = keyOf(`${other}/seal`, 1);
  return {
    sealKey,
    ...seal({ origin: other }),
    keyNotes: [signed(keyText(0, 'seal', sealKey.vkey, { origin: other }), otherRoot)],
    checkpoint: (text) => text.replace(origin, other),
    signatures: (text) => [signatureLine(text, keyOf(other, 1)), ...twoCosign(text).slice(1)],
  };
}

export const proofVectors: ProofVector[] = [...positive, ...negative];
