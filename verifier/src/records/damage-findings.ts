import { offsetsPlace } from '@tallystick/core/finding';
import type { KafkaError } from '@tallystick/kafka/errors';
import type { NewFinding } from '../domain/findings.ts';
import { sectionAt } from '../domain/plan.ts';
import type { Plan, SealSection } from '../domain/plan.ts';
import { sectionsBetween } from '../domain/sections.ts';
import type { Bounds } from '../domain/shards.ts';
import type { Damage, Hole } from './read-through.ts';

/** What has to be known of a plan to say what its damage is. */
export type PlanOfDamage = Pick<
  Plan,
  'topic' | 'partition' | 'genesis' | 'genesisOffset' | 'sections' | 'from' | 'end' | 'floor' | 'readTo' | 'prunedTo'
>;

/**
 * What log start and high watermark alone say of a partition (protocol section 9).
 * @param hasUnknown a statement of a later version was met: what it covers cannot be told from a loss
 */
export function* boundsFindings(
  plan: PlanOfDamage,
  hasUnknown: boolean,
  { logStart, highWatermark }: Bounds,
): Generator<NewFinding, void, void> {
  const { genesisOffset, floor, from, end, readTo } = plan;
  if (genesisOffset !== null && logStart < Math.min(genesisOffset, highWatermark)) {
    yield {
      code: 'before-genesis',
      place: offsetsPlace(logStart, Math.min(genesisOffset, highWatermark) - 1),
      expected: String(genesisOffset),
      found: String(logStart),
      message: `There are records below offset ${genesisOffset}, where generation 0 began with the first offset there was then. A log start never goes back: the partition was rewritten.`,
    };
  }
  if (logStart > from) yield* lostBelow(plan, from, logStart - 1, logStart);
  if (logStart > end && readTo > end) {
    yield {
      code: hasUnknown ? 'unreadable' : 'not-covered',
      place: hasUnknown ? '-' : offsetsPlace(end, logStart - 1),
      expected: hasUnknown ? offsetsPlace(end, logStart - 1) : String(end),
      found: String(logStart),
      message: hasUnknown
        ? `Offsets ${end} to ${logStart - 1} are gone; a statement of a later version may account for them. Use a newer release.`
        : `Offsets ${end} to ${logStart - 1} are in no seal and in no gap, and the log starts at ${logStart}: these events were deleted before they were sealed.`,
    };
  }
  if (highWatermark < end) yield truncated(end, Math.max(floor, highWatermark), highWatermark);
}

/** What it is that some offsets of a partition could not be read as they should be. */
export function damageFindings(
  plan: PlanOfDamage,
  hasUnknown: boolean,
  { first, last, damage }: Hole,
): Iterable<NewFinding> {
  const { cause, base, batchLast, between, error } = damage;
  switch (cause) {
    case 'deleted':
      return lostBelow(plan, first, last, last + 1);
    case 'truncated':
      return first < plan.end ? [truncated(plan.end, first, first)] : [];
    case 'repeated':
      return [{ ...repeated(error, first), ...unseenBehind(first, error) }];
    case 'misplaced':
      return [{ ...misplaced(base, batchLast ?? base, error), ...unjudged(plan, first, last, damage) }];
    case 'parted':
      return [partedFinding(base, error)];
    case 'missing':
      return covered(plan, first, last).map(([from, to]) =>
        // Behind everything that is sealed a statement of a later version may say what they were.
        from >= plan.end && hasUnknown
          ? unreadable(from, to, error, 'hold nothing; a statement of a later version may account for them')
          : missing(from, to),
      );
    case 'corrupt':
    case 'magic':
    case 'invalid': {
      const bad = cause === 'corrupt' ? badCrc(damage) : neverSealed(plan, cause, damage);
      // What the bad batch itself does not account for.
      const rest = batchLast === null ? first : batchLast + 1;
      const why = `behind the bad batch at offset ${base} could not be read`;
      const left = between === true ? unseenBehind(base, error) : unjudged(plan, first, rest - 1, damage);
      const named = { ...bad, ...left };
      return rest <= last ? [named, unreadable(rest, last, error, why)] : [named];
    }
  }
}

export function rootMismatch({ seal, hash, first, last }: SealSection, root: string | null): NewFinding {
  return {
    code: 'root-mismatch',
    generation: seal.generation,
    place: offsetsPlace(first, last),
    expected: seal.root,
    found: root,
    message: `The records at offsets ${first} to ${last} are not what seal ${seal.seal} was made of. No usable leaves are stored for it, so which of them was changed cannot be said.`,
    detail: { seal: seal.seal, statement: hash },
  };
}

/**
 * What is sealed and lies in a bad batch of which the finding does not say the bytes or how far it reaches: who answers for that finding cannot know
 * what he answers for. Where it says both, he does, and the acknowledgement lifts the 1.
 */
function unjudged(
  { sections }: PlanOfDamage,
  first: number,
  last: number,
  { base, batchLast, error }: Damage,
): Pick<NewFinding, 'stays'> {
  if (batchLast !== null && error?.evidence['sha256'] !== undefined) return {};
  const sealed = [...sectionsBetween(sections, first, last)].filter(({ kind }) => kind === 'seal');
  const [begin, end] = [sealed[0], sealed.at(-1)];
  if (begin === undefined || end === undefined) return {};
  const why = `are sealed and lie in the bad batch at offset ${base}, which could not be named whole: an acknowledgement of it does not cover them`;
  return { stays: unreadable(Math.max(first, begin.first), Math.min(last, end.last), error, why) };
}

/** Behind a batch that was put in before an offset the reader goes on by that offset: what else may lie between them it does not meet. */
export function unseenBehind(offset: number, error: KafkaError): Pick<NewFinding, 'stays'> {
  const why =
    'are those around a batch that was put in: what else is stored between them was not looked at, and an acknowledgement does not cover it';
  return { stays: unreadable(Math.max(0, offset - 1), offset, error, why) };
}

/** @param why goes on from "Offsets … to …" */
export function unreadable(first: number, last: number, error: KafkaError | null, why: string): NewFinding {
  return {
    code: 'unreadable',
    expected: offsetsPlace(first, last),
    found: error?.code ?? null,
    message: `Offsets ${first} to ${last} ${why}.`,
  };
}

/** What is stored right behind what was read could not be looked at. */
export function partedFinding(position: number, { code, message }: KafkaError): NewFinding {
  return { code: 'unreadable', expected: offsetsPlace(position - 1, position), found: code, message };
}

/** One for each seal: of a partition that was emptied there are as many as it had seals. */
function* lostBelow(
  { sections, prunedTo }: PlanOfDamage,
  first: number,
  last: number,
  logStart: number,
): Generator<NewFinding, void, void> {
  for (const section of sectionsBetween(sections, first, last)) {
    if (section.kind !== 'seal') continue;
    const { seal, hash } = section;
    const to = Math.min(last, section.last);
    if (to <= (prunedTo.get(seal.generation) ?? -1)) continue;
    yield {
      code: 'deleted',
      generation: seal.generation,
      place: offsetsPlace(section.first, to),
      expected: `log start at most ${section.first}`,
      found: String(logStart),
      message: `The events at offsets ${section.first} to ${to} (seal ${seal.seal}) were deleted without a prune statement: the log starts at ${logStart}. See who has the Delete right, and retention.ms and retention.bytes.`,
      detail: { seal: seal.seal, statement: hash },
    };
  }
}

function truncated(end: number, first: number, highWatermark: number): NewFinding {
  return {
    code: 'truncated',
    place: offsetsPlace(first, end - 1),
    expected: String(end),
    found: String(highWatermark),
    message: `The partition ends at offset ${highWatermark}, but is sealed up to ${end - 1}: its last ${end - first} sealed offsets are gone.`,
  };
}

function missing(first: number, last: number): NewFinding {
  return {
    code: 'missing-offsets',
    place: offsetsPlace(first, last),
    expected: String(first),
    found: String(last + 1),
    message: `Offsets ${first} to ${last} hold no record, though those around them do: records were taken out of the log.`,
  };
}

function repeated(error: KafkaError, position: number): NewFinding {
  const first = Number(error.evidence['found']);
  const last = Math.min(Number(error.evidence['lastOffset']), position - 1);
  return {
    code: 'root-mismatch',
    place: offsetsPlace(first, Math.max(first, last)),
    expected: String(position),
    found: foundIn(error),
    message: `Behind offset ${position - 1} the log goes back: a batch that says it begins at ${first} is stored there. A broker never writes that. What follows it does not tell which of the batches was changed, put in or moved.`,
  };
}

function misplaced(first: number, last: number, error: KafkaError): NewFinding {
  return {
    code: 'root-mismatch',
    place: offsetsPlace(first, last),
    ...evidenceOf(error),
    message: `${error.message} By its neighbours it lies at ${offsetsText(first, last)}: its header was changed after it was stored. ${eventsText(first, last)} not judged; those around it were.`,
  };
}

function badCrc(damage: Damage): NewFinding {
  return badBatch('bad-crc', damage, 'It was changed after it was stored, or the disk is damaged.');
}

function neverSealed(plan: PlanOfDamage, cause: 'magic' | 'invalid', damage: Damage): NewFinding {
  const { base, between, error } = damage;
  const section = sectionAt(plan, base);
  if (error.code === 'BROKER_ERROR') return unreadable(base, base, error, `cannot be served (${error.message})`);
  if (section?.kind !== 'seal')
    return unreadable(base, base, error, `hold a batch that is never sealed (${error.message})`);
  if (cause === 'magic') return badBatch('bad-magic', damage, 'No batch of such a format is ever sealed.');
  if (error.evidence['lastOffset'] === undefined)
    return badBatch('bad-crc', damage, 'Its header was changed after it was stored.');
  const last = between === true ? base : (damage.batchLast ?? section.last);
  return {
    code: 'root-mismatch',
    place: offsetsPlace(base, last),
    ...evidenceOf(error),
    message: `${error.message} Such a batch is never sealed: its header was changed after it was stored. ${between === true ? betweenText(base) : `${eventsText(base, last)} not judged.`}`,
  };
}

/** Of a batch that lies between two that belong together. */
export function betweenText(base: number): string {
  return `It lies before the batch of offset ${base}, behind all that belongs there: it was put in, and consumers may be served what it holds.`;
}

function badBatch(code: 'bad-crc' | 'bad-magic', { base, batchLast, between, error }: Damage, why: string): NewFinding {
  const held =
    between === true
      ? betweenText(base)
      : batchLast === null
        ? 'How many events it holds cannot be told, and none of them was judged.'
        : `By what follows it, it holds ${offsetsText(base, batchLast)}. ${eventsText(base, batchLast)} not judged.`;
  return {
    code,
    place: offsetsPlace(base, base),
    ...evidenceOf(error),
    ...(batchLast === null ? {} : { found: `${foundIn(error) ?? 'a batch'}, to offset ${batchLast}` }),
    message: `${error.message} ${why} ${held}`,
    ...(batchLast === null ? {} : { detail: { lastOffset: batchLast, unjudged: batchLast - base + 1 } }),
  };
}

/** The parts of a run of offsets that must hold records: sealed ones and the tail. */
function covered({ sections, end }: PlanOfDamage, first: number, last: number): [number, number][] {
  const parts: [number, number][] = [];
  const take = (from: number, to: number): void => {
    const before = parts.at(-1);
    if (from > to) return;
    if (before !== undefined && before[1] + 1 === from) before[1] = to;
    else parts.push([from, to]);
  };
  for (const section of sectionsBetween(sections, first, last)) {
    if (section.kind === 'seal') take(Math.max(first, section.first), Math.min(last, section.last));
  }
  take(Math.max(first, end), last);
  return parts;
}

function offsetsText(first: number, last: number): string {
  return first === last ? `offset ${first}` : `offsets ${first} to ${last}`;
}

function eventsText(first: number, last: number): string {
  return first === last ? 'The event in it was' : `The ${last - first + 1} events in it were`;
}

/** What was expected and found, on one line each. */
export function evidenceOf(error: KafkaError): Pick<NewFinding, 'expected' | 'found'> {
  return { expected: evidenceText(error.evidence['expected']), found: foundIn(error) };
}

/** With the digest of the stored batch, where it is known: another content is another finding. */
function foundIn({ evidence: { found, sha256 } }: KafkaError): string | null {
  const text = evidenceText(found);
  return typeof sha256 === 'string' ? `${text ?? 'a batch'} (stored batch with SHA-256 ${sha256})` : text;
}

function evidenceText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value).replaceAll('\n', ' ') : null;
}
