import { base64, keyOf, noteOf, sha256, signatureLine, someHash } from './primitives.ts';

export interface TlogProofVector {
  desc: string;
  text: string;
  wantErr: string | null;
  index?: number;
  path?: string[];
  /** base64; null where there is none. */
  extra?: string | null;
  checkpoint?: string;
}

const first = 'c2sp.org/tlog-proof@v1';
const text = `log.example/acme\n7\n${someHash('root')}\n`;
const checkpoint = noteOf(text, signatureLine(text, keyOf('log.example/acme', 1)));
const hash = (n: number) => someHash(`hash ${n}`);
const path = [hash(0), hash(1), hash(2)];
const textOf = (lines: string[], end = checkpoint) => `${lines.join('\n')}\n\n${end}`;

const good = (desc: string, index: number, hashes: string[], extra: string | null = null, end = checkpoint): TlogProofVector => ({
  desc,
  text: textOf([first, ...(extra === null ? [] : [`extra ${extra}`]), `index ${index}`, ...hashes], end),
  wantErr: null,
  index,
  path: hashes,
  extra,
  checkpoint: end,
});
const bad = (desc: string, whole: string): TlogProofVector => ({ desc, text: whole, wantErr: 'TLOG_PROOF_MALFORMED' });

// The example of C2SP tlog-proof as it is printed; "[...]" stands in it for most of each signature, so that its checkpoint is no note.
const c2spPath = [
  'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=',
  'B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=',
  'EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=',
  'RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=',
  'AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=',
];
const c2spCheckpoint =
  'example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n— example.com/fancylog hI2DJw[...]1roloI=\n— witness1.example mJirIklj[...]qY9v2B/5bg==\n— witness2.example TnKKVHLX[...]xwYwrSjgow==\n— witness3.example S4X82uH5[...]3oEcROGLFQ==\n';

export const tlogProofVectors: TlogProofVector[] = [
  good('C2SP tlog-proof: the example', 73894, c2spPath, 'YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ', c2spCheckpoint),
  good('a path of three', 4, path),
  good('no path: the only leaf', 0, []),
  good('extra data', 4, path, base64(Buffer.from('extra'))),
  good('the largest index', 9_007_199_254_740_991, path),
  good('63 hashes', 4, Array.from({ length: 63 }, (_, i) => hash(i))),
  good('the checkpoint is not looked into', 4, path, null, 'no checkpoint'),
  good('empty lines in the checkpoint belong to it', 4, path, null, '\n\nx\n\n'),
  bad('nothing', ''),
  bad('the first line only', `${first}\n`),
  bad('no checkpoint', textOf([first, 'index 4', ...path], '')),
  bad('no empty line', [first, 'index 4', ...path, 'log.example/acme', '7', hash(0), ''].join('\n')),
  bad('version 2', textOf([first.replace('@v1', '@v2'), 'index 4', ...path])),
  bad('an empty line at the start', `\n${textOf([first, 'index 4', ...path])}`),
  bad('a space behind the first line', textOf([`${first} `, 'index 4', ...path])),
  bad('carriage returns', textOf([first, 'index 4', ...path]).replaceAll('\n', '\r\n')),
  bad('no index', textOf([first, ...path])),
  bad('extra data but no index', textOf([first, 'extra AAAA', ...path])),
  bad('two lines of extra data', textOf([first, 'extra AAAA', 'extra AAAA', 'index 4', ...path])),
  bad('extra data behind the index', textOf([first, 'index 4', 'extra AAAA', ...path])),
  bad('a line for extra data with none', textOf([first, 'extra ', 'index 4', ...path])),
  bad('extra data that is not base64', textOf([first, 'extra ???', 'index 4', ...path])),
  bad('extra data without padding', textOf([first, 'extra AAAAAA', 'index 4', ...path])),
  bad('two indices', textOf([first, 'index 4', 'index 4', ...path])),
  bad('an empty index', textOf([first, 'index ', ...path])),
  bad('two spaces before the index', textOf([first, 'index  4', ...path])),
  bad('an index with a leading zero', textOf([first, 'index 04', ...path])),
  bad('an index with a sign', textOf([first, 'index +4', ...path])),
  bad('a negative index', textOf([first, 'index -4', ...path])),
  bad('an index of 2^53', textOf([first, 'index 9007199254740992', ...path])),
  bad('INDEX', textOf([first, 'INDEX 4', ...path])),
  bad('a hash of 31 bytes', textOf([first, 'index 4', base64(sha256('x').subarray(1))])),
  bad('a hash of 33 bytes', textOf([first, 'index 4', base64(Buffer.alloc(33))])),
  bad('a hash without padding', textOf([first, 'index 4', hash(0).replace('=', '')])),
  bad('a hash whose unused bits are not 0', textOf([first, 'index 4', `${'A'.repeat(42)}B=`])),
  bad('two hashes in a line', textOf([first, 'index 4', `${hash(0)} ${hash(1)}`])),
  bad('a space behind a hash', textOf([first, 'index 4', `${hash(0)} `])),
  bad('64 hashes', textOf([first, 'index 4', ...Array.from({ length: 64 }, (_, i) => hash(i))])),
];
