import { encodeBase64 } from '@tallystick/core/encoding';
import { sha256 } from '@tallystick/core/hash';
import type { Outcome } from '@tallystick/core/judge';
import type { NewFinding } from '../domain/findings.ts';
import { chainOf } from '../statements/statement-findings.ts';

/** An entry of the log that is not accepted in its turn: every one of them is tampering (protocol section 5). */
export function refusedEntry(outcome: Outcome, entry: Uint8Array, index: number): NewFinding {
  const { hash, why, statement } = said(outcome);
  return {
    ...chainOf(statement),
    code: 'log-refused',
    place: hash ?? encodeBase64(sha256(entry)),
    expected: null,
    found: outcome.outcome,
    message: `Entry ${index} of the published log is not accepted: ${why}. A ledger publishes accepted statements only: somebody with the log's key, or its store, put it there.`,
    detail: { index, entry: encodeBase64(entry.subarray(0, 4096)) },
  };
}

function said(outcome: Outcome) {
  switch (outcome.outcome) {
    case 'contested': {
      const { signed, why } = outcome.contested;
      return {
        hash: signed.hash,
        why: `it contradicts what was accepted before it (${why})`,
        statement: signed.statement,
      };
    }
    case 'keyRefused':
      return { hash: outcome.signed.hash, why: outcome.why, statement: outcome.signed.statement };
    case 'race':
      return {
        hash: outcome.signed.hash,
        why: 'it says what was accepted already',
        statement: outcome.signed.statement,
      };
    case 'repeated':
      return { hash: outcome.hash, why: 'it was accepted before', statement: null };
    case 'past':
      return { hash: outcome.hash, why: 'it lies below what was accepted', statement: null };
    case 'rubbish':
      return { hash: null, why: `it is no statement of this log (${outcome.why})`, statement: null };
    case 'noise':
      return { hash: null, why: outcome.why, statement: null };
    default:
      return { hash: null, why: outcome.outcome, statement: null };
  }
}
