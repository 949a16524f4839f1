import { nodeSigner } from '../src/ed25519-node.ts';
import { encodeBase64 } from '../src/encoding.ts';
import type { Judge, Outcome } from '../src/judge.ts';
import { signNote, type NoteSigner } from '../src/note.ts';
import { formatStatement, statementHash } from '../src/statement.ts';
import type {
  Base64Hash,
  GapStatement,
  GenesisStatement,
  KeyStatement,
  PruneStatement,
  SealStatement,
  Statement,
} from '../src/statement-types.ts';

export const origin = 'example.org/log';
export const seed = (n: number) => new Uint8Array(32).fill(n);
export const root = nodeSigner(`${origin}/root`, seed(1));
export const sealA = nodeSigner(`${origin}/seal`, seed(2));
export const sealB = nodeSigner(`${origin}/seal`, seed(3));
export const sealC = nodeSigner(`${origin}/seal`, seed(4));
export const stranger = nodeSigner(`${origin}/seal`, seed(5));

export const bytes = (n: number): Base64Hash => encodeBase64(seed(n));
export const hashOf = (statement: Statement): Base64Hash => statementHash(formatStatement(statement));

/** What a test offers: a statement and who signs it, or bytes as they are. */
export type Offer = { statement: Statement; by: NoteSigner } | { note: Uint8Array | null };

export const by = (signer: NoteSigner, statement: Statement): Offer => ({ statement, by: signer });

const notes = new Map<string, Promise<Uint8Array>>();

export async function noteOf(offer: Offer): Promise<Uint8Array | null> {
  if ('note' in offer) return offer.note;
  const text = formatStatement(offer.statement);
  const id = `${offer.by.key.vkey} ${text}`;
  let note = notes.get(id);
  if (note === undefined) notes.set(id, (note = signNote(text, offer.by)));
  return await note;
}

/** Offers all, one a place, and gives the outcomes. */
export async function offerAll(judge: Judge, offers: readonly Offer[], from = 0): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [i, offer] of offers.entries())
    outcomes.push(judge.offer(await noteOf(offer), { in: 'seals', offset: from + i }));
  return outcomes;
}

export const key = (over: Partial<KeyStatement> = {}): KeyStatement => ({
  kind: 'key',
  origin,
  number: 0,
  action: 'add',
  role: 'seal',
  key: sealA.key.vkey,
  previous: null,
  time: 1000,
  ...over,
});

export const genesis = (over: Partial<GenesisStatement> = {}): GenesisStatement => ({
  kind: 'genesis',
  origin,
  topic: 'events',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  partition: 0,
  generation: 0,
  reason: 'new',
  firstOffset: 0,
  previous: null,
  time: 1000,
  ...over,
});

type Before = GenesisStatement | SealStatement;

/** The seal of `count` events that continues a genesis or a seal. */
export function sealAfter(before: Before, over: Partial<SealStatement> = {}, count = 10): SealStatement {
  const { topic, partition, generation } = before;
  const first =
    before.kind === 'genesis'
      ? { event: 0, offset: before.firstOffset }
      : { event: before.events.last + 1, offset: before.offsets.last + 1 };
  return {
    kind: 'seal',
    origin,
    topic,
    partition,
    generation,
    seal: before.kind === 'genesis' ? 0 : before.seal + 1,
    events: { first: first.event, last: first.event + count - 1 },
    offsets: { first: first.offset, last: first.offset + count - 1 },
    epoch: 0,
    root: bytes(50 + count),
    after: before.kind === 'genesis' ? hashOf(before) : before.head,
    head: bytes(100 + count),
    previous: hashOf(before),
    time: 5000,
    ...over,
  };
}

export const gap = (over: Partial<GapStatement>): GapStatement => ({
  kind: 'gap',
  origin,
  topic: 'events',
  partition: 0,
  generation: 0,
  offsets: { first: 0, last: 0 },
  reason: 'deleted',
  previous: bytes(0),
  time: 1000,
  ...over,
});

export const prune = (over: Partial<PruneStatement>): PruneStatement => ({
  kind: 'prune',
  origin,
  topic: 'events',
  partition: 0,
  generation: 0,
  through: 9,
  offset: 9,
  rule: 'keep-90-days',
  archive: 's3://archive/0',
  sha256: bytes(7),
  previous: bytes(0),
  time: 1000,
  ...over,
});
