import { equalBytes, excerpt, parseDecimal } from './encoding.ts';
import { CoreError } from './errors.ts';
import { parseVerifierKey } from './note.ts';
import type { Policy, PolicyLog, PolicyWitness, Quorum } from './policy-types.ts';
import { parseWitnessKey } from './witness-key.ts';

/** Characters that the text of a policy may have. */
export const maxPolicyLength = 262_144;

/** Logs, witnesses and groups that a policy may have, of each. C2SP asks for 32 at least. It bounds how deep groups nest, too. */
export const maxPolicyItems = 256;

interface Draft {
  readonly logs: PolicyLog[];
  readonly witnesses: PolicyWitness[];
  /** Witnesses and groups share their names. */
  readonly named: Map<string, Quorum>;
  /** Names that are in a group already. */
  readonly members: Set<string>;
  groups: number;
  quorum: Policy['quorum'] | null;
}

/**
 * Reads the text of a policy. Of keys it takes those that this package can check: Ed25519 of type 1 for logs, of type 4 for
 * witnesses; a policy with others is refused, not read as one that asks for less. The last line must end with a newline like
 * every other: a file that was cut off must not pass for one with a smaller quorum.
 * @throws CoreError POLICY_MALFORMED with the line, counted from 1
 */
export function parsePolicy(text: string): Policy {
  if (text.length > maxPolicyLength) {
    throw new CoreError('POLICY_MALFORMED', `a policy has at most ${maxPolicyLength} characters`, {
      evidence: { found: text.length },
    });
  }
  const draft: Draft = {
    logs: [],
    witnesses: [],
    named: new Map(),
    members: new Set(),
    groups: 0,
    quorum: null,
  };
  const lines = text.split('\n');
  const rest = lines.pop();
  for (const [i, line] of lines.entries()) readLine(draft, line, i + 1);
  if (rest !== '') throw malformed(lines.length + 1, 'the line does not end with a newline', rest ?? '');
  const { logs, witnesses, quorum } = draft;
  if (quorum === null) throw malformed(lines.length + 1, 'the text ends without a quorum line', '');
  return { logs, witnesses, quorum };
}

function readLine(draft: Draft, line: string, number: number): void {
  try {
    if (!isPolicyText(line)) throw new Error('there is a control character or half a surrogate pair');
    const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== '');
    if (keyword === undefined || keyword.startsWith('#')) return;
    readItems(draft, keyword, items);
  } catch (cause) {
    throw malformed(number, cause instanceof Error ? cause.message : String(cause), line, cause);
  }
}

function readItems(draft: Draft, keyword: string, items: readonly string[]): void {
  switch (keyword) {
    case 'log':
      return readLog(draft, items);
    case 'witness':
      return readWitness(draft, items);
    case 'group':
      return readGroup(draft, items);
    case 'quorum':
      return readQuorum(draft, items);
    default:
      throw new Error(`${excerpt(keyword)} is none of log, witness, group, quorum`);
  }
}

function readLog({ logs }: Draft, items: readonly string[]): void {
  const [vkey, url = null] = items;
  if (vkey === undefined || items.length > 2) throw new Error('a log line is: log <vkey> [<url>]');
  const key = parseVerifierKey(vkey);
  checkNewKey(key, logs, 'log');
  if (logs.push({ key, url }) > maxPolicyItems) throw new Error(`there are more than ${maxPolicyItems} logs`);
}

function readWitness({ witnesses, named }: Draft, items: readonly string[]): void {
  const [name, vkey, url = null] = items;
  if (name === undefined || vkey === undefined || items.length > 3) {
    throw new Error('a witness line is: witness <name> <vkey> [<url>]');
  }
  checkNewName(named, name);
  const witness: PolicyWitness = { kind: 'witness', name, key: parseWitnessKey(vkey), url };
  checkNewKey(witness.key, witnesses, 'witness');
  if (witnesses.push(witness) > maxPolicyItems) throw new Error(`there are more than ${maxPolicyItems} witnesses`);
  named.set(name, witness);
}

function readGroup(draft: Draft, items: readonly string[]): void {
  const [name, threshold, ...names] = items;
  if (name === undefined || threshold === undefined || names.length === 0) {
    throw new Error('a group line is: group <name> all|any|<k> <member>...');
  }
  checkNewName(draft.named, name);
  const members = names.map((member) => takeMember(draft, member));
  draft.named.set(name, { kind: 'group', name, threshold: readThreshold(threshold, names.length), members });
  if (++draft.groups > maxPolicyItems) throw new Error(`there are more than ${maxPolicyItems} groups`);
}

// Once only: a witness that stood in two groups would count twice where they meet.
function takeMember({ named, members }: Draft, name: string): Quorum {
  const member = lookUp(named, name);
  if (members.has(name)) throw new Error(`${excerpt(name)} is a member of a group already`);
  members.add(name);
  return member;
}

function readThreshold(word: string, members: number): number {
  if (word === 'all') return members;
  if (word === 'any') return 1;
  const threshold = parseDecimal(word);
  if (threshold < 1 || threshold > members) {
    throw new Error(`a threshold of ${threshold} does not lie between 1 and the ${members} members`);
  }
  return threshold;
}

function readQuorum(draft: Draft, items: readonly string[]): void {
  const [name] = items;
  if (name === undefined || items.length > 1) throw new Error('a quorum line is: quorum <name>|none');
  if (draft.quorum !== null) throw new Error('there is a quorum line already');
  draft.quorum = name === 'none' ? 'none' : lookUp(draft.named, name);
}

function lookUp(named: ReadonlyMap<string, Quorum>, name: string): Quorum {
  const found = named.get(name);
  if (found === undefined) throw new Error(`no line before defines ${excerpt(name)}`);
  return found;
}

function checkNewName(named: ReadonlyMap<string, Quorum>, name: string): void {
  if (name === 'none') throw new Error('the name "none" is taken: it is the quorum that asks for nobody');
  if (named.has(name)) throw new Error(`the name ${excerpt(name)} is taken by a line before`);
}

interface AnyKey {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** A key is its public key, under any name. And name and key id are all that a signature line says of whose it is. */
function checkNewKey(key: AnyKey, others: readonly { readonly key: AnyKey }[], what: string): void {
  for (const { key: other } of others) {
    if (equalBytes(key.publicKey, other.publicKey)) throw new Error(`another ${what} has this public key`);
    if (key.name === other.name && equalBytes(key.keyId, other.keyId)) {
      throw new Error(`another ${what} has this name and key id`);
    }
  }
}

// U+0009, U+0020 to U+007E, and all that is not ASCII, which C2SP takes as bytes without meaning.
function isPolicyText(line: string): boolean {
  for (let i = 0; i < line.length; i++) {
    const unit = line.charCodeAt(i);
    if ((unit < 0x20 && unit !== 0x09) || unit === 0x7f) return false;
  }
  return line.isWellFormed();
}

function malformed(line: number, why: string, found: string, cause?: unknown): CoreError {
  return new CoreError('POLICY_MALFORMED', `line ${line}: ${why}`, {
    evidence: { line, found: excerpt(found) },
    cause,
  });
}
