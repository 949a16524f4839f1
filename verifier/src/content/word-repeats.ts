import { offsetsPlace } from '@tallystick/core/finding';
import type { NewFinding } from '../domain/findings.ts';
import { mostListed } from './content-findings.ts';
import { atOffsets, many, numbers } from './count-words.ts';
import type { LocatedConflicts, NumberConflict } from './locate-conflicts.ts';
import { wordText } from './kept-text.ts';
import { lifeKey } from './repeats.ts';
import type { Repeat } from './repeats.ts';
import { lifeOf, neighbours, runDetail } from './turned-words.ts';

/** Runs of numbers that came again with the same events, listed one by one. */
const mostSame = 100;
/** Ids that a finding names. */
const mostIds = 10;

/** Words the numbers that came again with the events that they had. */
export function wordSame(repeats: readonly Repeat[]): NewFinding[] {
  const words = repeats.slice(0, mostSame).map(wordSameRun);
  const more = repeats.slice(mostSame);
  if (more.length === 0) return words;
  const events = more.reduce((sum, { same }) => sum + same, 0);
  const found = `${more.length} more`;
  const message = `${many(more.length, 'more run', 'more runs')} of producers' numbers came again with the same events, ${many(events, 'event', 'events')} in all.`;
  return [...words, { code: 'duplicate', found, message, detail: { runs: more.length, count: events } }];
}

function wordSameRun({ run, same, sameOffsets, stoodAt }: Repeat): NewFinding {
  const { partition, instance, epoch, first, last } = run;
  const at = sameOffsets ?? { first: run.firstOffset, last: run.lastOffset };
  const stood = stoodAt === null ? '' : `, which stood first ${atOffsets(stoodAt.first, stoodAt.last)}`;
  const whole = same === last - first + 1;
  const which = whole ? numbers(first, last) : `${same} of the numbers ${first} to ${last}`;
  return {
    code: 'duplicate',
    partition,
    place: offsetsPlace(at.first, at.last),
    expected: `${first}-${last}`,
    found: lifeOf(run),
    message: `${which} of producer ${wordText(instance)}, epoch ${epoch}, came again ${whole ? atOffsets(at.first, at.last) : `within offsets ${at.first} to ${at.last}`}${neighbours(run)}, with ${same === 1 ? 'the same event' : 'the same events'}${stood}.`,
    detail: { ...runDetail(run), count: same, firstOffset: at.first, lastOffset: at.last, exact: whole, stoodAt },
  };
}

/** Words the numbers of one partition that were given to two events. */
export function wordOthers(others: readonly Repeat[], { conflicts, explained, cut }: LocatedConflicts): NewFinding[] {
  const groups = grouped(conflicts);
  const unnamed = others.filter((repeat) => !explained.has(repeat));
  const words = [
    ...groups.slice(0, mostListed).map((group) => wordGroup(group, others)),
    ...unnamed.slice(0, mostListed).map(wordUnnamed),
  ];
  if (!cut && groups.length <= mostListed && unnamed.length <= mostListed) return words;
  const pending = others.reduce((sum, each) => sum + each.pending, 0);
  const message = `${many(pending, 'sequence number', 'sequence numbers')} of producers came again with other events; the first of them are listed. The others are not named, so nobody can answer for them.`;
  const partition = others[0]?.run.partition ?? null;
  const detail = { count: pending };
  return [...words, { code: 'id-conflict', partition, found: 'more numbers', counts: true, message, detail }];
}

type Group = [NumberConflict, ...NumberConflict[]];

/** Conflicts of one life whose numbers go on, in the order of their offsets. */
function grouped(conflicts: readonly NumberConflict[]): Group[] {
  const groups: Group[] = [];
  const newest = new Map<string, Group>();
  for (const conflict of conflicts) {
    const key = lifeKey(conflict);
    const group = newest.get(key);
    if (group !== undefined && group.at(-1)?.sequence === conflict.sequence - 1) {
      group.push(conflict);
      continue;
    }
    const begun: Group = [conflict];
    newest.set(key, begun);
    groups.push(begun);
  }
  return groups;
}

function wordGroup(group: Group, others: readonly Repeat[]): NewFinding {
  const [begin] = group;
  const end = group.at(-1) ?? begin;
  const { partition, instance, epoch, sequence: first } = begin;
  const last = end.sequence;
  const stood = group.map(({ stoodAt }) => stoodAt);
  const stoodAt = { first: Math.min(...stood), last: Math.max(...stood) };
  const around = others.find(
    ({ run }) => run.exact && run.firstOffset === begin.offset && run.lastOffset === end.offset,
  );
  const { before = null, after = null } = around?.run ?? {};
  const ids = group.slice(0, mostIds).map(({ sequence, id, stoodId }) => ({ sequence, id, stoodId }));
  const one = group.length === 1;
  const life = { instance, epoch, first, last, count: group.length };
  return {
    code: 'id-conflict',
    partition,
    place: offsetsPlace(begin.offset, end.offset),
    expected: `${first}-${last}`,
    found: lifeOf(begin),
    message: `${numbers(first, last)} of producer ${wordText(instance)}, epoch ${epoch}, ${one ? 'was given to two events' : 'were given to two events each'}: ${one ? 'the one' : 'those'} ${atOffsets(begin.offset, end.offset)}${neighbours({ before, after })}, and ${one ? 'the one that had it first' : 'those that had them first'}, ${atOffsets(stoodAt.first, stoodAt.last)}. Their ids differ, so this is no resend: one of ${one ? 'the' : 'each'} two is not that producer's.`,
    detail: { ...life, firstOffset: begin.offset, lastOffset: end.offset, before, after, stoodAt, ids },
  };
}

/** The events could not be found when the records were read once more. */
function wordUnnamed({ run, pending }: Repeat): NewFinding {
  const { partition, instance, epoch, first, last, firstOffset, lastOffset } = run;
  return {
    code: 'id-conflict',
    partition,
    place: offsetsPlace(firstOffset, lastOffset),
    expected: `${first}-${last}`,
    found: lifeOf(run),
    message: `${numbers(first, last)} of producer ${wordText(instance)}, epoch ${epoch}, came again with ${pending === 1 ? 'another event' : `${pending} other events`} within offsets ${firstOffset} to ${lastOffset}: one of them is not the producer's.`,
    detail: { ...runDetail(run), count: pending },
  };
}
