import { base64, broken, cosignatureLine, keyOf, noteOf, rawLine, signatureLine, someHash, vkeyOf } from './primitives.ts';

const text = `log.example/acme\n7\n${someHash('root')}\n`;
const log = keyOf('log.example/acme', 1);
const w1 = keyOf('witness.example/w1', 4);
const w2 = keyOf('witness.example/w2', 4);
const time = 1_700_000_000;

export interface CosignatureVector {
  desc: string;
  note: string;
  witnesses: string[];
  wantErr: string | null;
  cosigned?: { vkey: string; time: number }[];
}

const logLine = signatureLine(text, log);
const line = cosignatureLine(text, w1, time);
const found = (desc: string, lines: string[], cosigned: [{ vkey: string }, number][], witnesses = [w1.vkey, w2.vkey], of = text): CosignatureVector => ({
  desc,
  note: noteOf(of, ...lines),
  witnesses,
  wantErr: null,
  cosigned: cosigned.map(([{ vkey }, when]) => ({ vkey, time: when })),
});
const refused = (desc: string, lines: string[], of = text): CosignatureVector => ({
  desc,
  note: noteOf(of, ...lines),
  witnesses: [w1.vkey, w2.vkey],
  wantErr: 'COSIGNATURE_INVALID',
});
const timed = (when: bigint, signed: bigint | number) => {
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(when);
  return rawLine(w1.name, Buffer.concat([w1.id, stamp, w1.sign(`cosignature/v1\ntime ${signed}\n${text}`)]));
};
const asNote = keyOf(w1.name, 1);
const extended = `${text}an extension\n`;
const c2sp = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';

/** Notes and the witnesses that are known. */
export const cosignatureVectors: CosignatureVector[] = [
  found('of one witness', [logLine, line], [[w1, time]]),
  found('of two, in the order of the keys', [logLine, cosignatureLine(text, w2, time + 5), line], [[w1, time], [w2, time + 5]]),
  found('of one witness twice: the newest time counts', [cosignatureLine(text, w1, time + 9), line], [[w1, time + 9]]),
  found('of nobody', [logLine], []),
  found('of an unknown witness', [logLine, cosignatureLine(text, keyOf('witness.example/w3', 4), time)], []),
  found('no witness is known', [logLine, line], [], []),
  found("the witness' key as that of an ordinary note: another key id, so another key", [signatureLine(text, asNote)], []),
  found('a line that shares only the name', [rawLine(w1.name, Buffer.concat([w2.id, Buffer.alloc(72)])), line], [[w1, time]]),
  found('a line that shares only the key id', [rawLine('witness.example/thief', Buffer.concat([w1.id, Buffer.alloc(72)])), line], [[w1, time]]),
  found('over extension lines', [cosignatureLine(extended, w1, time)], [[w1, time]], undefined, extended),
  found('time 1', [cosignatureLine(text, w1, 1)], [[w1, 1]]),
  found('the largest time, 2^53-1', [cosignatureLine(text, w1, Number.MAX_SAFE_INTEGER)], [[w1, Number.MAX_SAFE_INTEGER]]),
  found('C2SP tlog-cosignature: the example, whose keys nobody knows', [
    '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n',
    '— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n',
  ], [], undefined, c2sp),
  refused('a signature that does not verify', [logLine, broken(line)]),
  refused('one that does and one of the same witness that does not', [line, broken(line)]),
  refused('one that does not and one of the same witness that does', [broken(line), line]),
  refused('one witness good, one not', [line, broken(cosignatureLine(text, w2, time))]),
  refused('another time than the one signed', [timed(BigInt(time + 1), time)]),
  refused('the cosignature of another text', [cosignatureLine(text.replace('\n7\n', '\n8\n'), w1, time)]),
  refused('the cosignature of the text without its extension line', [line], extended),
  refused('an ordinary note signature under the id of a cosignature', [rawLine(w1.name, Buffer.concat([w1.id, w1.sign(text)]))]),
  refused('a time and an ordinary note signature', [rawLine(w1.name, Buffer.concat([w1.id, Buffer.alloc(7), Buffer.from([1]), w1.sign(text)]))]),
  refused('71 bytes', [rawLine(w1.name, Buffer.from(line.trim().split(' ')[2]!, 'base64').subarray(0, -1))]),
  refused('73 bytes', [rawLine(w1.name, Buffer.concat([Buffer.from(line.trim().split(' ')[2]!, 'base64'), Buffer.alloc(1)]))]),
  refused('one byte', [rawLine(w1.name, Buffer.concat([w1.id, Buffer.alloc(1)]))]),
  refused('signed by the key of another witness', [rawLine(w1.name, Buffer.concat([w1.id, Buffer.from(cosignatureLine(text, w2, time).trim().split(' ')[2]!, 'base64').subarray(4)]))]),
  refused('time 0', [cosignatureLine(text, w1, 0)]),
  refused('time 2^53', [cosignatureLine(text, w1, 2n ** 53n)]),
  refused('time 2^63', [cosignatureLine(text, w1, 2n ** 63n)]),
  refused('time 2^64-1', [cosignatureLine(text, w1, 2n ** 64n - 1n)]),
  refused('a leading zero in the time that was signed', [(() => {
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    return rawLine(w1.name, Buffer.concat([w1.id, stamp, w1.sign(`cosignature/v1\ntime 0${time}\n${text}`)]));
  })()]),
];

export interface MessageVector {
  desc: string;
  text: string;
  time: number;
  message: string;
  /** 32 bytes, base64; with `line`, what a witness of this name and seed writes. */
  seed?: string;
  vkey?: string;
  line?: string;
}

/** What is signed, and what comes out: Ed25519 gives one signature. */
export const cosignatureMessages: MessageVector[] = [
  { desc: 'C2SP tlog-cosignature: the example', text: c2sp, time: 1_679_315_147, message: `cosignature/v1\ntime 1679315147\n${c2sp}` },
  ...[text, extended].map((of, i) => ({
    desc: ['a checkpoint', 'one with an extension line'][i]!,
    text: of,
    time: time + i,
    message: `cosignature/v1\ntime ${time + i}\n${of}`,
    seed: base64(w1.seed),
    vkey: w1.vkey,
    line: cosignatureLine(of, w1, time + i),
  })),
];

export interface KeyVector {
  desc: string;
  vkey: string;
  wantErr: string | null;
  name?: string;
  publicKey?: string;
}

const badKey = (desc: string, vkey: string): KeyVector => ({ desc, vkey, wantErr: 'KEY_MALFORMED' });
const small = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]);

export const witnessKeys: KeyVector[] = [
  { desc: 'a witness', vkey: w1.vkey, wantErr: null, name: w1.name, publicKey: base64(w1.publicKey) },
  { desc: 'another', vkey: w2.vkey, wantErr: null, name: w2.name, publicKey: base64(w2.publicKey) },
  badKey('the key of a log (type 1)', log.vkey),
  badKey('type 2', vkeyOf(w1.name, 2, w1.publicKey).vkey),
  badKey('type 6, whose keys have 1,312 bytes', vkeyOf(w1.name, 6, Buffer.alloc(1312, 7)).vkey),
  badKey('31 bytes', vkeyOf(w1.name, 4, w1.publicKey.subarray(1)).vkey),
  badKey('33 bytes', vkeyOf(w1.name, 4, Buffer.concat([w1.publicKey, Buffer.alloc(1)])).vkey),
  badKey('the key id of type 1', vkeyOf(w1.name, 4, w1.publicKey, asNote.id).vkey),
  badKey('the key id of another name', vkeyOf(w1.name, 4, w1.publicKey, vkeyOf('x', 4, w1.publicKey).id).vkey),
  badKey('a point of small order', vkeyOf(w1.name, 4, small).vkey),
  badKey('bytes that are no point', vkeyOf(w1.name, 4, Buffer.from(`02${'00'.repeat(31)}`, 'hex')).vkey),
  badKey('an empty name', w1.vkey.slice(w1.name.length)),
  badKey('a space in the name', vkeyOf('witness one', 4, w1.publicKey).vkey),
  badKey('base64 that is cut off', w1.vkey.slice(0, -1)),
  badKey('URL-safe base64', `${w1.vkey.slice(0, -1)}_`),
  badKey('a newline behind it', `${w1.vkey}\n`),
];
