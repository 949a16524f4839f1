import { base64, keyOf, sha256, signatureLine } from './primitives.ts';
import { cosignedAt, keyNote, keys, make, origin, policy, someEvents, statementText, type Document, type Event, type Steps } from './proof-world.ts';

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

export interface Held {
  rootKey?: string;
  policy?: string;
  /** Names in `policy` and times of the cosigners that are found. */
  cosigned?: [string, number][];
  quorumTime?: number | null;
  logKey?: string;
}

export const bytes = (value: Buffer | null) => (value === null ? null : base64(value));

export function good(desc: string, change: Partial<Steps> = {}, held: Held = {}): ProofVector {
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

export function bad(code: string, desc: string, change: Partial<Steps> = {}, held: Held = {}): ProofVector {
  return {
    desc,
    json: make(change).json,
    rootKey: held.rootKey ?? keys.root.vkey,
    policy: held.policy ?? policy,
    wantErr: `PROOF_${code}`,
  };
}

/** A change of members, as they stand in the JSON. */
export const doc = (change: (document: Document) => Record<string, unknown>): Partial<Steps> => ({
  document: (document) => ({ ...document, ...change(document) }),
});
export const set = (change: Record<string, unknown>) => doc(() => change);
export const json = (change: (json: string) => string): Partial<Steps> => ({ json: change });
export const without = (...names: string[]): Partial<Steps> => ({
  document: (document) => Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name))) as Document,
});
export const malformed = (desc: string, change: Partial<Steps>) => bad('MALFORMED', desc, change);
export const redacted = (change: Partial<Steps> = {}): Partial<Steps> => ({ ...change, redacted: true });
/** A change of the entry's bytes, and of nothing else. */
export const entry = (change: (entry: Buffer) => Buffer, steps: Partial<Steps> = {}): Partial<Steps> => ({
  ...steps,
  ...doc(({ entry }) => ({ entry: base64(change(Buffer.from(entry as string, 'base64'))) })),
});
export const seal = (lines: Record<string, string>, steps: Partial<Steps> = {}): Partial<Steps> => ({
  ...steps,
  seal: (all) => ({ ...all, ...lines }),
});
export const flip = (text: string) => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
export const path = (change: (path: string[]) => string[], steps: Partial<Steps> = {}): Partial<Steps> => ({
  ...steps,
  ...doc(({ path }) => ({ path: change(path as string[]) })),
});
export const checkpoint = (signatures: (text: string) => string[], steps: Partial<Steps> = {}): Partial<Steps> => ({ ...steps, signatures });
export const event = (change: Partial<Event>, count = 5, at = 2): Event[] => someEvents(count).map((one, i) => (i === at ? { ...one, ...change } : one));
export const noQuorum = `log ${keys.log.vkey}\nquorum none\n`;
export const only = (text: string) => [signatureLine(text, keys.log)];
export const addAsSeal = (vkey: string, number = 0) => keyNote(number, 'seal', vkey);
export const other = 'log.example/other';
export const otherRoot = keyOf(`${other}/root`, 1);
export const thiefRoot = keyOf(`${origin}/root`, 1, 'a thief of the root');
export const small = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]);
export const genesis = statementText('genesis', { origin, topic: 'audit.events', 'topic-id': 'AAAAAAAAAAAAAAAAAAAAAA', partition: '3', generation: '0', reason: 'new', 'first-offset': '0', previous: '-', time: '1' });
