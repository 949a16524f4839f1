import { parseEventRequest } from './domain/event-request.ts';
import { proofRefusals, refuse, type ProofRefusal } from './proof-errors.ts';
import { ProofMaker } from './proof-maker.ts';
import type { ProofLimits, ProofSources } from './serve-options.ts';

export type { ProofLimits, ProofSources } from './serve-options.ts';
export { parseEventRequest, type EventRequest } from './domain/event-request.ts';

/**
 * Makes one proof, as the server does.
 * @throws LedgerError for what cannot be proven (NOT_SEALED_YET and its like), and of the log's store; KafkaError
 */
export async function proveEvent(
  sources: ProofSources,
  event: { readonly topic: string; readonly partition: string; readonly offset: string },
  limits: ProofLimits = {},
): Promise<string> {
  const request = parseEventRequest(event.topic, event.partition, event.offset);
  const maker = new ProofMaker(sources, limits);
  try {
    return await maker.prove(request);
  } finally {
    maker.end();
  }
}

/** What a server said in a problem, as the error that it stands for; null where this release does not know the code. */
export function refusalOf(code: string, detail: string): Error | null {
  const known = proofRefusals.find((one): one is ProofRefusal => one === code);
  return known === undefined ? null : refuse(known, detail);
}
