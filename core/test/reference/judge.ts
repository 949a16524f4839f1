import { encodeBase64 } from '../../src/encoding.ts';
import {
  noteSignedBy,
  parseNote,
  parseVerifierKey,
  splitVkey,
  type SignedNote,
  type VerifierKey,
} from '../../src/note.ts';
import { nodeVerifyEd25519 } from '../../src/ed25519-node.ts';
import { keyRefusal, parseStatement, statementHash } from '../../src/statement.ts';
import type { KeyStatement, SealStatement, Statement } from '../../src/statement-types.ts';

// The rules of protocol.md section 5 read word for word, for a log and a topic: at every place everything before is looked
// through again. Slow, and without any state but the list of what was met.

interface Met {
  readonly outcome: string;
  readonly statement: Statement | null;
  readonly text: string;
  readonly hash: string;
  /** The public key that signed it. */
  readonly signer: string;
  readonly key: VerifierKey | null;
  /** For a contested one: the accepted statement that it goes on from in everything its lines say, or null. */
  readonly continues: string | null;
  /** Its offset in the topic; null in the log. */
  readonly offset: number | null;
}

const nobody = { statement: null, text: '', hash: '', signer: '', key: null, continues: null };

interface World {
  readonly notes: readonly (Uint8Array | null)[];
  readonly origin: string;
  readonly rootKey: VerifierKey;
}

/**
 * What each note of the topic is, at its index there as its offset.
 * @param log notes of the log's entries, which count first
 */
export function judgeLiterally(
  notes: readonly (Uint8Array | null)[],
  origin: string,
  rootKey: VerifierKey,
  log: readonly Uint8Array[] = [],
): { log: Met[]; topic: Met[] } {
  const world = { notes, origin, rootKey };
  const met: Met[] = [];
  for (const note of log) met.push({ ...judgeNext(met, note, world, null), offset: null });
  for (const [offset, note] of notes.entries()) met.push({ ...judgeNext(met, note, world, offset), offset });
  return { log: met.slice(0, log.length), topic: met.slice(log.length) };
}

function judgeNext(
  before: readonly Met[],
  bytes: Uint8Array | null,
  world: World,
  offset: number | null,
): Omit<Met, 'offset'> {
  const { origin, rootKey } = world;
  // "well-formed": a C2SP signed note of at most 65,535 bytes with exactly one Ed25519 signature line, whose text parses.
  if (bytes === null || bytes.length > 65_535) return { ...nobody, outcome: 'rubbish' };
  let note: SignedNote;
  try {
    note = parseNote(bytes);
  } catch {
    return { ...nobody, outcome: 'rubbish' };
  }
  let statement: Statement;
  try {
    statement = parseStatement(note.text);
  } catch (error) {
    const unknown = error instanceof Error && 'code' in error && error.code === 'STATEMENT_UNKNOWN';
    if (!unknown) return { ...nobody, outcome: 'rubbish' };
    // "signed by the root key or a valid seal key"
    const candidates = [rootKey, ...sealKeys(before, world, offset)];
    const key = candidates.find((candidate) => noteSignedBy(note, candidate, nodeVerifyEd25519));
    if (key === undefined) return { ...nobody, outcome: 'noise' };
    return {
      ...metAs(note.text, key),
      statement: null,
      outcome: wasMet(before, note.text, key) ? 'repeated' : 'unknownVersion',
      continues: null,
    };
  }
  if (note.signatures.length !== 1 || note.signatures[0]?.signature.length !== 64)
    return { ...nobody, outcome: 'rubbish' };
  if (statement.origin !== origin) return { ...nobody, outcome: 'rubbish' };

  // "signed by a key of the right role that is valid at that place"
  const roots = statement.kind === 'key' || (statement.kind === 'genesis' && statement.generation > 0);
  const key = (roots ? [rootKey] : sealKeys(before, world, offset)).find((candidate) =>
    noteSignedBy(note, candidate, nodeVerifyEd25519),
  );
  // "produced again": what the log holds is that statement wherever it stands.
  const held = before.find((one) => one.offset === null && one.outcome === 'accepted' && one.text === note.text);
  const heldBy = keyStatements(before)
    .filter(({ action, role }) => action === 'add' && role === 'seal')
    .map((added) => parseVerifierKey(added.key))
    .find(({ publicKey }) => encodeBase64(publicKey) === held?.signer);
  if (offset !== null && heldBy !== undefined && noteSignedBy(note, heldBy, nodeVerifyEd25519))
    return { ...metAs(note.text, heldBy), statement, outcome: 'repeated', continues: null };
  if (key === undefined) return { ...nobody, outcome: 'noise' };
  const own = { ...metAs(note.text, key), statement };
  const as = (outcome: string, continues: string | null = null): Omit<Met, 'offset'> => ({
    ...own,
    outcome,
    continues,
  });

  const counts = statement.kind !== 'key' || keyCounts(before, statement, rootKey);
  const chain = chainOf(accepted(before), statement);
  // "judged at its place there, also when the log was read first": there it follows what was accepted before that place. And the log
  // counts first: it follows all of that, too.
  const seen = chain.filter((_, i) => offset === null || placeOf(chain, world, i) < offset);
  if (counts && seen.length === chain.length && continuesAt(chain, chain, statement)) {
    // Pending statements count after all of the log: what it retired signs none of them.
    const still = roots || sealKeys(before, world, null).some(({ vkey }) => vkey === key.vkey);
    return still ? as('accepted') : { ...nobody, outcome: 'noise' };
  }
  if (wasMet(before, note.text, key)) return as('repeated');
  if (saysWhatWasAccepted(accepted(before), statement, own.hash)) return as('race');
  if (!counts) return as('keyRefused');
  // "what follows it in its chain is not judged"
  if (
    before.some(
      (one) => (one.outcome === 'unknownVersion' || one.outcome === 'afterUnknown') && one.hash === statement.previous,
    )
  )
    return as('afterUnknown');
  if (statement.kind === 'key' || statement.previous === null) return as('contested');
  // "continues a statement seen before": the chain as it was when that one was its last.
  const at = seen.findIndex((one) => one.hash === statement.previous);
  const then = seen.slice(0, at + 1);
  return as('contested', at >= 0 && continuesAt(then, then, statement) ? statement.previous : null);
}

function metAs(text: string, key: VerifierKey) {
  return { text, hash: statementHash(text), signer: encodeBase64(key.publicKey), key };
}

/** "A later one with the same text under the same key is ignored; rubbish and noise do not count as met." */
function wasMet(before: readonly Met[], text: string, key: VerifierKey): boolean {
  return before.some((one) => one.text === text && one.signer === encodeBase64(key.publicKey));
}

function accepted(before: readonly Met[]): Met[] {
  return before.filter(({ outcome }) => outcome === 'accepted');
}

/** The accepted statements of the same chain: the key statements, or those of the same partition. */
function chainOf(all: readonly Met[], statement: Statement): Met[] {
  return all.filter(({ statement: other }) => {
    if (other === null || statement.kind === 'key' || other.kind === 'key')
      return other?.kind === 'key' && statement.kind === 'key';
    return other.topic === statement.topic && other.partition === statement.partition;
  });
}

function keyStatements(before: readonly Met[]): KeyStatement[] {
  return accepted(before).flatMap(({ statement }) => (statement?.kind === 'key' ? [statement] : []));
}

const publicKeyOf = ({ key }: KeyStatement) => encodeBase64(splitVkey(key).material);

function validKeys(before: readonly Met[], role: string, counts: (statement: KeyStatement) => boolean): VerifierKey[] {
  const statements = keyStatements(before);
  const retired = statements.filter((one) => one.action === 'retire' && counts(one)).map(publicKeyOf);
  return statements
    .filter((one) => one.action === 'add' && one.role === role && counts(one) && !retired.includes(publicKeyOf(one)))
    .map(({ key }) => parseVerifierKey(key));
}

/** The seal keys that are valid at an offset of the topic; null: after all that was met. */
function sealKeys(before: readonly Met[], world: World, offset: number | null): VerifierKey[] {
  const chain = accepted(before).filter(({ statement }) => statement?.kind === 'key');
  return validKeys(before, 'seal', ({ number }) => offset === null || placeOf(chain, world, number) < offset);
}

/**
 * "A statement of audit.seals is judged at its place there, also when the log was read first; one that only the log holds, or that the
 * topic holds only behind a later one of its chain (produced again), has the place of its previous."
 */
function placeOf(chain: readonly Met[], world: World, number: number): number {
  if (number < 0) return -1;
  const own = chain[number];
  if (own === undefined) return Infinity;
  if (own.offset !== null) return own.offset;
  const first = chain.filter(({ offset }) => offset === null).map((one) => firstOffset(world, one));
  const at = first[number] ?? Infinity;
  const behind = first.slice(number + 1).some((later) => later < at);
  return at === Infinity || behind ? placeOf(chain, world, number - 1) : at;
}

/** Where the topic holds a statement of the log first, signed by the same key. */
function firstOffset({ notes }: World, { text, key }: Met): number {
  const at = notes.findIndex((bytes) => {
    try {
      const note = parseNote(bytes ?? new Uint8Array(0));
      return (
        note.text === text && note.signatures.length === 1 && key !== null && noteSignedBy(note, key, nodeVerifyEd25519)
      );
    } catch {
      return false;
    }
  });
  return at < 0 ? Infinity : at;
}

/** Section 4: "An addition counts if …; a retirement if …", judged "at the place that its `previous` names" (section 5). */
function keyCounts(met: readonly Met[], statement: KeyStatement, rootKey: VerifierKey): boolean {
  const named = met.findIndex(
    (one) => one.outcome === 'accepted' && one.statement?.kind === 'key' && one.hash === statement.previous,
  );
  const before = statement.previous === null ? [] : named < 0 ? met : met.slice(0, named + 1);
  const own = publicKeyOf(statement);
  if (statement.action === 'add') {
    if (keyRefusal(statement) !== null || own === encodeBase64(rootKey.publicKey)) return false;
    return !keyStatements(before).some((one) => one.action === 'add' && publicKeyOf(one) === own);
  }
  const valid = validKeys(before, statement.role, () => true);
  if (!valid.some(({ publicKey }) => encodeBase64(publicKey) === own)) return false;
  return statement.role !== 'seal' || valid.length > 1;
}

/** "What continues", where `chain` is what is accepted of the same chain. */
function continuesAt(chain: readonly Met[], sealed: readonly Met[], statement: Statement): boolean {
  const last = chain.at(-1);
  if (statement.kind === 'key') return statement.number === chain.length && statement.previous === (last?.hash ?? null);
  if (last === undefined) return statement.kind === 'genesis' && statement.generation === 0;
  if (statement.previous !== last.hash) return false;
  const generation = Math.max(...chain.map(({ statement: one }) => (one?.kind === 'genesis' ? one.generation : 0)));
  if (statement.kind === 'genesis') return statement.generation === generation + 1;
  if (statement.kind === 'prune') {
    const pruned = chain.flatMap(({ statement: one }) =>
      one?.kind === 'prune' && one.generation === statement.generation ? [one.through] : [],
    );
    const ends = sealed.some(
      ({ statement: one }) =>
        one?.kind === 'seal' &&
        one.generation === statement.generation &&
        one.events.last === statement.through &&
        one.offsets.last === statement.offset,
    );
    return ends && pruned.every((through) => through < statement.through);
  }
  if (statement.generation !== generation) return false;
  const genesis = chain.find(({ statement: one }) => one?.kind === 'genesis' && one.generation === generation);
  const seals = chain.flatMap(({ statement: one }) =>
    one?.kind === 'seal' && one.generation === generation ? [one] : [],
  );
  const ends = chain.flatMap(({ statement: one }) =>
    (one?.kind === 'seal' || one?.kind === 'gap') && one.generation === generation ? [one.offsets.last + 1] : [],
  );
  const firstOffset = genesis?.statement?.kind === 'genesis' ? genesis.statement.firstOffset : -1;
  if (statement.offsets.first !== (ends.at(-1) ?? firstOffset)) return false;
  if (statement.kind === 'gap') return true;
  const previous: SealStatement | undefined = seals.at(-1);
  return (
    statement.seal === seals.length &&
    statement.events.first === (previous === undefined ? 0 : previous.events.last + 1) &&
    statement.after === (previous === undefined ? genesis?.hash : previous.head)
  );
}

/** A race that needs no records: every line but the clock is that of an accepted one; of a gap or prune also all but `previous`. */
function saysWhatWasAccepted(all: readonly Met[], statement: Statement, hash: string): boolean {
  if (all.some((one) => one.hash === hash)) return true;
  return chainOf(all, statement).some(({ statement: one }) => {
    if (one === null || one.kind !== statement.kind || one.kind === 'seal') return false;
    const but = one.kind === 'gap' || one.kind === 'prune' ? { time: 0, previous: null } : { time: 0 };
    const lines = (of: Statement) =>
      Object.entries({ ...of, ...but })
        .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
        .sort()
        .join('\n');
    return lines(one) === lines(statement);
  });
}
