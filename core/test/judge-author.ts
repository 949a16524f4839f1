import * as fc from 'fast-check';
import { nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import { encodeUtf8 } from '../src/encoding.ts';
import { Judge } from '../src/judge.ts';
import { formatVerifierKey, signNote, type NoteSigner } from '../src/note.ts';
import { statementHash } from '../src/statement.ts';
import type { SealStatement, Statement } from '../src/statement-types.ts';
import {
  bytes,
  gap,
  genesis,
  hashOf,
  key,
  noteOf,
  origin,
  prune,
  root,
  sealA,
  sealB,
  sealC,
  stranger,
} from './judge-script.ts';

// Random topics: mostly statements that go on from some earlier one, right or nearly right, by all kinds of keys; repeated, out of
// order, of unknown versions, and rubbish.

const signers: readonly NoteSigner[] = [sealA, sealB, sealC, root, stranger];
const publicKeys = [sealA, sealB, sealC, root].map(({ key: { publicKey } }) => publicKey);
const small = fc.integer({ min: 0, max: 3 });

export interface Step {
  readonly kind: 'key' | 'genesis' | 'seal' | 'gap' | 'prune' | 'unknown' | 'again' | 'junk';
  /** Which earlier statement of the chain it goes on from, counted from the last. */
  readonly back: number;
  /** Its signer, where it is not the one that fits. */
  readonly signer: number | null;
  readonly partition: number;
  readonly count: number;
  readonly wrong: number | null;
  readonly pick: number;
}

export const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant('seal' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        'key' as const,
        'genesis' as const,
        'gap' as const,
        'prune' as const,
        'again' as const,
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom('unknown' as const, 'junk' as const) },
  ),
  back: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: small }),
  signer: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 4 }) },
  ),
  partition: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  count: fc.integer({ min: 1, max: 3 }),
  // 0: behind an unknown version, where there is one.
  wrong: fc.oneof(
    { weight: 10, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 12 }) },
    { weight: 1, arbitrary: fc.constant(0) },
  ),
  pick: fc.nat({ max: 1000 }),
});

/** Makes notes out of steps. What it makes goes on mostly from what was accepted, so that chains grow; at times from what was not. */
export class Author {
  readonly notes: (Uint8Array | null)[] = [];
  readonly #chains = new Map<string, Statement[]>([['keys', []]]);
  #unknown: string | null = null;
  readonly #judge = new Judge({ origin, rootKey: root.key, verify: nodeVerifyEd25519 });

  async take(of: Step): Promise<void> {
    if (of.kind === 'again') return void this.notes.push(this.notes[of.pick % Math.max(1, this.notes.length)] ?? null);
    if (of.kind === 'junk')
      return void this.notes.push(
        [null, encodeUtf8('tallystick/'), await signNote('hello\n', sealA)][of.pick % 3] ?? null,
      );
    if (of.kind === 'unknown') {
      const text = `tallystick/seal/v${2 + (of.pick % 2)}\n`;
      this.#unknown = statementHash(text);
      return void this.notes.push(await signNote(text, signers[of.signer ?? 0] ?? sealA));
    }
    const statement = this.#spoil(this.#next(of), of);
    const fits =
      statement.kind === 'key' || (statement.kind === 'genesis' && statement.generation > 0)
        ? root
        : (signers[of.pick % 4 === 0 ? 1 : 0] ?? sealA);
    let note;
    try {
      note = await noteOf({ statement, by: of.signer === null ? fits : (signers[of.signer] ?? fits) });
    } catch {
      return; // spoiled so that it has no form: nothing to offer
    }
    this.notes.push(note);
    const { outcome } = this.#judge.offer(note, { in: 'seals', offset: this.notes.length });
    if (outcome !== 'accepted' && of.pick % 8 !== 0) return;
    const id = statement.kind === 'key' ? 'keys' : String(statement.partition);
    this.#chains.set(id, [...(this.#chains.get(id) ?? []), statement]);
  }

  #next({ kind, back, partition, count, pick }: Step): Statement {
    if (kind === 'key') {
      const before = this.#chains.get('keys')?.at(-1 - back);
      const number = before?.kind === 'key' ? before.number + 1 : 0;
      const role = number === 0 || pick % 4 !== 3 ? 'seal' : 'log';
      const publicKey = publicKeys[number === 0 ? 0 : pick % publicKeys.length] ?? new Uint8Array(32);
      const name = role === 'seal' ? `${origin}/seal` : origin;
      const action = number > 0 && pick % 5 === 0 ? 'retire' : 'add';
      return key({
        number,
        role,
        action,
        key: formatVerifierKey(name, publicKey),
        previous: before === undefined ? null : hashOf(before),
        time: pick % 3,
      });
    }
    const chain = this.#chains.get(String(partition)) ?? [];
    const before = chain.at(-1 - back);
    if (before === undefined || before.kind === 'key')
      return genesis({ partition, firstOffset: pick % 2, time: pick % 3 });
    const upTo = chain.slice(0, chain.length - back);
    const generation = kind === 'prune' && pick % 3 === 0 ? 0 : before.generation;
    const own = upTo.filter((one) => one.kind !== 'key' && one.generation === generation);
    const seals = own.flatMap((one) => (one.kind === 'seal' ? [one] : []));
    const last: SealStatement | undefined = seals.at(-1);
    const begin = own.find((one) => one.kind === 'genesis');
    const ends = own.flatMap((one) => (one.kind === 'seal' || one.kind === 'gap' ? [one.offsets.last + 1] : []));
    const first = ends.at(-1) ?? (begin?.kind === 'genesis' ? begin.firstOffset : 0);
    const event = last === undefined ? 0 : last.events.last + 1;
    const common = { partition, generation, previous: hashOf(before) };
    const range = (from: number) => ({ first: from, last: from + count - 1 });
    if (kind === 'genesis')
      return genesis({
        ...common,
        generation: generation + 1,
        reason: 'truncated',
        firstOffset: pick % 5,
        time: pick % 2,
      });
    if (kind === 'gap') return gap({ ...common, offsets: range(first), time: pick % 2 });
    if (kind === 'prune') {
      const named = seals[pick % Math.max(1, seals.length)];
      return prune({
        ...common,
        through: named?.events.last ?? 0,
        offset: named?.offsets.last ?? 0,
        time: pick % 2,
        sha256: bytes(pick % 2),
      });
    }
    return {
      ...common,
      kind: 'seal',
      origin,
      topic: 'events',
      seal: last === undefined ? 0 : last.seal + 1,
      events: range(event),
      offsets: range(first),
      epoch: 0,
      root: bytes(40 + count),
      after: last?.head ?? (begin === undefined ? bytes(0) : hashOf(begin)),
      head: bytes(80 + count),
      time: 5,
    };
  }

  /** Changes one line. */
  #spoil(statement: Statement, { wrong, pick }: Step): Statement {
    if (wrong === null) return statement;
    if (wrong === 0) return this.#unknown === null ? statement : { ...statement, previous: this.#unknown };
    const names = Object.keys(statement).filter((name) => name !== 'kind');
    const name = names[wrong % names.length] ?? 'time';
    const value: unknown = Object.entries(statement).find(([member]) => member === name)?.[1];
    let other = value;
    if (typeof value === 'number') other = value + 1;
    if (name === 'previous' || name === 'after' || name === 'root' || name === 'head' || name === 'sha256')
      other = bytes(pick % 3);
    if (name === 'offsets' && statement.kind !== 'key' && 'offsets' in statement)
      other = { first: statement.offsets.first + 1, last: statement.offsets.last + 1 };
    if (name === 'origin') other = 'other.org/log';
    return { ...statement, [name]: other };
  }
}

/** The notes of a random topic. */
export async function topicOf(steps: readonly Step[]): Promise<(Uint8Array | null)[]> {
  const author = new Author();
  // Two keys and a genesis, so that most of what follows has a chain to go on from.
  for (const [kind, pick] of [
    ['key', 0],
    ['key', 1],
    ['genesis', 1],
  ] as const) {
    await author.take({ kind, back: 0, signer: null, partition: 0, count: 1, wrong: null, pick });
  }
  for (const of of steps) await author.take(of);
  return author.notes;
}
