import { keyOf, vkeyOf, type Key } from './primitives.ts';

const log = keyOf('log.example/acme', 1);
const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'];
const keys = new Map<string, Key>(names.map((name) => [name, keyOf(`witness.example/${name.toLowerCase()}`, 4)]));
const vkey = (name: string) => keys.get(name)!.vkey;
const witness = (name: string) => `witness ${name} ${vkey(name)}\n`;
const witnesses = names.map(witness).join('');
const logLine = `log ${log.vkey}\n`;

export interface QuorumCase {
  /** Witnesses by their names in the policy, each with the time of its cosignature, unix seconds. */
  cosigned: Record<string, number>;
  reached: boolean;
  /** The newest time at which the quorum stood; null where it does not, or is none. */
  time: number | null;
}

export interface PolicyVector {
  desc: string;
  text: string;
  wantErr: string | null;
  /** Of the error, from 1. */
  line?: number;
  logs?: string[];
  witnesses?: Record<string, string>;
  quorums?: QuorumCase[];
}

type Case = [cosigned: Record<string, number>, time: number | null];

const good = (desc: string, text: string, logs: string[], members: string[], quorums: Case[]): PolicyVector => ({
  desc,
  text,
  wantErr: null,
  logs,
  witnesses: Object.fromEntries(members.map((name) => [name, vkey(name)])),
  quorums: quorums.map(([cosigned, time]) => ({ cosigned, reached: time !== null, time })),
});
const bad = (desc: string, line: number, text: string): PolicyVector => ({ desc, text, wantErr: 'POLICY_MALFORMED', line });
const after = (desc: string, text: string) => bad(desc, 7, `${witnesses}${text}\nquorum none\n`);

// "A" is a Kelvin sign and a K: C2SP's own example of names that must not be taken for one another.
const kelvin = '\u212a';

const nested = () => {
  const many = Array.from({ length: 40 }, (_, i) => keyOf(`witness.example/n${i}`, 4));
  const lines = many.map((key, i) => `witness n${i} ${key.vkey}\n`);
  const groups = many.slice(1).map((_, i) => `group g${i + 1} all ${i === 0 ? 'n0' : `g${i}`} n${i + 1}\n`);
  const all = Object.fromEntries(many.map((_, i) => [`n${i}`, 100 + i]));
  const { n17: _, ...short } = all;
  return {
    desc: '40 witnesses in 39 groups, one inside the other',
    text: `${lines.join('')}${groups.join('')}quorum g39\n`,
    wantErr: null,
    logs: [],
    witnesses: Object.fromEntries(many.map((key, i) => [`n${i}`, key.vkey])),
    quorums: [
      { cosigned: all, reached: true, time: 100 },
      { cosigned: short, reached: false, time: null },
    ],
  };
};

const many = (n: number) => Array.from({ length: n }, (_, i) => `witness n${i} ${keyOf(`witness.example/n${i}`, 4).vkey}\n`).join('');

export const policyVectors: PolicyVector[] = [
  good(
    'C2SP tlog-policy: the example, with keys',
    `${logLine}\n${witness('X1')}${witness('X2')}${witness('X3')}group X-witnesses 2 X1 X2 X3\n\n${witness('Y1')}${witness('Y2')}${witness('Y3')}group Y-witnesses any Y1 Y2 Y3\n\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n`,
    [log.vkey],
    names,
    [
      [{ X1: 10, X3: 30, Y2: 20 }, 10],
      [{ X1: 10, X2: 20, X3: 30, Y1: 5, Y2: 25, Y3: 15 }, 20],
      [{ X1: 10, X2: 20, X3: 30, Y3: 15 }, 15],
      [{ X1: 10, X2: 20, X3: 30 }, null],
      [{ X2: 20, Y1: 5, Y2: 25, Y3: 15 }, null],
      [{}, null],
    ],
  ),
  { ...good('no witnesses', `${logLine}quorum none\n`, [log.vkey], [], []), quorums: [{ cosigned: {}, reached: true, time: null }] },
  { ...good('witnesses, but nobody is needed', `${witness('X1')}quorum none\n`, [], ['X1'], []), quorums: [{ cosigned: { X1: 7 }, reached: true, time: null }] },
  good('one witness', `${witness('X1')}quorum X1\n`, [], ['X1'], [[{ X1: 7 }, 7], [{}, null]]),
  good('others are known than the one needed', `${witness('X1')}${witness('X2')}quorum X2\n`, [], ['X1', 'X2'], [[{ X1: 7 }, null], [{ X1: 7, X2: 3 }, 3]]),
  good('comments, tabs, empty lines, URLs', `# a policy\n\t # another\n\n \t \n \tlog\t${log.vkey}  https://log.example/ \nwitness X1 ${vkey('X1')} https://x1.example\nquorum\tX1 \n`, [log.vkey], ['X1'], [[{ X1: 7 }, 7]]),
  good('a group of one', `${witness('X1')}group g 1 X1\nquorum g\n`, [], ['X1'], [[{ X1: 7 }, 7], [{}, null]]),
  good('2 of 3', `${witness('X1')}${witness('X2')}${witness('X3')}group g 2 X1 X2 X3\nquorum g\n`, [], ['X1', 'X2', 'X3'], [[{ X1: 1, X2: 2, X3: 3 }, 2], [{ X1: 1, X3: 3 }, 1], [{ X2: 2 }, null]]),
  good('any of all-groups', `${witness('X1')}${witness('X2')}${witness('Y1')}group a all X1 X2\ngroup b any a Y1\nquorum b\n`, [], ['X1', 'X2', 'Y1'], [[{ X1: 9, X2: 8, Y1: 7 }, 8], [{ X1: 9, Y1: 7 }, 7], [{ X1: 9 }, null]]),
  good('lines behind the quorum, and a group that it does not need', `${witness('X1')}quorum X1\n${witness('X2')}group g all X1 X2\n`, [], ['X1', 'X2'], [[{ X1: 7 }, 7]]),
  good('the quorum is a member of a group', `${witness('X1')}${witness('X2')}group g all X1 X2\nquorum X1\n`, [], ['X1', 'X2'], [[{ X1: 7 }, 7]]),
  good('a group named "all", a witness named "any"', `witness any ${vkey('X1')}\ngroup all all any\nquorum all\n`, [], [], []),
  good('names that are not ASCII are compared as they are', `witness K ${vkey('X1')}\nwitness ${kelvin} ${vkey('X2')}\nquorum ${kelvin}\n`, [], [], []),
  nested(),
  bad('nothing', 1, ''),
  bad('no quorum line', 2, logLine),
  bad('no newline at the end', 2, `${witness('X1')}quorum X1`),
  bad('cut off inside the name of the quorum', 3, `${witness('X1')}group X12 all X1\nquorum X1`),
  bad('two quorum lines', 3, `${logLine}quorum none\nquorum none\n`),
  bad('two quorum lines that differ', 3, `${witness('X1')}quorum X1\nquorum none\n`),
  bad('a quorum of an unknown name', 2, `${witness('X1')}quorum X2\n`),
  bad('a quorum of a name that is defined behind it', 1, `quorum X1\n${witness('X1')}`),
  bad('a quorum without a name', 1, 'quorum\n'),
  bad('a quorum of two names', 3, `${witness('X1')}${witness('X2')}quorum X1 X2\n`),
  bad('the vkey of a witness for its name', 2, `${witness('X1')}quorum ${vkey('X1')}\n`),
  bad('an unknown keyword', 1, `logs ${log.vkey}\nquorum none\n`),
  bad('a keyword in capitals', 1, `LOG ${log.vkey}\nquorum none\n`),
  bad('carriage returns', 1, `${logLine.trimEnd()}\r\nquorum none\r\n`),
  bad('a no-break space between the items', 1, `log\u00a0${log.vkey}\nquorum none\n`),
  bad('a vertical tab', 1, `log\u000b${log.vkey}\nquorum none\n`),
  bad('U+007F in a comment', 1, '# \u007f\nquorum none\n'),
  bad('U+0000 in a comment', 1, '# \u0000\nquorum none\n'),
  bad('a byte order mark', 1, `\ufeff${logLine}quorum none\n`),
  bad('a comment behind a line', 1, `${logLine.trimEnd()} https://log.example # ours\nquorum none\n`),
  bad('a log without a key', 1, 'log\nquorum none\n'),
  bad('a log twice', 2, `${logLine}${logLine}quorum none\n`),
  bad('the key of a log under another name', 2, `${logLine}log ${vkeyOf('log.example/other', 1, log.publicKey).vkey}\nquorum none\n`),
  bad('a log with the key of a witness', 1, `log ${vkey('X1')}\nquorum none\n`),
  bad('a log with a key of a type that cannot be checked here', 1, `log ${vkeyOf('log.example/acme', 6, Buffer.alloc(1312, 7)).vkey}\nquorum none\n`),
  bad('a log with a key id that is not its own', 1, `log ${vkeyOf(log.name, 1, log.publicKey, Buffer.alloc(4)).vkey}\nquorum none\n`),
  bad('a log with three items', 1, `log ${log.vkey} https://log.example https://log.example\nquorum none\n`),
  bad('a witness without a key', 1, 'witness X1\nquorum none\n'),
  bad('a witness without a name', 1, `witness ${vkey('X1')}\nquorum none\n`),
  bad('a witness with the key of a log', 1, `witness X1 ${log.vkey}\nquorum X1\n`),
  bad('a witness with a key of a type that cannot be checked here', 1, `witness X1 ${vkeyOf('witness.example/x1', 6, Buffer.alloc(1312, 7)).vkey}\nquorum none\n`),
  bad('a witness with a key of small order', 1, `witness X1 ${vkeyOf('witness.example/x1', 4, Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])).vkey}\nquorum X1\n`),
  bad('a name twice', 2, `${witness('X1')}witness X1 ${vkey('X2')}\nquorum X1\n`),
  bad('the key of a witness twice', 2, `${witness('X1')}witness X2 ${vkey('X1')}\nquorum X1\n`),
  bad('the key of a witness under another key name', 2, `${witness('X1')}witness X2 ${vkeyOf('witness.example/x2', 4, keys.get('X1')!.publicKey).vkey}\nquorum X1\n`),
  bad('a witness named "none"', 1, `witness none ${vkey('X1')}\nquorum none\n`),
  after('a group named "none"', 'group none all X1'),
  after('a group with the name of a witness', 'group X1 all X2'),
  after('a group without members', 'group g all'),
  after('a group without a threshold', 'group g X1'),
  after('a group with nothing', 'group g'),
  after('a threshold of 0', 'group g 0 X1'),
  after('a threshold above the members', 'group g 3 X1 X2'),
  after('a threshold of -1', 'group g -1 X1'),
  after('a threshold with a leading zero', 'group g 01 X1'),
  after('a threshold with a sign', 'group g +1 X1'),
  after('a hexadecimal threshold', 'group g 0x1 X1'),
  after('a threshold of 2^64+1', 'group g 18446744073709551617 X1'),
  after('a threshold "ALL"', 'group g ALL X1'),
  after('a member that is not defined', 'group g all X1 Z1'),
  after('a group that is a member of itself', 'group g all g X1'),
  after('a member "none"', 'group g any X1 none'),
  after('a member twice in one group', 'group g 2 X1 X1'),
  bad('a member of two groups', 8, `${witnesses}group g all X1 X2\ngroup h all X2 X3\nquorum g\n`),
  bad('a group that is a member of two groups', 9, `${witnesses}group g all X1\ngroup h all g\ngroup i all g X2\nquorum i\n`),
  bad('a group of a group that is defined behind it', 7, `${witnesses}group g all h\ngroup h all X1\nquorum g\n`),
  bad('257 witnesses', 257, `${many(257)}quorum none\n`),
];
for (const vector of policyVectors) {
  if (vector.desc.startsWith('a group named "all"')) {
    vector.witnesses = { any: vkey('X1') };
    vector.quorums = [{ cosigned: { any: 4 }, reached: true, time: 4 }];
  }
  if (vector.desc.startsWith('names that are not ASCII')) {
    vector.witnesses = { K: vkey('X1'), [kelvin]: vkey('X2') };
    vector.quorums = [
      { cosigned: { K: 4 }, reached: false, time: null },
      { cosigned: { [kelvin]: 4 }, reached: true, time: 4 },
    ];
  }
}
