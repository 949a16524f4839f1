import type { FindingCode } from '@tallystick/core/finding';
import { offsetsPlace } from '@tallystick/core/finding';
import { contentDigest } from '../domain/content-digest.ts';
import type { NewFinding } from '../domain/findings.ts';
import { mostListed } from './content-findings.ts';
import type { Where } from './content-findings.ts';
import { many, numbers } from './count-words.ts';
import type { JoinedLives, LifeHole } from './join-lives.ts';
import { wordText } from './kept-text.ts';
import { lifeOf, neighbours, runDetail, standing } from './turned-words.ts';
import type { TurnedRun, TurnedRuns } from './turned-runs.ts';

/** Words what the sequences of one partition say (protocol, section 9, and ADR 6). Decides nothing. */
export function wordLives({ topic, partition }: Where, joined: JoinedLives): NewFinding[] {
  const where = { topic, partition };
  const words = [...wordHoles(joined), ...wordUnclear(joined), ...wordLate(joined), ...wordEarlier(joined)];
  return words.map((finding) => ({ ...where, ...finding }));
}

function* wordHoles({ holes }: JoinedLives): Generator<NewFinding, void, void> {
  yield* holes.slice(0, mostListed).map(wordHole);
  const unlisted = holes.slice(mostListed);
  const [next] = unlisted;
  if (next === undefined) return;
  yield {
    code: 'sequence-hole',
    place: offsetsPlace(next.before ?? next.after, unlisted.at(-1)?.after ?? next.after),
    found: `${unlisted.length} more (SHA-256 of all ${digestOfHoles(holes)})`,
    message: `There are ${many(unlisted.length, 'more hole', 'more holes')} in the sequences of producers, ${sum(unlisted)} numbers in all.`,
    detail: { count: unlisted.length },
  };
}

/** Of all holes, in whatever order they are. */
function digestOfHoles(holes: readonly LifeHole[]): string {
  return contentDigest(
    holes
      .map(({ instance, epoch, first, last, before, after }) =>
        JSON.stringify([instance, epoch, first, last, before, after]),
      )
      .sort(),
  );
}

function wordHole(hole: LifeHole): NewFinding {
  const { instance, epoch, first, last, before, behind, after, ahead } = hole;
  const count = last - first + 1;
  const between = before === null ? `before offset ${after}` : `between offsets ${before} and ${after}`;
  return {
    code: 'sequence-hole',
    place: offsetsPlace(before ?? after, after),
    expected: `${first}-${last}`,
    found: lifeOf(hole),
    message: `${numbers(first, last)} of producer ${wordText(instance)}, epoch ${epoch}, ${count === 1 ? 'is' : 'are'} missing ${between}: ${many(count, 'event that it sent is', 'events that it sent are')} not there.`,
    detail: { instance, epoch, first, last, before, behind, after, ahead, count },
  };
}

function* wordUnclear({ unclear, ambiguous, overflow }: JoinedLives): Generator<NewFinding, void, void> {
  const unreadable = (expected: string, found: string, message: string): NewFinding => ({
    code: 'unreadable',
    expected,
    found,
    message,
  });
  const [hole] = unclear;
  if (hole !== undefined)
    yield unreadable(
      offsetsPlace(hole.before ?? hole.after, hole.after),
      'sequences',
      `${many(unclear.length, 'hole', 'holes')} in the sequences of producers (${sum(unclear)} numbers) may be in records that were not read, the first before offset ${hole.after}.`,
    );
  if (ambiguous !== null) {
    const { count, first } = ambiguous;
    yield unreadable(
      offsetsPlace(first, first),
      'lives',
      `There are more lives of producers than are remembered: of ${many(count, 'one', 'them')} it cannot be said whether events before it are missing, the first at offset ${first}. A full verification remembers more than an incremental one.`,
    );
  }
  if (overflow)
    yield unreadable(
      'sequences',
      'too many',
      'There are more holes, repetitions and lives in the sequences of producers than are remembered: what is said of them is incomplete.',
    );
}

function* wordLate({ lates, late }: JoinedLives): Generator<NewFinding, void, void> {
  const word = (run: TurnedRun): string =>
    `${numbers(run.first, run.last)} of producer ${wordText(run.instance)}, epoch ${run.epoch}, came late, behind a higher one: ${standing(run)}${neighbours(run)}.`;
  yield* wordRuns('sequence-late', lates, late, word, {
    found: lifeOf,
    more: (runs) => `${many(runs, 'more run', 'more runs')} of numbers came late`,
  });
}

function* wordEarlier({ earlier, repeatedEarlier }: JoinedLives): Generator<NewFinding, void, void> {
  const word = (run: TurnedRun): string =>
    `${numbers(run.first, run.last)} of producer ${wordText(run.instance)}, epoch ${run.epoch}, came again ${standing(run)}${neighbours(run)}. The first lies in what this run did not read, so they were not compared: a full verification compares them.`;
  yield* wordRuns('duplicate', earlier, repeatedEarlier, word, {
    found: () => 'not compared',
    more: (runs) => `${many(runs, 'more run', 'more runs')} of numbers came again, and were not compared`,
  });
}

function* wordRuns(
  code: FindingCode,
  { listed, count }: TurnedRuns,
  all: number,
  word: (run: TurnedRun) => string,
  words: { readonly found: (run: TurnedRun) => string; readonly more: (runs: number) => string },
): Generator<NewFinding, void, void> {
  const sorted = [...listed].sort((a, b) => a.firstOffset - b.firstOffset);
  for (const run of sorted)
    yield {
      code,
      place: offsetsPlace(run.firstOffset, run.lastOffset),
      expected: `${run.first}-${run.last}`,
      found: words.found(run),
      message: word(run),
      detail: runDetail(run),
    };
  const more = count - listed.length;
  if (more === 0) return;
  yield {
    code,
    found: `${more} more`,
    message: `In the sequences of producers ${words.more(more)}; those listed with them are ${all} numbers in all.`,
    detail: { runs: more, numbers: all },
  };
}

function sum(holes: readonly LifeHole[]): number {
  return holes.reduce((total, { first, last }) => total + last - first + 1, 0);
}
