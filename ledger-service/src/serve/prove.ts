import { systemClock } from '../ports/clock.ts';
import { LogFollower } from './adapters/log-follower.ts';
import type { EventRequest } from './domain/event-request.ts';
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
  request: EventRequest,
  limits: ProofLimits = {},
): Promise<string> {
  const maker = new ProofMaker(sources, limits);
  try {
    return await maker.prove(request);
  } finally {
    maker.end();
  }
}

/**
 * The newest event that the published log covers: the last of the newest seal.
 * @throws LedgerError PARTITION_UNKNOWN where it covers none of that topic, and of the log's store
 */
export async function newestProvable(sources: ProofSources, topic: string): Promise<EventRequest> {
  const view = await new LogFollower({ ...sources, clock: systemClock }).view();
  const all = [...(view?.index.partitions ?? [])].filter((one) => one.topic === topic);
  const published = all.flatMap(({ newest }) => newest.filter(({ index }) => index < (view?.head.size ?? 0)));
  const [first] = published.sort((a, b) => b.index - a.index);
  if (first === undefined)
    throw refuse('PARTITION_UNKNOWN', `The published log has no seal of the topic ${topic} yet.`);
  const { partition, offsets } = first.statement;
  return { topic, partition, offset: offsets.last };
}

/** What a server said in a problem, as the error that it stands for; null where this release does not know the code. */
export function refusalOf(code: string, detail: string): Error | null {
  const known = proofRefusals.find((one): one is ProofRefusal => one === code);
  return known === undefined ? null : refuse(known, detail);
}
