import { nodeVerifyEd25519 as verify } from '@tallystick/core/ed25519-node';
import { encodeBase64 } from '@tallystick/core/encoding';
import { TallystickError } from '@tallystick/core/errors';
import { Judge } from '@tallystick/core/judge';
import { parseVerifierKey } from '@tallystick/core/note';
import { parsePolicy } from '@tallystick/core/policy';
import { checkProof } from '@tallystick/core/proof';
import { parseStatement, statementHash } from '@tallystick/core/statement';
import { parseTilePath } from '@tallystick/core/tiles';
import { parseCheckpoint } from '@tallystick/core/checkpoint';
import { parseTlogProof } from '@tallystick/core/tlog-proof';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { noteOf, signatureLine, someHash, type Key } from '../../core/test/vectors/primitives.ts';
import { logKey, origin, root, sealA, sealB, sealC, stranger } from '../../core/test/vectors/statements.ts';

// Vectors made at random by changing good ones, with what this implementation makes of them.

type Vector = Record<string, unknown>;
export type Random = (below: number) => number;

const testdata = join(import.meta.dirname, '..', '..', 'core', 'testdata');
const odd = [
  ...[
    '\0',
    '\t',
    '\r',
    '\n',
    '\n\n',
    ' ',
    '\u00a0',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\x7f',
    'é',
    '😀',
    '— ',
    '#',
    'x',
    '.p/',
  ],
  ...[
    '0',
    '1',
    '00',
    '9007199254740991',
    '9007199254740992',
    '-',
    '+',
    '=',
    '/',
    '_',
    'none',
    'all',
    '"',
    '\\',
    ',',
    '{',
    ']',
  ],
];

/** Numbers from a seed (mulberry32), so that a failure can be made again. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

function change(text: string, random: Random): string {
  const at = random(text.length + 1);
  const lines = text.split('\n');
  const line = random(lines.length);
  const other = odd[random(odd.length)] ?? '';
  switch (random(7)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + other + text.slice(at);
    case 2:
      return text.slice(0, at) + other + text.slice(at + 1);
    case 3:
      return lines.toSpliced(line, 1, lines[random(lines.length)] ?? '').join('\n');
    case 4:
      return lines.toSpliced(line, 0, lines[random(lines.length)] ?? '').join('\n');
    case 5:
      return lines.toSpliced(line, 1).join('\n');
    default:
      return text.replace(/\d+/g, (digits) => (random(6) === 0 ? String(Number(digits) + random(3)) : digits));
  }
}

/** Half a character is nothing that JSON can carry from here to there. */
function changed(text: string, random: Random): string {
  const once = change(text, random);
  return (random(3) === 0 ? change(once, random) : once).toWellFormed();
}

const good = (file: string): Vector[] =>
  (JSON.parse(readFileSync(join(testdata, `${file}.json`), 'utf8')) as Vector[]).filter(
    (vector) => (vector['wantErr'] ?? null) === null && vector['tile'] !== null,
  );

/** What comes out, or the code of the error. */
function outcome<T>(make: () => T, facts: (value: T) => Vector): Vector {
  try {
    return { wantErr: null, ...facts(make()) };
  } catch (error) {
    if (error instanceof TallystickError) return { wantErr: error.code };
    throw error;
  }
}

/** The files of changed texts, by their path in core/testdata. */
export function changedTexts(random: Random, count: number): Record<string, Vector[]> {
  const files: Record<string, Vector[]> = {};
  const fill = (file: string, member: string, judge: (text: string, from: Vector) => Vector) => {
    const from = good(file);
    files[file] = Array.from({ length: count }, () => {
      const vector = from[random(from.length)] ?? {};
      const text = changed(String(vector[member]), random);
      return { ...vector, desc: JSON.stringify(text), [member]: text, ...judge(text, vector) };
    });
  };
  for (const kind of ['key', 'genesis', 'seal', 'gap', 'prune'])
    fill(`statements/${kind}`, 'text', (text) =>
      outcome(
        () => parseStatement(text),
        () => ({ hash: statementHash(text) }),
      ),
    );
  fill('checkpoints/texts', 'text', (text) =>
    outcome(
      () => parseCheckpoint(text),
      (checkpoint) => ({ ...checkpoint, root: encodeBase64(checkpoint.root) }),
    ),
  );
  fill('tlog-proofs/tlog-proofs', 'text', (text) =>
    outcome(
      () => parseTlogProof(text),
      ({ index, path, extra, checkpoint }) => ({
        index,
        path: path.map(encodeBase64),
        extra: extra === null ? null : encodeBase64(extra),
        checkpoint: Buffer.from(checkpoint).toString(),
      }),
    ),
  );
  fill('tiles/paths', 'path', (path) => ({ tile: parseTilePath(path) }));
  fill('proofs/proofs', 'json', (json, { rootKey, policy }) => ({
    ...outcome(
      () =>
        checkProof(json, { rootKey: parseVerifierKey(String(rootKey)), policy: parsePolicy(String(policy)), verify }),
      () => ({}),
    ),
    redacted: null,
  }));
  return files;
}

/** Statements that mostly go on from what was accepted, in an order of chance, and what the judge makes of each. */
export function randomChain(random: Random, count: number): Vector {
  const rootKey = parseVerifierKey(root.vkey);
  const judge = new Judge({ origin, rootKey, verify });
  const steps: Vector[] = [];
  const notes: string[] = [];
  const ends: [generation: number, through: number, offset: number][] = [];
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const offer = (note: string) => {
    const place = { in: 'seals', offset: steps.length } as const;
    const said = judge.offer(Buffer.from(note), place);
    steps.push({ place, note, outcome: said.outcome });
    if (said.outcome !== 'accepted' || said.signed.statement.kind !== 'seal') return;
    const { generation, events, offsets } = said.signed.statement;
    ends.push([generation, events.last, offsets.last]);
  };
  const next = (): [text: string, signer: Key] => {
    const state = judge.partition('events', 0);
    const { nextNumber, previous } = judge.keys;
    const kind =
      nextNumber === 0
        ? 'key'
        : state === null
          ? 'genesis'
          : one(['seal', 'seal', 'seal', 'gap', 'prune', 'genesis', 'key']);
    const where = { topic: 'events', partition: 0, generation: state?.generation ?? 0 };
    const time = random(3);
    const last = state === null ? '-' : state.hash;
    const more = random(4);
    const lines = (): Record<string, string | number> => {
      switch (kind) {
        case 'key': {
          const action = nextNumber === 0 ? 'add' : one(['add', 'retire']);
          return {
            number: nextNumber,
            action,
            role: 'seal',
            key: one([sealA, sealB, sealC]).vkey,
            previous: previous ?? '-',
            time,
          };
        }
        case 'genesis': {
          const generation = state === null ? 0 : state.generation + 1;
          const rest = {
            generation,
            reason: generation === 0 ? 'new' : 'migrated',
            'first-offset': random(9),
            previous: last,
            time,
          };
          return { topic: 'events', 'topic-id': 'AAAAAAAAAAAAAAAAAAAAAA', partition: 0, ...rest };
        }
        case 'seal': {
          const { nextSeal = 0, nextIndex = 0, nextOffset = 0, head = '' } = state ?? {};
          const events = `${nextIndex}-${nextIndex + more}`;
          const offsets = `${nextOffset}-${nextOffset + more}`;
          const hashes = { root: someHash('root'), after: head, head: someHash(String(random(1e9))) };
          return { ...where, seal: nextSeal, events, offsets, epoch: '-', ...hashes, previous: last, time: '-' };
        }
        case 'gap': {
          const first = state?.nextOffset ?? 0;
          return { ...where, offsets: `${first}-${first + more}`, reason: 'deleted', previous: last, time };
        }
        default: {
          const [generation, through, offset] = ends.length === 0 ? [0, 0, 0] : one(ends);
          const archive = { rule: 'r', archive: 'a', sha256: someHash('archive') };
          return { ...where, generation, through, offset, ...archive, previous: last, time };
        }
      }
    };
    const text = `tallystick/${kind}/v1\norigin ${origin}\n${Object.entries(lines())
      .map(([name, value]) => `${name} ${value}\n`)
      .join('')}`;
    const signer = kind === 'key' || (kind === 'genesis' && state !== null) ? root : one([sealA, sealA, sealB]);
    return [text, signer];
  };
  while (steps.length < count) {
    if (notes.length > 0 && random(12) === 0) {
      offer(one(notes));
      continue;
    }
    let [text, signer] = next();
    if (random(4) === 0)
      text = text.replace(/(\d+)(?=[\n-])/g, (digits) => (random(5) === 0 ? String(Number(digits) + 1) : digits));
    if (random(12) === 0) text = text.replace(/(?<=previous ).*/, someHash(String(random(1e9))));
    if (random(12) === 0) signer = one([root, sealA, sealB, sealC, stranger, logKey]);
    if (random(25) === 0) text = text.replace('/v1', '/v2');
    const note = noteOf(text, signatureLine(text, signer));
    notes.push(note);
    offer(note);
  }
  const end = {
    keys: judge.validKeys('seal').map(({ vkey }) => vkey),
    accepted: judge.size,
    last: Object.fromEntries(judge.partitions().map(({ topic, partition, hash }) => [`${topic}/${partition}`, hash])),
  };
  return { description: 'a random chain', origin, rootKey: root.vkey, steps, end };
}
