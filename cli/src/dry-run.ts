import { encodeBase64, encodeUtf8 } from '@tallystick/core/encoding';
import { Judge, type KeyState, type Outcome } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import type { KeyStatement } from '@tallystick/core/statement-types';

/**
 * What the rules of acceptance would say of a key statement after the ones accepted so far, were it signed by the root key. Nothing is
 * signed: the judge is one that takes every signature for good.
 */
export function tryKeyStatement(
  statement: KeyStatement,
  keys: KeyState,
  { origin, rootKey }: { origin: string; rootKey: VerifierKey },
): Outcome {
  const judge = new Judge({ origin, rootKey, verify: () => true });
  for (const [offset, { note }] of keys.statements.entries()) judge.offer(note, { in: 'seals', offset });
  const line = encodeBase64(Uint8Array.of(...rootKey.keyId, ...new Uint8Array(64)));
  const note = encodeUtf8(`${formatStatement(statement)}\n— ${rootKey.name} ${line}\n`);
  return judge.offer(note, { in: 'seals', offset: keys.statements.length });
}

/** One sentence: what an outcome other than accepted means for who wants it accepted. */
export function whyNot(outcome: Outcome): string {
  switch (outcome.outcome) {
    case 'accepted':
      return 'it is accepted';
    case 'repeated':
      return 'the same statement was there before';
    case 'race':
      return 'another statement that says the same was accepted before';
    case 'contested':
      return `it does not continue what is accepted: ${outcome.contested.why}`;
    case 'unknownVersion':
      return `this release does not know ${outcome.kind}`;
    case 'afterUnknown':
      return 'it follows a statement of a later release, which this one does not know';
    case 'past':
      return 'it goes on from a statement of long ago, which others have followed since';
    case 'needsHistory':
      return 'whether it continues depends on statements of long ago';
    case 'rubbish':
    case 'noise':
    case 'keyRefused':
      break;
  }
  return outcome.why;
}
