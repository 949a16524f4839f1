import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { Judge } from '@tallystick/core/judge';
import { nodeSigner, nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { signNote } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import type { TopicNames } from '@tallystick/kafka/record-log';

export const origin = 'sim.example/log';
export const topics: TopicNames = { events: 'events', seals: 'seals', leaves: 'leaves' };
const seed = (byte: number) => new Uint8Array(32).fill(byte);
export const keys = {
  root: nodeSigner(`${origin}/root`, seed(1)),
  seal: nodeSigner(`${origin}/seal`, seed(2)),
  /** The one that follows it. */
  nextSeal: nodeSigner(`${origin}/seal`, seed(4)),
  log: nodeSigner(origin, seed(3)),
  /** Of somebody whom nobody vouches for. */
  stranger: nodeSigner(`${origin}/seal`, seed(9)),
};
const { vkey } = keys.seal.key;
const judged = new Map<string, boolean>();

/** The strict check, made once for each signature: most of a simulation would be nothing else. */
export const verifyOnce: Ed25519Verify = (publicKey, message, signature) => {
  const id = [publicKey, message, signature].map((bytes) => Buffer.from(bytes).toString('latin1')).join('|');
  let good = judged.get(id);
  if (good === undefined) {
    good = nodeVerifyEd25519(publicKey, message, signature);
    if (judged.size >= 10_000) judged.clear();
    judged.set(id, good);
  }
  return good;
};

/** A judge that remembers everything. */
export function newJudge(): Judge {
  return new Judge({ origin, rootKey: keys.root.key, verify: verifyOnce });
}

/** The first statement of every log: its text, and its note. */
export const firstKeyText = formatStatement({
  kind: 'key',
  origin,
  number: 0,
  action: 'add',
  role: 'seal',
  key: vkey,
  previous: null,
  time: 1,
});
export const firstKeyStatement = await signNote(firstKeyText, keys.root);
