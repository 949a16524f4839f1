import { broken, cosignatureLine, keyOf, noteOf, rawLine, sha256, signatureLine, someHash } from './primitives.ts';

export interface TextVector {
  desc: string;
  text: string;
  wantErr: string | null;
  origin?: string;
  size?: number;
  root?: string;
  extensions?: string[];
}

const origin = 'log.example/acme';
const root = someHash('root');

const good = (desc: string, lines: [string, string, string, ...string[]]): TextVector => {
  const [name, size, hash, ...extensions] = lines;
  return { desc, text: lines.map((line) => `${line}\n`).join(''), wantErr: null, origin: name, size: Number(size), root: hash, extensions };
};
const bad = (desc: string, text: string): TextVector => ({ desc, text, wantErr: 'CHECKPOINT_MALFORMED' });
const badSize = (desc: string, size: string) => bad(desc, `${origin}\n${size}\n${root}\n`);
const badRoot = (desc: string, hash: string) => bad(desc, `${origin}\n7\n${hash}\n`);

/** Texts: what stands before the empty line. */
export const checkpointTexts: TextVector[] = [
  good('C2SP tlog-checkpoint: the example', ['example.com/behind-the-sofa', '20852163', 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=']),
  good('of one leaf', [origin, '1', root]),
  good('of no leaf', [origin, '0', sha256('').toString('base64')]),
  good('of no leaf with a root that is not the hash of nothing: form only, a witness answers 422', [origin, '0', root]),
  good('the largest size', [origin, '9007199254740991', root]),
  good('an origin with spaces, plus and letters that are not ASCII', ['the log of Zürich + more', '7', root]),
  good('an extension line', [origin, '7', root, 'extension']),
  good('extension lines with spaces at their ends', [origin, '7', root, ' a ', ' ', 'b']),
  good('an origin that looks like a size', ['12', '7', root]),
  good('U+007F and U+0085 in an extension line', [origin, '7', root, 'a\u007f\u0085']),
  bad('nothing', ''),
  bad('a newline', '\n'),
  bad('no newline at the end', `${origin}\n7\n${root}`),
  bad('two newlines at the end', `${origin}\n7\n${root}\n\n`),
  bad('an empty line before an extension line', `${origin}\n7\n${root}\n\nextension\n`),
  bad('an empty line at the start', `\n${origin}\n7\n${root}\n`),
  bad('an empty origin', `\n7\n${root}\n`),
  bad('no root', `${origin}\n7\n`),
  bad('an origin only', `${origin}\n`),
  bad('size and root changed places', `${origin}\n${root}\n7\n`),
  bad('carriage returns', `${origin}\r\n7\r\n${root}\r\n`),
  bad('a tab in the origin', `log\texample\n7\n${root}\n`),
  bad('U+0000 in an extension line', `${origin}\n7\n${root}\na\u0000b\n`),
  badSize('a leading zero', '07'),
  badSize('two zeros', '00'),
  badSize('a sign', '+7'),
  badSize('a negative size', '-7'),
  badSize('a size of -0', '-0'),
  badSize('a space before the size', ' 7'),
  badSize('a space after the size', '7 '),
  badSize('an empty size', ''),
  badSize('a hexadecimal size', '0x7'),
  badSize('an exponent', '7e0'),
  badSize('a decimal point', '7.0'),
  badSize('a digit that is not ASCII', '٧'),
  badSize('2^53', '9007199254740992'),
  badSize('2^64', '18446744073709551616'),
  badSize('a size of 100 digits', '1'.repeat(100)),
  badRoot('a root of 31 bytes', sha256('root').subarray(1).toString('base64')),
  badRoot('a root of 33 bytes', Buffer.concat([sha256('root'), Buffer.alloc(1)]).toString('base64')),
  badRoot('a root without padding', root.replace('=', '')),
  badRoot('a URL-safe root', sha256('a root with both').toString('base64').replaceAll('+', '-').replaceAll('/', '_').replace(/^[A-Za-z0-9]/, '-')),
  badRoot('a root whose unused bits are not 0', `${root.slice(0, -2)}${String.fromCharCode(root.charCodeAt(42) + 1)}=`),
  badRoot('a hexadecimal root', sha256('root').toString('hex')),
  badRoot('a space after the root', `${root} `),
  badRoot('an empty root line of spaces', ' '),
];

export interface NoteVector {
  desc: string;
  note: string;
  origin: string;
  keys: string[];
  wantErr: string | null;
  size?: number;
  root?: string;
  /** The first of `keys` that signed. */
  key?: string;
}

const log = keyOf(origin, 1);
const next = keyOf(origin, 1, 'the next log key');
const stranger = keyOf(origin, 1, 'a stranger who takes the name');
const other = keyOf('log.example/other', 1);
const misnamed = keyOf('log.example/acme/key', 1);
const witness = keyOf('witness.example/w1', 4);
const text = `${origin}\n7\n${root}\n`;
const line = signatureLine(text, log);
const opened = (desc: string, note: string, keys = [log.vkey], key = keys[0]!): NoteVector => ({ desc, note, origin, keys, wantErr: null, size: 7, root, key });
const refused = (wantErr: string, desc: string, note: string, keys = [log.vkey], of = origin): NoteVector => ({ desc, note, origin: of, keys, wantErr: `CHECKPOINT_${wantErr}` });
const otherText = text.replace(origin, other.name);
const foreign = rawLine('someone.else/x', Buffer.from('some signature of a type that nobody knows'));

/** Whole notes, opened with keys that are held. */
export const checkpointNotes: NoteVector[] = [
  opened('signed by the log', noteOf(text, line)),
  opened('with a cosignature, which means nothing here', noteOf(text, line, cosignatureLine(text, witness, 1_700_000_000))),
  opened('with a line of an unknown key first', noteOf(text, foreign, line)),
  opened('a line that shares only the name', noteOf(text, broken(signatureLine(text, stranger)), line)),
  opened('a line that shares only the key id', noteOf(text, rawLine('log.example/thief', Buffer.concat([log.id, Buffer.alloc(64)])), line)),
  opened('the line twice', noteOf(text, line, line)),
  opened('rotation: signed by both keys', noteOf(text, line, signatureLine(text, next)), [log.vkey, next.vkey]),
  opened('rotation: signed by the old key only', noteOf(text, line), [next.vkey, log.vkey], log.vkey),
  opened('rotation: signed by both, only the new one is held', noteOf(text, line, signatureLine(text, next)), [next.vkey]),
  opened('keys of other logs are held, too', noteOf(text, line), [other.vkey, log.vkey], log.vkey),
  refused('UNSIGNED', 'no key is held', noteOf(text, line), []),
  refused('UNSIGNED', 'signed by an unknown key only', noteOf(text, foreign)),
  refused('UNSIGNED', 'signed by a stranger who takes the name', noteOf(text, signatureLine(text, stranger))),
  refused('UNSIGNED', "signed by a key that is held, but has another log's name", noteOf(text, signatureLine(text, other)), [other.vkey]),
  refused('UNSIGNED', 'signed by a key that is held, but whose name is not the origin', noteOf(text, signatureLine(text, misnamed)), [misnamed.vkey]),
  refused('UNSIGNED', 'a signature that does not verify', noteOf(text, broken(line))),
  refused('UNSIGNED', 'a good line and one of the same key that does not verify', noteOf(text, line, broken(line))),
  refused('UNSIGNED', 'rotation: one good signature, one of the other key that does not verify', noteOf(text, line, broken(signatureLine(text, next))), [log.vkey, next.vkey]),
  refused('UNSIGNED', 'the signature of another size', noteOf(text.replace('\n7\n', '\n8\n'), line)),
  refused('UNSIGNED', 'the signature of a text without the extension line', noteOf(`${text}extension\n`, line)),
  refused('UNSIGNED', 'a signature of 63 bytes', noteOf(text, rawLine(origin, Buffer.concat([log.id, log.sign(text).subarray(1)])))),
  refused('UNSIGNED', 'cosigned by a witness only', noteOf(text, cosignatureLine(text, witness, 1_700_000_000))),
  refused('ORIGIN', 'a good checkpoint of another log', noteOf(otherText, signatureLine(otherText, other)), [other.vkey, log.vkey]),
  refused('ORIGIN', "another log's text under this log's signature", noteOf(otherText, signatureLine(otherText, log))),
  refused('ORIGIN', 'an origin with a space behind it', noteOf(`${origin} \n7\n${root}\n`, line)),
  refused('MALFORMED', 'a text without signatures', text),
  refused('MALFORMED', 'no signature line', `${text}\n`),
  refused('MALFORMED', 'no newline at the end', noteOf(text, line).slice(0, -1)),
  refused('MALFORMED', 'a hyphen in place of the em dash', noteOf(text, line.replace('—', '-'))),
  refused('MALFORMED', 'a text that is signed but no checkpoint', noteOf('hello\n', signatureLine('hello\n', log))),
  refused('MALFORMED', 'a size with a leading zero that is signed', noteOf(`${origin}\n07\n${root}\n`, signatureLine(`${origin}\n07\n${root}\n`, log))),
  refused('MALFORMED', 'an empty line in the text that is signed', noteOf(`${text}\nmore\n`, signatureLine(`${text}\nmore\n`, log))),
  refused('MALFORMED', '101 signature lines', noteOf(text, ...Array.from({ length: 101 }, () => line))),
  refused('MALFORMED', 'nothing', ''),
];
